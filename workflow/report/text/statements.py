"""The paper's statements as text: one line each for the first screen, and all there is to say."""

from collections import Counter

import pandas as pd

from workflow.report.labels import dataset_title
from workflow.report.text.untested import has_verdict, tells_nothing, was_tested
from workflow.report.verdict import judge
from workflow.report.verdict.claims import Cell, scale_of
from workflow.report.verdict.evidence import Evidence
from workflow.report.verdict.judge import Judged
from workflow.report.verdict.outcome import (
    CONTRADICTED,
    EQUIVALENT,
    HOLDS,
    NOT_TESTABLE,
    NOT_TESTED,
    UNDECIDED,
)

# A sign that tells verdicts apart without colour.
SIGNS = {HOLDS: "✓", CONTRADICTED: "✗", EQUIVALENT: "≈", UNDECIDED: "?"}
SIGNS |= {NOT_TESTED: "–", NOT_TESTABLE: "–"}
COLUMNS = (
    "verdict",
    "the paper's words",
    "effect (95 % interval)",
    "paper's effect",
    "measured on",
    "other readings",
)
VERDICT, WORDS, EFFECT, PRINTED, MEASURED, OTHERS = COLUMNS
VERDICT_NOTE = (
    "An effect is the first method's number less the second's, in the comparison that decided; accuracies are"
    " compared as logits, errors and FID as logarithms. Small: by less than the margin that counts as alike"
    " (1 point, 2 %, 1 nat). ≈: not every comparison goes the claimed way beyond its error, and all lie within"
    " that margin. Alone: before the correction for the number of statements. Other readings: other data"
    " sets, estimators and kinds of noise; they decide nothing."
)


def signed(entry: Judged, mixed: bool) -> str:
    """A verdict with its sign; in a `mixed` run, with how much of one seed it is."""
    outcome = entry.outcome
    text = f"{SIGNS[outcome.verdict]} {outcome.word if mixed else outcome.verdict}"
    if entry.undone:
        return f"{text} (alone {SIGNS[entry.undone.verdict]})"
    return f"{text} (small)" if outcome.small else text


def others_short(entry: Judged) -> str:
    """How many further cells and second readings came out how: "2 ✓, 1 ✗"."""
    counts = Counter(SIGNS[of.verdict] for of in entry.details.values() if has_verdict(of))
    signs = dict.fromkeys(SIGNS.values())
    return ", ".join(f"{counts[sign]} {sign}" for sign in signs if counts[sign]) or "–"


def short_score(cell: Cell, source: Evidence) -> str:
    """What a cell was measured by, in as few words as a table's head."""
    short = scale_of(cell.score).short

    def head(column: str) -> str:
        return source.fill(cell.table.columns[column].label)

    if cell.table is None or not cell.table.columns[cell.column].label:
        return short
    change = f" less {head(cell.minus_column)}" if cell.minus_column else ""
    beside = f"{scale_of(cell.falls_with).short} with " if cell.falls_with else ""
    return f"{beside}{short} {head(cell.column)}{change}"


def measured_short(entry: Judged, source: Evidence) -> str:
    """Score, dataset and methods of the comparison that decided."""
    cells, place = entry.statement.cells, entry.outcome.place
    cell = cells[place[0] if place else 0]
    text = f"{short_score(cell, source)}, {dataset_short(source.metrics, cell.dataset)}"
    if place is None:
        return f"{text}: " + ", ".join(source.methods.get(name, name) for name in cell.methods)
    if place[1] is None:
        return f"{text}: all methods"
    return f"{text}: " + " vs ".join(source.methods[name] for name in place[1:] if name)


def dataset_short(metrics: dict, dataset: str) -> str:
    """A dataset's name, and whether it is only a stand-in."""
    entry = metrics["datasets"].get(dataset)
    synthetic = entry is not None and entry["meta"]["synthetic"]
    return dataset_title(metrics, dataset) + (" stand-in" if synthetic else "")


def effect_short(entry: Judged) -> str:
    """The difference with its interval; where runs were counted or failed, how many."""
    if entry.outcome.effect:
        return str(entry.outcome.effect)
    return entry.outcome.failures[0] if entry.outcome.failures else "–"


def paper_short(entry: Judged) -> str:
    """The paper's difference without its interval, – where it prints none."""
    effect = entry.paper_effect
    return str(effect).partition(" (")[0] if effect else "–"


def screen_frame(sources: list[tuple[str, dict]]) -> pd.DataFrame:
    """One row a statement that was tested on the last of `sources`, in the paper's order.

    Each earlier source has a column with its verdict.
    """
    by_source = {name: judge.judge_all(metrics) for name, metrics in sources}
    *earlier, (last, metrics) = sources
    source = Evidence({m["name"]: m["label"] for m in metrics["methods"]}, metrics)
    mixed = {name: len(judge.seeds_behind(judged)) > 1 for name, judged in by_source.items()}
    rows = []
    for number, entry in enumerate(by_source[last]):
        if was_tested(entry):
            row = {
                VERDICT: signed(entry, mixed[last]),
                WORDS: f"“{entry.statement.quote}”",
                EFFECT: effect_short(entry),
                PRINTED: paper_short(entry),
                MEASURED: measured_short(entry, source),
                OTHERS: others_short(entry),
            }
            others = {name: by_source[name][number] for name, _ in earlier}
            rows.append(row | {name: signed(of, mixed[name]) for name, of in others.items()})
    return pd.DataFrame(rows, columns=None if rows else [VERDICT, WORDS])


def in_full(sources: list[tuple[str, dict]]) -> str:
    """Every statement with all of its evidence and its second readings, as a list.

    Those that no source has any verdict on are only counted: `untested` lists them.
    """
    frame = judge.judged_frame(sources)
    lines, nothing = [], 0
    every = zip(*(judge.judge_all(metrics) for _, metrics in sources), strict=True)
    for row, entries in zip(frame.to_dict("records"), every, strict=True):
        if all(map(tells_nothing, entries)):
            nothing += 1
            continue
        lines.append(f"- **{row['statement']}** ({row['place']}: {row['words']})")
        lines.append(f"  - {row['verdict']}; {row['measured on']}")
        lines += [f"  - {name}: {row[name]}" for name in evidence_names(row)]
        for name, outcome in entries[-1].details.items():
            parts = [outcome.word, judge.effect_text(outcome), *outcome.remarks]
            lines.append(f"  - {name}: " + "; ".join(part for part in parts if part != "–"))
    if nothing:
        lines.append(f"- {nothing} not tested, in no other reading either")
    return "\n".join(lines)


def evidence_names(row: dict) -> list[str]:
    """Columns of a row of `judge.judged_frame` that say something beyond the statement itself."""
    said = {"statement", "place", "words", "verdict", "measured on"}
    return [name for name, text in row.items() if name not in said and text != "–"]
