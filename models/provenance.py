"""What a number needs to be traced: code, versions, hardware.

    python -m models.provenance

prints the digest of the code here: the `code_sha256` of a run.json that it made.
"""

import datetime
import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

import torch

from data.arguments import options
from data.files import digest
from models.device import describe

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")
# Outputs and lock files change with every run; only these decide a number.
CODE = ("data", "models", "eval", "workflow", "Snakefile", "requirements.lock")
SUFFIXES = {".py", ".smk", ".yaml"}


def _git(*arguments: str, root: Path = ROOT) -> str | None:
    """What git says of the checkout at `root`; None without git, or if `root` is not its top.

    An installed package lies below somebody else's checkout, if its environment does.
    """

    def said(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", root, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return said(*arguments) if Path(said("rev-parse", "--show-toplevel")) == root else None
    except (OSError, subprocess.CalledProcessError):
        return None


def code_digest(root: Path = ROOT) -> str:
    """SHA-256 over names and contents of the code: names it where there is no git checkout.

    `git checkout COMMIT && python -m models.provenance` tells whether a commit is the one.
    """
    total = hashlib.sha256()
    paths = {path for name in CODE for path in [root / name, *(root / name).rglob("*")]}
    for path in sorted(path for path in paths if path.suffix in SUFFIXES or path.name in CODE):
        if path.is_file():
            total.update(f"{path.relative_to(root).as_posix()} {digest(path)}\n".encode())
    return total.hexdigest()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def provenance(device: torch.device) -> dict:
    """Commit and whether its code was changed, digest of the code, date (UTC), versions, hardware.

    JSON-able. Outside a git checkout the commit is None: unknown, not clean.
    """
    changes = _git("status", "--porcelain", "--", *CODE)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if changes is None else bool(changes),
        "code_sha256": code_digest(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {name: _version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "hardware": describe(device),
    }


if __name__ == "__main__":
    options(__doc__).parse_args()
    print(code_digest())
