"""How codes answer to ink, against encoders whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eval.job import ScoreInputs
from eval.response.score import ratio, score
from models.run import Run
from tests.tiny import tiny_data

SETTINGS = {"count": None, "contrasts": [0.2, 0.5], "batch": 7}


class Encoder:
    """Codes that are a function of an image's pixels."""

    def __init__(self, function):
        self.function = function

    def encode(self, x):
        return self.function(x.flatten(1)), None


def answers(function, data) -> dict:
    inputs = ScoreInputs(
        Run({"seed": 0}, Encoder(function), None), data, SETTINGS, {}, torch.device("cpu")
    )
    return score(inputs).values


def lines(value_range="unit"):
    """Images with one white row of pixels each, no two the same."""
    images = np.zeros((14, 28, 28, 1), np.uint8)
    images[np.arange(14), np.arange(14)] = 255
    return replace(tiny_data(test=14), test_images=images, value_range=value_range)


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_a_linear_encoder_answers_in_proportion(value_range):
    data = lines(value_range)
    weights = torch.randn(28 * 28, 3, generator=torch.Generator().manual_seed(0))
    found = answers(lambda x: x @ weights + 5, data)
    for name, c in (("share.0.2", 0.2), ("surprise.0.2", 0.2), ("share.0.5", 0.5)):
        assert found[name]["value"] == pytest.approx(c, abs=1e-5)
        assert found[name]["se"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("power", "more"), [(0.5, True), (2.0, False)])
def test_faint_ink_counts_by_what_the_encoder_makes_of_it(power, more):
    """Row sums of c^power: at its root faint ink is nearly ink, at its square nearly none."""
    found = answers(lambda x: x.reshape(-1, 28, 28).pow(power).sum(2), lines())
    for c in (0.2, 0.5):
        for name in (f"share.{c}", f"surprise.{c}"):
            assert found[name]["value"] == pytest.approx(c**power, rel=1e-5)
            assert (found[name]["value"] > c) == more


def test_a_code_that_never_moves_has_no_answer():
    found = answers(lambda x: torch.zeros(len(x), 3), lines())
    assert {value["value"] for value in found.values()} == {None}


def test_the_error_of_a_ratio_is_its_spread_over_repeats():
    generator = torch.Generator().manual_seed(0)
    wholes = torch.rand(2000, 100, generator=generator) + 0.5
    parts = wholes * (0.3 + 0.1 * torch.randn(2000, 100, generator=generator))
    found = np.array([ratio(*of) for of in zip(parts, wholes, strict=True)])
    np.testing.assert_allclose(found.mean(1), (parts.sum(1) / wholes.sum(1)).numpy(), rtol=1e-5)
    errors = found.std(1, ddof=1) / 10
    assert errors.mean() == pytest.approx(found.mean(1).std(), rel=0.05)
