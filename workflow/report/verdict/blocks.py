"""The statistics behind the verdicts, on plain arrays: docs/verdict.md explains the rule.

Scores of M methods over S seeds lie on a scale where effects add; a contrast is a weighted sum of
methods, such as one less another. Everything is vectorised over leading axes, so that
benchmarks/verdict.py can simulate the very code that judges.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit, logit, nctdtrinc

LEVEL = 0.05  # two-sided, a statement: either verdict is false in at most half of it
LARGEST_T = 1e5  # stands for the infinite one of points on a line
LEAST_SHARE = 0.0005  # an accuracy of 0 or 1 counts as if half an image of 1,000 were otherwise


@dataclass(frozen=True)
class Scale:
    """How a score is compared.

    form     identity; log, for errors; logit, for accuracies in %. Differences are taken there.
    unit     in which a difference is shown: that of the score, %, or points.
    margin   the largest difference that still counts as alike, in `unit`; None: nothing does.
    quality  whether a run that diverged counts as the worst value.
    short    what the score is called where there is little room.
    """

    label: str
    form: str
    unit: str
    margin: float | None = None
    quality: bool = True
    short: str = ""

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Values on the scale of comparison; NaN where there is none (an error below zero)."""
        if self.form == "log":
            return np.log(np.where(values > 0, values, np.nan))
        if self.form == "logit":
            return logit(np.clip(values / 100, LEAST_SHARE, 1 - LEAST_SHARE))
        return values

    def slope(self, values: np.ndarray) -> np.ndarray:
        """Derivative of `forward`, which carries standard errors over."""
        if self.form == "log":
            return 1 / np.where(values > 0, values, np.nan)
        if self.form == "logit":
            share = np.clip(values / 100, LEAST_SHARE, 1 - LEAST_SHARE)
            return 1 / (100 * share * (1 - share))
        return np.ones_like(values)

    def shown(self, difference, centre=0.0):
        """A difference in `unit`; of accuracies around the `centre` of the two logits."""
        if self.form == "log":
            return 100 * np.expm1(difference)
        if self.form == "logit":
            return 100 * (expit(centre + difference / 2) - expit(centre - difference / 2))
        return difference

    def margin_at(self, centre=0.0):
        """The margin on the scale of comparison: `shown(margin_at(c), c)` is `margin`."""
        if self.form == "log":
            return np.log1p(self.margin / 100) + 0 * centre
        if self.form == "logit":
            share = self.margin / 100
            product = share * np.cosh(centre)
            root = np.sqrt(product**2 + 1 - share**2)
            return 2 * np.log((product + root) / (1 - share))
        return self.margin + 0 * centre


@dataclass(frozen=True)
class Estimate:
    """Contrasts (..., K) with their standard errors (NaN: unknown) and degrees of freedom, of each or all."""

    value: np.ndarray
    se: np.ndarray
    df: np.ndarray | float

    def above(self, bound=0.0) -> np.ndarray:
        """One-sided p-value of the contrast lying above `bound`."""
        return self._tail(bound, stats.t.sf)

    def below(self, bound=0.0) -> np.ndarray:
        """One-sided p-value of the contrast lying below `bound`."""
        return self._tail(bound, stats.t.cdf)

    def within(self, margin) -> np.ndarray:
        """p-value of lying within +- `margin`: the larger of the two one-sided tests'."""
        return np.maximum(self.above(-margin), self.below(margin))

    def outside(self, margin) -> np.ndarray:
        """p-value of lying beyond +- `margin`, on the nearer side."""
        return np.minimum(self.above(margin), self.below(-margin))

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 %, two-sided."""
        half = stats.t.ppf(1 - LEVEL / 2, self.df) * self.se
        return self.value - half, self.value + half

    def _tail(self, bound, probability) -> np.ndarray:
        lead = self.value - bound
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(lead == 0, 0.0, lead / self.se)  # 0 / 0: equal, and without an error
        return np.where(np.isnan(self.se), 1.0, probability(t, self.df))


def over_seeds(y: np.ndarray, contrasts: np.ndarray) -> Estimate:
    """Contrasts of the methods of `y` (..., M, S) over seeds; `contrasts` is (K, M).

    Student's paired t test: a contrast is taken on every seed that all its methods have, and these
    numbers are the sample, with one degree of freedom less. What a seed does to all methods drops out,
    and methods may differ in spread. NaN in `y` is a missing run, the same in all leading axes. Of
    methods that share no seed a contrast is NaN, of methods that share one its error is.
    """
    seen = np.isfinite(y[(0,) * (y.ndim - 2)])
    value = np.full((*y.shape[:-2], len(contrasts)), np.nan)
    se, df = value.copy(), np.ones(len(contrasts))
    for k, contrast in enumerate(contrasts):
        used = contrast != 0
        shared = seen[used].all(0)
        sample = np.einsum("m,...ms->...s", contrast[used], y[..., used, :][..., shared])
        if count := shared.sum():
            value[..., k] = sample.mean(-1)
        if count > 1:
            se[..., k], df[k] = sample.std(-1, ddof=1) / np.sqrt(count), count - 1
    return Estimate(value, se, df)


def over_units(y: np.ndarray, covariance: np.ndarray, contrasts: np.ndarray, df: float) -> Estimate:
    """Contrasts of one seed: means `y` (M,) over units with the covariance (M, M) of those means.

    NaN in either leaves the contrasts that need it without a value or an error.
    """

    def total(array: np.ndarray, weights: np.ndarray) -> float:
        return float((array[weights != 0] * weights[weights != 0]).sum())

    value = np.array([total(y, c) for c in contrasts])
    variance = np.array([total(covariance, np.outer(c, c)) for c in contrasts])
    return Estimate(value, np.sqrt(np.maximum(variance, 0)), df)


def line(x: np.ndarray) -> np.ndarray:
    """The contrast (M,) that is the rise of values along a line, from the lowest to the highest x (M,)."""
    centred = x - x.mean()
    return centred / (centred @ centred) * np.ptp(x)


def across(y: np.ndarray, x: np.ndarray) -> Estimate:
    """How y (M,) changes from the lowest to the highest x (M,) along a straight line.

    The methods are the units: what the line leaves over is the error, with M - 2 degrees of freedom.
    """
    fit = stats.linregress(x, y)
    return Estimate(
        np.array([fit.slope * np.ptp(x)]), np.array([fit.stderr * np.ptp(x)]), len(x) - 2
    )


def correlation(rise: Estimate, methods: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The correlation of as many `methods` behind a rise along a line, and its 95 % interval.

    With few methods the interval of a change in points can be wider than any change is; that of a
    correlation stays within +-1. It has every R for which the rise's t, noncentral about
    sqrt(n) R / sqrt(1 - R^2), lies in the middle 95 %: hence 0 exactly where the t test does not
    reject (Steiger and Fouladi 1997, Noncentrality interval estimation). The first value is the
    correlation where the error is that of `across`. NaN where nothing varies or no error is known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.clip(rise.value / rise.se, -LARGEST_T, LARGEST_T)
    low, high = (nctdtrinc(rise.df, p, t) for p in (1 - LEVEL / 2, LEVEL / 2))
    root = np.sqrt(methods)
    return (
        t / np.hypot(t, np.sqrt(methods - 2)),
        low / np.hypot(low, root),
        high / np.hypot(high, root),
    )


def conclude(holds: np.ndarray, against: np.ndarray, alike: np.ndarray) -> tuple[np.ndarray, ...]:
    """One-sided p-values of a whole statement from those of its comparisons (..., K).

    It holds, or is about nothing, only if that is shown for each comparison: the largest p-value
    (intersection-union, nothing to correct). One comparison is enough against it: the smallest,
    times their number, as Holm's method corrects the first of them.
    """
    count = against.shape[-1]
    return holds.max(-1), np.minimum(1, count * against.min(-1)), alike.max(-1)
