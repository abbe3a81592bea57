"""Preset `paper` with nothing but its counts made small: does every method × dataset go through?

    python -m benchmarks.smoke [--cores 2] [--mirror FOLDER] [--config KEY=VALUE ...]

The full networks, real data, FID at 2048 features, every score; a few optimisation steps each, so
nothing learns anything. Writes results/smoke/; the tables' numbers mean nothing. For proving a
machine before hours are spent on it. On two CPU cores it takes about half an hour, hence in parts:
`--config datasets=[mnist]`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from workflow.settings import ROOT

STEPS, BATCH = 2, 80  # capacity needs more images than the code has dimensions, 64


def shrunk(preset: dict) -> dict:
    """The preset with small counts; every other setting stays, the networks' above all."""
    preset["seeds"] = [0]
    preset["data"]["default"] |= {"train": STEPS * BATCH, "test": BATCH}
    preset["data"]["omniglot"] = {"test": None}  # its task needs whole characters
    for section in preset["train"].values():
        section |= {"epochs": 1}
    preset["train"]["default"] |= {"batch": BATCH, "pretrain_steps": 2, "pretrain_batch": BATCH}
    preset["samples"]["default"]["count"] = BATCH
    scores = preset["scores"]
    scores["reconstruction"]["default"]["count"] = BATCH
    scores["nll"]["default"] |= {"images": 4, "samples": 16, "tuning_images": 4}
    scores["nll"]["default"] |= {"laplace_iterations": 1, "prior_samples": 20, "batch": 50}
    scores["nll"]["default"]["ais"] = {"images": 2, "chains": 2, "temperatures": 3, "leapfrog": 1}
    scores["fid"]["default"] |= {"count": BATCH, "allow_small": True}
    scores["fid"]["default"]["references"] = {"test": BATCH}
    scores["fid"]["cifar10"]["references"] = {"test": BATCH, "train": BATCH}
    scores["robustness"]["default"] |= {"labels": 50, "test": BATCH, "draws": 1}
    scores["robustness"]["default"] |= {"gaussian": [0.1, 0.5], "mask": [0.1, 0.5]}
    scores["robustness"]["omniglot"]["omniglot"]["repeats"] = 2
    scores["capacity"]["default"] |= {"count": BATCH, "batch": BATCH}
    return preset


def main() -> None:
    """Write the preset beside the others and run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--mirror", type=Path, help="folder with the datasets")
    parser.add_argument("--config", nargs="*", default=[], help="further settings")
    args = parser.parse_args()
    paper = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["presets"]["paper"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"preset": "smoke", "presets": {"smoke": shrunk(paper)}}, file)
        file.flush()
        command = [sys.executable, *f"-m snakemake --cores {args.cores} --keep-going all".split()]
        command += ["--configfile", file.name, "--config", "preset=smoke", *args.config]
        command += [f"mirror={args.mirror}"] if args.mirror else []
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
