"""Figures 1-4: what every method generates, per dataset, beside real images where they may be."""

import json
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

SIDE = 8  # images a row and a column of a panel
GAP = 2  # pixels between them


def may_be_shown(dataset: str, meta: dict) -> bool:
    """Whether originals may be rendered: CelebA's never (its terms), its synthetic stand-in may."""
    return dataset != "celeba" or meta["synthetic"] is True


def real_images(path: Path, dataset: str) -> np.ndarray | None:
    """Test images spread evenly over the split (its order is by class), uint8 (n, h, w, c).

    None where they may not be shown: decided by the file's own header, before any image is read.
    """
    with np.load(path, allow_pickle=False) as stored:
        if not may_be_shown(dataset, json.loads(str(stored["header"]))["meta"]):
            return None
        images = stored["test_images"]
    return images[np.linspace(0, len(images) - 1, SIDE * SIDE).astype(int)]


def generated_images(path: Path) -> np.ndarray | None:
    """The first images of a samples file, uint8 (n, h, w, c); None for a run without any."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        images = stored["images"][: SIDE * SIDE]
    return images if len(images) else None


def montage(images: np.ndarray) -> np.ndarray:
    """Up to SIDE x SIDE images (n, h, w, c) as one on white, with gaps: (H, W, 3)."""
    _, height, width, _ = images.shape
    sheet = np.full((SIDE * (height + GAP) - GAP, SIDE * (width + GAP) - GAP, 3), 255, np.uint8)
    for number, image in enumerate(images[: SIDE * SIDE]):
        row, column = divmod(number, SIDE)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = image  # grey broadcasts to colour
    return sheet


def sample_figure(metrics: dict, dataset: str, root: Path, title: str):
    """One panel a method, of its first seed that did not diverge, after one of real images."""
    panels = {}
    real = real_images(root / "data" / f"{dataset}.npz", dataset)
    if real is not None:
        synthetic = metrics["datasets"][dataset]["meta"]["synthetic"]
        panels["synthetic stand-in" if synthetic else "real test images"] = real
    for method in metrics["methods"]:
        folder = root / "samples" / dataset / method["name"]
        seeds = (generated_images(folder / f"seed{seed}.npz") for seed in metrics["seeds"])
        panels[method["label"]] = next((images for images in seeds if images is not None), None)

    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.7 * columns, 2.9 * rows + 0.3), squeeze=False
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (label, images) in zip(grid.flat, panels.items(), strict=False):
        axes.set_title(label)
        if images is None:
            axes.text(0.5, 0.5, "no samples:\ndiverged or not run", ha="center", va="center")
        else:
            axes.imshow(montage(images))
    figure.suptitle(title)
    return figure
