"""What the jobs took: time and memory, as the engine measured them (`benchmarks/**/*.tsv`)."""

from pathlib import Path

import pandas as pd

from workflow.report.labels import dataset_label, dataset_names

MEASURED = {"s": "seconds", "max_rss": "MiB", "cpu_time": "cpu"}


def read_benchmarks(metrics: dict, root: Path) -> pd.DataFrame:
    """One row a job: step, dataset, seconds, MiB, cpu (seconds); of the datasets of `metrics` only.

    Files are benchmarks/<step>/.../<dataset>[/<method>/seed<n>].tsv. What is missing is left out:
    a run's records may have come from another machine without them.
    """
    methods = {method["name"] for method in metrics["methods"]}
    seeds = {f"seed{seed}" for seed in metrics["seeds"]}
    rows = []
    for path in sorted((root / "benchmarks").rglob("*.tsv")):
        parts = path.relative_to(root / "benchmarks").with_suffix("").parts
        place = next((i for i, part in enumerate(parts) if part in metrics["datasets"]), None)
        if place is None:
            continue
        run = parts[place + 1 :]
        if run and (run[0] not in methods or run[-1] not in seeds):
            continue
        numbers = pd.read_csv(path, sep="\t")
        numbers = numbers.reindex(columns=list(MEASURED)).apply(pd.to_numeric, errors="coerce")
        row = numbers.rename(columns=MEASURED).iloc[-1].to_dict()
        rows.append({"step": " ".join(parts[:place]), "dataset": parts[place]} | row)
    return pd.DataFrame(rows, columns=["step", "dataset", *MEASURED.values()])


def costs_frame(metrics: dict, root: Path) -> pd.DataFrame:
    """A row a dataset and step: how many jobs, their time and the largest memory, as text."""
    jobs, rows = read_benchmarks(metrics, root), []
    for dataset in dataset_names(metrics):
        for step, own in jobs[jobs["dataset"] == dataset].groupby("step", sort=False):
            memory = own["MiB"].max()
            rows.append(
                {
                    "dataset": dataset_label(metrics, dataset),
                    "step": step,
                    "jobs": str(len(own)),
                    "seconds in all": f"{own['seconds'].sum():,.1f}",
                    "longest, s": f"{own['seconds'].max():,.1f}",
                    "processor time, s": f"{own['cpu'].sum():,.1f}",
                    "peak memory, MiB": "–" if pd.isna(memory) else f"{memory:,.0f}",
                }
            )
    return pd.DataFrame(rows)
