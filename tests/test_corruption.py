"""What noise, masks, brightness and contrast do to images."""

import numpy as np
import pytest
import torch

from eval.robustness.corruption import CORRUPTIONS
from eval.robustness.score import SETTINGS
from models.seeds import torch_generator


def generator(role="test"):
    return torch_generator(0, role)


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
