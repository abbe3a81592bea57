"""A small results tree with known numbers, for the tests of the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from data.files import write_json
from workflow.report.paper import paper

METHODS = {name: {"label": name.upper()} for name in paper().methods}
SIZES = {"mnist": (28, 1), "omniglot": (28, 1), "cifar10": (32, 3), "celeba": (64, 3)}
TITLES = {"mnist": "MNIST", "omniglot": "Omniglot", "cifar10": "CIFAR10", "celeba": "CelebA"}
OFFICIAL = {"mnist": 60000, "omniglot": 19280, "cifar10": 50000, "celeba": 162770}
SCORED = {
    "reconstruction": ["mnist", "omniglot", "cifar10", "celeba"],
    "nll": ["mnist", "omniglot"],
    "fid": ["cifar10", "celeba"],
    "robustness": ["mnist", "omniglot", "cifar10"],
    "information": ["mnist"],
}
UNITS = 4  # test images that every score keeps values of


def measured(value, se=None, interval=None, doubtful=False) -> dict:
    return {"value": value, "se": se, "interval": interval, "doubtful": doubtful}


def score_values(score: str, base: float) -> dict[str, dict]:
    """Measured numbers of a score; `base` tells methods and seeds apart."""
    if score == "reconstruction":
        cost = measured(base, 0.1, [base - 0.2, base + 0.2])
        return {"sampled.cost": cost, "mean.cost": measured(base - 0.5)}
    if score == "nll":
        nll = measured(90 + base, 0.2, [89.5 + base, 90.5 + base])
        return {"nll": nll, "cross_entropy": measured(900 + base)}
    if score == "fid":
        names = {"dims": measured(64), "fid.test": measured(10 + base, 0.3)}
        return names | {"kid.test": measured(base / 1000), "floor.test": measured(0.7)}
    if score == "information":  # here of a deterministic encoder, hence no rate
        return {"information": measured(base, doubtful=base < 2), "rate": measured(None)}
    if score == "novelty":  # no table of the paper names it
        return {"share": measured(base, 0.5, [base - 1, base + 1])}
    values = {}
    for machine in ("tsvm", "svm"):
        values[f"{machine}.clean"] = accuracy(90 + base)
        for corruption in ("gaussian_clipped", "gaussian", "mask_zero"):
            for level, mean in (("0.1", 80), ("0.5", 50), ("area", 70)):
                values[f"{machine}.{corruption}.{level}"] = accuracy(mean + base)
        values[f"{machine}.retrained.mask_zero.0.5"] = accuracy(60 + base)
    return values


def accuracy(mean: float) -> dict:
    """With the Student interval of three repeats: wider than 1.96 standard errors."""
    return measured(mean, 1.0, [mean - 4.303, mean + 4.303])


def score_units(score: str, number: int) -> dict[str, np.ndarray]:
    """Values per image; methods differ by a constant on all of them, which has no error."""
    hard = np.array([0.0, 1.0, 2.0, 5.0])
    names = {"reconstruction": "sampled.cost", "nll": "nll", "robustness": "tsvm.clean"}
    return {names[score]: hard + number} if score in names else {}


def write_scores(root: Path, score: str, dataset: str, method: str, seed: int, status: dict):
    """One score of a run, with its values per unit; a diverged run has neither."""
    number = list(METHODS).index(method)
    diverged = status["status"] == "diverged"
    values = {} if diverged else score_values(score, 1.0 + number + 2 * seed)
    record = {"values": values, "protocol": {} if diverged else {"count": 7, "scale": seed}}
    path = root / "scores" / score / dataset / method / f"seed{seed}"
    write_json(path.with_suffix(".json"), status | record)
    units = {} if diverged else score_units(score, number)
    arrays = {name: values.astype(np.float32) for name, values in units.items()}
    np.savez(path.with_suffix(".npz"), indices=np.arange(UNITS), **arrays)


def write_benchmark(root: Path, job: str, seconds: float, mebibytes: float) -> None:
    """What the engine notes of a job."""
    path = root / "benchmarks" / f"{job}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\t{mebibytes}\t{seconds}\n")


def write_run(root: Path, dataset: str, method: str, seed: int, status: dict) -> None:
    """Record, learning curve and samples of a run."""
    number = list(METHODS).index(method)
    diverged = status["status"] == "diverged"
    run = root / "runs" / dataset / method / f"seed{seed}"
    settings = {"model": {"width": 0.125, "latent": 8}, "train": {"epochs": 2}}
    origin = {"commit": "c" * 40, "dirty": False, "hardware": "a CPU"}
    record = {
        "weights_sha256": f"{dataset} {method} {seed}",
        "params": settings,
        "precision": ("bf16", "fp32")[seed % 2],  # of two machines
        "utilisation": {} if diverged else {"images_per_second": 100.0, "device": "cpu"},
        "provenance": origin | {"date": f"2020-01-0{seed + 1}T00:00:00+00:00"},
    }
    write_json(run / "run.json", status | record)
    parts = {"cost": [2.0, 1.0]} if "vimae" in method else {"rate": [3.0, 4.0]}
    history = pd.DataFrame({"epoch": [1, 2], "loss": [5.0, 4.0]} | parts)
    history.to_csv(run / "history.csv", index=False)
    side, channels = SIZES.get(dataset, (28, 1))
    images = np.full((0 if diverged else 8, side, side, channels), 40 * number, np.uint8)
    red = np.zeros_like(images)
    red[..., 0] = 255
    file = root / "samples" / dataset / method / f"seed{seed}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    names = {"images": images[:3], "originals": red, "reconstructions": red}
    np.savez(file, **names, interpolation=images)
    write_benchmark(root, f"train/{dataset}/{method}/seed{seed}", 2.0 + seed, 500.0 + number)


def write_data(root: Path, dataset: str, *, synthetic: bool) -> None:
    """A dataset that is red all over, which nothing else is."""
    side, channels = SIZES.get(dataset, (28, 1))
    real = dataset == "celeba" and not synthetic
    images = np.zeros((3, side, side, channels), np.uint8)
    images[..., 0] = 255
    official = OFFICIAL.get(dataset)
    meta = {
        "title": TITLES.get(dataset, dataset.title()),
        "synthetic": dataset == "celeba" and synthetic,
        "shown": not real,
        "counts": {"train": 15000 if real else 100, "test": 3},
        "official_counts": official and {"train": official, "test": 3},
    }
    header = json.dumps({"name": dataset, "value_range": "unit", "meta": meta})
    path = root / "data" / f"{dataset}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, header=header, test_images=images)


def write_tree(
    root: Path, seeds: list[int], *, synthetic: bool = True, scored: dict | None = None
) -> dict:
    """Runs, scores, samples and data of every method and dataset; returns collect's params.

    Seed 0 of beta_vae_high on CelebA diverged. Datasets are the paper's and those that `scored` names.
    """
    scored = scored or SCORED
    datasets = list(dict.fromkeys([*SIZES, *(d for wanted in scored.values() for d in wanted)]))
    for dataset in datasets:
        write_data(root, dataset, synthetic=synthetic)
        for method in METHODS:
            for seed in seeds:
                diverged = (method, dataset, seed) == ("beta_vae_high", "celeba", 0)
                status = {"status": "diverged" if diverged else "done", "seconds": 2.0}
                write_run(root, dataset, method, seed, status)
                for score in (s for s, wanted in scored.items() if dataset in wanted):
                    write_scores(root, score, dataset, method, seed, status)
    return {
        "methods": [{"name": name} | spec for name, spec in METHODS.items()],
        "datasets": datasets,
        "seeds": seeds,
        "scored": scored,
        "levels": {"small": 0.1, "large": 0.5},
    }
