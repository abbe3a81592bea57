"""The paper's printed numbers, and which score of ours stands beside each (`paper.yaml`)."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("paper.yaml")


@dataclass(frozen=True)
class Column:
    """One column of a table of the paper: a dataset, and the values measured for it.

    `values` maps what a value is called in the table to its name in `metrics.json`; both, and
    `label`, are templates: {small}, {large}, {fid}.
    """

    name: str
    dataset: str
    values: dict[str, str]
    label: str = ""

    @property
    def score(self) -> str:
        """The value that stands beside the paper's number: the first."""
        return next(iter(self.values.values()))


@dataclass(frozen=True)
class Table:
    """One table of the paper, or one of its kind on datasets that the paper does not have.

    `rows` maps method to the printed values, one a column, None where the paper has a dash.
    `axis` is the unit as a figure's axis says it.
    `impossible` maps method to columns whose printed value is a typing error. `blocks` are the
    parts it is shown in, each {"columns": [...]}. `floors` maps what a value is called to a value
    of the data alone. `evaluation_images` is the count behind an accuracy, where it is one.
    `others` says how further datasets are shown: "columns", "table" or not at all.
    """

    name: str
    title: str
    unit: str
    axis: str
    better: str
    digits: int
    scores: list[str]
    columns: dict[str, Column]
    rows: dict[str, list[float | None]]
    notes: list[str]
    blocks: list[dict] = field(default_factory=lambda: [{}])
    impossible: dict[str, list[str]] = field(default_factory=dict)
    floors: dict[str, str] = field(default_factory=dict)
    evaluation_images: int | None = None
    others: str | None = None

    def printed(self, method: str, column: str) -> float | None:
        """The paper's number; None for its dash. KeyError for a method that it does not have."""
        return self.rows[method][list(self.columns).index(column)]


@dataclass(frozen=True)
class Paper:
    """The whole: citation, labels of its methods and datasets in its order, tables by number."""

    citation: str
    methods: dict[str, str]
    datasets: dict[str, str]
    counted: list[str]
    tables: dict[str, Table]


def _table(name: str, entry: dict) -> Table:
    columns = {key: Column(name=key, **column) for key, column in entry["columns"].items()}
    for method, row in entry["rows"].items():
        if len(row) != len(columns):
            raise ValueError(f"{FILE.name}: table {name}, {method}: {len(row)} values")
    return Table(name=name, **entry | {"columns": columns})


@cache
def paper() -> Paper:
    """Read `paper.yaml`."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    tables = {name: _table(name, entry) for name, entry in content.pop("tables").items()}
    return Paper(**content, tables=tables)
