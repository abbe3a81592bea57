"""Information estimators against Gaussian channels and Gaussians, whose values are closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from eval.information.channel import (
    active_units,
    gaussian_divergence,
    gaussian_entropy,
    gaussian_information,
    mixture_information,
    spectrum,
)
from eval.information.score import score, training_mmd
from eval.job import ScoreInputs
from models.mmd import mmd
from models.priors import Logistic, Normal
from models.run import Run
from tests.tiny import tiny_data, tiny_run


def channel(count, dimensions, deviation, seed=0):
    """Means ~ N(0, I), one draw each through noise of the given deviation, and its variances."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, dimensions, generator=generator)
    z = mean + deviation * torch.randn(mean.shape, generator=generator)
    return z, mean, torch.full_like(mean, deviation**2)


@pytest.mark.parametrize("dimensions, deviation", [(1, 1.0), (2, 0.5), (4, 1.5)])
def test_both_bounds_meet_the_gaussian_channel(dimensions, deviation):
    exact = 0.5 * dimensions * math.log(1 + 1 / deviation**2)
    z, mean, variance = channel(3000, dimensions, deviation)
    lower = mixture_information(z, mean, variance).mean().item()
    upper = gaussian_information(z, variance)
    assert lower == pytest.approx(exact, abs=0.06)
    assert upper == pytest.approx(exact, abs=0.06)


def test_unequal_noise_counts_by_its_mean_entropy():
    # Every other image is read through noise 0.3, the rest through 10: I = h(z) - mean h(z|x).
    generator, deviations = torch.Generator().manual_seed(1), (0.3, 10.0)
    mean = torch.randn(4000, 1, generator=generator)
    noise = torch.tensor(deviations).repeat(2000)[:, None]
    z = mean + noise * torch.randn(mean.shape, generator=generator)
    axis = np.linspace(-80, 80, 40_001)
    density = sum(stats.norm.pdf(axis, scale=math.hypot(1, s)) for s in deviations) / 2
    marginal = -np.trapezoid(density * np.log(density), axis)
    exact = marginal - sum(stats.norm.entropy(scale=s) for s in deviations) / 2
    assert mixture_information(z, mean, noise**2).mean().item() == pytest.approx(exact, abs=0.06)
    # The upper bound is off by how far that mixture is from a Gaussian of its variance.
    surplus = stats.norm.entropy(scale=math.sqrt(1 + (0.3**2 + 10**2) / 2)) - marginal
    assert surplus > 0.2
    assert gaussian_information(z, noise**2) == pytest.approx(exact + surplus, abs=0.06)


@pytest.mark.parametrize("count", [1000, 3000])
def test_near_its_ceiling_the_lower_bound_loses_less_with_more_images(count):
    exact = 0.5 * 8 * math.log(1 + 1 / 0.5**2)  # 6.44 nats; ln 1000 = 6.9, ln 3000 = 8.0
    lower = mixture_information(*channel(count, 8, 0.5)).mean().item()
    print(f"n = {count}: {lower - exact:+.2f} nats")
    assert -math.sqrt(1000 / count) < lower - exact < 0


def test_the_lower_bound_ends_at_its_ceiling_and_the_upper_does_not():
    exact = 0.5 * 64 * math.log(1 + 1 / 0.1**2)  # 147.7 nats: 1000 samples certify ln 1000 = 6.9
    z, mean, variance = channel(1000, 64, 0.1)
    terms = mixture_information(z, mean, variance)
    assert terms.max().item() <= math.log(1000) + 1e-9
    assert terms.mean().item() == pytest.approx(math.log(1000), abs=1e-6)
    assert gaussian_information(z, variance) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("log_variance", [-20.0, -30.0, -50.0])
def test_the_lower_bound_of_an_encoder_as_sharp_as_ours_can_be(log_variance):
    z, mean, variance = channel(1000, 8, math.exp(log_variance / 2))
    terms = mixture_information(z, mean, variance)
    assert terms.mean().item() == pytest.approx(math.log(1000), abs=1e-3)
    assert terms.max().item() <= math.log(1000) + 2e-3


def test_information_of_a_discrete_code_is_the_entropy_of_its_words():
    words = torch.eye(5).repeat(200, 1) * 100
    z = words + torch.randn(words.shape, generator=torch.Generator().manual_seed(0))
    found = mixture_information(z, words, torch.ones_like(words)).mean().item()
    assert found == pytest.approx(math.log(5), abs=1e-6)


def test_gaussian_entropy_is_unbiased_with_few_samples():
    generator = torch.Generator().manual_seed(0)
    found = [gaussian_entropy(2 * torch.randn(200, 64, generator=generator)) for _ in range(40)]
    # Without the correction the mean would be 6 nats too low.
    assert sum(found) / 40 == pytest.approx(64 * stats.norm.entropy(scale=2), abs=0.4)
    with pytest.raises(ValueError, match="raise count"):
        gaussian_entropy(torch.zeros(64, 64))


@pytest.mark.parametrize("shift, spread", [(0.0, 1.0), (0.3, 1.0), (0.0, 1.2), (0.2, 0.7)])
def test_divergence_of_gaussian_codes_is_the_closed_form(shift, spread):
    prior, d = Normal(1.3), 16
    z = torch.randn(5000, d, generator=torch.Generator().manual_seed(2)) * spread + shift
    ratio = (spread**2 + shift**2) / 1.3**2
    exact = 0.5 * d * (ratio - 1 - math.log(spread**2 / 1.3**2))
    assert gaussian_divergence(z, prior, 0.0) == pytest.approx(exact, abs=0.1 + 0.02 * exact)


def test_divergence_is_a_lower_bound_and_a_dead_direction_stays_finite():
    generator = torch.Generator().manual_seed(3)
    logistic = Logistic(1.0)
    z = logistic.sample((20_000, 4), generator)
    gap = 4 * (stats.norm.entropy() - stats.logistic.entropy(scale=logistic.s))
    # q = p, so the divergence is 0; moments miss exactly the logistic's distance from a Gaussian.
    assert gaussian_divergence(z, logistic, 0.0) == pytest.approx(-gap, abs=0.03)
    expected = -math.log(1e-3) - 0.5  # KL(N(0, 1e-6) || N(0, 1))
    dead = gaussian_divergence(torch.zeros(1000, 1), Normal(), 1e-3)
    assert dead == pytest.approx(expected, abs=0.01)


def test_active_units_counts_the_dimensions_that_respond():
    mean = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    mean *= torch.tensor([1.0, 0.5, 0.2, 0.05, 0.0, 1.0])
    assert active_units(mean) == 4


@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_prior_entropies_are_those_of_scipy(scale):
    assert Normal(scale).entropy(5) == pytest.approx(5 * stats.norm.entropy(scale=scale))
    logistic = Logistic(scale)
    assert logistic.entropy(5) == pytest.approx(5 * stats.logistic.entropy(scale=logistic.s))
    assert stats.logistic.std(scale=logistic.s) == pytest.approx(scale)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_spectrum_of_codes_that_match_the_prior_and_of_codes_on_a_line(scale):
    z = scale * torch.randn(20_000, 4, generator=torch.Generator().manual_seed(4))
    found = spectrum(z, scale)
    assert found["rank"] == pytest.approx(4, abs=0.01)
    assert found["max"] == pytest.approx(1, abs=0.05)
    assert found["min"] == pytest.approx(1, abs=0.05)
    line = z[:, :1] * torch.tensor([[0.6, 0.8, 0.0, 0.0]])
    found = spectrum(line, scale)
    assert (found["rank"], found["max"]) == (pytest.approx(1), pytest.approx(1, abs=0.05))
    assert found["min"] == pytest.approx(0, abs=1e-6)


def test_spectrum_of_unequal_directions():
    z = torch.randn(50_000, 3, generator=torch.Generator().manual_seed(5))
    z *= torch.tensor([2.0, 1.0, 1.0])
    assert spectrum(z, 1.0)["rank"] == pytest.approx((4 + 1 + 1) ** 2 / (16 + 1 + 1), rel=0.02)
    assert spectrum(torch.zeros(10, 3), 1.0) == {"rank": 0.0, "max": 0.0, "min": 0.0}


def scored(method, channels=1, **settings):
    inputs = ScoreInputs(
        tiny_run(method, channels=channels, side=32 if channels == 3 else 28),
        tiny_data(test=40, channels=channels, side=32 if channels == 3 else 28),
        {"count": 30, "resolution": 0.5, "batch": 8} | settings,
        {},
        torch.device("cpu"),
    )
    with torch.inference_mode():
        return score(inputs)


def numbers(result):
    return {name: of["value"] for name, of in result.values.items()}


def test_a_stochastic_encoder_obeys_the_decomposition_of_its_rate():
    values = numbers(scored("vae"))
    assert values["rate"] == pytest.approx(
        values["encoder_information"] + values["divergence_upper"]
    )
    assert values["encoder_information"] <= math.log(30)
    assert all(math.isfinite(value) for value in values.values())


def test_a_deterministic_encoder_has_no_rate_but_information_at_a_resolution():
    fine, coarse = (scored("vimae_l", channels=3, resolution=tau) for tau in (1e-10, 10.0))
    assert fine.values["information"]["doubtful"] is True  # at its ceiling
    assert coarse.values["information"]["doubtful"] is False
    fine, coarse = numbers(fine), numbers(coarse)
    assert fine["rate"] is None and fine["divergence_upper"] is None
    assert fine["information"] > coarse["information"]
    assert fine["divergence"] == coarse["divergence"]  # of the codes themselves, not of y


def test_the_batch_does_not_change_the_result():
    first, second = (numbers(scored("vae", batch=size)) for size in (8, 30))
    assert first["rate"] == pytest.approx(second["rate"], rel=1e-4)


def test_no_count_means_all_images():
    assert scored("vae", count=None).protocol["count"] == 40


def test_codes_of_a_normalised_batch_have_a_negative_mmd():
    """An encoder that is nothing but batch norm, of prior draws: zero by running statistics.

    Whitened batches of 100 in 8 dimensions are too regular for independent draws: about -0.017.
    """

    class Normalised(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(8, affine=False)

        def encode(self, x):
            return self.norm(x.view(len(x), 8, 1, 1)).flatten(1), None

    info = {"seed": 0, "params": {"train": {"batch": 100}}}
    run = Run(info, Normalised().eval(), Normal())
    x = torch.randn(4000, 8, generator=torch.Generator().manual_seed(6))
    inputs = ScoreInputs(run, None, {}, {}, torch.device("cpu"))
    found = training_mmd(inputs, x)
    assert found["value"] == pytest.approx(-0.0145, abs=0.0045)
    assert found["value"] + 4 * found["se"] < 0
    draws = torch.randn(4000, 8, generator=torch.Generator().manual_seed(7))
    assert mmd(run.model.encode(x)[0], draws).abs() < 0.003
    assert torch.all(run.model.norm.running_mean == 0)
