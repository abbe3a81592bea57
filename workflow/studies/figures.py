"""One figure a study: every method's values, or a difference over widths and epochs."""

from fractions import Fraction

import numpy as np

from workflow.report.labels import dataset_names, dataset_title
from workflow.report.pictures import drawing
from workflow.report.values import Value, measured
from workflow.settings import Settings
from workflow.studies.definitions import DRAWN, Study
from workflow.studies.frames import columns, differences, partly_collapsed

BAR = {"capsize": 2, "lw": 1.2}
BESIDE = 1.05  # so that bars of different widths do not hide each other
# What a cost is called, and the method of the paper that it looks as; others look as VIMAE-l.
COSTS = {
    "bernoulli": ("Bernoulli", "vae"),
    "flipped": ("Bernoulli with a limit (flips)", "vimae_l"),
    "gaussian": ("Gaussian (squared error)", "beta_vae_high"),
    "squared_error": ("0.05 × squared error", "vimae_n"),
}


def panels(metrics: dict) -> list[str]:
    """Heads of the values that are drawn, of all datasets, in the order of the tables."""
    found = [column.head for d in dataset_names(metrics) for column in columns(metrics, d, DRAWN)]
    return list(dict.fromkeys(found))


def error(value: Value) -> float:
    """Half a bar: one standard error over seeds, none of a single seed."""
    return value.se if value.n > 1 else 0.0


def cost_style(settings: Settings, dataset: str, method: str) -> dict:
    """Colour, marker and label of the cost by which a method is trained."""
    cost = settings.train_settings(dataset, method)["method"]["likelihood"]
    label, alike = COSTS.get(cost, (cost, "vimae_l"))
    colour, marker = drawing.LOOKS[alike]
    return {"color": colour, "fmt": marker, "label": label}


def methods_figure(metrics: dict, study: Study, settings: Settings):
    """A row a dataset, a panel a value, a line a method: mean ± standard error, and every seed.

    Colour and marker say by which cost a method was trained. Of one whose code collapsed on some
    seeds there are the seeds alone.
    """
    datasets, heads = dataset_names(metrics), panels(metrics)
    shown = {method for dataset in datasets for method in metrics["datasets"][dataset]["methods"]}
    labels = {m["name"]: m["label"] for m in metrics["methods"] if m["name"] in shown}
    rows = np.arange(len(labels))[::-1]  # the first method on top
    styles = {method: cost_style(settings, datasets[0], method) for method in labels}
    height = 0.22 * len(labels) + 0.5
    figure, grid = drawing.axes_grid(len(datasets), len(heads), width=1.9, height=height)
    for dataset, line in zip(datasets, grid, strict=True):
        drawn = {column.head: column for column in columns(metrics, dataset, DRAWN)}
        for axes, head in zip(line, heads, strict=True):
            for method, row in zip(labels, rows, strict=True):
                value = head in drawn and measured(metrics, dataset, method, drawn[head].name)
                if not value or value.mean is None:
                    continue
                of_method = metrics["datasets"][dataset]["methods"][method]
                seeds = [s for s in of_method[drawn[head].name]["values"] if s is not None]
                axes.plot(seeds, [row] * len(seeds), "|", color="#999999")
                if not partly_collapsed(of_method):
                    axes.errorbar(value.mean, row, xerr=error(value), **styles[method], **BAR)
            axes.set_yticks(rows, labels.values() if axes is line[0] else [""] * len(rows))
            axes.set_ylim(-0.6, len(rows) - 0.4)
            axes.locator_params(axis="x", nbins=4)
            axes.set_title(head)
            axes.set_xlabel(drawn[head].unit if head in drawn else "")
    drawing.method_legend(figure, {style["label"]: style["label"] for style in styles.values()})
    return figure


def scale_figure(metrics: dict, study: Study, settings: Settings):
    """A row a dataset, a panel a value, a line a width: VIMAE-n minus VAE over epochs."""
    compared = differences(metrics, study.contrasts)
    datasets, heads = dataset_names(metrics), panels(metrics)
    figure, grid = drawing.axes_grid(len(datasets), len(heads), width=2.1)
    for dataset, line in zip(datasets, grid, strict=True):
        drawn = {column.head: column for column in columns(metrics, dataset, DRAWN)}
        lines: dict[str, list] = {}
        for contrast in study.contrasts:
            own = settings.train_settings(dataset, contrast.method)
            width, epochs = own["model"]["width"], own["train"]["epochs"]
            points = lines.setdefault(f"{Fraction(width)} of the width", [])
            if compared["datasets"][dataset]["methods"][contrast.name]:
                points.append((epochs, contrast.name))
        styles = drawing.looks(list(lines))
        ticks = sorted({epochs for points in lines.values() for epochs, _ in points})
        for axes, head in zip(line, heads, strict=True):
            if head not in drawn:
                axes.set_axis_off()
                continue
            axes.axhline(0, color="#777777", lw=0.8)
            axes.set_xscale("log", base=2)
            for place, (share, points) in enumerate(lines.items()):
                found = [(e, measured(compared, dataset, n, drawn[head].name)) for e, n in points]
                found = [(epochs, value) for epochs, value in found if value.mean is not None]
                if found:
                    epochs, values = zip(*found, strict=True)
                    epochs = [e * BESIDE ** (place - 1) for e in epochs]
                    means, bars = [v.mean for v in values], [error(v) for v in values]
                    axes.errorbar(epochs, means, bars, label=share, **styles[share], **BAR)
            axes.set_xticks(ticks, [str(tick) for tick in ticks])
            if ticks:
                axes.set_xlim(ticks[0] / 1.2, ticks[-1] * 1.2)
    rows = [dataset_title(metrics, dataset) for dataset in datasets]
    drawing.name_grid(grid, heads, rows, across="epochs", up="VIMAE-n minus VAE")
    drawing.method_legend(figure, {share: share for share in lines})
    return figure


FIGURES = {"methods": methods_figure, "scale": scale_figure}
