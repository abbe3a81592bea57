"""Errors of differences between methods that were scored on the same units.

A unit is a test image, or one of the repeats of a task. Methods share them, and a difference of two
means has a much smaller error than the two means: what makes an image hard makes it hard for both.
A score job writes its values per unit as one array file: float32 arrays (n,) by the name of the
value, and `indices`, int (n,), the test images that they belong to (empty where units are repeats).
"""

from functools import reduce
from pathlib import Path

import numpy as np

from data.arrays import open_arrays

DIGITS = 6  # significant ones: the file is committed
LEFT_OUT = "svm."  # robustness' second classifier: of one seed its differences have unpaired errors


def read_units(path: Path | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Values per unit by name, and the test images behind them; nothing for a missing file."""
    if path is None:
        return {}, np.empty(0, int)
    with open_arrays(path) as stored:
        arrays = {name: stored[name] for name in stored.files if not name.startswith(LEFT_OUT)}
    return arrays, arrays.pop("indices", np.empty(0, int))


def on_common_units(
    columns: list[tuple[np.ndarray, np.ndarray] | None],
) -> list[np.ndarray | None]:
    """Values of each method at the units that all have: by index, or by position without one.

    `columns` holds (values, indices) a method, or None. Values that are not finite, of another
    count than the others', or without a unit in common give None.
    """
    present = [column for column in columns if column is not None]
    if present and all(len(indices) == len(values) for values, indices in present):
        common = reduce(np.intersect1d, [indices for _, indices in present])
        taken = []
        for column in columns:
            if column is None:
                taken.append(None)
                continue
            values, indices = column
            order = np.argsort(indices)
            taken.append(values[order[np.searchsorted(indices, common, sorter=order)]])
    else:
        taken = [None if column is None else column[0] for column in columns]
    counts = {len(values) for values in taken if values is not None}
    fits = len(counts) == 1
    return [v if fits and v is not None and np.isfinite(v).all() else None for v in taken]


def covariance_of_means(units: list[np.ndarray | None]) -> list[list[float | None]]:
    """Covariance matrix (M, M) of the methods' means over shared units, None where one is missing.

    It is the sample covariance over the units, divided by their count.
    """
    matrix: list[list[float | None]] = [[None] * len(units) for _ in units]
    known = [number for number, values in enumerate(units) if values is not None]
    stacked = np.stack([units[number] for number in known]).astype(np.float64)
    covariance = np.atleast_2d(np.cov(stacked)) / stacked.shape[1]
    for row, i in enumerate(known):
        for column, j in enumerate(known):
            matrix[i][j] = float(f"{covariance[row, column]:.{DIGITS}g}")
    return matrix


def paired(score: str, paths: dict[str, list[Path | None]], seeds: list[int]) -> dict[str, dict]:
    """{"<score>.<name>": {"units": n, "covariance": {seed: matrix}}}, methods in their order.

    `paths` are the array files, by method, one a seed. A name is there if two methods have it.
    """
    found: dict[str, dict] = {}
    for position, seed in enumerate(seeds):
        files = [read_units(by_seed[position]) for by_seed in paths.values()]
        for name in sorted({name for arrays, _ in files for name in arrays}):
            units = on_common_units(
                [(arrays[name], indices) if name in arrays else None for arrays, indices in files]
            )
            counts = [len(values) for values in units if values is not None]
            if len(counts) < 2 or counts[0] < 2:
                continue
            entry = found.setdefault(f"{score}.{name}", {"units": counts[0], "covariance": {}})
            entry["covariance"][str(seed)] = covariance_of_means(units)
    return found
