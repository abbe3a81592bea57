"""The one spelling of a measured number, used by every score and read by the report.

    {"value": 12.3, "se": 0.4, "interval": [11.5, 13.1], "doubtful": False}

`se` is a standard error, never a part of an interval; `interval` covers 95 %; both are None where
nobody knows them. A value of None is infinite or undefined, and the score's protocol says why.
"""

import math

import numpy as np
from scipy.special import stdtrit  # scipy.stats would cost every job a second to import

LEVEL = 0.95


def measured(
    value: float | None,
    se: float | None = None,
    interval: tuple[float, float] | None = None,
    doubtful: bool = False,
) -> dict:
    """A measured number. ValueError if any part is NaN or infinite, which JSON cannot hold."""
    parts = {"value": value, "se": se, "low": None, "high": None}
    if interval is not None:
        parts["low"], parts["high"] = interval
    for name, part in parts.items():
        if part is not None and not math.isfinite(part):
            raise ValueError(f"{name} of a measured number is {part}; None says that there is none")
    return {
        "value": None if value is None else float(value),
        "se": None if se is None else float(se),
        "interval": None if interval is None else [float(part) for part in interval],
        "doubtful": bool(doubtful),
    }


def from_error(value: float, se: float, degrees: float = math.inf, doubtful: bool = False) -> dict:
    """A value whose standard error is known from `degrees` degrees of freedom: Student's t."""
    half = stdtrit(degrees, (1 + LEVEL) / 2) * se
    return measured(value, se, (value - half, value + half), doubtful)


def from_units(units, doubtful: bool = False) -> dict:
    """The mean of independent units (n,), images or repeats; of one unit the error is unknown."""
    units = np.asarray(units, np.float64)
    if len(units) < 2:
        return measured(units.mean(), doubtful=doubtful)
    se = units.std(ddof=1) / math.sqrt(len(units))
    return from_error(units.mean(), se, len(units) - 1, doubtful)
