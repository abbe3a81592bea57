"""Pictures of what methods do, per dataset: samples, reconstructions, interpolations.

`results/<preset>/samples/<dataset>/<method>/seed<n>.npz` holds uint8 arrays: `images` (count, h, w, c),
generated; `originals` and `reconstructions` (8, h, w, c), the same test images for every method; and
`interpolation` (8, h, w, c), decoded from a line between two draws from the prior, so that no image of
the dataset is in it. The latter three may be absent. Draws are the same for every method with a prior.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.layout_engine import ConstrainedLayoutEngine

from data.arrays import open_arrays
from workflow.report.labels import method_labels
from workflow.report.pictures.captions import may_be_shown

SIDE = 8  # images a row and a column of a panel
GAP = 2  # pixels between them
NOTHING = "none:\ndiverged or not run"


def dataset_may_be_shown(path: Path) -> bool:
    """Whether a dataset's originals may be rendered: its file itself says so in its header."""
    with open_arrays(path) as stored:
        return may_be_shown(json.loads(str(stored["header"]))["meta"])


def real_images(path: Path) -> np.ndarray | None:
    """Test images spread evenly over the split (its order is by class), uint8 (n, h, w, c).

    None where they may not be shown, decided before any image is read, and where a record is drawn
    without its data.
    """
    if not path.exists() or not dataset_may_be_shown(path):
        return None
    with open_arrays(path) as stored:
        images = stored["test_images"]
    return images[np.linspace(0, len(images) - 1, SIDE * SIDE).astype(int)]


def stored_images(path: Path, name: str, count: int) -> np.ndarray | None:
    """The first `count` images of an array of a samples file, uint8 (n, h, w, c).

    None for a run without any: missing, diverged, or without that array.
    """
    if not path.exists():
        return None
    with open_arrays(path) as stored:
        if name not in stored.files:
            return None
        images = stored[name][:count]
    return images if len(images) else None


def by_method(
    metrics: dict, dataset: str, root: Path, name: str, count: int
) -> dict[str, np.ndarray | None]:
    """The array of every method's first seed that has it, by the method's label.

    The label names the seed if it is not the run's first: that one diverged, or is not at hand.
    """
    found, first = {}, metrics["seeds"][0]
    for method, label in method_labels(("run", metrics)).items():
        folder = root / "samples" / dataset / method
        seeds = ((s, stored_images(folder / f"seed{s}.npz", name, count)) for s in metrics["seeds"])
        there = ((seed, images) for seed, images in seeds if images is not None)
        seed, images = next(there, (first, None))
        found[label if seed == first else f"{label}, seed {seed}"] = images
    return found


def without_samples(metrics: dict, dataset: str, root: Path) -> list[str]:
    """Methods with a run that did not diverge, but without any samples below `root`."""
    missing = []
    for method, run in metrics["datasets"][dataset]["runs"].items():
        folder = root / "samples" / dataset / method
        if run["count"]["runs"] > run["count"]["diverged"] and not any(folder.glob("seed*.npz")):
            missing.append(method)
    return missing


def montage(images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c), SIDE a row, as one on white with gaps: (H, W, 3)."""
    count, height, width, _ = images.shape
    rows = -(-count // SIDE)
    sheet = np.full((rows * (height + GAP) - GAP, SIDE * (width + GAP) - GAP, 3), 255, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, SIDE)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = image  # grey broadcasts to colour
    return sheet


def draw_images(axes, images: np.ndarray | None) -> None:
    """The images, or why there are none."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if images is None:
        axes.text(0.5, 0.5, NOTHING, ha="center", va="center", transform=axes.transAxes)
    else:
        axes.imshow(montage(images))


def sample_figure(metrics: dict, dataset: str, root: Path, title: str):
    """One panel a method, of its first seed that did not diverge, after one of real images."""
    panels = {}
    real = real_images(root / "data" / f"{dataset}.npz")
    if real is not None:
        synthetic = metrics["datasets"][dataset]["meta"]["synthetic"]
        panels["synthetic stand-in" if synthetic else "real test images"] = real
    panels |= by_method(metrics, dataset, root, "images", SIDE * SIDE)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    size = (2.7 * columns, 2.9 * rows + 0.3)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (label, images) in zip(grid.flat, panels.items(), strict=False):
        axes.set_axis_on()
        axes.set_title(label)
        draw_images(axes, images)
    figure.suptitle(title)
    return figure


def rows_figure(rows: dict[str, np.ndarray | None], title: str):
    """A row of images under each label."""
    size = (6.4, 0.7 * len(rows) + 0.4)
    close = ConstrainedLayoutEngine(h_pad=0.01, hspace=0)
    figure, grid = plt.subplots(len(rows), 1, figsize=size, squeeze=False, layout=close)
    for axes, (label, images) in zip(grid[:, 0], rows.items(), strict=True):
        draw_images(axes, images)
        axes.set_ylabel(label, rotation=0, ha="right", va="center")
    figure.suptitle(title)
    return figure


def reconstruction_figure(metrics: dict, dataset: str, root: Path, title: str):
    """Originals, and under them every method's reconstructions.

    ValueError where originals may not be shown: a reconstruction gives away what it is of.
    """
    path = root / "data" / f"{dataset}.npz"
    meta = metrics["datasets"][dataset]["meta"]
    if not (dataset_may_be_shown(path) if path.exists() else may_be_shown(meta)):
        raise ValueError(f"{path}: its images may not be shown, hence no reconstructions either")
    originals = by_method(metrics, dataset, root, "originals", SIDE).values()
    rows = {"original": next((images for images in originals if images is not None), None)}
    rows |= by_method(metrics, dataset, root, "reconstructions", SIDE)
    return rows_figure(rows, title)


def interpolation_figure(metrics: dict, dataset: str, root: Path, title: str):
    """Every method's images on a line between two latent draws."""
    return rows_figure(by_method(metrics, dataset, root, "interpolation", SIDE), title)
