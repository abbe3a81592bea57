"""What the rule says of some cells: the verdict, and the comparison that decided it."""

from dataclasses import dataclass, replace

import numpy as np

from workflow.report.paper import paper
from workflow.report.verdict.blocks import LEVEL, conclude
from workflow.report.verdict.claims import Cell, scale_of
from workflow.report.verdict.compare import Comparison, Effect, compare
from workflow.report.verdict.evidence import Evidence

HOLDS, CONTRADICTED, EQUIVALENT, UNDECIDED = "holds", "contradicted", "equivalent", "undecided"
NOT_TESTED, NOT_TESTABLE = "not tested", "not testable here"
VERDICTS = (HOLDS, CONTRADICTED, EQUIVALENT, UNDECIDED, NOT_TESTED, NOT_TESTABLE)
DECIDED = VERDICTS[:3]


@dataclass(frozen=True)
class Outcome:
    """What the rule says of some cells.

    p         two-sided p-value of the verdict; None where runs were counted, or nothing was tested
    place     the comparison that decided, None likewise
    effect    its difference
    seeds     fewest seeds of any comparison (of counted runs: how many); 0 where nothing was tested
    most      most seeds of any
    by_sign   whether a number without an error took part: the paper's only
    small     it holds, but in the comparison that decided by less than the margin
    ways      how many comparisons go the claimed way, by sign, and of how many; of likeness (0, 0)
    remarks   what diverged, is doubtful, has no error or is missing
    failures  those of the remarks that count runs which diverged or failed
    """

    verdict: str
    p: float | None = None
    place: tuple | None = None
    effect: Effect | None = None
    seeds: int = 0
    most: int = 0
    by_sign: bool = False
    small: bool = False
    ways: tuple[int, int] = (0, 0)
    remarks: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The verdict, and what it leaves open: the sign alone, or another seed, may mislead."""
        if self.verdict not in DECIDED:
            return self.verdict
        if self.by_sign:
            return f"{self.verdict}, by sign"
        return f"{self.verdict} on this seed" if self.seeds == 1 else self.verdict


def remarks(cells: list[Cell], source: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a reader must not miss: methods that diverged, are doubtful or were not run.

    Returns all such remarks, and those of them that say what diverged.
    """
    found, failures = [], []
    for cell in cells:
        grid, where = source.grid(cell), paper().datasets[cell.dataset]
        if not grid.runs.any():
            found.append(f"not run: {cell.scale.label} on {where}")
            continue
        if cell.falls_with and not source.score(cell.dataset, cell.falls_with).runs.any():
            found.append(f"not run: {scale_of(cell.falls_with).label} on {where}")
        wanted = dict.fromkeys([*cell.methods, *cell.than] or source.methods)
        for name in wanted:
            if name not in source.methods or not grid.runs[list(source.methods).index(name)]:
                found.append(f"without {paper().methods.get(name, name)} on {where}")
                continue
            i = list(source.methods).index(name)
            if grid.diverged[i]:
                count = f"{grid.diverged[i]} of {grid.runs[i]}"
                failures.append(f"{source.methods[name]} diverged on {where} ({count})")
                found.append(failures[-1])
            if grid.doubtful[i]:
                found.append(f"{source.methods[name]} doubtful on {where}")
    return tuple(dict.fromkeys(found)), tuple(dict.fromkeys(failures))


def lacks_methods(cells: list[Cell], source: Evidence) -> bool:
    """Whether a statement names methods that a run has not, on a dataset that it has."""
    grids = [(cell, source.grid(cell).runs) for cell in cells]
    return any(
        name not in source.methods or not runs[list(source.methods).index(name)]
        for cell, runs in grids
        if runs.any()
        for name in (*cell.methods, *cell.than)
    )


def count_failures(cells: list[Cell], source: Evidence) -> Outcome:
    """Whether a method cannot be trained: by counting its runs, all, none or some."""
    failed = total = 0
    for cell in cells:
        grid, names = source.grid(cell), list(source.methods)
        for i in [names.index(name) for name in cell.methods if name in names]:
            values = grid.values[i][np.isfinite(grid.values[i])]
            missed = 0
            if cell.target:
                wanted = source.rates.get(names[i], cell.target["value"])
                missed = int((abs(values - wanted) > cell.target["within"]).sum())
            failed += int(grid.diverged[i]) + missed
            total += int(grid.runs[i])
    if not total:
        noted, failures = remarks(cells, source)
        return Outcome(NOT_TESTED, remarks=noted, failures=failures)
    verdict = {0: CONTRADICTED, total: HOLDS}.get(failed, UNDECIDED)
    counted = (f"{failed} of {total} runs failed",)
    return Outcome(verdict, seeds=total, most=total, remarks=counted, failures=counted)


def decide(comparisons: list[Comparison]) -> tuple[str, float, Comparison]:
    """Verdict, its two-sided p-value and the comparison that decided, picked by p-value."""
    p = np.array([(c.holds, c.against, c.alike) for c in comparisons])
    overall = [2 * float(value) for value in conclude(*p.T)]
    shown = [verdict for verdict, value in zip(DECIDED, overall, strict=True) if value <= LEVEL]
    verdict = shown[0] if shown else UNDECIDED
    column = DECIDED.index(verdict) if shown else 0
    # The link that decides: the strongest against, else the weakest for. Where runs failed there is
    # no effect to show, so that others come first; among equal p-values the smallest lead.
    if verdict == CONTRADICTED:
        ranks = [(-p[i, 1], c.effect is not None, -c.lead) for i, c in enumerate(comparisons)]
    else:
        ranks = [(c.effect is not None, p[i, column], -c.lead) for i, c in enumerate(comparisons)]
    value = overall[column] if shown else min(overall)
    return verdict, min(1.0, value), comparisons[ranks.index(max(ranks))]


def judge(cells: list[Cell], source: Evidence) -> Outcome:
    """Apply the rule to cells that together make a statement: each of them must hold.

    A dataset that was not run leaves a verdict on the others; a score that was run nowhere leaves
    half a sentence, which is not judged. A method that was not run may be the one that goes the other
    way: without it a statement can be contradicted, and no more.
    """
    if cells[0].kind == "fails":
        return count_failures(cells, source)
    by_cell = [compare(number, cell, source) for number, cell in enumerate(cells)]
    comparisons = [comparison for group in by_cell for comparison in group]
    noted, failures = remarks(cells, source)
    labels = {cell.scale.label for cell in cells}
    run = {cell.scale.label for cell, group in zip(cells, by_cell, strict=True) if group}
    if run != labels:
        return Outcome(NOT_TESTED, remarks=noted, failures=failures)
    verdict, p, decisive = decide(comparisons)
    if verdict != CONTRADICTED and source.metrics and lacks_methods(cells, source):
        verdict, p = UNDECIDED, 1.0
    where = paper().datasets[cells[decisive.place[0]].dataset]
    effect = decisive.effect and replace(decisive.effect, what=f"{decisive.effect.what}, {where}")
    if effect and effect.interval is None and source.metrics:
        noted += ("no error known",)
    by_sign = any(comparison.by_sign for comparison in comparisons)
    directed = [c.lead > 0 for c in comparisons if cells[c.place[0]].kind != "alike"]
    return Outcome(
        verdict,
        None if by_sign else p,
        decisive.place,
        effect,
        max(1, min(comparison.seeds for comparison in comparisons)),
        max(1, *(comparison.seeds for comparison in comparisons)),
        by_sign,
        small=verdict == HOLDS and bool(directed) and 2 * decisive.alike <= LEVEL,
        ways=(sum(directed), len(directed)),
        remarks=noted,
        failures=failures,
    )


def effect_at(cells: list[Cell], place: tuple | None, source: Evidence) -> Effect | None:
    """The source's difference in one comparison, None where it has no number."""
    if place is None:
        return None
    found = compare(place[0], cells[place[0]], source)
    return next((c.effect for c in found if c.place == place), None)
