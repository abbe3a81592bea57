"""Priors against scipy's distributions and the paper's claim about their entropies."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from models.priors import PRIORS, Logistic, Normal
from models.seeds import torch_generator

SCIPY = {
    "normal": lambda scale: stats.norm(scale=scale),
    "logistic": lambda scale: stats.logistic(scale=scale * math.sqrt(3) / math.pi),
}


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("scale", [1.0, math.sqrt(2)])
def test_density_entropy_and_draws(name, scale):
    prior, reference = PRIORS[name](scale), SCIPY[name](scale)
    z = torch.linspace(-6, 6, 25, dtype=torch.float64).reshape(5, 5)
    expected = reference.logpdf(z.numpy()).sum(1)
    np.testing.assert_allclose(prior.log_prob(z).numpy(), expected, rtol=1e-12)
    assert prior.entropy(7) == pytest.approx(7 * reference.entropy(), rel=1e-9)
    assert reference.std() == pytest.approx(scale)
    draws = prior.sample((20_000,), torch_generator(0, name)).numpy()
    assert stats.kstest(draws, reference.cdf).pvalue > 1e-3


def test_logistic_draws_are_finite_at_the_ends_of_rand(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *a, **k: torch.tensor([0.0, 1.0]))
    assert Logistic().sample((2,)).isfinite().all()


def test_logistic_has_less_entropy_at_equal_variance():
    """1/2 ln(2 pi e) - ln(sqrt(3) / pi) - 2: 0.01436 nats a dimension, 0.92 at d = 64."""
    closed_form = 0.5 * math.log(2 * math.pi * math.e) - math.log(math.sqrt(3) / math.pi) - 2
    assert closed_form > 0
    gap = Normal().entropy(64) - Logistic().entropy(64)
    assert gap == pytest.approx(64 * closed_form, rel=1e-9)
