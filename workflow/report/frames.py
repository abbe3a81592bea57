"""The tables as pandas frames of text: the paper's number, the record's and this run's, per cell.

A source is a pair (name, metrics): ("record", {...}) and ("run", {...}).
"""

import math

import pandas as pd

from workflow.report.claims import VERDICTS, Claim, Verdict, judge, load_claims
from workflow.report.paper import Column, Table, paper
from workflow.report.values import (
    Value,
    dataset_names,
    measured,
    table_value,
    template_fields,
)

Source = tuple[str, dict]


def decimals(value: float, digits: int) -> int:
    """`digits`, or as many as show three significant figures: a FID-64 is a thousandth of a FID."""
    return max(digits, 2 - math.floor(math.log10(abs(value)))) if value else digits


def number(value: Value, digits: int, absent: str = "not run") -> str:
    """A cell: mean, over several seeds ± standard deviation (n); how many runs diverged.

    ‡ marks a value whose estimator failed.
    """
    diverged = f"diverged ({value.diverged}/{value.runs})"
    if value.mean is None:
        return diverged if value.diverged else absent
    digits = decimals(value.mean, digits)
    text = f"{value.mean:.{digits}f}" + ("‡" if value.doubtful else "")
    if value.std is not None:
        text += f" ± {value.std:.{digits}f} ({value.n})"
    return f"{text}, {diverged}" if value.diverged else text


def printed_number(table: Table, column: str, method: str) -> str:
    """The paper's cell as printed: † marks an impossible value, – is the paper's own dash."""
    if method not in table.rows:
        return "n/a"
    value = table.printed(method, column)
    if value is None:
        return "–"
    return f"{value:g}" + ("†" if column in table.impossible.get(method, []) else "")


def method_labels(sources: list[Source]) -> dict[str, str]:
    """Name and label of every method of the run and then of the record, in their order."""
    return {m["name"]: m["label"] for _, metrics in reversed(sources) for m in metrics["methods"]}


def dataset_label(metrics: dict, dataset: str) -> str:
    """The dataset's name, with what a reader must not miss about the images behind a number."""
    label = paper().datasets[dataset]
    meta = metrics["datasets"].get(dataset, {}).get("meta")
    if meta is None:
        return label
    if meta["synthetic"]:
        return f"{label} (synthetic stand-in)"
    if dataset in paper().counted:
        counts = " + ".join(f"{meta['counts'][split]:,}" for split in ("train", "test"))
        return f"{label} ({counts} images)"
    return label


def column_heads(column: Column, block: dict, source: Source) -> dict[str, str]:
    """Head of each of the column's metrics in the block, for one source."""
    name, metrics = source
    fields = template_fields(metrics, column.dataset)
    label = column.label.format(**fields) or dataset_label(metrics, column.dataset)
    heads = {}
    for metric in block.get("metrics", column.metrics):
        shown = "" if "caption" in block else metric.format(**fields) + " "
        heads[metric] = f"{label} {shown}{name}"
    return heads


def bold_best(texts: list[str], values: list[Value], better: str) -> list[str]:
    """The texts with the best mean's in bold: the best measured, not the best beyond doubt."""
    means = [value.mean for value in values if value.mean is not None]
    if not means:
        return texts
    best = min(means) if better == "lower" else max(means)
    return [
        f"**{text}**" if v.mean == best else text for text, v in zip(texts, values, strict=True)
    ]


def table_frame(
    table: Table, block: dict, sources: list[Source], *, bold: bool = False
) -> pd.DataFrame:
    """One block of a table: a row a method, per column the paper, then each source's metrics."""
    labels = method_labels(sources)
    columns = [table.columns[name] for name in block.get("columns", table.columns)]
    frame = pd.DataFrame({"method": list(labels.values())})
    for column in columns:
        if block.get("printed", True):
            fields = template_fields(sources[-1][1], column.dataset)
            head = column.label.format(**fields) or paper().datasets[column.dataset]
            frame[f"{head} paper"] = [printed_number(table, column.name, m) for m in labels]
        for source in sources:
            for metric, head in column_heads(column, block, source).items():
                values = [table_value(source[1], table, column.name, metric, m) for m in labels]
                texts = [number(value, table.digits) for value in values]
                frame[head] = bold_best(texts, values, table.better) if bold else texts
    if any(column.floor for column in columns):
        frame.loc[len(frame)] = ["real images", *floor_row(columns, block, sources, table.digits)]
    return frame


def floor_row(columns: list[Column], block: dict, sources: list[Source], digits: int) -> list[str]:
    """What the data alone scores: the best any method can be expected to reach."""
    row = []
    for column in columns:
        if block.get("printed", True):
            row.append("n/a")
        for _, metrics in sources:
            methods = metrics["datasets"].get(column.dataset, {"methods": {}})["methods"]
            floors = [measured(metrics, column.dataset, m, column.floor).mean for m in methods]
            known = [floor for floor in floors if floor is not None]
            text = f"{known[0]:.{decimals(known[0], digits)}f}" if known else "not run"
            row += [text] * len(block.get("metrics", column.metrics))
    return row


def summary(metrics: dict) -> dict:
    """The means of Tables I-V as {dataset: {method: {score: mean}}}: few enough to compare runs by."""
    means: dict[str, dict] = {}
    for table in paper().tables.values():
        for column in table.columns.values():
            fields = template_fields(metrics, column.dataset)
            for metric in column.metrics:
                name = f"{metric} {column.label}".strip().format(**fields)
                for method in (entry["name"] for entry in metrics["methods"]):
                    value = table_value(metrics, table, column.name, metric, method)
                    if value.mean is not None:
                        scores = means.setdefault(column.dataset, {}).setdefault(method, {})
                        scores[name] = value.mean
    return means


# Table VI: what the paper argues with and does not measure. Score, head, digits, score of doubt.
CAPACITY = [
    ("information", "I(x; y), at least", 2, "information_saturated"),
    ("information_upper", "I(x; y), at most", 2, None),
    ("rate", "rate", 2, None),
    ("divergence", "KL(q(z), p(z)), at least", 3, None),
    ("divergence_upper", "at most", 3, None),
    ("mmd", "MMD", 4, None),
    ("active_units", "active units", 1, None),
    ("prior_entropy", "h(z)", 2, None),
]
CAPACITY_NOTE = """\
Nats, on test images. x is the image, z its code, y the code read at the resolution τ of the protocol,
the same for all methods: a deterministic code has infinite information and rate (∞) until one says
how finely it is read. Rate is KL(q(z given x), p(z)), h(z) the entropy of the prior, the paper's
network capacity. ‡ Saturated: the bound cannot exceed ln(images), the truth may."""


def capacity_frame(metrics: dict) -> pd.DataFrame:
    """Capacity as measured: a row per dataset and method; empty if it was not run."""
    rows = []
    for dataset in dataset_names(metrics):
        for method in metrics["methods"]:
            row = {"dataset": dataset_label(metrics, dataset), "method": method["label"]}
            for score, head, digits, doubt in CAPACITY:
                names = (f"capacity.{score}", f"capacity.{doubt}")
                value = measured(metrics, dataset, method["name"], *names)
                row[head] = number(value, digits, absent="∞")
            scores = metrics["datasets"][dataset]["methods"].get(method["name"], {})
            if "capacity.information" in scores:
                rows.append(row)
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


def verdict_text(claim: Claim, verdict: Verdict, labels: dict[str, str]) -> str:
    """The verdict with the two numbers that decided it."""
    if verdict.decided_by is None:
        return verdict.verdict
    (better, one), (worse, other) = verdict.decided_by
    numbers = f"{one.mean:.4g} vs {other.mean:.4g}"
    if better != worse:
        numbers = f"{labels[better]} {one.mean:.4g} vs {labels[worse]} {other.mean:.4g}"
    caution = "" if verdict.has_error else "; no error bar"
    if verdict.has_error and min(one.n, other.n) < 2:
        caution = "; 1 seed"
    return f"**{verdict.verdict}** ({numbers}{caution})"


def claims_frame(sources: list[Source]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Every claim with its verdict by the paper's numbers and by each source's.

    Also how often each verdict was given on the last source.
    """
    rows, tally = [], dict.fromkeys(VERDICTS, 0)
    for claim in load_claims():
        row = {"claim": claim.claim, "on": claim.dataset}
        for name, metrics in [("paper", None), *sources]:
            verdict = judge(*claim.sides(metrics), claim.table.better)
            labels = paper().methods if metrics is None else method_labels([(name, metrics)])
            row[name] = verdict_text(claim, verdict, labels)
        tally[verdict.verdict] += 1
        rows.append(row)
    return pd.DataFrame(rows), tally
