"""The tables of a study: values by method, and what one difference does, paired over the seeds."""

from dataclasses import replace

import pandas as pd

from workflow.report.collect import summarise
from workflow.report.labels import dataset_names
from workflow.report.text.cells import missing
from workflow.report.values import NOT_RUN, Value, measured, template_fields
from workflow.studies.definitions import COLUMNS, Contrast, ShownValue


def partly_collapsed(values: dict) -> int:
    """On how many seeds a method's code says nothing, none of its units being active, if not on all.

    If it is so on all, its means are of one kind of network, and tell something: 0.
    """
    units = values.get("information.active_units", {"values": []})["values"]
    return units.count(0) if any(units) else 0


def difference(first: dict, second: dict, *, known: bool = True) -> dict:
    """The summary of `first` minus `second`, seed by seed; None where either has no value.

    Not `known`: None for all.
    """
    pairs = zip(first["values"], second["values"], strict=True)
    values = [pair[0] - pair[1] if known and None not in pair else None for pair in pairs]
    unknown = [None] * len(values)
    return summarise(values, max(first["diverged"], second["diverged"])) | {
        "se": unknown,
        "interval": unknown,
        "doubtful": max(first["doubtful"], second["doubtful"]),
    }


def with_changes(metrics: dict) -> dict:
    """The same as `metrics`, with the columns that are differences of two of a method's values."""
    datasets = {}
    for dataset, entry in metrics["datasets"].items():
        fields, methods = template_fields(metrics, dataset), {}
        names = [column.name.format(**fields) for column in COLUMNS]
        pairs = [name.partition(" - ") for name in names if " - " in name]
        for method, values in entry["methods"].items():
            methods[method] = values | {
                f"{first} - {second}": difference(values[first], values[second])
                for first, _, second in pairs
                if first in values and second in values
            }
        datasets[dataset] = entry | {"methods": methods}
    return metrics | {"datasets": datasets}


def differences(metrics: dict, contrasts: tuple[Contrast, ...]) -> dict:
    """The same as `metrics`, with contrasts in the place of methods.

    One with a method whose code collapsed on some seeds has no values, as a mean of two kinds of
    networks says nothing.
    """
    datasets = {}
    for dataset, entry in metrics["datasets"].items():
        methods = {}
        for contrast in contrasts:
            first, second = (entry["methods"].get(m, {}) for m in (contrast.method, contrast.base))
            mixed = partly_collapsed(first) or partly_collapsed(second)
            methods[contrast.name] = {
                name: difference(first[name], second[name], known=not mixed)
                for name in first
                if name in second
            }
        datasets[dataset] = entry | {"methods": methods, "runs": {}}
    labels = [{"name": contrast.name, "label": contrast.what} for contrast in contrasts]
    return metrics | {"methods": labels, "datasets": datasets}


def columns(metrics: dict, dataset: str, names: tuple[str, ...] | None = None) -> list[ShownValue]:
    """The columns (of these names) that some method has a value of, with the levels filled in."""
    fields = template_fields(metrics, dataset)
    wanted = [column for column in COLUMNS if names is None or column.name in names]
    filled = [
        replace(c, name=c.name.format(**fields), head=c.head.format(**fields)) for c in wanted
    ]
    there = {name for of in metrics["datasets"][dataset]["methods"].values() for name in of}
    return [column for column in filled if column.name in there]


def is_told_apart(value: Value) -> bool:
    """Whether a difference's 95 % interval over seeds lies on one side of zero."""
    return value.interval is not None and not value.interval[0] <= 0 <= value.interval[1]


def with_error(value: Value, digits: int, seeds: int, *, signed: bool = False) -> str:
    """Mean ± standard error over seeds, (n) if these are fewer than `seeds`, ‡ if it is doubtful.

    `signed` is for differences: told apart from zero they are bold, and – is one without a value.
    """
    if value.mean is None:
        return "–" if signed and value.undefined else missing(value)
    text = f"{value.mean:{'+' if signed else ''}.{digits}f}" + ("‡" if value.doubtful else "")
    text += f" ± {value.se:.{digits}f}" if value.n > 1 else ""
    text += f" ({value.n})" if value.n < seeds else ""
    return f"**{text}**" if signed and is_told_apart(value) else text


def value_frame(metrics: dict, dataset: str, head: str, *, signed: bool = False) -> pd.DataFrame:
    """A row a method (or contrast) with a value, called `head`; a column a value.

    § n: `partly_collapsed`. What has no value yet: `not_run`.
    """
    shown, rows, seeds = columns(metrics, dataset), [], len(metrics["seeds"])
    for method in metrics["methods"]:
        of_method = metrics["datasets"][dataset]["methods"].get(method["name"], {})
        if not of_method:
            continue
        # Of a contrast these are differences, in which 0 says nothing of the kind.
        lost = 0 if signed else partly_collapsed(of_method)
        row = {head: method["label"] + (f" § {lost}" if lost else "")}
        for column in shown:
            value = measured(metrics, dataset, method["name"], column.name)
            row[column.head] = with_error(value, column.digits, seeds, signed=signed)
        rows.append(row)
    return pd.DataFrame(rows)


def not_run(metrics: dict, dataset: str) -> list[str]:
    """Labels of the methods of which nothing has been measured."""
    there = metrics["datasets"][dataset]["methods"]
    return [method["label"] for method in metrics["methods"] if not there.get(method["name"])]


def long_frame(metrics: dict) -> pd.DataFrame:
    """Every number of the tables: dataset, method, label, value, mean, se, 95 % interval, n ...

    What has not been run has no row.
    """
    rows = []
    for dataset in dataset_names(metrics):
        for method in metrics["methods"]:
            for column in columns(metrics, dataset):
                value = measured(metrics, dataset, method["name"], column.name)
                if value == NOT_RUN:
                    continue
                low, high = value.interval or (None, None)
                row = {"dataset": dataset, "method": method["name"], "label": method["label"]}
                row |= {"value": column.name, "mean": value.mean, "se": value.se}
                row |= {"low": low, "high": high, "n": value.n}
                rows.append(row | {"diverged": value.diverged, "doubtful": value.doubtful})
    return pd.DataFrame(rows)
