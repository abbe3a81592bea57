"""Which methods are the best of a column: the best mean, and all that are not told apart from it."""

import numpy as np

from workflow.report.verdict.blocks import over_seeds, over_units
from workflow.report.verdict.claims import comparison_scale
from workflow.report.verdict.evidence import run_grid


def best_methods(metrics: dict, dataset: str, name: str, better: str) -> set[str]:
    """The method with the best mean, and every one whose difference from it may be zero (95 %).

    `name` is a value's in metrics.json, `better` "lower" or "higher". Differences and their errors
    are those of the verdicts, on their scale of comparison: over several seeds with their spread pooled
    over methods, for one seed over the units that methods share. Without any error only equal means
    are alike.
    """
    grid = run_grid(metrics, dataset, name)
    known = np.flatnonzero(np.isfinite(grid.means))
    if not len(known):
        return set()
    means = grid.means[known]
    best = known[(np.argmin if better == "lower" else np.argmax)(means)]
    compared = grid.on(comparison_scale(name))
    y = compared.values[:, compared.seeds]
    unit = np.eye(len(y))
    contrasts = np.array([unit[best] - unit[i] for i in known])
    if y.shape[1] > 1:
        difference = over_seeds(y, contrasts)
    else:
        difference = over_units(y[:, 0], compared.covariance, contrasts, compared.df)
    low, high = difference.interval()
    alike = ((low <= 0) & (high >= 0)) | (means == grid.means[best])
    names = [method["name"] for method in metrics["methods"]]
    return {names[i] for i, same in zip(known, alike, strict=True) if same}
