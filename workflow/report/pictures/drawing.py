"""What all figures share: one look, one colour and marker a method, deterministic files."""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from data.files import atomic_write

plt.switch_backend("Agg")  # files only, whatever display there is

STYLE = Path(__file__).with_name("style.mplstyle")
LARGEST_PNG = 1_000_000  # bytes
# The palette of Okabe and Ito, told apart by all common kinds of colour blindness, and a marker
# for those who see none. The paper's methods always look the same, others take what is left.
LOOKS = {
    "vae": ("#0072B2", "o"),
    "beta_vae_high": ("#E69F00", "s"),
    "beta_vae_low": ("#56B4E9", "^"),
    "vimae_n": ("#D55E00", "D"),
    "vimae_l": ("#009E73", "v"),
}
OTHER_COLOURS = ("#CC79A7", "#000000", "#999933", "#882255", "#777777")
OTHER_MARKERS = ("X", "P", "*", "<", ">", "p", "d")


def looks(methods: list[str]) -> dict[str, dict]:
    """Colour and marker of every method; those that the paper does not have differ by position.

    Of the first 35 further methods no two share both, and the 36th looks like the first.
    """
    other = [method for method in methods if method not in LOOKS]
    found = {}
    for number, method in enumerate(other):
        colour = OTHER_COLOURS[number % len(OTHER_COLOURS)]
        found[method] = (colour, OTHER_MARKERS[number % len(OTHER_MARKERS)])
    found |= {method: LOOKS[method] for method in methods if method in LOOKS}
    return {m: {"color": colour, "marker": marker} for m, (colour, marker) in found.items()}


def line_and_band(axes, x, y, low, high, style: dict, label: str) -> None:
    """A method's line, with at most some seven markers, on a band from `low` to `high`."""
    axes.plot(x, y, label=label, markevery=max(1, len(x) // 6), **style)
    axes.fill_between(x, low, high, color=style["color"], alpha=0.15, lw=0)


def axes_grid(
    rows: int, columns: int, *, width: float, height: float = 2.0, alike="none", alike_x="none"
):
    """A figure of rows x columns axes, each `width` x `height` inches.

    `alike` and `alike_x` say which panels share the scale of their y and x axis: "row" or "none".
    """
    size = (width * columns, height * rows + 0.5)
    return plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=alike, sharex=alike_x)


def name_grid(grid, columns: list[str], rows: list[str], *, across: str, up: str = "") -> None:
    """Say once what a column and what a row of panels shows, and what their axes are."""
    for panels, name in zip(grid.T, columns, strict=False):
        next((axes for axes in panels if axes.get_visible()), panels[0]).set_title(name)
    for axes, name in zip(grid[:, 0], rows, strict=True):
        name = name.replace(" (", "\n(")
        axes.set_ylabel(f"{name}\n{up}" if up else name)
    for axes in grid[-1]:
        axes.set_xlabel(across)


def plain_log(axis) -> None:
    """A logarithmic axis labelled with plain numbers."""
    axis.axes.set_yscale("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def method_legend(figure, labels: dict[str, str]) -> None:
    """One legend above all axes, with every method that is drawn anywhere."""
    handles = {}
    for axes in figure.axes:
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)) | handles
    shown = [label for label in labels.values() if label in handles]
    if shown:
        longest = 0.4 + 0.075 * max(map(len, shown))  # inches, with its marker
        figure.legend(
            [handles[label] for label in shown],
            shown,
            loc="outside upper center",
            ncols=min(len(shown), 6, max(1, int(figure.get_figwidth() / longest))),
        )


def write_png(figure, path: Path, dpi: int) -> None:
    """The figure without transparency, in grey if all of it is: pictures of digits halve in size."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    image = Image.open(file).convert("RGB")
    red, green, blue = np.moveaxis(np.asarray(image), 2, 0)
    grey = np.array_equal(red, green) and np.array_equal(green, blue)
    image.convert("L" if grey else "RGB").save(path, "png", dpi=(dpi, dpi))


def save(figure, folder: Path, stem: str) -> None:
    """Write `stem`.png (at most 1 MB, at 150 dpi or the most that allows), of a chart `stem`.svg too.

    Pictures are pixels, which an SVG makes larger and no sharper. No date and no version goes in: the
    same numbers give the same bytes.
    """
    with atomic_write(folder / f"{stem}.png") as temporary:
        for dpi in (150, 120, 100, 80, 60):
            write_png(figure, temporary, dpi)
            if temporary.stat().st_size <= LARGEST_PNG:
                break
    if not any(axes.images for axes in figure.axes):
        figure.set_layout_engine("none")  # it stays as laid out, which takes as long as drawing
        with atomic_write(folder / f"{stem}.svg") as temporary:
            figure.savefig(temporary, metadata={"Date": None, "Creator": None})
    plt.close(figure)
