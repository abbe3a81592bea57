"""Tables of the paper's kind for what the paper does not have: other datasets, other scores on them."""

from dataclasses import replace

from workflow.report.labels import NamedRun, dataset_names, dataset_title
from workflow.report.paper import Column, Table, paper
from workflow.report.values import template_fields


def was_measured(sources: list[NamedRun], dataset: str, template: str) -> bool:
    """Whether any method of any source has this value; `template` as in paper.yaml."""
    for _, metrics in sources:
        name = template.format(**template_fields(metrics, dataset))
        methods = metrics["datasets"].get(dataset, {"methods": {}})["methods"]
        if any(name in values for values in methods.values()):
            return True
    return False


def every_dataset(sources: list[NamedRun]) -> list[str]:
    """Datasets of any source, the last source's order first."""
    return list(dict.fromkeys(name for _, m in reversed(sources) for name in dataset_names(m)))


def further_columns(table: Table, sources: list[NamedRun]) -> dict[str, Column]:
    """A column a dataset for each value of the table that was measured where the paper has none."""
    columns = table.columns.values()
    values = {label: name for column in columns for label, name in column.values.items()}
    present = {(column.dataset, label) for column in columns for label in column.values}
    found = {}
    for dataset in every_dataset(sources):
        own = {
            label: name
            for label, name in values.items()
            if (dataset, label) not in present and was_measured(sources, dataset, name)
        }
        if own:
            found[dataset] = Column(name=dataset, dataset=dataset, values=own)
    return found


def further_tables(table: Table, sources: list[NamedRun]) -> list[Table]:
    """What was run of the table's values on datasets that no table of its scores has."""
    unprinted = {"rows": {}, "blocks": [{}], "impossible": {}, "evaluation_images": None}
    if table.others == "columns":
        columns = further_columns(table, sources)
        return [replace(table, columns=columns, notes=[], **unprinted)] if columns else []
    if table.others != "table":
        return []
    alike = [other for other in paper().tables.values() if other.scores == table.scores]
    present = {column.dataset for other in alike for column in other.columns.values()}
    found = []
    for dataset in every_dataset(sources):
        columns = {key: replace(c, dataset=dataset) for key, c in table.columns.items()}
        measured = any(
            was_measured(sources, dataset, name)
            for column in columns.values()
            for name in column.values.values()
        )
        if dataset not in present and measured:
            metrics = next(m for _, m in reversed(sources) if dataset in m["datasets"])
            title = f"{table.title.split(',')[0]}, {dataset_title(metrics, dataset)}"
            found.append(replace(table, title=title, columns=columns, **unprinted))
    return found
