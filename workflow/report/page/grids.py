"""Frames as the tables of a page, where every row and column knows its dataset and method."""

from dataclasses import dataclass, field
from itertools import groupby

import pandas as pd

from workflow.report.labels import NamedRun, dataset_label, method_labels
from workflow.report.paper import Table
from workflow.report.text.frames import Head, table_frame, table_heads


@dataclass(frozen=True)
class GridColumn:
    """A column's head, under that of its `group`; `dataset` or `method` if all of it is of one."""

    text: str
    group: str = ""
    dataset: str = ""
    method: str = ""


@dataclass(frozen=True)
class Row:
    """Cells as text, `**bold**` as in markdown; `dataset` and `method` as of a column."""

    cells: list[str]
    dataset: str = ""
    method: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of a page; the first `left` columns are words."""

    caption: str
    columns: list[GridColumn]
    rows: list[Row]
    left: int = 1
    groups: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def datasets(self) -> str:
        """All datasets that it is about, empty if some part of it is about none."""
        of_rows = {row.dataset for row in self.rows}
        of_columns = {column.dataset for column in self.columns[self.left :]}
        found = of_columns if of_rows == {""} else of_rows
        return "" if "" in found else " ".join(sorted(found))


def table_grid(table: Table, block: dict, sources: list[NamedRun], caption: str) -> Grid:
    """A block of a table: rows are methods, columns belong to datasets."""
    frame = table_frame(table, block, sources, bold=True)
    heads = table_heads(table, block, sources)
    names = list(method_labels(*sources))
    columns = [GridColumn("method"), *(column_of(head) for head in heads)]
    methods = [*names, *[""] * (len(frame) - len(names))]  # the last row may be of real images
    rows = [
        Row(list(cells), method=method)
        for cells, method in zip(frame.itertuples(index=False), methods, strict=True)
    ]
    groups = [
        (name, dataset, len(list(members)))
        for (name, dataset), members in groupby(columns, lambda c: (c.group, c.dataset))
    ]
    return Grid(caption, columns, rows, groups=groups)


def column_of(head: Head) -> GridColumn:
    """The head of a column of one of the paper's tables."""
    return GridColumn(head.name, head.group, head.column.dataset)


def frame_grid(frame: pd.DataFrame, source: NamedRun, caption: str, *, left: int) -> Grid:
    """Any frame: its columns `dataset` and `method`, or columns named as one, say which."""
    labels = {label: name for name, label in method_labels(source).items()}
    datasets = {dataset_label(source[1], name): name for name in source[1]["datasets"]}
    columns = [
        GridColumn(name, dataset=datasets.get(name, ""), method=labels.get(name, ""))
        for name in frame
    ]
    rows = [
        Row(
            [str(cell) for cell in row.values()],
            dataset=datasets.get(row.get("dataset"), ""),
            method=labels.get(row.get("method"), ""),
        )
        for row in frame.to_dict("records")
    ]
    return Grid(caption, columns, rows, left)
