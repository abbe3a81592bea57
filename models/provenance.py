"""What a number needs to be traced: commit, versions, hardware."""

import datetime
import importlib.metadata
import platform
import subprocess
from pathlib import Path

import torch

from models.device import describe

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")
# Outputs and lock files change with every run; only these decide a number.
CODE = ("data", "models", "eval", "workflow", "Snakefile", "requirements.lock")


def _git(*arguments: str) -> str | None:
    try:
        return subprocess.run(
            ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def provenance(device: torch.device) -> dict:
    """Commit and whether its code was changed, date (UTC), versions, hardware. JSON-able.

    Outside a git checkout the commit is None: unknown, not clean.
    """
    changes = _git("status", "--porcelain", "--", *CODE)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if changes is None else bool(changes),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {name: _version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "hardware": describe(device),
    }
