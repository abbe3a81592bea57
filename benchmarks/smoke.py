"""Preset `paper` with nothing but its counts made small: does every method × dataset go through?

    python -m benchmarks.smoke --cores 2 --config datasets=[mnist]

The full networks, real data, FID at 2048 features, every score of the preset; a few optimisation
steps each, so nothing learns anything. Writes results/smoke/; the tables' numbers mean nothing. For proving a
machine before hours are spent on it. On two CPU cores it takes about half an hour, hence in parts:
`--config datasets=[mnist]`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from data.arguments import options
from workflow.settings import ROOT, load

STEPS, BATCH = 2, 80  # information needs more images than the code has dimensions, 64


def shrunk(paper: dict) -> dict:
    """A preset that extends `paper` by small counts; all else stays, the networks above all."""
    few_shot = paper["scores"]["robustness"]["omniglot"]["few_shot"]
    small = {"batch": BATCH, "pretrain_steps": 2, "pretrain_batch": BATCH}
    return {
        "extends": "paper",
        "seeds": [0],
        "data": {
            "default": {"train": STEPS * BATCH, "test": BATCH},
            "omniglot": {"test": None},  # its task needs whole characters
        },
        "train": {name: small | {"epochs": 1} for name in paper["train"]},
        "samples": {"default": {"count": BATCH}},
        "scores": {
            "reconstruction": {"default": {"count": BATCH}},
            "nll": {
                "default": {
                    "images": 4,
                    "samples": 16,
                    "tuning_images": 4,
                    "laplace_iterations": 1,
                    "prior_samples": 20,
                    "ais": {
                        "seeds": None,
                        "images": 2,
                        "chains": 2,
                        "temperatures": 3,
                        "leapfrog": 1,
                    },
                    "batch": 50,
                }
            },
            "fid": {
                "default": {"count": BATCH, "references": {"test": BATCH}, "allow_small": True},
                "cifar10": {"references": {"test": BATCH, "train": BATCH}},
            },
            "robustness": {
                "default": {"labels": 50, "test": BATCH, "levels": [0.1, 0.5], "draws": 1},
                "omniglot": {"few_shot": few_shot | {"repeats": 2}},
            },
            "information": {"default": {"count": BATCH, "batch": BATCH}},
            "sharpness": {"default": {"count": BATCH}},
        },
    }


def main() -> None:
    """Write the preset beside the others and run it."""
    parser = options(__doc__)
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time")
    mirror = "folder with the datasets (default: they are downloaded)"
    parser.add_argument("--mirror", type=Path, help=mirror)
    further = "further settings, KEY=VALUE (default: none)"
    parser.add_argument("--config", nargs="*", default=[], help=further)
    args = parser.parse_args()
    smoke = shrunk(load()["presets"]["paper"])
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"preset": "smoke", "presets": {"smoke": smoke}}, file)
        file.flush()
        command = [sys.executable, *f"-m snakemake --cores {args.cores} --keep-going all".split()]
        command += ["--configfile", file.name, "--config", "preset=smoke", *args.config]
        command += [f"mirror={args.mirror}"] if args.mirror else []
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
