"""The one reader of `metrics.json`: a number that was measured, with its errors."""

import math
from dataclasses import dataclass
from functools import cache

from scipy.stats import t as student

from workflow.report.paper import Table

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Value:
    """A value of a method on a dataset: mean over `n` seeds and what is known of its error.

    `se` is the standard error of the mean and `interval` the 95 % interval: over several seeds
    theirs (Student's t with n - 1 degrees of freedom), for one seed the estimator's own, which
    knows nothing of the seed's part. `std` is the sample standard deviation over seeds, None for
    one. `diverged` counts seeds without a value because training failed, `doubtful` those whose
    estimator says that it is not to be relied on. `undefined`: measured, and infinite or without a
    meaning in theory; the score's protocol says which.
    """

    mean: float | None
    se: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0
    std: float | None = None
    diverged: int = 0
    doubtful: int = 0
    undefined: bool = False

    @property
    def runs(self) -> int:
        """Seeds that were run, diverged ones included."""
        return self.n + self.diverged


NOT_RUN = Value(None)


@cache
def quantile(degrees: int) -> float:
    """Half the width of a two-sided 95 % Student interval, in standard errors."""
    return float(student.ppf(0.5 + CONFIDENCE / 2, degrees))


def measured(metrics: dict, dataset: str, method: str, name: str) -> Value:
    """A value of ours by its name in `metrics.json`, "<score>.<name>"."""
    entry = metrics["datasets"].get(dataset, {"methods": {}, "runs": {}})
    summary = entry["methods"].get(method, {}).get(name)
    if summary is None:
        count = entry["runs"].get(method, {}).get("count", {})
        return Value(None, diverged=count.get("diverged", 0))
    shared = {
        "n": summary["n"],
        "std": summary["std"],
        "diverged": summary["diverged"],
        "doubtful": summary["doubtful"],
    }
    mean = summary["mean"]
    if mean is None:
        return Value(None, undefined=not summary["diverged"], **shared)
    if summary["n"] > 1:
        se = summary["std"] / math.sqrt(summary["n"])
        half = quantile(summary["n"] - 1) * se
        return Value(mean, se, (mean - half, mean + half), **shared)
    seed = next(i for i, value in enumerate(summary["values"]) if value is not None)
    interval = summary["interval"][seed]
    return Value(mean, summary["se"][seed], interval and tuple(interval), **shared)


def printed(table: Table, column: str, method: str) -> Value:
    """The paper's number; its dash is a model that could not be trained.

    An accuracy's error follows from its count of test images; nothing else has one.
    """
    if method not in table.rows:
        return NOT_RUN
    mean = table.printed(method, column)
    if mean is None:
        return Value(None, diverged=1)
    if not table.evaluation_images:
        return Value(mean, n=1)
    share = mean / 100
    se = 100 * math.sqrt(share * (1 - share) / table.evaluation_images)
    half = 1.96 * se  # the normal's: the error is known from the count, not estimated from seeds
    return Value(mean, se, (mean - half, mean + half), n=1)


def fid_name(metrics: dict, dataset: str) -> str:
    """FID by the features that it was taken on: another number of them is another quantity."""
    entry = metrics["datasets"].get(dataset, {"methods": {}})
    dims = {
        int(values["fid.dims"]["mean"])
        for values in entry["methods"].values()
        if values.get("fid.dims", {}).get("mean")
    }
    name = "FID-" + "/".join(map(str, sorted(dims))) if dims else "FID"
    return name + (" (pool3)" if dims == {2048} else "")


def level_names(metrics: dict) -> dict[str, str]:
    """A run's noise levels as names have them; "small" and "large" where it has none."""
    levels = {name: f"{level:g}" for name, level in metrics["levels"].items()}
    return {"small": "small", "large": "large"} | levels


def template_fields(metrics: dict, dataset: str) -> dict[str, str]:
    """What the templates of paper.yaml stand for in a run: noise levels, the name of its FID."""
    return level_names(metrics) | {"fid": fid_name(metrics, dataset)}


def value_name(
    metrics: dict, table: Table, column: str, value: str, levels: dict[str, str] | None = None
) -> str:
    """Name in `metrics.json` behind a cell of a table; `value` is what the table calls it.

    `levels` are those that the table's heads name, if other than this run's own.
    """
    entry = table.columns[column]
    fields = template_fields(metrics, entry.dataset) | (levels or {})
    return entry.values[value].format(**fields)


def table_value(
    metrics: dict,
    table: Table,
    column: str,
    value: str,
    method: str,
    levels: dict[str, str] | None = None,
) -> Value:
    """A value of ours as a cell of a table: `value` is what the table calls it; `levels` as above."""
    name = value_name(metrics, table, column, value, levels)
    return measured(metrics, table.columns[column].dataset, method, name)
