"""The Laplacian's variance against pictures whose response is known."""

import numpy as np
import pytest
import torch

from eval.job import ScoreInputs
from eval.sharpness.score import score, sharpness
from models.run import Run
from tests.tiny import tiny_data


def checkerboard(side=12, channels=1):
    squares = np.indices((side, side)).sum(0) % 2
    return np.repeat(255 * squares.astype(np.uint8)[None, ..., None], channels, axis=3)


@pytest.mark.parametrize(("value_range", "span"), [("unit", 1), ("symmetric", 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_checkerboard_answers_plus_and_minus_four(value_range, span, channels):
    """White among black: -4 spans, black among white: 4; as many of each, so the variance is 16."""
    found = sharpness(checkerboard(channels=channels), value_range)
    assert found == pytest.approx([16 * span**2], rel=1e-3)  # the weights of grey sum to 0.9999


def test_planes_have_no_laplacian_and_a_line_has_its_own():
    slope = np.broadcast_to(np.arange(0, 240, 10, dtype=np.uint8), (24, 24))
    line = np.zeros((12, 12), np.uint8)
    line[:, 5] = 255
    assert sharpness(slope[None, ..., None].copy(), "unit") == pytest.approx([0], abs=1e-9)
    # Ten columns are seen: the line's answers -2 (its own lie above and below), its neighbours' 1.
    response = np.array([0, 0, 0, 1, -2, 1, 0, 0, 0, 0])
    assert sharpness(line[None, ..., None], "unit") == pytest.approx([response.var()], rel=1e-5)


def test_grey_is_weighed_as_tensorflow_does():
    board, found = checkerboard(), []
    for channel in range(3):
        image = np.zeros((1, 12, 12, 3), np.uint8)
        image[..., channel] = board[..., 0]
        found += [*sharpness(image, "unit")]
    np.testing.assert_allclose(found, 16 * np.square([0.2989, 0.587, 0.114]), rtol=1e-5)


def test_real_images_are_a_choice_of_all_not_the_first_ones(tmp_path):
    """Omniglot is stored character by character: the first images are a few characters alone."""
    data = tiny_data(test=40)
    data.test_images[:20] = 0
    np.savez(tmp_path / "samples.npz", images=data.test_images)
    files = {"samples": tmp_path / "samples.npz"}
    run, device = Run({"seed": 0}, None, None), torch.device("cpu")
    some, every = (
        score(ScoreInputs(run, data, {"count": count}, files, device)).values["real.value"]["value"]
        for count in (20, None)
    )
    assert some == pytest.approx(every, rel=0.6) and some > 0


def test_score_tells_blurred_samples_from_sharp_ones(tmp_path):
    data = tiny_data(test=20)
    np.savez(tmp_path / "sharp.npz", images=data.train_images[:20])
    np.savez(tmp_path / "blurred.npz", images=data.train_images[:20] // 2)
    values = {}
    for name in ("sharp", "blurred"):
        files = {"samples": tmp_path / f"{name}.npz"}
        inputs = ScoreInputs(
            Run({"seed": 0}, None, None), data, {"count": 10}, files, torch.device("cpu")
        )
        values[name] = score(inputs).values
    assert values["sharp"]["real.value"] == values["blurred"]["real.value"]
    ratio = values["blurred"]["samples.value"]["value"] / values["sharp"]["samples.value"]["value"]
    assert ratio == pytest.approx(0.25, rel=0.05)
