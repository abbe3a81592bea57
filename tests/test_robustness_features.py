"""From images to the features that machines see: draws, statistics of batches, standardising."""

import math

import numpy as np
import pytest
import torch

from eval.robustness import classify
from tests.quadrants import (
    Quadrants,
    accuracies,
    quadrant_data,
)
from tests.tiny import tiny_model


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
    one, five = (
        accuracies(data, model=Noisy(), features="sampled", draws=n)["svm.clean"] for n in (1, 5)
    )
    assert one != five  # codes are drawn anew, of clean images, too
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
    line = classify.standardiser(codes[:, :1], "mean_whitened")(codes[:, :1])
    assert line.mean() == pytest.approx(0) and line.std() == pytest.approx(1)
    doubled = np.column_stack([codes, codes[:, 0]])  # rank 3: the fourth direction says nothing
    found = classify.standardiser(doubled, "mean_whitened")(doubled)
    np.testing.assert_allclose(np.sort(found.std(0)), [0, 1, 1, 1], atol=1e-6)
