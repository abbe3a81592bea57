"""The comparisons that a statement consists of: p-values and effect of each, on one source."""

import math
from dataclasses import dataclass

import numpy as np

from workflow.report.verdict.blocks import (
    Estimate,
    Scale,
    across,
    correlation,
    line,
    over_seeds,
    over_units,
)
from workflow.report.verdict.claims import Cell, scale_of
from workflow.report.verdict.evidence import Evidence, Grid

OPEN = (1.0, 1.0, 1.0)  # p-values that say nothing


@dataclass(frozen=True)
class Effect:
    """A difference, first minus second of `what`, or a correlation, with its 95 % interval (None: unknown)."""

    what: str
    value: float
    interval: tuple[float, float] | None
    unit: str

    def __str__(self) -> str:
        largest = max(map(abs, (self.value, *(self.interval or ()))))
        small = 0 < largest < 1
        decimals = min(4, 1 - math.floor(math.log10(largest))) if small else 1
        # An end beside zero is not shown as zero: on which side of it decides.
        for end in self.interval or ():
            while decimals < 4 and end and not round(end, decimals):
                decimals += 1
        digits = f"z.{decimals}f"  # z: no minus before what is shown as zero
        text = f"{self.value:+{digits}} {self.unit}".strip()
        if self.interval is None:
            return text
        low, high = self.interval
        return f"{text} ({low:+{digits}} to {high:+{digits}})"


@dataclass(frozen=True)
class Comparison:
    """One comparison: its place (number of the cell, the two methods), and what came out.

    `holds`, `against` and `alike` are one-sided p-values, 1 where nothing can be said. `lead` is how
    far it goes the claimed way, on the scale of comparison; of likeness, how far apart, below zero.
    `by_sign`: an error is not known and was taken as 0, which is done for the paper's numbers only.
    `seeds`: how many both sides have.
    """

    place: tuple
    holds: float
    against: float
    alike: float
    lead: float = 0.0
    effect: Effect | None = None
    by_sign: bool = False
    seeds: int = 1


def estimate(grid: Grid, contrasts: np.ndarray) -> Estimate:
    """Contrasts of a grid: over its seeds, or over the units of its only one.

    A contrast with a doubtful method is that of the means, without an error: its spread over seeds
    says nothing.
    """
    y = grid.values[:, grid.seeds]
    if y.shape[1] == 1:
        return over_units(y[:, 0], grid.covariance, contrasts, grid.df)
    found = over_seeds(np.where(grid.doubtful[:, None], np.nan, y), contrasts)
    plain = over_units(grid.means, np.full((len(y), len(y)), np.nan), contrasts, 1)
    return Estimate(np.where(np.isnan(found.value), plain.value, found.value), found.se, found.df)


def lead(cell: Cell, value: float) -> float:
    """How far a difference goes the claimed way; 0 for none, which decides nothing."""
    if not np.isfinite(value):
        return 0.0
    falls = {"lower": -value, "falls_with": -value, "alike": -abs(value)}
    return falls.get(cell.kind, value)


def p_values(cell: Cell, found: Estimate, margins: np.ndarray | None) -> np.ndarray:
    """(K, 3): of every contrast for what is claimed, against it, and for being alike."""
    nothing = np.ones_like(found.value)
    alike = nothing if margins is None else found.within(margins)
    if cell.kind == "alike":
        return np.stack([alike, found.outside(margins), nothing], 1)
    sign = -1 if cell.kind == "lower" else 1
    claimed = Estimate(sign * found.value, found.se, found.df)
    bound = -margins if cell.allow_margin else 0.0
    return np.stack([claimed.above(bound), claimed.below(bound), alike], 1)


def with_failures(p: tuple, cell: Cell, grid: Grid, sides: list[int]) -> tuple:
    """The three p-values once runs that diverged and doubtful values have had their say.

    A side that failed on every seed loses to one that did not; one that failed on some seeds cannot
    win, because what survived flatters it. Doubt leaves all open, and so do failures where a score
    is no measure of quality.
    """
    failed = [bool(grid.diverged[i]) for i in sides]
    lost = [f and not np.isfinite(grid.values[i]).any() for f, i in zip(failed, sides, strict=True)]
    if grid.doubtful[sides].any() or all(lost) or (any(failed) and not cell.scale.quality):
        return OPEN
    if not any(failed):
        return p
    if cell.kind == "alike" or len(sides) == 1:
        return (1.0, 0.0 if any(lost) else p[1], 1.0)
    if any(lost):
        return (1.0, 0.0, 1.0) if lost[0] else (0.0, 1.0, 1.0)
    return (1.0 if failed[0] else p[0], 1.0 if failed[1] else p[1], 1.0)


def shown(found: Estimate, k: int, scale: Scale, centre: float, what: str) -> Effect | None:
    """The k-th contrast in the unit that people read."""
    value = float(scale.shown(found.value[k], centre))
    if not np.isfinite(value):
        return None
    low, high = (float(scale.shown(bound[k], centre)) for bound in found.interval())
    return Effect(what, value, (low, high) if np.isfinite(low) else None, scale.unit)


def compare(number: int, cell: Cell, source: Evidence) -> list[Comparison]:
    """Every comparison of a cell (the `number`-th of its statement) of which both sides were run."""
    grid = source.grid(cell)
    if cell.kind == "falls_with":
        return compare_across(number, cell, source, grid)
    names = list(source.methods)
    run = [name for name, count in zip(names, grid.runs, strict=True) if count]
    pairs = [(a, b) for a, b in cell.pairs if a in run and (b is None or b in run)]
    if not pairs:
        return []
    sides = [[names.index(name) for name in pair if name] for pair in pairs]
    identity = np.eye(len(names))
    contrasts = np.array([identity[s[0]] - identity[s[1:]].sum(0) for s in sides])
    found = estimate(grid, contrasts)
    by_sign = np.isnan(found.se) & np.isfinite(found.value) & (source.metrics is None)
    tested = Estimate(found.value, np.where(by_sign, 0.0, found.se), found.df)
    centres = np.array([grid.means[s].mean() for s in sides])
    scale = cell.scale
    p = p_values(cell, tested, None if scale.margin is None else scale.margin_at(centres))
    return [
        Comparison(
            (number, *pairs[k]),
            *with_failures(tuple(p[k].tolist()), cell, grid, side),
            lead(cell, float(found.value[k])),
            shown(found, k, scale, centres[k], " vs ".join(source.methods[names[i]] for i in side)),
            bool(by_sign[k]),
            grid.shared_seeds(side),
        )
        for k, side in enumerate(sides)
    ]


def compare_across(number: int, cell: Cell, source: Evidence, grid: Grid) -> list[Comparison]:
    """The one comparison of a line through all methods: this score against another.

    Its rise has two errors, and both tests must reject: over methods, what the line leaves over, says
    whether others would lie on it; over seeds, or the units of one, whether these would again.
    """
    other = source.score(cell.dataset, cell.falls_with)
    sound = ~(grid.doubtful | other.doubtful | (grid.diverged > 0) | (other.diverged > 0))
    known = sound & np.isfinite(grid.means) & np.isfinite(other.means)
    x, y = other.means[known], grid.means[known]
    if len(x) < 3 or np.ptp(x) == 0:
        return []
    weights = np.zeros((1, len(known)))
    weights[0, known] = line(x)
    found = [across(y, x), estimate(grid, weights)]
    p = (max(float(e.below()[0]) for e in found), max(float(e.above()[0]) for e in found), 1.0)
    each = np.array([np.ravel(correlation(e, len(x))) for e in found])
    r, low, high = float(each[0, 0]), float(each[:, 1].min()), float(each[:, 2].max())
    label, change = scale_of(cell.falls_with).label, float(cell.scale.shown(found[0].value[0]))
    what = f"over {len(x)} methods, {change:+z.1f} {cell.scale.unit} from least to most {label}"
    interval = (low, high) if np.isfinite(low + high) else None
    effect = Effect(what, r, interval, "correlation") if np.isfinite(r) else None
    rise, seeds = lead(cell, float(found[0].value[0])), grid.shared_seeds(np.flatnonzero(known))
    return [Comparison((number, None, None), *p, rise, effect, seeds=seeds)]
