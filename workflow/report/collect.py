"""Gather the runs and scores of a preset into one file, from which all that is read is made.

    python -m workflow.report.collect --preset NAME --params JSON --root results/NAME --out FILE \\
        [--partial]

`--params` is {"methods": [{"name", "label"}, ...], "datasets": [...], "seeds": [...], "metrics":
{score: [datasets]}, "settings": {...}}; settings, optional, are the noise levels that the tables
show ({"gaussian_small": 0.1, ...}, see paper.yaml). Exactly what is named is read, never what a
folder happens to hold: a seed removed from the configuration must not linger in a mean. A missing
file is an error; with `--partial` (a record made in parts) it is left out and n says so, as is a
dataset without any run.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.files import read_json, write_json


def flatten(values: dict, prefix: str = "") -> dict[str, float]:
    """Numbers of a nested dict by dotted name, those of a list by position.

    Truth values become 0 or 1; anything else is left out.
    """
    flat = {}
    for key, value in values.items():
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, bool | int | float):
            flat[f"{prefix}{key}"] = float(value)
    return flat


def summarise(values: list[float | None], diverged: int) -> dict:
    """Mean, sample standard deviation (None below two), n and the values, one a seed."""
    present = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(present) if present else None,
        "std": statistics.stdev(present) if len(present) > 1 else None,
        "n": len(present),
        "values": values,
        "diverged": diverged,
    }


def agree(records: list[dict]) -> dict:
    """What the records say, key by key: the value if all agree, else {"differs": [values]}."""
    merged = {}
    for key in sorted({key for record in records for key in record}):
        found = {json.dumps(r[key], sort_keys=True): r[key] for r in records if key in r}
        values = [found[text] for text in sorted(found)]
        if all(isinstance(value, dict) for value in values):
            merged[key] = agree(values)
        else:
            merged[key] = values[0] if len(values) == 1 else {"differs": values}
    return merged


def dataset_meta(path: Path) -> dict:
    """The description that `data.store` wrote; the images are not read (nor torch imported)."""
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(str(stored["header"]))
    return header["meta"]


@dataclass(frozen=True)
class Tree:
    """The results folder of a preset, and which part of it is read."""

    root: Path
    methods: list[str]
    seeds: list[int]
    partial: bool

    def records(self, pattern: str) -> dict[str, list[dict | None]]:
        """The JSON records that `pattern` ({method}, {seed}) names: by method, one a seed.

        None stands for a missing one, if that is allowed.
        """
        found = {}
        for method in self.methods:
            paths = [self.root / pattern.format(method=method, seed=seed) for seed in self.seeds]
            absent = [path for path in paths if not path.exists()]
            if absent and not self.partial:
                raise FileNotFoundError(
                    f"{absent[0]}: missing; run its job, or take it out of methods/datasets/seeds"
                )
            found[method] = [read_json(path) if path.exists() else None for path in paths]
        return found


def summaries(records: dict[str, list[dict]], numbers: Callable[[dict], dict]) -> dict:
    """Per method, one summary a name over its seeds; `numbers` takes them out of a record.

    A method whose every seed diverged has no numbers of its own: the others know the names.
    """
    flats = {m: [flatten(numbers(r)) if r else {} for r in rs] for m, rs in records.items()}
    names = sorted({name for seeds in flats.values() for flat in seeds for name in flat})
    return {
        method: {
            name: summarise(
                [flat.get(name) for flat in flats[method]],
                diverged=sum(r["status"] == "diverged" for r in records[method] if r),
            )
            for name in names
        }
        for method in records
        if any(records[method])
    }


def collect_runs(tree: Tree, dataset: str) -> tuple[dict, list[dict]]:
    """How training went (seconds, images/s, ...) by method, and the records themselves."""
    records = tree.records(f"runs/{dataset}/{{method}}/seed{{seed}}/run.json")
    entries = summaries(records, lambda run: {"seconds": run["seconds"]} | run["utilisation"])
    for method, entry in entries.items():
        statuses = [run["status"] for run in records[method] if run]
        entry["count"] = {"runs": len(statuses), "diverged": statuses.count("diverged")}
    return entries, [run for runs in records.values() for run in runs if run]


def collect_score(tree: Tree, score: str, dataset: str) -> tuple[dict, dict, float]:
    """Summaries by method, the protocol that all its jobs share, and their seconds."""
    by_method = tree.records(f"scores/{score}/{dataset}/{{method}}/seed{{seed}}.json")
    records = [record for records in by_method.values() for record in records if record]
    protocol = agree([r["protocol"] for r in records if r["status"] == "done"])
    entries = summaries(by_method, lambda record: {score: record["values"]})
    return entries, protocol, sum(r["seconds"] for r in records)


def provenance(runs: list[dict]) -> dict:
    """Commit, hardware and versions of all runs, and when they were made."""
    common = agree([{k: v for k, v in r["provenance"].items() if k != "date"} for r in runs])
    dates = sorted(r["provenance"]["date"] for r in runs) or [None]
    return common | {"first_run": dates[0], "last_run": dates[-1], "runs": len(runs)}


def collect(root: Path, params: dict, *, preset: str, partial: bool = False) -> dict:
    """The whole of `metrics.json`; see the module's docstring for `params`."""
    methods = params["methods"]
    tree = Tree(root, [method["name"] for method in methods], params["seeds"], partial)
    datasets, protocols, seconds, all_runs = {}, {}, {"training": 0.0}, []
    for dataset in params["datasets"]:
        run_entries, runs = collect_runs(tree, dataset)
        if partial and not runs:
            continue
        scores: dict[str, dict] = {method: {} for method in run_entries}
        for score in (s for s, wanted in params["metrics"].items() if dataset in wanted):
            entries, protocol, spent = collect_score(tree, score, dataset)
            for method, entry in entries.items():
                scores.setdefault(method, {}).update(entry)
            protocols.setdefault(score, {})[dataset] = protocol
            seconds[score] = seconds.get(score, 0.0) + spent
        datasets[dataset] = {
            "meta": dataset_meta(root / "data" / f"{dataset}.npz"),
            "settings": agree([{k: run["params"][k] for k in ("model", "train")} for run in runs]),
            "runs": run_entries,
            "methods": scores,
        }
        seconds["training"] += sum(run["seconds"] for run in runs)
        all_runs += runs
    return {
        "preset": preset,
        "settings": params.get("settings", {}),
        "methods": methods,
        "seeds": params["seeds"],
        "datasets": datasets,
        "protocols": protocols,
        "provenance": provenance(all_runs),
        "seconds": {name: round(total, 3) for name, total in seconds.items()},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", required=True)
    parser.add_argument("--params", type=json.loads, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--partial", action="store_true", help="leave out what is missing")
    args = parser.parse_args()
    metrics = collect(args.root, args.params, preset=args.preset, partial=args.partial)
    write_json(args.out, metrics)
    print(f"{len(metrics['datasets'])} datasets, {len(metrics['methods'])} methods -> {args.out}")


if __name__ == "__main__":
    main()
