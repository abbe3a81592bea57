"""The figures and the data of the plots."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.report_tree import write_tree
from workflow.report import drawing, figures, samples
from workflow.report.collect import collect
from workflow.report.curves import learning_curves, robustness_curves


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """(root, params, metrics) of two seeds."""
    root = tmp_path_factory.mktemp("results")
    params = write_tree(root, [0, 1])
    return root, params, collect(root, params, preset="quick")


def test_plot_data(tree):
    root, _, metrics = tree
    learning = learning_curves(metrics, root)
    assert len(learning) == 4 * 5 * 2 * 2
    assert list(learning.columns[:4]) == ["dataset", "method", "seed", "epoch"]
    robustness = robustness_curves(metrics).set_index(
        ["dataset", "classifier", "method", "noise", "level"]
    )
    clean = robustness.loc["mnist", "tsvm", "vae", "mask", 0.0]
    assert clean["accuracy"] == 92.0  # 91 and 93: an error of 1
    assert clean["high"] - clean["accuracy"] == pytest.approx(1.96)


def test_figures_are_whole_small_and_repeatable(tree, tmp_path):
    root, params, _ = tree
    metrics = collect(root, params | {"datasets": ["celeba", "mnist"]}, preset="quick")
    figures.draw(metrics, root, tmp_path / "a")
    figures.draw(metrics, root, tmp_path / "b")
    stems = {"figure1_mnist", "figure4_celeba", "learning_curves", "robustness", "information"}
    names = {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in names:
        first, second = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert first == second, f"{name} differs between two drawings"
        assert len(first) <= 1_000_000
    for stem in stems:
        with Image.open(tmp_path / "a" / f"{stem}.png") as image:
            image.load()
            assert min(image.size) > 300


def red_pixels(path: Path) -> int:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int(((pixels[..., 0] > 200) & (pixels[..., 1] < 50) & (pixels[..., 2] < 50)).sum())


def test_real_celeba_is_never_drawn(tmp_path):
    params = write_tree(tmp_path, [0], synthetic=False)
    metrics = collect(tmp_path, params, preset="paper")
    # Not even if metrics.json says otherwise: the file itself says what it holds.
    metrics["datasets"]["celeba"]["meta"]["synthetic"] = True
    red = {}
    for dataset in ("celeba", "cifar10"):
        figure = samples.sample_figure(metrics, dataset, tmp_path, dataset)
        drawing.save(figure, tmp_path, dataset)
        red[dataset] = red_pixels(tmp_path / f"{dataset}.png")
    assert red["celeba"] == 0 and red["cifar10"] > 1000
    assert samples.real_images(tmp_path / "data" / "celeba.npz", "celeba") is None


def test_synthetic_stand_in_is_drawn_and_named(tree):
    root, _, metrics = tree
    figure = samples.sample_figure(metrics, "celeba", root, "title")
    assert figure.axes[0].get_title() == "synthetic stand-in"
    samples.plt.close(figure)
