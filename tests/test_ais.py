"""Annealed importance sampling against a linear-Gaussian model, whose marginal is known."""

import pytest
import torch

from eval.nll.ais import ais_log_marginal
from models.priors import Logistic, Normal
from tests.linear_gaussian import LinearGaussian

PIXELS, LATENT, NOISE = 6, 2, 0.8


@pytest.fixture(scope="module")
def linear():
    """Images of x = A z + noise, their likelihood and their exact ln p(x)."""
    model = LinearGaussian(PIXELS, LATENT, NOISE, images=6)
    return model.x, model.likelihood, model.exact


def anneal(x, likelihood, prior=None, **settings):
    settings = {"chains": 400, "temperatures": 150, "leapfrog": 3, "batch": 4000} | settings
    generator = torch.Generator().manual_seed(1)
    prior = prior or Normal()
    return ais_log_marginal(x, prior, likelihood, LATENT, generator=generator, **settings)


def test_within_a_twentieth_of_a_nat_of_the_exact_marginal(linear):
    x, likelihood, exact = linear
    with torch.inference_mode():  # as the command line of a score runs
        found = anneal(x + 0, likelihood)
    assert (found - exact).mean().abs() < 0.05
    assert (found - exact).abs().max() < 0.3


def test_few_temperatures_and_chains_only_loosen_the_bound(linear):
    x, likelihood, exact = linear
    many, exact = x.repeat(100, 1), exact.repeat(100)
    short, long = (
        (anneal(many, likelihood, chains=1, temperatures=count) - exact).mean() for count in (3, 60)
    )
    assert short < -1
    assert short < long < 0.05


def test_weights_are_unbiased_however_short_the_chain(linear):
    x, likelihood, exact = linear
    found = anneal(x[:3], likelihood, chains=20_000, temperatures=4, leapfrog=1, batch=60_000)
    torch.testing.assert_close(found, exact[:3], atol=0.1, rtol=0)


def test_the_logistic_prior_against_numerical_integration(linear):
    x, likelihood, _ = linear
    prior, axis = Logistic(0.8), torch.linspace(-6, 6, 401)
    grid = torch.cartesian_prod(axis, axis)
    cell = 2 * (axis[1] - axis[0]).log()
    expected = torch.stack(
        [(prior.log_prob(grid) + likelihood(row, grid)).logsumexp(0) + cell for row in x[:4]]
    )
    found = anneal(x[:4], likelihood, prior)
    assert (found - expected).mean().abs() < 0.05
