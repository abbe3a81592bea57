"""Which methods are the best of a column: the best mean, and all that are not told apart from it."""

import numpy as np

from workflow.report.verdict.claims import comparison_scale
from workflow.report.verdict.compare import estimate
from workflow.report.verdict.evidence import run_grid


def best_methods(metrics: dict, dataset: str, name: str, better: str) -> set[str]:
    """The method with the best mean, and every one whose difference from it may be zero (95 %).

    `name` is a value's in metrics.json, `better` "lower" or "higher". Differences and their errors
    are those of the verdicts, on their scale of comparison: paired by seed, of one seed over
    the units that methods share. Without any error, as of a doubtful
    value, only equal means are alike.
    """
    grid = run_grid(metrics, dataset, name)
    known = np.flatnonzero(np.isfinite(grid.means))
    if not len(known):
        return set()
    means = grid.means[known]
    best = known[(np.argmin if better == "lower" else np.argmax)(means)]
    unit = np.eye(len(grid.values))
    contrasts = np.array([unit[best] - unit[i] for i in known])
    difference = estimate(grid.on(comparison_scale(name)), contrasts)
    low, high = difference.interval()
    alike = ((low <= 0) & (high >= 0)) | (means == grid.means[best])
    names = [method["name"] for method in metrics["methods"]]
    return {names[i] for i, same in zip(known, alike, strict=True) if same}
