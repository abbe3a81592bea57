"""Corruptions, and the score built on them, with encoders whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from data.store import ImageSet
from eval.job import ScoreInputs
from eval.robustness import classify
from eval.robustness.corruption import CORRUPTIONS, same_as
from eval.robustness.score import SETTINGS, of_images, of_repeats, score
from eval.robustness.tasks import few_shot_tasks, standard_task
from models.run import Run
from models.seeds import torch_generator
from tests.tiny import tiny_model

SIDE, CLASSES = 8, 4
PARAMS = {
    "labels": 40,
    "unlabelled": None,
    "test": 100,
    "levels": [0.01],
    "corruptions": ["gaussian", "mask_black"],
    "draws": 2,
    "C": 1.0,
    "unlabelled_weight": 1.0,
    "kernel": "linear",
    "annealing": "weight",
    "features": "mean",
    "retrain_levels": [],
    "batch_statistics": False,
    "few_shot": None,
}
FEW_SHOT = {
    "characters": 20,
    "train_drawers": 15,
    "test_drawers": 5,
    "rotations": 1,
    "labelled_per_character": 5,
    "repeats": 3,
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


def accuracies(data, **options) -> dict[str, float]:
    """The score's values without their errors."""
    return {name: of["value"] for name, of in score(inputs(data, **options)).values.items()}


def generator(role="test"):
    return torch_generator(0, role)


# Corruptions.


def corrupt(kind, images, level, value_range="unit"):
    return CORRUPTIONS[kind].apply(images, level, value_range, generator())


def random_images(value_range, channels=1):
    unit = torch.rand(10, channels, 8, 8, generator=generator("images"))
    return unit if value_range == "unit" else 2 * unit - 1


@pytest.mark.parametrize(("value_range", "scale"), [("unit", 1), ("symmetric", 2)])
def test_gaussian_moments_are_in_unit_pixels(value_range, scale):
    noise = corrupt("gaussian", torch.zeros(100, 3, 20, 20), 0.3, value_range)
    n = noise.numel()
    assert abs(noise.mean()) < 5 * 0.3 * scale / n**0.5
    assert noise.std().item() == pytest.approx(0.3 * scale, rel=5 / (2 * n) ** 0.5)
    # Values, not pixels: channels are independent.
    assert abs(np.corrcoef(noise[:, 0].flatten(), noise[:, 1].flatten())[0, 1]) < 5 / 40_000**0.5


@pytest.mark.parametrize(("value_range", "black"), [("unit", 0), ("symmetric", -1)])
def test_clipped_noise_is_the_same_noise_clipped(value_range, black):
    images = random_images(value_range)
    free = corrupt("gaussian", images, 0.5, value_range)
    assert free.min() < black and free.max() > 1
    cut = corrupt("gaussian_clipped", images, 0.5, value_range)
    torch.testing.assert_close(cut, free.clamp(black, 1), rtol=0, atol=0)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_level_zero_changes_nothing(kind, value_range):
    images = random_images(value_range, 3)
    torch.testing.assert_close(corrupt(kind, images, 0.0, value_range), images)


def test_mask_hits_whole_pixels_at_its_rate():
    images = torch.full((100, 3, 20, 20), 0.7)
    hit = corrupt("mask_black", images, 0.3, "symmetric") == -1
    assert torch.equal(hit[:, 0], hit[:, 1]) and torch.equal(hit[:, 0], hit[:, 2])
    n = hit[:, 0].numel()
    assert abs(hit[:, 0].float().mean() - 0.3) < 5 * (0.3 * 0.7 / n) ** 0.5
    assert torch.all(images == 0.7)


@pytest.mark.parametrize(
    ("kind", "value_range", "constant"),
    [
        ("mask_black", "unit", 0.0),
        ("mask_zero", "unit", 0.0),
        ("mask_black", "symmetric", -1.0),
        ("mask_zero", "symmetric", 0.0),
        ("brightness", "unit", 1.0),
        ("brightness", "symmetric", 1.0),
        ("contrast", "unit", 0.0),
        ("contrast", "symmetric", -1.0),
    ],
)
def test_full_corruption_without_noise_is_constant(kind, value_range, constant):
    assert torch.all(corrupt(kind, random_images(value_range, 3), 1.0, value_range) == constant)


@pytest.mark.parametrize("kind", ["gaussian", "gaussian_clipped", "brightness", "contrast"])
def test_corruptions_are_the_same_pictures_in_either_range(kind):
    unit = corrupt(kind, random_images("unit"), 0.3)
    symmetric = corrupt(kind, random_images("symmetric"), 0.3, "symmetric")
    torch.testing.assert_close(symmetric, 2 * unit - 1)


def test_half_contrast_halves_and_brightness_adds():
    images = torch.tensor([0.0, 0.2, 0.9]).view(1, 1, 1, 3)
    torch.testing.assert_close(corrupt("contrast", images, 0.5).flatten(), images.flatten() / 2)
    added = corrupt("brightness", images, 0.2).flatten()
    torch.testing.assert_close(added, torch.tensor([0.2, 0.4, 1.0]))


def test_every_corruption_can_be_asked_for():
    assert SETTINGS["corruptions"]["items"]["enum"] == list(CORRUPTIONS)


# The score.


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


def test_features_are_standardised_with_clean_statistics():
    """An affine change of the code changes nothing: the machine is not told the scale."""

    class Scaled(Quadrants):
        def encode(self, x):
            return 1000 * super().encode(x)[0] + 5, None

    data, grid = quadrant_data(), {"levels": [0.5, 0.7]}
    assert accuracies(data, **grid) == accuracies(data, model=Scaled(), **grid)


def test_a_constant_feature_does_no_harm():
    class Padded(Quadrants):
        def encode(self, x):
            code = super().encode(x)[0]
            return torch.cat([code, torch.ones(len(code), 2)], 1), None

    assert accuracies(quadrant_data(), model=Padded())["tsvm.clean"] == 100


def encoder(model, *, sampled=False, batch_statistics=False, value_range="unit"):
    return classify.Encoder(model, value_range, torch.device("cpu"), 0, sampled, batch_statistics)


def test_sampled_features_are_draws_of_the_posterior():
    class Noisy(Quadrants):
        def encode(self, x):
            code = super().encode(x)[0]
            return code, torch.full_like(code, 2 * math.log(0.8))

    data = quadrant_data()
    mean = encoder(Noisy())(data.train_images, "/train")
    drawn = encoder(Noisy(), sampled=True)(data.train_images, "/train")
    assert (drawn - mean).std() == pytest.approx(0.8, rel=5 / (2 * mean.size) ** 0.5)
    accuracy = {
        features: accuracies(data, model=Noisy(), features=features)["svm.clean"]
        for features in ("mean", "sampled")
    }
    assert accuracy["mean"] == 100 and accuracy["sampled"] < 80
    # A deterministic code is its own draw.
    plain, same = (accuracies(data, features=f) for f in ("mean", "sampled"))
    assert plain == same


def test_batches_do_not_change_features(monkeypatch):
    data = quadrant_data()
    whole = encoder(Quadrants())(data.train_images, "/train")
    monkeypatch.setattr(classify, "BATCH", 7)
    pieces = encoder(Quadrants())(data.train_images, "/train")
    assert whole.shape == (200, 4)
    np.testing.assert_allclose(pieces, whole, rtol=1e-6)


def test_batch_statistics_undo_a_shift_that_running_ones_do_not():
    """What every image has in common is taken away by its own batch; running statistics stay."""
    model = tiny_model().eval()
    images = np.random.default_rng(0).integers(0, 100, (150, 28, 28, 1), dtype=np.uint8)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def change(own):
        encode = encoder(model, batch_statistics=own)
        with torch.inference_mode():
            clean = encode(images, "/test")
            return np.abs(encode(images, "/test", "contrast", 0.5) - clean).max() / clean.std()

    assert change(own=True) < 0.05
    assert change(own=False) > 0.3
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_batch_statistics_keep_the_order_of_images():
    model = tiny_model(stochastic=False).eval()
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    model.train()
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = model.encode(x)[0]
        model.eval()
        found = encoder(model, batch_statistics=True)(images, "/test")
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        several = encoder(model, batch_statistics=True)(np.tile(images, (5, 1, 1, 1)), "/test")
    # Five copies come in three interleaved batches of about the same images.
    assert np.corrcoef(several.T, np.tile(expected, (5, 1)).T)[:3, 3:].diagonal().min() > 0.9


# Which images take part.


def test_standard_task_is_balanced_and_keeps_test_apart():
    data = quadrant_data()
    task = standard_task(data, PARAMS | {"unlabelled": 50, "test": 30}, seed=3)
    known = task.train_labels != -1
    np.testing.assert_array_equal(np.bincount(task.train_labels[known]), [10] * CLASSES)
    assert np.sum(~known) == 50 and len(task.test_images) == 30
    np.testing.assert_array_equal(task.test_images, data.test_images[task.indices])
    test = {image.tobytes() for image in data.test_images}
    assert not any(image.tobytes() in test for image in task.train_images)


def test_all_test_images_are_taken_if_no_number_is_given():
    task = standard_task(quadrant_data(), PARAMS | {"test": None}, seed=3)
    np.testing.assert_array_equal(task.indices, np.arange(100))


def character_data(characters=30, drawings=20) -> ImageSet:
    """Every image names itself: pixel (0, 0) its character, pixel (0, 1) its drawing."""
    labels = np.repeat(np.arange(characters), drawings)
    images = np.zeros((len(labels), SIDE, SIDE, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = labels, np.arange(len(labels)) % drawings
    return ImageSet("omniglot", images[:1], labels[:1], images, labels, "unit", {})


def test_few_shot_splits_drawings_of_new_characters():
    tasks = list(few_shot_tasks(character_data(), FEW_SHOT, seed=0))
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
    few = FEW_SHOT | {"characters": 5, "rotations": 4, "repeats": 1, "labelled_per_character": 20}
    (task,) = few_shot_tasks(character_data(), few, seed=0)
    assert len(task.train_images) == 300 and len(task.test_images) == 100
    assert np.sum(task.train_labels != -1) == 100
    # A drawing is either for training or for testing, in all of its orientations.
    train, test = (
        {min(np.rot90(image, k).tobytes() for k in range(4)) for image in images}
        for images in (task.train_images, task.test_images)
    )
    assert len(train) == 75 and len(test) == 25 and not train & test


def test_few_shot_units_are_repeats():
    random = np.random.default_rng(0)
    data = replace(
        quadrant_data(),
        **dict(zip(("test_images", "test_labels"), quadrant_images(80, random), strict=True)),
    )
    few = FEW_SHOT | {"characters": 3, "repeats": 4}
    result = score(inputs(data, few_shot=few))
    assert result.indices is None and result.protocol["repeats"] == 4
    assert all(units.shape == (4,) for units in result.units.values())
    assert result.values["tsvm.clean"]["value"] == 100
    assert result.protocol["few_shot"]["train_drawers"] == 15
    assert (result.protocol["labels"], result.protocol["test"]) == (15, 15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": 42}, "multiple of 4"),
        ({"labels": 400}, "lower 'labels'"),
        ({"test": 101}, "has 100 images"),
        ({"few_shot": FEW_SHOT | {"characters": 5}}, "5 are asked for"),
    ],
)
def test_impossible_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        score(inputs(quadrant_data(), **change))


# Errors and intervals.


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


def test_features_are_standardised_each_by_its_own_deviation_or_all_by_one():
    """The first forgets the features' sizes, the second keeps the ratios of distances."""
    codes = np.random.default_rng(0).normal(size=(200, 3)) * [5.0, 1.0, 0.01] + [1.0, 2.0, 3.0]
    codes = np.column_stack([codes, np.full(200, 7.0)])  # one that never changes
    between = np.linalg.norm(codes[:100] - codes[100:], axis=1)
    for features in ("mean", "mean_one_scale"):
        scaled = classify.standardiser(codes, features)(codes)
        np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
        spread = scaled.std(0)
        if features == "mean_one_scale":
            assert np.mean(spread**2) == pytest.approx(1) and spread[0] > 400 * spread[2]
            found = np.linalg.norm(scaled[:100] - scaled[100:], axis=1)
            np.testing.assert_allclose(found / between, found[0] / between[0])
        else:
            np.testing.assert_allclose(spread, [1, 1, 1, 0])


def test_whitened_codes_forget_their_axes_and_sizes():
    """Distances are Mahalanobis', which no invertible linear map of the codes changes."""
    rng = np.random.default_rng(0)
    codes, turn = rng.normal(size=(200, 3)) * [5.0, 1.0, 0.1], rng.normal(size=(3, 3))
    whitened = classify.standardiser(codes, "mean_whitened")(codes)
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(3), atol=1e-9)
    turned = classify.standardiser(codes @ turn, "mean_whitened")(codes @ turn)
    for pair in (whitened, turned):
        difference = codes[:100] - codes[100:]
        inverse = np.linalg.inv(np.cov(codes.T, bias=True))
        expected = np.einsum("ni,ij,nj->n", difference, inverse, difference)
        np.testing.assert_allclose(((pair[:100] - pair[100:]) ** 2).sum(1), expected)
    doubled = np.column_stack([codes, codes[:, 0]])  # rank 3: the fourth direction says nothing
    found = classify.standardiser(doubled, "mean_whitened")(doubled)
    np.testing.assert_allclose(np.sort(found.std(0)), [0, 1, 1, 1], atol=1e-6)
