"""The tables as pandas frames of text: the paper's number, the record's and this run's, per cell."""

from dataclasses import dataclass

import pandas as pd

from workflow.report.labels import (
    NamedRun,
    corruption_label,
    dataset_label,
    dataset_names,
    method_labels,
)
from workflow.report.paper import Column, Table, paper
from workflow.report.text.cells import decimals, emphasised, number, printed_number
from workflow.report.text.readings import AREA, readings, repeats_mask
from workflow.report.values import (
    level_names,
    measured,
    table_value,
    template_fields,
    value_name,
)
from workflow.report.verdict.best import best_methods


@dataclass(frozen=True)
class Head:
    """The head of one column of a table, and what stands there.

    `group` is the dataset or the noise, `name` what is beneath it: "paper", or a value and a source.
    `value` is what the table calls it and `source` where it is from, both None of the paper's own.
    `levels` are the noise levels that it names, the last source's: another is read at the same.
    """

    group: str
    name: str
    column: Column
    value: str | None = None
    source: NamedRun | None = None
    levels: dict[str, str] | None = None


def column_heads(table: Table, column: Column, sources: list[NamedRun]) -> list[Head]:
    """A column of the paper's: its own number, then every value of each source."""
    last = sources[-1][1]
    fields, levels = template_fields(last, column.dataset), level_names(last)
    label = column.label.format(**fields)
    group = label or dataset_label(last, column.dataset)
    heads = []
    if table.rows:
        heads.append(Head(label or paper().datasets[column.dataset], "paper", column))
    for source in sources:
        for value in column.values:
            named = value.format(**template_fields(source[1], column.dataset) | levels)
            alone = label and len(column.values) == 1
            name = source[0] if alone else f"{named} {source[0]}"
            heads.append(Head(group, name, column, value, source, levels))
    return heads


def table_heads(table: Table, block: dict, sources: list[NamedRun]) -> list[Head]:
    """All heads of one block of a table, the column of methods left out."""
    columns = [table.columns[name] for name in block.get("columns", table.columns)]
    return [head for column in columns for head in column_heads(table, column, sources)]


def column_texts(table: Table, head: Head, methods: list[str], bold: bool) -> list[str]:
    """A cell a method."""
    if head.source is None:
        return [printed_number(table, head.column.name, method) for method in methods]
    metrics, place = head.source[1], (head.column.name, head.value)
    values = {m: table_value(metrics, table, *place, m, head.levels) for m in methods}
    found = {method: number(value, table.digits) for method, value in values.items()}
    name = value_name(metrics, table, *place, head.levels)
    best = best_methods(metrics, head.column.dataset, name, table.better) if bold else set()
    return emphasised(found, best)


def table_frame(
    table: Table, block: dict, sources: list[NamedRun], *, bold: bool = False
) -> pd.DataFrame:
    """One block of a table: a row a method, per column the paper, then each source's values.

    With `bold` the best mean of a column is marked, and all that are not told apart from it.
    """
    labels, heads = method_labels(*sources), table_heads(table, block, sources)
    frame = pd.DataFrame({"method": list(labels.values())})
    for head in heads:
        frame[f"{head.group} {head.name}"] = column_texts(table, head, list(labels), bold)
    if any(value in table.floors for head in heads for value in head.column.values):
        frame.loc[len(frame)] = ["real images", *(floor(table, head) for head in heads)]
    return frame


def floor(table: Table, head: Head) -> str:
    """What the data alone scores: the best any method can be expected to reach."""
    name = table.floors.get(head.value)
    if name is None:
        return "n/a"
    metrics, dataset = head.source[1], head.column.dataset
    methods = metrics["datasets"].get(dataset, {"methods": {}})["methods"]
    known = [measured(metrics, dataset, method, name).mean for method in methods]
    known = [value for value in known if value is not None]
    return f"{known[0]:.{decimals(known[0], table.digits)}f}" if known else "not run"


# Table VI: what the paper argues with and does not measure. Value, head, digits.
INFORMATION = [
    ("information", "I(x; y), at least", 2),
    ("information_upper", "I(x; y), at most", 2),
    ("rate", "rate", 2),
    ("divergence", "KL(q(z), p(z)), at least", 3),
    ("divergence_upper", "KL(q(z), p(z)), at most", 3),
    ("mmd", "MMD", 4),
    ("mmd_training", "MMD in training", 4),
    ("active_units", "active units", 1),
    ("spectrum_rank", "rank of the codes", 1),
    ("prior_entropy", "h(z)", 2),
]
INFORMATION_UNIT = "Nats, on test images; ranks and units are counts, MMD has no unit."
INFORMATION_NOTE = """\
x is the image, z its code, y the code read at the resolution τ of the protocol,
the same for all methods: a deterministic code has infinite information and rate (∞) until one says
how finely it is read. Rate is KL(q(z given x), p(z)), h(z) the entropy of the prior, which the paper
calls the network's capacity. MMD is of codes in evaluation mode; in training batch norm fixes a
batch's statistics, which makes it smaller. The rank is the participation ratio of the eigenvalues of
the codes' covariance, at most the number of latent dimensions. ‡ Saturated: the bound is within 1 nat of
ln(images), which it cannot exceed; the truth may."""


def information_frame(metrics: dict) -> pd.DataFrame:
    """Information as measured: a row per dataset and method; empty if it was not run."""
    rows = []
    for dataset in dataset_names(metrics):
        for method in metrics["methods"]:
            scores = metrics["datasets"][dataset]["methods"].get(method["name"], {})
            if not any(f"information.{name}" in scores for name, *_ in INFORMATION):
                continue
            row = {"dataset": dataset_label(metrics, dataset), "method": method["label"]}
            for name, head, digits in INFORMATION:
                value = measured(metrics, dataset, method["name"], f"information.{name}")
                row[head] = number(value, digits)
            rows.append(row)
    return pd.DataFrame(rows)


CLASSIFIERS = {"tsvm": "TSVM", "svm": "SVM"}


def readings_frame(metrics: dict, dataset: str, *, bold: bool = False) -> pd.DataFrame:
    """A row a reading at the smallest and the largest level and over the area, a column a method.

    Of readings at other levels only the figure and the plot data tell. Empty if none was measured.
    """
    shown = {f"{level:g}" for level in metrics["levels"].values()} | {AREA, "0"}
    labels = method_labels(("run", metrics))
    rows = []
    for own in readings(metrics, dataset):
        if own.level not in shown or repeats_mask(metrics, dataset, own):
            continue
        row = {
            "classifier": CLASSIFIERS.get(own.classifier, own.classifier),
            "images": corruption_label(own.corruption),
            "trained on": own.trained_on,
            "level": "mean over the grid" if own.level == AREA else own.level,
        }
        texts = {m: number(measured(metrics, dataset, m, own.name), 1) for m in labels}
        best = best_methods(metrics, dataset, own.name, "higher") if bold else set()
        rows.append(row | dict(zip(labels.values(), emphasised(texts, best), strict=True)))
    return pd.DataFrame(rows)


def runs_frame(metrics: dict) -> pd.DataFrame:
    """Duration and throughput of training: a row per dataset and method."""
    rows = []
    for dataset in dataset_names(metrics):
        for method in metrics["methods"]:
            run = metrics["datasets"][dataset]["runs"].get(method["name"])
            if run is None:
                continue

            def mean(name: str, unit: float, form: str, run=run) -> str:
                value = run.get(name, {}).get("mean")
                return "–" if value is None else format(value / unit, form)

            rows.append(
                {
                    "dataset": dataset_label(metrics, dataset),
                    "method": method["label"],
                    "seeds": f"{run['count']['runs']}",
                    "diverged": f"{run['count']['diverged']}",
                    "seconds": mean("seconds", 1, ".1f"),
                    "images/s": mean("images_per_second", 1, ",.0f"),
                    "MFLOP/image": mean("flops_per_image", 1e6, ",.1f"),
                    "% of matrix peak": mean("share_of_peak", 0.01, ".1f"),
                    "peak memory, MiB": mean("peak_memory_bytes", 2**20, ",.0f"),
                }
            )
    return pd.DataFrame(rows)
