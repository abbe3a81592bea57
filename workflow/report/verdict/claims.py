"""The paper's statements as comparisons of scores: `claims.yaml`, read and spelled out.

A statement has cells, a cell names the score it is about and what is claimed of which methods there.
`workflow.report.verdict.judge` judges them.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import yaml

from workflow.report.paper import Table, paper
from workflow.report.verdict.blocks import Scale

FILE = Path(__file__).with_name("claims.yaml")
KINDS = ("lower", "higher", "alike", "descending", "falls_with", "fails")


@dataclass(frozen=True)
class Cell:
    """One score on one dataset, and what is claimed there.

    `score` and `minus`, which is subtracted from it, are names in `metrics.json` with the templates
    {small} and {large}. `table`, `column` and `minus_column` say where the paper prints them, None
    where it does not. `kind` is one of KINDS, `methods` what stands behind it (of falls_with: none),
    `than` the other side, empty if there is none.
    """

    dataset: str
    score: str
    kind: str
    methods: tuple[str, ...] = ()
    than: tuple[str, ...] = ()
    minus: str | None = None
    falls_with: str | None = None
    allow_margin: bool = False
    target: dict | None = None
    table: Table | None = None
    column: str | None = None
    minus_column: str | None = None

    @property
    def scale(self) -> Scale:
        """How its score is compared. A difference of accuracies is one of points as it stands."""
        scale = scale_of(self.score)
        if self.minus and scale.form == "logit":
            return replace(scale, form="identity")
        return scale

    @property
    def pairs(self) -> list[tuple[str, str | None]]:
        """(claimed better, claimed worse) of every comparison; None: the first against zero."""
        if self.kind == "alike":
            return [(a, b) for i, a in enumerate(self.methods) for b in self.methods[i + 1 :]]
        if self.kind == "descending":
            return list(zip(self.methods, self.methods[1:], strict=False))
        return [(a, b) for a in self.methods for b in self.than or (None,)]

    def read_as(self, replacements: dict[str, str]) -> "Cell":
        """The same cell on other scores: each key is replaced in the scores' names."""

        def other(name: str | None) -> str | None:
            for old, new in replacements.items():
                name = name and name.replace(old, new)
            return name

        names = {key: other(getattr(self, key)) for key in ("score", "minus", "falls_with")}
        return replace(self, **names)


@dataclass(frozen=True)
class Statement:
    """What the paper says in one place.

    `cells` together make the verdict; `secondary` cells and `readings` (by what they change) are
    exploratory. `not_testable` says why there are none.
    """

    id: str
    place: str
    quote: str
    statement: str
    cells: list[Cell] = field(default_factory=list)
    secondary: list[Cell] = field(default_factory=list)
    readings: dict[str, list[Cell]] = field(default_factory=dict)
    not_testable: str | None = None


@cache
def _content() -> dict:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


@cache
def scale_of(score: str) -> Scale:
    """How a score is compared, by the longest entry of `scores` that its name begins with."""
    entries = _content()["scores"]
    known = [name for name in entries if score == name or score.startswith(f"{name}.")]
    if not known:
        raise KeyError(f"{FILE.name}: `scores` has no entry for {score}; add how it is compared")
    entry = dict(entries[max(known, key=len)])
    return Scale(form=entry.pop("scale"), **entry)


def comparison_scale(name: str) -> Scale:
    """How verdicts compare the value of this name in `metrics.json`; plainly, if none does."""
    try:
        return scale_of(name)
    except KeyError:
        return Scale(label=name, form="identity", unit="")


def _side(value: str | list[str]) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    return tuple(m for name in names for m in _content()["groups"].get(name, [name]))


def _place(at: str, minus: str | None) -> dict:
    """Where a cell is: TABLE.COLUMN of the paper with a column to subtract, or score@dataset."""
    if "@" in at:
        score, dataset = at.split("@")
        return {"score": score, "dataset": dataset, "minus": minus}
    name, column = at.split(".")
    table = paper().tables[name]
    scores = {key: entry.score for key, entry in table.columns.items()}
    return {
        "table": table,
        "column": column,
        "dataset": table.columns[column].dataset,
        "score": scores[column],
        "minus": minus and scores[minus],
        "minus_column": minus,
    }


def _cell(entry: str | dict, defaults: dict) -> Cell:
    own = {"at": entry} if isinstance(entry, str) else entry
    claim = (defaults if not any(kind in own for kind in KINDS) else {}) | own
    kinds = [kind for kind in KINDS if kind in claim]
    if len(kinds) != 1:
        raise ValueError(f"{FILE.name}: {claim['at']} claims {kinds or 'nothing'}: one is needed")
    kind = kinds[0]
    return Cell(
        kind=kind,
        methods=() if kind == "falls_with" else _side(claim[kind]),
        falls_with=claim.get("falls_with"),
        than=_side(claim.get("than", [])),
        allow_margin=claim.get("allow_margin", False),
        target=claim.get("target"),
        **_place(claim["at"], claim.get("minus")),
    )


def _statement(entry: dict) -> Statement:
    texts = {key: entry[key] for key in ("id", "place", "quote", "statement")}
    if "not_testable" in entry:
        return Statement(**texts, not_testable=entry["not_testable"])
    claim = {k: v for k, v in entry.items() if k not in texts}
    cells, secondary, readings = (claim.pop(k, None) for k in ("cells", "secondary", "readings"))
    primary = [_cell(cell, claim) for cell in cells]
    return Statement(
        **texts,
        cells=primary,
        secondary=[_cell(cell, claim) for cell in secondary or []],
        readings={
            name: [cell.read_as(changes) for cell in primary]
            for name, changes in (readings or {}).items()
        },
    )


def load_statements() -> list[Statement]:
    """Every statement of `claims.yaml`, in the paper's order."""
    return [_statement(entry) for entry in _content()["statements"]]
