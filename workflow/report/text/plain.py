"""Scores and values that no table of the paper names: a plain table each, so that none is lost."""

import pandas as pd

from workflow.report.labels import NamedRun, dataset_label, dataset_names
from workflow.report.paper import paper
from workflow.report.text.beyond import every_dataset
from workflow.report.text.cells import with_interval
from workflow.report.text.frames import INFORMATION
from workflow.report.text.readings import reading
from workflow.report.values import measured, template_fields

NAMED = {"fid.dims", *(f"information.{name}" for name, *_ in INFORMATION)}


def named(metrics: dict) -> set[str]:
    """Every name of `metrics.json` that a table of the paper's or Table VI shows."""
    names = set(NAMED)
    for dataset in every_dataset([("run", metrics)]):
        fields = template_fields(metrics, dataset)
        for table in paper().tables.values():
            values = [v for column in table.columns.values() for v in column.values.values()]
            names |= {name.format(**fields) for name in [*values, *table.floors.values()]}
    return names


def plain_frames(source: NamedRun) -> dict[str, pd.DataFrame]:
    """By score: a row a dataset and method, a column a value with its 95 % interval."""
    _, metrics = source
    shown = named(metrics)
    rows: dict[str, list[dict]] = {}
    for dataset in dataset_names(metrics):
        for method in metrics["methods"]:
            own = metrics["datasets"][dataset]["methods"].get(method["name"], {})
            cells: dict[str, dict] = {}
            for name in own:
                if name not in shown and reading(name) is None:
                    score, _, value = name.partition(".")
                    text = with_interval(measured(metrics, dataset, method["name"], name))
                    cells.setdefault(score, {})[value] = text
            for score, texts in cells.items():
                keys = {"dataset": dataset_label(metrics, dataset), "method": method["label"]}
                rows.setdefault(score, []).append(keys | texts)
    return {score: pd.DataFrame(rows[score]).fillna("n/a") for score in sorted(rows)}
