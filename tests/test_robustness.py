"""The score of robustness, with encoders whose answers are known; its errors."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from data.store import ImageSet
from eval.robustness.corruption import CORRUPTIONS, same_as
from eval.robustness.score import of_images, of_repeats, score
from tests.quadrants import (
    CLASSES,
    SIDE,
    Quadrants,
    accuracies,
    inputs,
    quadrant_data,
)


def test_separable_classes_are_all_right():
    values = score(inputs(quadrant_data())).values
    for classifier in ("tsvm", "svm"):
        clean = values[f"{classifier}.clean"]
        assert clean == {
            "value": 100.0,
            "se": 0.0,
            "interval": [pytest.approx(96.3, abs=0.05), 100.0],
            "doubtful": False,
        }
        assert values[f"{classifier}.gaussian.0.01"]["value"] == 100
        assert values[f"{classifier}.mask_black.area"]["value"] == 100


def test_labels_without_meaning_give_chance():
    data = quadrant_data()
    random = np.random.default_rng(1)
    shuffled = replace(
        data,
        train_labels=random.permutation(data.train_labels),
        test_labels=random.permutation(data.test_labels),
    )
    values = accuracies(shuffled)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 100, 1 / CLASSES)
    assert low <= values["tsvm.clean"] <= high
    assert low <= values["svm.clean"] <= high


def test_a_fully_masked_image_is_one_class_for_all():
    """The test set is balanced, so exactly one image in four is right."""
    values = accuracies(quadrant_data(), levels=[1.0])
    assert values["tsvm.mask_black.1"] == values["svm.mask_black.1"] == 25
    # All right at level 0, a quarter at level 1, a straight line between.
    assert values["tsvm.mask_black.area"] == pytest.approx((100 + 25) / 2)


def test_values_are_the_means_of_their_units():
    data = quadrant_data()
    result = score(inputs(data, levels=[0.3, 0.7], test=50, retrain_levels=[0.7]))
    assert set(result.units) == set(result.values)
    assert len(result.indices) == 50 == len(set(result.indices))
    for name, units in result.units.items():
        assert units.shape == (50,) and units.min() >= 0 and units.max() <= 100
        assert result.values[name]["value"] == pytest.approx(units.mean())
    levels = [result.units[f"svm.gaussian{level}"] for level in (".0.3", ".0.7")]
    expected = (0.15 * (result.units["svm.clean"] + levels[0]) + 0.2 * sum(levels)) / 0.7
    np.testing.assert_allclose(result.units["svm.gaussian.area"], expected)


def test_noise_is_the_same_for_all_methods_of_a_seed():
    first, second, other = Quadrants(), Quadrants(), Quadrants()
    data = quadrant_data()
    score(inputs(data, model=first))
    score(inputs(data, model=second))
    score(inputs(data, model=other, seed=1))
    assert len(first.seen) == 1 + 1 + 2 + 2  # train, clean, two draws of two corruptions
    assert all(torch.equal(a, b) for a, b in zip(first.seen, second.seen, strict=True))
    assert not torch.equal(first.seen[2], other.seen[2])
    assert not torch.equal(first.seen[2], first.seen[3])


def test_each_corrupted_set_is_encoded_once():
    model = Quadrants()
    kinds = list(CORRUPTIONS)
    values = accuracies(
        quadrant_data(), model=model, corruptions=kinds, levels=[0.1, 0.5], retrain_levels=[0.5]
    )
    # On [0, 1] both masks are one; brightness and contrast have no noise to draw twice.
    noisy, still = 3, 2
    assert len(model.seen) == 2 + 2 * (2 * noisy + still) + (noisy + still)
    assert same_as("mask_black", "symmetric") == "mask_black"
    for level in ("0.1", "0.5", "area"):
        assert values[f"tsvm.mask_zero.{level}"] == values[f"tsvm.mask_black.{level}"]
    retrained = {name for name in values if name.startswith("svm.retrained.")}
    assert retrained == {f"svm.retrained.{kind}.0.5" for kind in kinds}


class Brightness:
    """An encoder: total brightness."""

    def encode(self, x):
        return x.mean((1, 2, 3))[:, None], None


def test_training_on_corrupted_images_learns_the_shift():
    """Masked, a bright image is darker than a dark clean one: only the mask tells them apart."""
    labels = np.arange(100, dtype=np.int64) % 2
    images = np.where(labels, 200, 100).astype(np.uint8)[:, None, None, None]
    images = images * np.ones((1, SIDE, SIDE, 1), np.uint8)
    data = ImageSet("two", images, labels, images, labels, value_range="unit", meta={})
    grid = {"corruptions": ["mask_zero"], "levels": [0.3], "retrain_levels": [0.6]}
    values = accuracies(data, model=Brightness(), **grid)
    assert values["tsvm.clean"] == 100
    assert values["tsvm.retrained.mask_zero.0.6"] > 90
    grid["levels"] = [0.6]
    assert accuracies(data, model=Brightness(), **grid)["tsvm.mask_zero.0.6"] < 60


def test_one_draw_is_wilsons_interval():
    found = of_images(100.0 * (np.arange(50) < 37))
    expected = stats.binomtest(37, 50).proportion_ci(method="wilson")
    np.testing.assert_allclose(found["interval"], [100 * e for e in expected], rtol=1e-5)
    assert found["value"] == 74
    assert found["se"] == pytest.approx(100 * math.sqrt(0.74 * 0.26 / 49))


def test_independent_draws_narrow_the_interval():
    """Images that differ in nothing but luck: four draws are worth four times the images."""
    correct = np.random.default_rng(0).random((4, 5000)) < 0.8
    low, high = of_images(100 * correct.mean(0))["interval"]
    expected = stats.binomtest(int(correct.sum()), correct.size).proportion_ci(method="wilson")
    assert high - low == pytest.approx(100 * (expected.high - expected.low), rel=0.05)


def test_repeats_are_students_t():
    repeats = np.random.default_rng(1).uniform(0.2, 0.4, size=5)
    found = of_repeats(100 * repeats)
    interval = stats.ttest_1samp(100 * repeats, 0).confidence_interval(0.95)
    np.testing.assert_allclose(found["interval"], interval)
    assert found["se"] == pytest.approx(stats.sem(100 * repeats))
