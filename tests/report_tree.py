"""A small results tree with known numbers, for the tests of the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from data.files import write_json
from workflow.report.paper import paper

METHODS = {name: {"label": name.upper()} for name in paper().methods}
SIZES = {"mnist": (28, 1), "omniglot": (28, 1), "cifar10": (32, 3), "celeba": (64, 3)}
OFFICIAL = {"mnist": 60000, "omniglot": 19280, "cifar10": 50000, "celeba": 162770}
SCORES = {
    "reconstruction": ["mnist", "omniglot", "cifar10", "celeba"],
    "nll": ["mnist", "omniglot"],
    "fid": ["cifar10", "celeba"],
    "robustness": ["mnist", "omniglot", "cifar10"],
    "capacity": ["mnist"],
}


def accuracy(mean: float) -> dict:
    return {"mean": mean, "std": 1.0, "n": 3, "ci95": [mean - 1.96, mean + 1.96]}


def score_values(score: str, base: float) -> dict:
    """Values in each estimator's own layout; `base` tells methods and seeds apart."""
    if score == "reconstruction":
        return {"sampled": {"cost": base, "cost_se": 0.1}, "mean": {"cost": base - 0.5}}
    if score == "nll":
        names = {"nll": 90 + base, "nll_se": 0.2, "cross_entropy": 900 + base}
        return names | {"collapsed": False}
    if score == "fid":
        return {"dims": 64, "test": {"value": 10 + base, "se": 0.3, "floor": 0.7}}
    if score == "capacity":  # here of a deterministic encoder, hence no rate
        return {"information": base, "information_saturated": base < 2, "rate": None}
    levels = {"0.1": accuracy(80 + base), "0.5": accuracy(50 + base)}
    machine = {"clean": accuracy(90 + base), "gaussian": levels, "mask": levels}
    return {"tsvm": machine, "svm": machine}


def write_tree(root: Path, seeds: list[int], *, synthetic: bool = True) -> dict:
    """Runs, scores, samples and data of every method and dataset; returns collect's params.

    Seed 0 of beta_vae_high on CelebA diverged. Real CelebA is red all over, which nothing else is.
    """
    for number, method in enumerate(METHODS):
        for dataset, (side, channels) in SIZES.items():
            for seed in seeds:
                diverged = (method, dataset, seed) == ("beta_vae_high", "celeba", 0)
                status = {"status": "diverged" if diverged else "done", "seconds": 2.0}
                run = root / "runs" / dataset / method / f"seed{seed}"
                settings = {"model": {"width": 0.125, "latent": 8}, "train": {"epochs": 2}}
                origin = {"commit": "c" * 40, "dirty": False, "hardware": "a CPU"}
                record = {
                    "params": settings,
                    "utilisation": {} if diverged else {"images_per_second": 100.0},
                    "provenance": origin | {"date": f"2020-01-0{seed + 1}T00:00:00+00:00"},
                }
                write_json(run / "run.json", status | record)
                parts = {"cost": [2.0, 1.0]} if "vimae" in method else {"rate": [3.0, 4.0]}
                history = pd.DataFrame({"epoch": [1, 2], "loss": [5.0, 4.0]} | parts)
                history.to_csv(run / "history.csv", index=False)
                images = np.full((0 if diverged else 3, side, side, channels), 40 * number)
                file = root / "samples" / dataset / method / f"seed{seed}.npz"
                file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(file, images=images.astype(np.uint8))
                for score in (s for s, wanted in SCORES.items() if dataset in wanted):
                    values = {} if diverged else score_values(score, 1.0 + number + 2 * seed)
                    record = {"values": values, "protocol": {"count": 7, "scale": seed}}
                    write_json(
                        root / "scores" / score / dataset / method / f"seed{seed}.json",
                        status | record,
                    )
    for dataset, (side, channels) in SIZES.items():
        real = dataset == "celeba" and not synthetic
        images = np.zeros((3, side, side, channels), np.uint8)
        images[..., 0] = 255
        meta = {
            "synthetic": dataset == "celeba" and synthetic,
            "counts": {"train": 15000 if real else 100, "test": 3},
            "official_counts": {"train": OFFICIAL[dataset], "test": 3},
        }
        header = json.dumps({"name": dataset, "value_range": "unit", "meta": meta})
        path = root / "data" / f"{dataset}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, header=header, test_images=images)
    methods = [{"name": name} | spec for name, spec in METHODS.items()]
    return {"methods": methods, "datasets": list(SIZES), "seeds": seeds, "metrics": SCORES}
