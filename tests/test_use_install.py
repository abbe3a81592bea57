"""Installed, the packages live below `vimae` and take nobody's names."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.test_use_model import make_run

ROOT = Path(__file__).resolve().parent.parent
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
WALK = """
import importlib, pkgutil, sys, vimae
for module in pkgutil.walk_packages(vimae.__path__, "vimae."):
    importlib.import_module(module.name)
print(sum(name.startswith("vimae.") for name in sys.modules))
print(sorted({"data", "models", "eval", "workflow", "tests"} & set(sys.modules)))
from vimae.data import registry
from vimae.models import objectives
print([registry.dataset(name).name for name in registry.names()], objectives.load("vim").__name__)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the wheel's content lies in. No network: the tools are those installed."""
    folder = tmp_path_factory.mktemp("install")
    for tree in ("data", "models", "eval"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / tree, folder / "source" / tree, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, folder / "source")
    words = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    done = subprocess.run(
        [*words, "-w", folder, folder / "source"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    shutil.rmtree(folder / "source")
    return folder / "site"


def python(installed: Path, *words) -> str:
    """What Python prints, away from the repository."""
    environment = os.environ | {"PYTHONPATH": str(installed), "VIMAE_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_is_imported_below_vimae_and_none_beside_it(installed):
    count, beside, names = python(installed, "-c", WALK).splitlines()
    assert int(count) > 50
    assert beside == "[]"
    assert names == "['mnist', 'omniglot', 'cifar10', 'celeba'] vimae.models.objectives.vim"


def test_commands_work_and_name_themselves(installed, tmp_path):
    run = make_run(tmp_path / "run")
    out = tmp_path / "new"
    python(installed, "-m", "vimae.models.use", "sample", "--run", run, "--count", 40, "--out", out)
    assert len(list(out.glob("*.png"))) == 40
    printed = python(installed, "-m", "vimae.eval.fid", out, out, "--dims", 64)
    assert "FID-64: " in printed
    assert "python -m vimae.data.download" in python(installed, "-m", "vimae.eval.fid", "--help")


def test_version_and_licence_are_in_the_wheel(installed):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (metadata,) = installed.glob("*.dist-info/METADATA")
    said = Parser().parsestr(metadata.read_text(encoding="utf-8"))
    assert (said["Name"], said["Version"]) == (project["name"], project["version"])
    assert said["License-Expression"] == "MIT" and said["License-File"] == "LICENSE"
    (licence,) = metadata.parent.rglob("LICENSE")
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_console_commands_lead_to_functions(installed):
    (entries,) = installed.glob("*.dist-info/entry_points.txt")
    text = entries.read_text(encoding="utf-8")
    assert "vimae-use = vimae.models.use:main" in text
    assert "vimae-fid = vimae.eval.fid.__main__:main" in text
    code = "from vimae.models.use import main; from vimae.eval.fid.__main__ import main"
    python(installed, "-c", code)
