"""One number of `metrics.json` with its spread, its error and how its runs ended."""

import math
from dataclasses import dataclass

from workflow.report.paper import Table, paper


@dataclass(frozen=True)
class Value:
    """Mean over `n` seeds, its standard error where one is known, and the runs that diverged.

    `doubtful`: the estimator itself says that it failed, on one seed at least.
    """

    mean: float | None
    std: float | None = None
    n: int = 0
    error: float | None = None
    diverged: int = 0
    doubtful: bool = False

    @property
    def runs(self) -> int:
        """Seeds that were run, diverged ones included."""
        return self.n + self.diverged


NOT_RUN = Value(None)


def estimator_error(scores: dict, name: str) -> float | None:
    """The standard error that an estimator states beside its value, None if it states none.

    It is x_se beside x, se beside value, or follows from the interval ci95 beside mean.
    """

    def beside(other: str) -> float | None:
        return scores.get(other, {}).get("mean")

    stem, _, last = name.rpartition(".")
    if last == "value":
        return beside(f"{stem}.se")
    low, high = beside(f"{stem}.ci95.0"), beside(f"{stem}.ci95.1")
    if last == "mean" and low is not None:
        return (high - low) / (2 * 1.96)
    return beside(f"{name}_se")


def dataset_names(metrics: dict) -> list[str]:
    """The datasets of a run, in the paper's order (JSON's is the alphabet's)."""
    return [name for name in paper().datasets if name in metrics["datasets"]]


def measured(
    metrics: dict, dataset: str, method: str, name: str, doubt: str | None = None
) -> Value:
    """A score of ours; `doubt` names the score that is above 0 where it is not to be relied on.

    Over several seeds its error is theirs, std / sqrt(n); for one seed the estimator's own, which
    knows nothing of the seed's part.
    """
    entry = metrics["datasets"].get(dataset, {"methods": {}, "runs": {}})
    scores = entry["methods"].get(method, {})
    if name not in scores:
        count = entry["runs"].get(method, {}).get("count", {})
        return Value(None, diverged=count.get("diverged", 0))
    score = scores[name]
    several = score["std"] is not None
    error = score["std"] / math.sqrt(score["n"]) if several else estimator_error(scores, name)
    doubtful = bool(scores.get(doubt, {}).get("mean"))
    return Value(score["mean"], score["std"], score["n"], error, score["diverged"], doubtful)


def printed(table: Table, column: str, method: str) -> Value:
    """The paper's number; its dash is a model that could not be trained.

    An accuracy's error follows from its count of test images; nothing else has one.
    """
    if method not in table.rows:
        return NOT_RUN
    mean, error = table.printed(method, column), None
    if mean is None:
        return Value(None, diverged=1)
    if table.evaluation_images:
        share = mean / 100
        error = 100 * math.sqrt(share * (1 - share) / table.evaluation_images)
    return Value(mean, n=1, error=error)


def template_fields(metrics: dict, dataset: str) -> dict[str, str]:
    """What the templates of paper.yaml stand for in a run: noise levels, the name of its FID."""
    levels = {k: f"{v:g}" for k, v in (paper().levels | metrics["settings"]).items()}
    entry = metrics["datasets"].get(dataset, {"methods": {}})
    dims = {
        int(scores["fid.dims"]["mean"])
        for scores in entry["methods"].values()
        if scores.get("fid.dims", {}).get("mean")
    }
    name = "FID-" + "/".join(map(str, sorted(dims))) if dims else "FID"
    return levels | {"fid": name + (" (pool3)" if dims == {2048} else "")}


def table_value(metrics: dict, table: Table, column: str, metric: str, method: str) -> Value:
    """A score of ours as a cell of a table: `metric` is its key in the column's `metrics`."""
    entry = table.columns[column]
    name = entry.metrics[metric].format(**template_fields(metrics, entry.dataset))
    return measured(metrics, entry.dataset, method, name, entry.doubts.get(metric))
