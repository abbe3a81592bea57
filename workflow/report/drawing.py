"""What all figures share: one look, one colour and marker a method, deterministic files."""

from pathlib import Path

from matplotlib import pyplot as plt

from data.files import atomic_write

plt.switch_backend("Agg")  # files only, whatever display there is

STYLE = Path(__file__).with_name("style.mplstyle")
LARGEST_PNG = 1_000_000  # bytes
# The palette of Okabe and Ito, told apart by all common kinds of colour blindness, and a marker
# for those who see none. Extra methods of params.yaml share a hue with their relative.
LOOKS = {
    "vae": ("#0072B2", "o"),
    "beta_vae_high": ("#E69F00", "s"),
    "beta_vae_low": ("#56B4E9", "^"),
    "vimae_n": ("#D55E00", "D"),
    "vimae_l": ("#009E73", "v"),
    "beta_vae_4": ("#E69F00", "P"),
    "beta_vae_01": ("#56B4E9", "<"),
    "capacity_vae": ("#CC79A7", "X"),
    "vimae_n_single": ("#D55E00", "d"),
    "vimae_l_single": ("#009E73", ">"),
    "vimae_n_js": ("#000000", "*"),
}
OTHER_LOOK = ("#777777", "p")


def look(method: str) -> dict:
    """Colour and marker of a method, whichever others are drawn."""
    colour, marker = LOOKS.get(method, OTHER_LOOK)
    return {"color": colour, "marker": marker}


def line_and_band(axes, x, y, low, high, method: str, label: str) -> None:
    """A method's line, with at most some seven markers, on a band from `low` to `high`."""
    style = look(method)
    axes.plot(x, y, label=label, markevery=max(1, len(x) // 6), **style)
    axes.fill_between(x, low, high, color=style["color"], alpha=0.15, lw=0)


def dataset_rows(datasets: list[str], columns: int, *, width: float):
    """A figure with one row of axes per dataset; `width` of one in inches."""
    size = (width * columns, 2.15 * len(datasets) + 0.5)
    return plt.subplots(len(datasets), columns, figsize=size, squeeze=False)


def method_legend(figure, labels: dict[str, str]) -> None:
    """One legend above all axes, with every method that is drawn anywhere."""
    handles = {}
    for axes in figure.axes:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    shown = [label for label in labels.values() if label in handles]
    if shown:
        figure.legend(
            [handles[label] for label in shown], shown, loc="outside upper center", ncols=len(shown)
        )


def save(figure, folder: Path, stem: str) -> None:
    """Write `stem`.png (at most 1 MB, at 150 dpi or the most that allows) and `stem`.svg.

    No date and no version goes in: the same numbers give the same bytes.
    """
    with atomic_write(folder / f"{stem}.png") as temporary:
        for dpi in (150, 120, 100, 80, 60):
            figure.savefig(temporary, dpi=dpi, metadata={"Software": None})
            if temporary.stat().st_size <= LARGEST_PNG:
                break
    for image in (image for axes in figure.axes for image in axes.images):
        image.set_interpolation("none")  # embeds the pixels themselves
    with atomic_write(folder / f"{stem}.svg") as temporary:
        figure.savefig(temporary, metadata={"Date": None, "Creator": None})
    plt.close(figure)
