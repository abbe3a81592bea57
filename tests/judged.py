"""Runs made by hand, and what the rule says of a statement on them."""

import numpy as np

from workflow.report.paper import paper
from workflow.report.verdict import claims
from workflow.report.verdict.evidence import Evidence
from workflow.report.verdict.outcome import judge

METHODS = list(paper().methods)
VAE, HIGH, LOW, N, L = METHODS


def entry(values: list, se: list | None = None, *, diverged: int = 0, doubtful: int = 0) -> dict:
    """A summary as metrics.json has it."""
    present = [value for value in values if value is not None]
    return {
        "mean": float(np.mean(present)) if present else None,
        "std": float(np.std(present, ddof=1)) if len(present) > 1 else None,
        "n": len(present),
        "values": values,
        "se": se or [None] * len(values),
        "interval": [None] * len(values),
        "doubtful": doubtful,
        "diverged": diverged,
    }


def run(scores: dict[str, dict[str, dict]], seeds: int, dataset: str = "cifar10", **more) -> dict:
    """A metrics.json of one dataset: `scores` maps name to method to summary."""
    methods: dict[str, dict] = {name: {} for name in METHODS}
    for score, by_method in scores.items():
        for method, summary in by_method.items():
            methods[method][score] = summary
    meta = {
        "title": paper().datasets[dataset],
        "synthetic": False,
        "counts": {"train": 9, "test": 9},
    }
    return {
        "preset": "tiny",
        "methods": [{"name": name, "label": name} for name in METHODS],
        "seeds": list(range(seeds)),
        "levels": {"small": 0.1, "large": 0.5},
        "datasets": {dataset: {"meta": meta, "runs": {}, "methods": methods} | more},
    }


def fids(**changed) -> dict[str, dict]:
    """FIDs of three seeds: the VIMAEs clearly ahead, the VAE next."""
    means = {VAE: 100, HIGH: 150, LOW: 130, N: 60, L: 75}
    wobble = {VAE: (-2, 0, 2), HIGH: (2, -2, 0), LOW: (0, 2, -2), N: (-1, 0, 1), L: (1, 0, -1)}
    every = {m: entry([means[m] + w for w in wobble[m]]) for m in METHODS}
    return every | changed


def statement(name: str) -> claims.Statement:
    return next(s for s in claims.load_statements() if s.id == name)


def verdict(name: str, metrics: dict):
    source = Evidence({m["name"]: m["label"] for m in metrics["methods"]}, metrics)
    return judge(statement(name).cells, source)
