"""The study of robustness as one table and one figure, see `workflow.studies.robustness`."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from workflow.report.labels import (
    corruption_label,
    dataset_names,
    dataset_title,
    method_labels,
    seeds_text,
)
from workflow.report.pictures import drawing
from workflow.report.text.readings import reading
from workflow.report.text.writing import to_markdown, write_text
from workflow.report.values import Value, measured
from workflow.settings import Settings
from workflow.studies.frames import with_error
from workflow.studies.robustness import gather, study_folder

LABELS = {
    "as_recorded": "as recorded",
    "batch_statistics": "batch's own statistics",
    "labels_100": "100 labels",
    "linear": "linear kernel",
    "one_scale": "one scale for all features",
    "whitened": "whitened features",
}
TITLE = "Robustness, taken apart"
ALIKE = 0.2  # how far a level may be from what a noise adds on average, relatively
LEAST_WIDTH = 8.0  # inches of a figure, for its legend
HEAD = """\
What is it that Tables III to V measure? Accuracy of the M1+TSVM in %, trained on clean images, under
one change of the reading at a time; networks of preset `{preset}`, none trained anew. ± is the standard
error over seeds, (n): of n of them only; spread: the best method's mean minus the worst's, in points.
Brightness is raised by about what clipped noise of level {large:g} adds to a black image on average,
{large:g} / √(2π) (left out where no level is near that), contrast lowered as masks lower it on average:
neither has any noise."""
ANSWERS = """\
How codes answer to ink, with no classifier: how much of its way from black a code has gone at a share
of the image's contrast, and how much of what a second image does to it one so much fainter does
(`eval/response/score.py`). A linear encoder answers with the share itself."""


def conditions(levels: list[float], value_range: str) -> list[tuple[str, float | None]]:
    """(corruption, level) of every row: clean, each noise, and after it what it does on average.

    That is left out where no level is near it.
    """
    large = max(levels)
    added = large / math.sqrt(2 * math.pi)
    offset = min(levels, key=lambda level: abs(level - added))
    rows = [("clean", None), ("gaussian", large), ("gaussian_clipped", large)]
    if abs(offset / added - 1) < ALIKE:
        rows.append(("brightness", offset))
    rows.append(("mask_zero", large))
    if value_range == "symmetric":  # on [0, 1] both masks are one
        rows.append(("mask_black", large))
    return [*rows, ("contrast", large)]


def conditions_of(settings: Settings, dataset: str) -> list[tuple[str, float | None]]:
    """Those of a dataset."""
    levels = settings.score_settings("robustness", dataset)["levels"]
    return conditions(levels, settings.dataset(dataset).value_range)


def condition_label(condition: tuple[str, float | None]) -> str:
    """What a row is called."""
    corruption, level = condition
    return "clean" if level is None else f"{corruption_label(corruption)}, {level:g}"


def accuracy(metrics: dict, dataset: str, method: str, own: str, condition: tuple) -> Value:
    """The TSVM's under the reading `own` and a condition."""
    corruption, level = condition
    name = corruption if level is None else f"{corruption}.{level:g}"
    return measured(metrics, dataset, method, f"{own}.tsvm.{name}")


def labels_of(metrics: dict, dataset: str) -> dict[str, str]:
    """Name and label of the methods that have a value of the dataset."""
    there = metrics["datasets"][dataset]["methods"]
    return {m: label for m, label in method_labels(("run", metrics)).items() if m in there}


def seeds_scored(metrics: dict, dataset: str) -> int:
    """How many seeds of it have been scored: the most that any value has."""
    methods = metrics["datasets"][dataset]["methods"].values()
    return max(summary["n"] for values in methods for summary in values.values())


def frame(metrics: dict, settings: Settings, dataset: str) -> pd.DataFrame:
    """A row a reading and condition, a column a method, and how far the methods are apart."""
    labels, seeds, rows = labels_of(metrics, dataset), seeds_scored(metrics, dataset), []
    for own, label in LABELS.items():
        for condition in conditions_of(settings, dataset):
            found = {m: accuracy(metrics, dataset, m, own, condition) for m in labels}
            means = [value.mean for value in found.values() if value.mean is not None]
            if not means:
                continue
            row = {"reading": label, "images": condition_label(condition)}
            for method, value in found.items():
                row[labels[method]] = with_error(value, 1, seeds)
            rows.append(row | {"spread": f"{max(means) - min(means):.1f}"})
    return pd.DataFrame(rows)


def answers_frame(metrics: dict, settings: Settings, dataset: str) -> pd.DataFrame:
    """A row a value of `response`, a column a method; empty if it was not measured."""
    labels, seeds, rows = labels_of(metrics, dataset), seeds_scored(metrics, dataset), []
    methods = metrics["datasets"][dataset]["methods"]
    names = {name for values in methods.values() for name in values if name.startswith("response.")}
    for name in sorted(names):
        _, quantity, level = name.split(".", 2)
        row = {"answer": f"{quantity} at {level}"}
        for method, label in labels.items():
            row[label] = with_error(measured(metrics, dataset, method, name), 3, seeds)
        rows.append(row)
    return pd.DataFrame(rows)


def long_frame(metrics: dict) -> pd.DataFrame:
    """Every value: dataset, reading, classifier, corruption, level, method, mean, se, n ...

    Of `response` the corruption is the value's name, and there is no classifier.
    """
    rows = []
    for dataset in dataset_names(metrics):
        for method, values in metrics["datasets"][dataset]["methods"].items():
            for name, summary in values.items():
                own, _, rest = name.partition(".")
                value = measured(metrics, dataset, method, name)
                if own == "response":
                    classifier, (kind, level) = "", rest.split(".", 1)
                else:
                    of = reading(f"robustness.{rest}")
                    classifier, kind, level = of.classifier, of.corruption, of.level
                row = {"dataset": dataset, "reading": own, "classifier": classifier}
                row |= {"corruption": kind, "level": level, "method": method}
                row |= {"mean": value.mean, "se": value.se, "n": value.n}
                rows.append(row | {"diverged": value.diverged, "values": summary["values"]})
    return pd.DataFrame(rows)


def readings_of(metrics: dict) -> dict[str, str]:
    """Those of `LABELS` that any run was scored under."""
    methods = [of["methods"].values() for of in metrics["datasets"].values()]
    found = {name.partition(".")[0] for of in methods for values in of for name in values}
    return {own: label for own, label in LABELS.items() if own in found}


def figure(metrics: dict, settings: Settings):
    """A row a dataset, a panel a reading, a line a condition, a marker a method."""
    labels, datasets = method_labels(("run", metrics)), dataset_names(metrics)
    styles, readings = drawing.looks(list(labels)), readings_of(metrics)
    width = max(2.4, LEAST_WIDTH / len(readings))
    drawn, grid = drawing.axes_grid(
        len(datasets), len(readings), width=width, alike="row", alike_x="row"
    )
    for dataset, line in zip(datasets, grid, strict=True):
        shown = conditions_of(settings, dataset)
        rows = np.arange(len(shown))[::-1]  # the first condition on top
        for axes, own in zip(line, readings, strict=True):
            for method, label in labels.items():
                found = [accuracy(metrics, dataset, method, own, of) for of in shown]
                points = [
                    (v.mean, row) for v, row in zip(found, rows, strict=True) if v.mean is not None
                ]
                if points:
                    axes.plot(*zip(*points, strict=True), ls="", label=label, **styles[method])
            axes.set_yticks(rows, [condition_label(condition) for condition in shown])
            axes.set_visible(axes.has_data())
    titles = [dataset_title(metrics, dataset) for dataset in datasets]
    drawing.name_grid(grid, list(readings.values()), titles, across="accuracy, %")
    drawing.method_legend(drawn, labels)
    return drawn


def render(settings: Settings, results: Path) -> Path | None:
    """Write table.md, table.csv and the figure beside the cells, see `robustness.study_folder`.

    None if no cell has been made.
    """
    metrics, out = gather(settings, results), study_folder(settings, results)
    if not metrics["datasets"]:
        return None
    parts = [f"# {TITLE}", HEAD.format(preset=settings.preset, large=metrics["levels"]["large"])]
    has_accuracies = bool(readings_of(metrics))  # `response` alone has none
    if has_accuracies:
        parts.append(f"![{TITLE}](figure.png)")
    for dataset in dataset_names(metrics):
        behind = seeds_text({seeds_scored(metrics, dataset)}, len(settings.seeds))
        parts.append(f"## {dataset_title(metrics, dataset)}, {behind}")
        if len(accuracies := frame(metrics, settings, dataset)):
            parts.append(to_markdown(accuracies, left=2))
        if len(answers := answers_frame(metrics, settings, dataset)):
            parts += [ANSWERS, to_markdown(answers)]
    write_text(out / "table.md", "\n\n".join(parts) + "\n")
    write_text(out / "table.csv", long_frame(metrics).to_csv(index=False, lineterminator="\n"))
    if has_accuracies:
        with drawing.plt.style.context(drawing.STYLE):
            drawing.save(figure(metrics, settings), out, "figure")
    return out / "table.md"
