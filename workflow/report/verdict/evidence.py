"""What a run measured, or the paper printed, of a score: arrays over methods and seeds."""

from dataclasses import dataclass

import numpy as np

from workflow.report.paper import Table
from workflow.report.values import level_names, printed
from workflow.report.verdict.blocks import Scale
from workflow.report.verdict.claims import Cell


@dataclass(frozen=True)
class Grid:
    """A score of M methods over S seeds.

    values      (M, S), NaN where there is none
    covariance  (M, M) of the means over units, where only one seed has values; NaN: unknown
    df          degrees of freedom of that covariance: units - 1, infinite for binomial errors
    diverged    (M,) how many seeds failed in training
    doubtful    (M,) whether the estimator itself says that it failed, on any seed
    """

    values: np.ndarray
    covariance: np.ndarray
    df: float
    diverged: np.ndarray
    doubtful: np.ndarray

    @property
    def seeds(self) -> np.ndarray:
        """(S,) which seeds have a value of any method."""
        return np.isfinite(self.values).any(0)

    @property
    def means(self) -> np.ndarray:
        """(M,) mean over the seeds that have a value, NaN without any."""
        present = np.isfinite(self.values)
        total = np.where(present, self.values, 0.0).sum(1)
        return np.where(present.any(1), total / np.maximum(present.sum(1), 1), np.nan)

    @property
    def runs(self) -> np.ndarray:
        """(M,) how many seeds were run, diverged ones included."""
        return np.isfinite(self.values).sum(1) + self.diverged

    def shared_seeds(self, methods: list[int] | np.ndarray) -> int:
        """How many seeds all of these methods (by number) have; those that one of them lost count."""
        if self.diverged[methods].any():
            return int(self.runs[methods].min())
        return int(np.isfinite(self.values[methods]).all(0).sum())

    def on(self, scale: Scale) -> "Grid":
        """The same on the scale of comparison: errors carried over by its slope."""
        slope = np.ones(len(self.values))
        if self.seeds.sum() == 1:
            slope = scale.slope(self.values[:, self.seeds][:, 0])
        covariance = self.covariance * np.outer(slope, slope)
        return Grid(scale.forward(self.values), covariance, self.df, self.diverged, self.doubtful)

    def minus(self, other: "Grid") -> "Grid":
        """The difference. Of one seed both errors count in full: units in common would lessen it."""
        return Grid(
            self.values - other.values,
            self.covariance + other.covariance,
            min(self.df, other.df),
            np.maximum(self.diverged, other.diverged),
            self.doubtful | other.doubtful,
        )


def numbers(values: list) -> np.ndarray:
    """Floats of a list (of lists) in which None stands for what is not there."""
    return np.array(values, dtype=float)


def run_grid(metrics: dict, dataset: str, score: str) -> Grid:
    """A score of a run, by its name in `metrics.json`."""
    entry = metrics["datasets"].get(dataset, {"methods": {}, "runs": {}})
    names = [method["name"] for method in metrics["methods"]]
    nothing = [None] * len(metrics["seeds"])
    found = [entry["methods"].get(name, {}).get(score, {}) for name in names]
    values = numbers([summary.get("values", nothing) for summary in found])
    covariance, df = np.full((len(names), len(names)), np.nan), np.inf
    seeds = np.isfinite(values).any(0)
    if seeds.sum() == 1:
        seed = int(np.flatnonzero(seeds)[0])
        se = numbers([summary.get("se", nothing)[seed] for summary in found])
        covariance = np.diag(se**2)
        paired = entry.get("paired", {}).get(score)
        matrix = paired and paired["covariance"].get(str(metrics["seeds"][seed]))
        if matrix:
            shared = numbers(matrix)
            covariance = np.where(np.isfinite(shared), shared, covariance)
            df = paired["units"] - 1
    trained = [entry["runs"].get(name, {}).get("count", {}) for name in names]
    return Grid(
        values,
        covariance,
        df,
        np.array(
            [s.get("diverged", c.get("diverged", 0)) for s, c in zip(found, trained, strict=True)]
        ),
        np.array([bool(summary.get("doubtful", 0)) for summary in found]),
    )


def printed_grid(table: Table, column: str, methods: list[str]) -> Grid:
    """The paper's numbers: one seed, binomial errors of its accuracies, typing errors left out."""
    cells = [printed(table, column, method) for method in methods]
    misprints = [column in table.impossible.get(method, []) for method in methods]
    values = [[None if wrong else v.mean] for v, wrong in zip(cells, misprints, strict=True)]
    return Grid(
        numbers(values),
        np.diag(numbers([v.se for v in cells]) ** 2),
        np.inf,
        np.array([v.diverged for v in cells]),
        np.zeros(len(methods), bool),
    )


@dataclass(frozen=True)
class Evidence:
    """Where numbers come from: `metrics` of a run, or the paper's tables if it is None."""

    methods: dict[str, str]  # name: label, in the order of all arrays
    metrics: dict | None = None

    @property
    def rates(self) -> dict[str, float]:
        """The rate, in nats, that a run asks of a method whose objective has a target."""
        methods = self.metrics["methods"] if self.metrics else []
        return {method["name"]: method["rate"] for method in methods if "rate" in method}

    def fill(self, name: str) -> str:
        """A score's name with this run's noise levels."""
        return name.format(**level_names(self.metrics) if self.metrics else {})

    def score(self, dataset: str, name: str) -> Grid:
        """Any score of the run; of the paper, which prints none by name, nothing."""
        if self.metrics is None:
            empty = np.full((len(self.methods), 1), np.nan)
            none = np.zeros(len(self.methods), int)
            return Grid(empty, empty * empty.T, np.inf, none, none.astype(bool))
        return run_grid(self.metrics, dataset, self.fill(name))

    def grid(self, cell: Cell) -> Grid:
        """The cell's score on its scale of comparison, what is to be subtracted taken off."""

        def one(score: str, column: str | None) -> Grid:
            if self.metrics is None and column:
                grid = printed_grid(cell.table, column, list(self.methods))
            else:
                grid = self.score(cell.dataset, score)
            return grid.on(cell.scale)

        grid = one(cell.score, cell.column)
        return grid.minus(one(cell.minus, cell.minus_column)) if cell.minus else grid
