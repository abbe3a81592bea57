"""Corruptions, and the score built on them, with encoders whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from data.files import read_json, write_json
from data.store import ImageSet
from eval.job import ScoreInputs
from eval.robustness.score import (
    FewShot,
    Settings,
    corruption,
    few_shot_tasks,
    score,
    standard_task,
    summarise,
)
from eval.robustness.score import score as robustness
from models.run import Run
from models.seeds import torch_generator

SIDE, CLASSES = 8, 4
PARAMS = {
    "labels": 40,
    "unlabelled": None,
    "test": 100,
    "gaussian": [0.01],
    "mask": [0.05],
    "draws": 2,
}


class Quadrants:
    """An encoder: mean brightness of the four quadrants. Remembers what it was shown."""

    def __init__(self):
        self.seen = []

    def encode(self, x):
        self.seen.append(x)
        half = SIDE // 2
        blocks = x.mean(1).unflatten(1, (2, half)).unflatten(3, (2, half))
        return blocks.mean((2, 4)).flatten(1), None


def quadrant_images(n, random):
    """Class k lights quadrant k: (n, 8, 8, 1) uint8 with a little noise, and labels."""
    labels = np.arange(n, dtype=np.int64) % CLASSES
    images = random.integers(0, 30, (n, SIDE, SIDE, 1), dtype=np.uint8)
    half = SIDE // 2
    for image, k in zip(images, labels, strict=True):
        row, column = half * (k // 2), half * (k % 2)
        image[row : row + half, column : column + half] += 200
    return images, labels


def quadrant_data() -> ImageSet:
    random = np.random.default_rng(0)
    return ImageSet(
        "quadrants",
        *quadrant_images(200, random),
        *quadrant_images(100, random),
        value_range="unit",
        meta={},
    )


def inputs(data, *, seed=0, model=None, **params) -> ScoreInputs:
    run = Run({"seed": seed}, model or Quadrants(), None)
    return ScoreInputs(run, data, PARAMS | params, {}, torch.device("cpu"))


def generator(role="test"):
    return torch_generator(0, role)


# Corruptions.


@pytest.mark.parametrize(("value_range", "scale"), [("unit", 1), ("symmetric", 2)])
def test_gaussian_moments_are_in_unit_pixels(value_range, scale):
    noise = corruption.gaussian(torch.zeros(100, 3, 20, 20), 0.3, value_range, generator())
    n = noise.numel()
    assert abs(noise.mean()) < 5 * 0.3 * scale / n**0.5
    assert noise.std().item() == pytest.approx(0.3 * scale, rel=5 / (2 * n) ** 0.5)
    # Values, not pixels: channels are independent.
    assert abs(np.corrcoef(noise[:, 0].flatten(), noise[:, 1].flatten())[0, 1]) < 5 / 40_000**0.5


def test_gaussian_clips_only_when_asked():
    images = torch.rand(10, 1, 8, 8, generator=generator())
    free = corruption.gaussian(images, 0.5, "unit", generator())
    cut = corruption.gaussian(images, 0.5, "unit", generator(), clip=True)
    assert free.min() < 0 and free.max() > 1
    torch.testing.assert_close(cut, free.clamp(0, 1), rtol=0, atol=0)
    both = corruption.gaussian(2 * images - 1, 0.5, "symmetric", generator(), clip=True)
    torch.testing.assert_close(both, 2 * cut - 1)


def test_level_zero_changes_nothing():
    images = torch.rand(5, 3, 8, 8, generator=generator())
    assert torch.equal(corruption.gaussian(images, 0.0, "unit", generator()), images)
    assert torch.equal(corruption.mask(images, 0.0, "unit", generator()), images)


def test_mask_hits_whole_pixels_at_its_rate():
    images = torch.full((100, 3, 20, 20), 0.7)
    hit = corruption.mask(images, 0.3, "symmetric", generator()) == -1
    assert torch.equal(hit[:, 0], hit[:, 1]) and torch.equal(hit[:, 0], hit[:, 2])
    n = hit[:, 0].numel()
    assert abs(hit[:, 0].float().mean() - 0.3) < 5 * (0.3 * 0.7 / n) ** 0.5
    assert torch.all(images == 0.7)


@pytest.mark.parametrize(
    ("value_range", "value", "fill"),
    [
        ("unit", "black", 0.0),
        ("unit", "grey", 0.5),
        ("symmetric", "black", -1.0),
        ("symmetric", "grey", 0.0),
    ],
)
def test_full_mask_is_constant(value_range, value, fill):
    images = torch.rand(4, 3, 8, 8, generator=generator())
    masked = corruption.mask(images, 1.0, value_range, generator(), value=value)
    assert torch.all(masked == fill)


def test_unknown_mask_value_is_named():
    with pytest.raises(ValueError, match="'white'"):
        corruption.mask(torch.zeros(1, 1, 2, 2), 0.5, "unit", generator(), value="white")


# The score.


def test_separable_classes_are_all_right():
    values = score(inputs(quadrant_data()))["values"]
    for classifier in ("tsvm", "svm"):
        assert values[classifier]["clean"] == {
            "mean": 100.0,
            "std": 0.0,
            "n": 100,
            "ci95": [pytest.approx(96.3, abs=0.05), 100.0],
        }
        assert values[classifier]["gaussian"]["0.01"]["mean"] == 100
        assert values[classifier]["mask"]["0.05"]["n"] == 200


def test_labels_without_meaning_give_chance():
    data = quadrant_data()
    random = np.random.default_rng(1)
    shuffled = replace(
        data,
        train_labels=random.permutation(data.train_labels),
        test_labels=random.permutation(data.test_labels),
    )
    values = score(inputs(shuffled))["values"]
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 100, 1 / CLASSES)
    assert low <= values["tsvm"]["clean"]["mean"] <= high
    assert low <= values["svm"]["clean"]["mean"] <= high


def test_a_fully_masked_image_is_one_class_for_all():
    """The test set is balanced, so exactly one image in four is right."""
    values = score(inputs(quadrant_data(), mask=[1.0]))["values"]
    assert values["tsvm"]["mask"]["1"]["mean"] == 25
    assert values["svm"]["mask"]["1"]["mean"] == 25


def test_noise_is_the_same_for_all_methods_of_a_seed():
    first, second, other = Quadrants(), Quadrants(), Quadrants()
    data = quadrant_data()
    score(inputs(data, model=first))
    score(inputs(data, model=second))
    score(inputs(data, model=other, seed=1))
    assert len(first.seen) == 1 + 1 + 2 + 2  # train, clean, two draws at two levels
    assert all(torch.equal(a, b) for a, b in zip(first.seen, second.seen, strict=True))
    assert not torch.equal(first.seen[2], other.seen[2])
    assert not torch.equal(first.seen[2], first.seen[3])


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
    grid = {"gaussian": [], "mask": [0.6], "labels": 40}
    clean = score(inputs(data, model=Brightness(), **grid))["values"]
    both = score(inputs(data, model=Brightness(), train_on="corrupted", **grid))["values"]
    assert clean["tsvm"]["clean"]["mean"] == both["tsvm"]["clean"]["mean"] == 100
    assert clean["tsvm"]["mask"]["0.6"]["mean"] < 60
    assert both["tsvm"]["mask"]["0.6"]["mean"] > 90


def test_features_are_standardised_with_clean_statistics():
    """An affine change of the code changes nothing: the machine is not told the scale."""

    class Scaled(Quadrants):
        def encode(self, x):
            return 1000 * super().encode(x)[0] + 5, None

    data, grid = quadrant_data(), {"gaussian": [0.5], "mask": [0.7]}
    assert (
        score(inputs(data, **grid))["values"]
        == score(inputs(data, model=Scaled(), **grid))["values"]
    )


def test_a_constant_feature_does_no_harm():
    class Padded(Quadrants):
        def encode(self, x):
            code = super().encode(x)[0]
            return torch.cat([code, torch.ones(len(code), 2)], 1), None

    assert score(inputs(quadrant_data(), model=Padded()))["values"]["tsvm"]["clean"]["mean"] == 100


def test_sampled_features_are_draws_of_the_posterior():
    class Noisy(Quadrants):
        def encode(self, x):
            code = super().encode(x)[0]
            return code, torch.full_like(code, 2 * math.log(0.8))

    data = quadrant_data()
    mean = robustness.encode(Noisy(), data.train_images, "unit", "cpu")
    drawn = robustness.encode(Noisy(), data.train_images, "unit", "cpu", generator=generator())
    assert (drawn - mean).std() == pytest.approx(0.8, rel=5 / (2 * mean.size) ** 0.5)
    accuracy = {
        features: score(inputs(data, model=Noisy(), features=features))["values"]["svm"]["clean"]
        for features in ("mean", "sampled")
    }
    assert accuracy["mean"]["mean"] == 100 and accuracy["sampled"]["mean"] < 80
    # A deterministic code is its own draw.
    plain, same = (score(inputs(data, features=f))["values"] for f in ("mean", "sampled"))
    assert plain == same


def test_batches_do_not_change_features(monkeypatch):
    data = quadrant_data()
    whole = robustness.encode(Quadrants(), data.train_images, "unit", "cpu")
    monkeypatch.setattr(robustness, "BATCH", 7)
    pieces = robustness.encode(Quadrants(), data.train_images, "unit", "cpu")
    assert whole.shape == (200, 4)
    np.testing.assert_allclose(pieces, whole, rtol=1e-6)


def test_result_is_json_and_names_the_protocol(tmp_path):
    result = score(inputs(quadrant_data(), unlabelled=30))
    write_json(tmp_path / "score.json", result)
    protocol = read_json(tmp_path / "score.json")["protocol"]
    assert (protocol["labels"], protocol["unlabelled"], protocol["test"]) == (40, 30, 100)
    assert protocol["train_on"] == "clean" and protocol["mask_value"] == "black"


# Which images take part.


def test_standard_task_is_balanced_and_keeps_test_apart():
    data = quadrant_data()
    settings = Settings(**PARAMS | {"unlabelled": 50, "test": 30})
    task = standard_task(data, settings, seed=3)
    known = task.train_labels != -1
    np.testing.assert_array_equal(np.bincount(task.train_labels[known]), [10] * CLASSES)
    assert np.sum(~known) == 50 and len(task.test_images) == 30
    test = {image.tobytes() for image in data.test_images}
    assert all(image.tobytes() in test for image in task.test_images)
    assert not any(image.tobytes() in test for image in task.train_images)


def character_data(characters=30, drawings=20) -> ImageSet:
    """Every image names itself: pixel (0, 0) its character, pixel (0, 1) its drawing."""
    labels = np.repeat(np.arange(characters), drawings)
    images = np.zeros((len(labels), SIDE, SIDE, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = labels, np.arange(len(labels)) % drawings
    return ImageSet("omniglot", images[:1], labels[:1], images, labels, "unit", {})


def test_few_shot_splits_drawings_of_new_characters():
    tasks = list(few_shot_tasks(character_data(), FewShot(repeats=3), seed=0))
    choices = set()
    for task in tasks:
        assert len(task.train_images) == 300 and len(task.test_images) == 100
        characters = np.unique(task.test_labels)
        assert len(characters) == 20
        choices.add(tuple(characters))
        known = task.train_labels != -1
        np.testing.assert_array_equal(np.bincount(task.train_labels[known])[characters], [5] * 20)
        np.testing.assert_array_equal(task.train_labels[known], task.train_images[known, 0, 0, 0])
        np.testing.assert_array_equal(task.test_labels, task.test_images[:, 0, 0, 0])
        train = {tuple(image[0, :2, 0]) for image in task.train_images}
        test = {tuple(image[0, :2, 0]) for image in task.test_images}
        assert len(train) == 300 and len(test) == 100 and not train & test
    assert len(choices) == 3


def test_five_characters_in_four_orientations():
    few = FewShot(characters=5, rotations=4, repeats=1, labelled_per_character=20)
    (task,) = few_shot_tasks(character_data(), few, seed=0)
    assert len(task.train_images) == 300 and len(task.test_images) == 100
    assert np.sum(task.train_labels != -1) == 100
    # A drawing is either for training or for testing, in all of its orientations.
    train, test = (
        {min(np.rot90(image, k).tobytes() for k in range(4)) for image in images}
        for images in (task.train_images, task.test_images)
    )
    assert len(train) == 75 and len(test) == 25 and not train & test


def test_few_shot_score_counts_repeats():
    random = np.random.default_rng(0)
    data = replace(
        quadrant_data(),
        **dict(zip(("test_images", "test_labels"), quadrant_images(80, random), strict=True)),
    )
    few = {"characters": 3, "repeats": 4, "labelled_per_character": 5}
    result = score(inputs(data, omniglot=few))
    assert result["values"]["tsvm"]["clean"]["n"] == 4 * 15
    assert result["values"]["tsvm"]["mask"]["0.05"]["n"] == 4 * 15 * 2
    assert result["values"]["tsvm"]["clean"]["mean"] == 100
    assert result["protocol"]["omniglot"]["train_drawers"] == 15
    assert result["protocol"]["repeats"] == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": 42}, "multiple of 4"),
        ({"labels": 400}, "lower 'labels'"),
        ({"test": 101}, "has 100 images"),
        ({"train_on": "noise"}, "'clean' or 'corrupted'"),
        ({"draws": 0}, "at least one"),
        ({"omniglot": {"characters": 5}}, "5 are asked for"),
    ],
)
def test_impossible_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        score(inputs(quadrant_data(), **change))


# Means and intervals.


def test_one_draw_is_wilsons_interval():
    correct = np.arange(50)[None] < 37
    summary = summarise([correct])
    expected = stats.binomtest(37, 50).proportion_ci(method="wilson")
    np.testing.assert_allclose(summary["ci95"], [100 * e for e in expected], atol=1e-3)
    assert summary["mean"] == 74 and summary["std"] == 0 and summary["n"] == 50


def test_repeating_the_same_draw_adds_no_information():
    correct = np.arange(50)[None] < 37
    once, thrice = summarise([correct]), summarise([np.repeat(correct, 3, axis=0)])
    assert thrice["ci95"] == once["ci95"] and thrice["n"] == 150


def test_independent_draws_narrow_the_interval():
    """Images that differ in nothing but luck: four draws are worth four times the images."""
    correct = np.random.default_rng(0).random((4, 5000)) < 0.8
    low, high = summarise([correct])["ci95"]
    expected = stats.binomtest(int(correct.sum()), correct.size).proportion_ci(method="wilson")
    assert high - low == pytest.approx(100 * (expected.high - expected.low), rel=0.05)


def test_repeats_are_students_t():
    random = np.random.default_rng(1)
    correct = [random.random((2, 100)) < 0.3 for _ in range(8)]
    summary = summarise(correct)
    interval = stats.ttest_1samp([c.mean() for c in correct], 0).confidence_interval(0.95)
    np.testing.assert_allclose(
        summary["ci95"], [100 * interval.low, 100 * interval.high], rtol=1e-5
    )
    assert summary["n"] == 1600
