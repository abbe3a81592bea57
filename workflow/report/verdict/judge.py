"""Judge the paper's statements on a run: holds, contradicted, equivalent or undecided.

docs/verdict.md explains the rule, `workflow.report.verdict.blocks` has its statistics, `claims.yaml` the
statements. The paper's own numbers go through the same rule as far as they have errors; where they
have none the sign of a difference decides, and the verdict says so.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import pandas as pd
from statsmodels.stats.multitest import multipletests

from workflow.report.labels import corruption_label, dataset_label, seeds_text
from workflow.report.paper import paper
from workflow.report.verdict.blocks import LEVEL
from workflow.report.verdict.claims import Cell, Statement, load_statements, scale_of
from workflow.report.verdict.compare import Effect
from workflow.report.verdict.evidence import Evidence
from workflow.report.verdict.outcome import (
    CONTRADICTED,
    DECIDED,
    EQUIVALENT,
    HOLDS,
    NOT_TESTABLE,
    NOT_TESTED,
    UNDECIDED,
    Outcome,
    effect_at,
    judge,
)


@dataclass(frozen=True)
class Judged:
    """A statement with its verdict on a run.

    `outcome` stands after Holm's correction over all statements, `alone` before it; `p_holm` is the
    corrected p-value. `paper` is the same rule on the paper's numbers, `paper_effect` the paper's
    difference in the comparison that decided here. `details` are further cells and second readings
    by name: not corrected, and exploratory.
    """

    statement: Statement
    outcome: Outcome
    alone: Outcome
    p_holm: float | None
    measured: str
    paper: Outcome
    paper_effect: Effect | None
    details: dict[str, Outcome]

    @property
    def undone(self) -> Outcome | None:
        """What Holm's correction undid, if it did."""
        return self.alone if self.alone.verdict != self.outcome.verdict else None


def score_title(cell: Cell, source: Evidence) -> str:
    """What a cell was measured by, in words."""

    def words(score: str) -> str:
        _, _, kind = source.fill(score).split(".", 2)
        name, _, level = kind.removeprefix("retrained.").partition(".")
        trained = ", classifier trained on it" if kind.startswith("retrained.") else ""
        return corruption_label(name) + (f" {level}" if level else "") + trained

    label = scale_of(cell.score).label
    if not cell.score.startswith("robustness."):
        return label + (f", less {scale_of(cell.minus).label}" if cell.minus else "")
    change = f", less that of {words(cell.minus)}" if cell.minus else ""
    return f"{label}, {words(cell.score)}{change}"


def claim_titles(cells: list[Cell], source: Evidence) -> list[str]:
    """What each cell is about, in words; of two about the same, with the methods that they compare."""

    def sides(cell: Cell) -> str:
        named = [[source.methods.get(m, m) for m in side] for side in (cell.methods, cell.than)]
        return " vs ".join(", ".join(side) for side in named if side)

    plain = [f"{score_title(cell, source)}: {paper().datasets[cell.dataset]}" for cell in cells]
    return [
        title if plain.count(title) == 1 else f"{title}, {sides(cell)}"
        for title, cell in zip(plain, cells, strict=True)
    ]


def measured_on(cells: list[Cell], source: Evidence, outcome: Outcome) -> str:
    """Scores, datasets and seeds behind a verdict."""
    places: dict[str, list[str]] = {}
    for cell in cells:
        if source.grid(cell).runs.any():
            label = dataset_label(source.metrics, cell.dataset)
            places.setdefault(score_title(cell, source), []).append(label)
    parts = [f"{title}: {', '.join(dict.fromkeys(on))}" for title, on in places.items()]
    if outcome.ways[1] > 1:
        parts.append("{} of {} comparisons go the claimed way".format(*outcome.ways))
    if outcome.seeds:
        parts.append(seeds_text({outcome.seeds, outcome.most}, outcome.seeds))
    return "; ".join([*parts, *outcome.remarks])


def judge_statement(statement: Statement, source: Evidence, printed: Evidence) -> Judged:
    """A statement on a run and on the paper, before Holm's correction."""
    if statement.not_testable:
        outcome = Outcome(NOT_TESTABLE, remarks=(statement.not_testable,))
        nothing = Outcome(NOT_TESTED)
        return Judged(statement, outcome, outcome, None, outcome.remarks[0], nothing, None, {})
    outcome = judge(statement.cells, source)
    titles = claim_titles(statement.secondary, source)
    details = {
        title: judge([cell], source)
        for title, cell in zip(titles, statement.secondary, strict=True)
    }
    details |= {name: judge(cells, source) for name, cells in statement.readings.items()}
    return Judged(
        statement,
        outcome,
        outcome,
        None,
        measured_on(statement.cells, source, outcome),
        judge(statement.cells, printed),
        effect_at(statement.cells, outcome.place, printed),
        details,
    )


def corrected(judged: list[Judged]) -> list[Judged]:
    """Holm's correction over the statements that have a p-value: what it undoes is undecided."""
    tested = [number for number, entry in enumerate(judged) if entry.alone.p is not None]
    out = list(judged)
    if tested:
        p = multipletests([judged[n].alone.p for n in tested], alpha=LEVEL, method="holm")[1]
        for number, value in zip(tested, p, strict=True):
            outcome = judged[number].alone
            if value > LEVEL and outcome.verdict in DECIDED:
                outcome = replace(outcome, verdict=UNDECIDED)
            out[number] = replace(judged[number], outcome=outcome, p_holm=float(value))
    return out


def judge_all(metrics: dict) -> list[Judged]:
    """Every statement on the content of a `metrics.json`, in the paper's order.

    A program asks for each of its tables; the same content is judged once.
    """
    return list(_judged(json.dumps(metrics)))


@lru_cache(maxsize=4)
def _judged(content: str) -> tuple[Judged, ...]:
    metrics = json.loads(content)
    source = Evidence({m["name"]: m["label"] for m in metrics["methods"]}, metrics)
    printed = Evidence(paper().methods)
    return tuple(corrected([judge_statement(s, source, printed) for s in load_statements()]))


def judged_frame(sources: list[tuple[str, dict]]) -> pd.DataFrame:
    """The first screen: one row a statement, as judged on the last of `sources`.

    Columns: statement (ours), words (the paper's), place, verdict, effect (in the comparison that
    decided, with 95 % interval), paper's effect (in the same, with the verdict on the paper's own
    numbers), measured on; and for each earlier source, under its name, its verdict and effect.
    """
    by_source = {name: judge_all(metrics) for name, metrics in sources}
    *earlier, (last, _) = sources
    rows = []
    for number, entry in enumerate(by_source[last]):
        row = {
            "statement": entry.statement.statement,
            "words": f"“{entry.statement.quote}”",
            "place": entry.statement.place,
            "verdict": verdict_text(entry),
            "effect": effect_text(entry.outcome),
            "paper's effect": paper_text(entry),
            "measured on": entry.measured,
        }
        for name, _ in earlier:
            other = by_source[name][number]
            row[name] = f"{verdict_text(other)}: {effect_text(other.outcome)}".removesuffix(": –")
        rows.append(row)
    return pd.DataFrame(rows)


def verdict_text(entry: Judged) -> str:
    """The verdict; where Holm's correction undid one, what it would be alone."""
    alone = f" (alone: {entry.undone.word})" if entry.undone else ""
    return f"{entry.outcome.word}{alone}"


def effect_text(outcome: Outcome) -> str:
    """What was compared and its difference, – where there is none."""
    return f"{outcome.effect.what}: {outcome.effect}" if outcome.effect else "–"


def paper_text(entry: Judged) -> str:
    """The paper's difference in the comparison that decided, and the verdict on its numbers."""
    if entry.paper.verdict == NOT_TESTED:
        return "–"
    sign = ", by sign" if entry.paper.by_sign else ""
    return f"{entry.paper_effect or 'no number'} ({entry.paper.verdict}{sign})"


def details_frame(judged: list[Judged]) -> pd.DataFrame:
    """Further cells and second readings: not corrected for their number, hence exploratory."""
    return pd.DataFrame(
        [
            {
                "statement": entry.statement.statement,
                "reading": name,
                "verdict": outcome.word,
                "effect": effect_text(outcome),
                "remarks": "; ".join(outcome.remarks) or "–",
            }
            for entry in judged
            for name, outcome in entry.details.items()
        ],
        columns=["statement", "reading", "verdict", "effect", "remarks"],
    )


def summary_sentence(judged: list[Judged], metrics: dict) -> str:
    """How many statements came out how, from which preset and how many seeds."""
    counts = Counter(entry.outcome.verdict for entry in judged)
    behind = seeds_behind(judged)
    words = {
        HOLDS: ("holds", "hold"),
        CONTRADICTED: ("is contradicted", "are contradicted"),
        UNDECIDED: ("is undecided", "are undecided"),
        EQUIVALENT: ("claims a difference", "claim a difference"),
    }
    parts = [
        f"{counts[verdict]} {one if counts[verdict] == 1 else many}"
        + (" where there is none to speak of" if verdict == EQUIVALENT else "")
        for verdict, (one, many) in words.items()
        if counts[verdict]
    ]
    tested = sum(counts[verdict] for verdict in words)
    seeds = f", {seeds_text(behind, len(metrics['seeds']))}" if behind else ""
    text = f"Preset {metrics['preset']}{seeds}: "
    if tested:
        text += f"of {tested} statements of the paper that were tested, {', '.join(parts)}"
    else:
        text += "no statement of the paper was tested"
    left = [f"{counts[v]} {v}" for v in (NOT_TESTED, NOT_TESTABLE) if counts[v]]
    text += f" ({'; '.join(left)})." if left else "."
    if behind == {1}:
        text += " One seed says nothing about another: every verdict is one on this seed."
    elif 1 in behind:
        text += " Verdicts on “this seed” rest on one seed, at least in part; another may differ."
    return text


def seeds_behind(judged: list[Judged]) -> set[int]:
    """How many seeds there are behind verdicts by differences (not by counting failures)."""
    return {e.outcome.seeds for e in judged if e.outcome.place and e.outcome.seeds}


def as_json(judged: list[Judged]) -> list[dict]:
    """The same for `verdicts.json`: what JSON can hold of every statement, in the paper's order."""

    def effect(of: Effect | None) -> dict | None:
        return of and asdict(of)

    return [
        {
            "id": entry.statement.id,
            "place": entry.statement.place,
            "quote": entry.statement.quote,
            "statement": entry.statement.statement,
            "verdict": entry.outcome.verdict,
            "alone": entry.alone.verdict,
            "p": entry.alone.p,
            "p_holm": entry.p_holm,
            "seeds": entry.outcome.seeds,
            "effect": effect(entry.outcome.effect),
            "measured": entry.measured,
            "paper": {
                "verdict": entry.paper.verdict,
                "by_sign": entry.paper.by_sign,
                "effect": effect(entry.paper_effect),
            },
            "details": {
                name: {"verdict": outcome.verdict, "effect": effect(outcome.effect)}
                for name, outcome in entry.details.items()
            },
        }
        for entry in judged
    ]
