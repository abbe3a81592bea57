"""The charts over all datasets: learning curves, robustness, information, paper against ours."""

from pathlib import Path

import numpy as np

from workflow.report.curves import learning_curves, loss_parts, robustness_curves
from workflow.report.labels import (
    CORRUPTIONS,
    corruption_label,
    dataset_label,
    dataset_names,
    method_labels,
)
from workflow.report.paper import Table, paper
from workflow.report.pictures import drawing
from workflow.report.text.readings import readings, repeats_mask
from workflow.report.values import Value, measured, printed, table_value, template_fields

# What a part of a loss is called on its axis; a part not named here keeps its own name.
PARTS = {
    "distortion": "-ln p(x|z), nats",
    "rate": "KL(q(z|x) || p(z)), nats",
    "cost": "0.05 x squared error",
    "mmd": "MMD(q(z), p(z))",
}
CLASSIFIER = "tsvm"  # the paper's
HEADLINE = ("gaussian_clipped", "mask_zero")  # as in Tables III-V
INFORMATION = "information.information"
PERCENT = (0, 100)  # which intervals over two seeds may leave
READING = """\
hollow: the paper's number
filled: this run's mean
thick line: its 95 % interval
thin line: from the one to the other

Ours: z sampled, noise clipped, masked
pixels 0. Intervals end at 0 and 100 %.
No hollow mark: a dash in the paper or
a number that is impossible."""


def learning_figure(metrics: dict, root: Path):
    """A row a dataset, a column a part of the losses, a line a method: mean and range of seeds."""
    curves, labels = learning_curves(metrics, root), method_labels(("run", metrics))
    styles = drawing.looks(list(labels))
    datasets, parts = dataset_names(metrics), loss_parts(curves) or ["loss"]
    figure, grid = drawing.axes_grid(len(datasets), len(parts), width=2.6)
    for row, dataset in enumerate(datasets):
        for axes, part in zip(grid[row], parts, strict=True):
            for method, label in labels.items():
                own = curves[(curves["dataset"] == dataset) & (curves["method"] == method)]
                if part not in own or own[part].isna().all():
                    continue
                seeds = own.groupby("epoch")[part]
                mean, low, high = seeds.mean(), seeds.min(), seeds.max()
                drawing.line_and_band(axes, mean.index, mean, low, high, styles[method], label)
    drawing.name_grid(
        grid,
        [PARTS.get(part, part) for part in parts],
        [dataset_label(metrics, dataset) for dataset in datasets],
        across="epoch",
    )
    drawing.method_legend(figure, labels)
    return figure


def repeats(metrics: dict, dataset: str, corruption: str) -> bool:
    """Whether a corruption is the mask's under another name in every reading, so that one panel does."""
    every = (own for own in readings(metrics, dataset) if own.corruption == corruption)
    return all(repeats_mask(metrics, dataset, own) for own in every)


def robustness_figure(metrics: dict):
    """A row a dataset, a panel a corruption, a line a method in the band that its seeds span.

    (Student's interval of two seeds covers the panel.) Of one seed the band is the 95 % interval.
    Dotted: what guessing gives.
    """
    curves, labels = robustness_curves(metrics), method_labels(("run", metrics))
    curves = curves[(curves["classifier"] == CLASSIFIER) & (curves["trained_on"] == "clean")]
    lines = dict(list(curves.groupby(["dataset", "corruption", "method"])))
    datasets = [d for d in dataset_names(metrics) if d in metrics["protocols"]["robustness"]]
    found = set(curves["corruption"])
    corruptions = [c for c in CORRUPTIONS if c in found] + sorted(found - set(CORRUPTIONS))
    styles = drawing.looks(list(labels))
    columns = max(1, len(corruptions))
    figure, grid = drawing.axes_grid(len(datasets), columns, width=2.7, alike="row")
    for row, dataset in enumerate(datasets):
        classes = metrics["protocols"]["robustness"][dataset].get("classes")
        for axes, corruption in zip(grid[row], corruptions, strict=False):
            again = repeats(metrics, dataset, corruption)
            for method, label in labels.items():
                own = lines.get((dataset, corruption, method))
                if own is not None and not again:
                    several = own["n"] > 1
                    low = own["least"].where(several, own["low"].clip(*PERCENT))
                    high = own["most"].where(several, own["high"].clip(*PERCENT))
                    band = (own["level"], own["accuracy"], low, high)
                    drawing.line_and_band(axes, *band, styles[method], label)
            axes.set_visible(axes.has_data())
            if axes.has_data() and isinstance(classes, int):
                axes.axhline(100 / classes, ls=":", lw=1, color="#777777")  # guessing
    drawing.name_grid(
        grid,
        [corruption_label(corruption) for corruption in corruptions],
        [dataset_label(metrics, dataset) for dataset in datasets],
        across="σ, or share of pixels masked",
        up="accuracy, %",
    )
    drawing.method_legend(figure, labels)
    return figure


def seed_points(methods: dict, method: str, corruption: str, level: str) -> list[tuple]:
    """(information, change of accuracy in points) of every seed that has both."""
    values = methods.get(method, {})
    names = (
        INFORMATION,
        f"robustness.{CLASSIFIER}.clean",
        f"robustness.{CLASSIFIER}.{corruption}.{level}",
    )
    if any(name not in values for name in names):
        return []
    seeds = zip(*(values[name]["values"] for name in names), strict=True)
    return [(x, noisy - clean) for x, clean, noisy in seeds if None not in (x, clean, noisy)]


def information_figure(metrics: dict):
    """A row a dataset, a panel a noise, a point a run: I(x; y) against the change of accuracy.

    Hollow where a bound of the method lies at its ceiling, which is no estimate.
    """
    labels, protocols = method_labels(("run", metrics)), metrics["protocols"]
    both = protocols["robustness"].keys() & protocols["information"].keys()
    datasets = [dataset for dataset in dataset_names(metrics) if dataset in both]
    styles = drawing.looks(list(labels))
    figure, grid = drawing.axes_grid(len(datasets), len(HEADLINE), width=3.6, alike="row")
    for row, dataset in enumerate(datasets):
        level = template_fields(metrics, dataset)["large"]
        for axes, corruption in zip(grid[row], HEADLINE, strict=True):
            axes.margins(0.1)
            for method, label in labels.items():
                methods = metrics["datasets"][dataset]["methods"]
                points = seed_points(methods, method, corruption, level)
                if points:
                    doubtful = measured(metrics, dataset, method, INFORMATION).doubtful
                    face = {"facecolors": "none"} if doubtful else {}
                    axes.scatter(
                        *zip(*points, strict=True), s=30, label=label, **styles[method], **face
                    )
    large = f"{metrics['levels']['large']:g}"
    drawing.name_grid(
        grid,
        [f"{corruption_label(corruption)}, {large}" for corruption in HEADLINE],
        [dataset_label(metrics, dataset) for dataset in datasets],
        across="information in the code, lower bound, nats",
        up="change of accuracy, points",
    )
    drawing.method_legend(figure, labels)
    return figure


def table_pairs(
    metrics: dict, table: Table, column: str, methods: list[str]
) -> dict[str, tuple[float | None, Value]]:
    """{method: (printed, ours)} of a column, None for a typing error or a dash of the paper.

    Ours is the value that the paper's number is compared with, the first of the column.
    """
    pairs = {}
    for method in methods:
        misprint = column in table.impossible.get(method, [])
        theirs = None if misprint else printed(table, column, method).mean
        ours = table_value(metrics, table, column, next(iter(table.columns[column].values)), method)
        pairs[method] = (theirs, ours)
    return pairs


def table_panel(axes, metrics: dict, table: Table, styles: dict, labels: dict) -> None:
    """One table: beside each other the methods of every column, the paper's number to ours."""
    names = []
    for place, (name, column) in enumerate(table.columns.items()):
        fields = template_fields(metrics, column.dataset)
        label = column.label.format(**fields) or dataset_label(metrics, column.dataset)
        names.append(label.replace(" (", "\n("))
        pairs = table_pairs(metrics, table, name, list(labels))
        for number, (method, (theirs, ours)) in enumerate(pairs.items()):
            x = place + (number - (len(labels) - 1) / 2) * 0.75 / len(labels)
            colour, look = styles[method]["color"], styles[method] | {"zorder": 3}
            if theirs is not None:  # above the filled one, which would hide it
                axes.plot([x], [theirs], ls="", mfc="none", ms=6, **look | {"zorder": 4})
            if ours.mean is None:
                continue
            axes.plot([x], [ours.mean], ls="", ms=5, label=labels[method], **look)
            if theirs is not None:
                axes.vlines(x, theirs, ours.mean, color=colour, lw=0.8, alpha=0.6)
            if ours.interval is not None:
                accuracy = table.better == "higher"
                ends = np.clip(ours.interval, *PERCENT) if accuracy else ours.interval
                axes.vlines(x, *ends, color=colour, lw=2.5, alpha=0.35)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(visible=False, axis="x")
    for border in range(1, len(names)):
        axes.axvline(border - 0.5, color="#dddddd", lw=0.6)
    if table.better == "lower":  # columns of very different size
        drawing.plain_log(axes.yaxis)


def paper_figure(metrics: dict):
    """A panel a table: the paper's numbers, hollow, and ours, filled, with 95 % intervals."""
    labels, tables = method_labels(("run", metrics)), paper().tables
    styles = drawing.looks(list(labels))
    figure, grid = drawing.axes_grid(3, 2, width=4.4, height=2.4)
    for axes in grid.flat[len(tables) :]:
        axes.set_axis_off()
    for axes, table in zip(grid.flat, tables.values(), strict=False):
        table_panel(axes, metrics, table, styles, labels)
        axes.set(ylabel=table.axis, title=f"Table {table.name}: {table.title}")
    rest = grid.flat[len(tables)]
    rest.text(0.02, 0.9, READING, va="top", transform=rest.transAxes)
    drawing.method_legend(figure, labels)
    return figure
