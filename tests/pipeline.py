"""A copy of the repository with tiny settings, in which real engines run."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from data.files import digest, read_json

ROOT = Path(__file__).resolve().parent.parent
TREES = ("data", "eval", "models", "profiles", "workflow")
FILES = ("Snakefile", "dvc.yaml", ".dvcignore", "environment.yml")
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "OMP_NUM_THREADS": "1",
    "VIMAE_DEVICE": "cpu",
}
ALL = ("snakemake", "--cores", "8", "all")
REPRO = ("dvc", "repro")
# Two methods, one dataset with every score but FID and one with FID: the smallest whole.
TINY = {
    "methods": ["vae", "vimae_l"],
    "datasets": ["mnist", "celeba"],
    "scored": {
        "reconstruction": ["mnist"],
        "nll": ["mnist"],
        "fid": ["celeba"],
        "robustness": ["mnist"],
        "information": ["mnist"],
    },
}


def shipped_config() -> dict:
    """params.yaml of the repository."""
    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def tiny_config() -> dict:
    """The shipped settings, shrunk: the same keys, the smallest numbers that work.

    Datasets have no settings of their own but for where CelebA comes from.
    """
    config = shipped_config() | TINY
    paper, quick = config["presets"]["paper"], config["presets"]["quick"]
    quick["data"] = {
        "default": {"source": "embedded", "train": 200, "test": 100},
        "celeba": {"source": "synthetic", "train": 120, "test": 100},
    }
    smaller = {
        "model": {"width": 1 / 64, "latent": 4},
        "train": {"epochs": 1, "pretrain_steps": 2},
        "samples": {"count": 100},
        "reconstruction": {"count": 60},
        "nll": {
            "images": 4,
            "samples": 4,
            "tuning_images": 4,
            "laplace_iterations": 1,
            "prior_samples": 20,
        },
        "fid": {"count": 100, "references": {"test": 100}},
        "robustness": {"labels": 40, "test": 50, "draws": 1},
        "information": {"count": 60, "batch": 60},
        "sharpness": {"count": 60},
        "fitted": {"count": 100},
        "encoded": {"count": 100},
        "response": {"count": 60, "batch": 60},
    }
    for name, values in smaller.items():
        below, above = paper, quick
        if name in quick["scores"]:
            below, above = paper["scores"], quick["scores"]
        defaults = below[name]["default"] | above[name].get("default", {})
        below[name], above[name] = {"default": defaults}, {"default": defaults | values}
    return config


def write_config(folder: Path, config: dict) -> None:
    """Write params.yaml into a copy."""
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def copy_repository(folder: Path, config: dict | None = None) -> Path:
    """Copy what the pipeline consists of to `folder`, with tiny settings unless others are given.

    No results and no git.
    """
    for tree in TREES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / tree, folder / tree, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    dvc = (ROOT / ".dvc" / "config").read_text().replace("autostage = true", "no_scm = true")
    (folder / ".dvc" / "config").write_text(dvc)
    write_config(folder, config or tiny_config())
    return folder


def finished_copy(folder: Path, common: Path, engine: tuple[str, ...] = ALL) -> Path:
    """Copy to `folder` a tiny repository in which `snakemake --cores 8 all` has run once.

    With the engine `dvc repro`, one in which that has run afterwards, so that both call it finished.
    Each is done only once for all tests, in `common`, though they run in several processes; and
    in a folder whose name no shell and no engine may stumble over.
    """
    original = common / f'it\'s "finished" by {engine[0]}'
    done = common / f"{engine[0]}.done"  # not in the tree, of which the other engine's is a copy
    with open(common / f"{engine[0]}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(original, ignore_errors=True)
            if engine == ALL:
                copy_repository(original)
            else:
                finished_copy(original, common)
            run(original, *engine)
            done.touch()
    return Path(shutil.copytree(original, folder))  # with modification times


def common_folder(tmp_path_factory) -> Path:
    """A temporary folder that pytest's processes share, when there are several."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def run(
    folder: Path,
    *words: str,
    environment: dict | None = None,
    check: bool = True,
    timeout: float = 900,
):
    """Run a command in a copy; on failure show what it printed."""
    result = subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env=ENVIRONMENT | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    if check:
        assert result.returncode == 0, f"{words} exited with {result.returncode}\n{result.stdout}"
    return result


def job_counts(output: str) -> dict[str, int]:
    """Jobs by rule, from the table that a dry run prints."""
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


# What a preset's run is compared by, below results/<preset>.
NUMBERS = {
    "weights": "runs/**/*.safetensors",
    "learning curves": "runs/**/*.csv",
    "samples": "samples/**/*.npz",
    "scores": "scores/**/*.json",
    "values per image": "scores/**/*.npz",
}


def numbers(path: Path):
    """What a result says but for how fast it was made."""
    if path.suffix == ".csv":
        return pd.read_csv(path).drop(columns="images_per_second").to_csv()
    return read_json(path)["values"] if path.suffix == ".json" else digest(path)


def compare(right: Path, folder: Path, kinds=tuple(NUMBERS)) -> dict[str, tuple[int, list[Path]]]:
    """Of each kind of numbers: how many the copy `right` has, and those that `folder` has not."""
    found = {}
    for kind in kinds:
        paths = sorted((right / "results" / "quick").glob(NUMBERS[kind]))
        there = {path: folder / path.relative_to(right) for path in paths}
        others = [p for path, p in there.items() if not p.exists() or numbers(path) != numbers(p)]
        found[kind] = len(paths), others
    return found
