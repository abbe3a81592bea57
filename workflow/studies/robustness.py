"""Robustness taken apart: finished runs scored again, under other readings, without training.

Every cell is one run under one reading, a small file of its own, so that a stopped study goes on
where it was. A cell is made again if its settings or the run's weights are no longer those it names.
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from data import store
from data.files import read_json, write_json
from eval.job import ABOUT_RUN, ScoreInputs
from eval.response import score as response
from eval.robustness import score as robustness
from models.device import pick_device
from models.run import load_run
from workflow.report.collect import summaries
from workflow.settings import Settings

# All corruptions in every reading: clipping and the mask's colour are pairs of them, brightness and
# contrast are what clipped noise and a mask do to an image on average.
KINDS = robustness.SETTINGS["corruptions"]["items"]["enum"]
COMMON = {"corruptions": KINDS, "retrain_levels": []}
SCORES = {"robustness": robustness.score, "response": response.score}
# A score and what changes of its settings. `response` has no classifier: how codes answer to ink.
READINGS = {
    "as_recorded": ("robustness", COMMON),
    "batch_statistics": ("robustness", COMMON | {"batch_statistics": True}),
    "labels_100": ("robustness", COMMON | {"labels": 100}),
    "linear": ("robustness", COMMON | {"kernel": "linear"}),
    "one_scale": ("robustness", COMMON | {"features": "mean_one_scale"}),
    "whitened": ("robustness", COMMON | {"features": "mean_whitened"}),
    "response": ("response", {}),
}


@dataclass(frozen=True)
class Cell:
    """One run under one reading: its settings, where the run lies and where the numbers go."""

    reading: str
    dataset: str
    method: str
    seed: int
    params: dict
    run: Path
    path: Path

    def is_done(self) -> bool:
        """Whether its file is there, of these settings and (if the run is there) of its weights."""
        if not self.path.exists():
            return False
        found, record = read_json(self.path, ("params", "weights_sha256")), self.run / "run.json"
        weights = read_json(record)["weights_sha256"] if record.exists() else None
        return found["params"] == self.params and weights in (None, found["weights_sha256"])


def reading_params(settings: Settings, dataset: str, reading: str) -> dict | None:
    """Settings of the score; None where the reading changes nothing: few-shot counts are others."""
    score, changed = READINGS[reading]
    params = settings.score_settings(score, dataset)
    return None if "labels" in changed and params["few_shot"] else params | changed


def study_folder(settings: Settings, results: Path) -> Path:
    """Where the study of a preset's runs lies."""
    return results / "studies" / f"robustness_{settings.preset}"


def cells(settings: Settings, results: Path) -> list[Cell]:
    """Every cell of the selected datasets, methods and seeds, run by run."""
    runs, made = results / settings.preset / "runs", study_folder(settings, results) / "cells"
    return [
        Cell(
            reading,
            dataset,
            method,
            seed,
            params,
            runs / dataset / method / f"seed{seed}",
            made / reading / dataset / method / f"seed{seed}.json",
        )
        for dataset in settings.datasets
        if dataset in settings.scored.get("robustness", [])
        for seed in settings.seeds
        for method in settings.methods
        for reading in READINGS
        if (params := reading_params(settings, dataset, reading))
    ]


def obstacle(cell: Cell, data: Path) -> str | None:
    """Why a cell cannot be made; None if it can."""
    if not (cell.run / "run.json").exists():
        return "no run"
    diverged = read_json(cell.run / "run.json")["status"] == "diverged"
    if not diverged and not (cell.run / "weights.safetensors").exists():
        return "weights missing; train it again, or take the study where they are"
    return None if data.exists() else f"{data} missing; run the data phase"


def measure(cell: Cell, data: store.ImageSet, device: torch.device) -> dict:
    """The content of a cell's file."""
    run, start = load_run(cell.run, device), time.perf_counter()
    score, _ = READINGS[cell.reading]
    found = {"values": {}, "protocol": {}}
    if run.model is not None:
        with torch.inference_mode():
            result = SCORES[score](ScoreInputs(run, data, cell.params, {}, device))
        found = {"values": result.values, "protocol": result.protocol}
    info = {key: run.info[key] for key in ABOUT_RUN}
    about = {"score": score, "reading": cell.reading, "params": cell.params}
    return info | about | found | {"seconds": round(time.perf_counter() - start, 3)}


def compute(
    settings: Settings, results: Path, readings: Collection[str] = tuple(READINGS)
) -> Iterator[str]:
    """Make what is missing; yields a line for every cell made and for every run that is skipped."""
    device, loaded, skipped = pick_device(), None, set()
    for cell in cells(settings, results):
        if cell.reading not in readings or cell.is_done() or cell.run in skipped:
            continue
        path = results / settings.preset / "data" / f"{cell.dataset}.npz"
        if reason := obstacle(cell, path):
            skipped.add(cell.run)
            yield f"skipped {cell.run}: {reason}"
            continue
        if loaded is None or loaded.name != cell.dataset:
            loaded = store.load(path)
        found = measure(cell, loaded, device)
        write_json(cell.path, found)
        yield f"{cell.path}: {found['seconds']:.0f} s"


def gather(settings: Settings, results: Path) -> dict:
    """All cells in the form of metrics.json; a value is called <reading>.<name of the score's>."""
    found: dict[str, dict] = {dataset: {} for dataset in settings.datasets}
    for cell in cells(settings, results):
        if cell.is_done():
            of_reading = found[cell.dataset].setdefault(cell.reading, {})
            none = [None] * len(settings.seeds)
            records = of_reading.setdefault(cell.method, none)
            records[settings.seeds.index(cell.seed)] = read_json(cell.path)
    datasets = {}
    for dataset, readings in found.items():
        methods: dict[str, dict] = {}
        for reading, records in readings.items():
            for method, values in summaries(reading, records).items():
                methods.setdefault(method, {}).update(values)
        if methods:
            meta = {"title": settings.dataset(dataset).title}
            datasets[dataset] = {"meta": meta, "runs": {}, "methods": methods}
    shared = ("methods", "seeds", "levels")
    about = {key: value for key, value in settings.report_settings().items() if key in shared}
    return about | {"preset": settings.preset, "datasets": datasets}
