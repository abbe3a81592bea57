"""Losses against closed forms computed elsewhere."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from models import adversary, priors
from models.objectives import (
    OBJECTIVES,
    Batch,
    gaussian_kl,
    log_likelihood,
    rate,
    sample_posterior,
    squared_error,
)
from tests.tiny import tiny_model

MEAN, LOG_VARIANCE = torch.randn(6, 4), torch.randn(6, 4)


@pytest.mark.parametrize("scale", [1.0, 1.4])
def test_gaussian_kl(scale):
    q = Independent(Normal(MEAN, (0.5 * LOG_VARIANCE).exp()), 1)
    p = Independent(Normal(torch.zeros_like(MEAN), scale), 1)
    torch.testing.assert_close(gaussian_kl(MEAN, LOG_VARIANCE, scale), kl_divergence(q, p))


def test_single_draw_rate_averages_to_the_closed_form():
    """The estimate used for a logistic prior, taken at a Normal one where the answer is known."""

    class DisguisedNormal:
        log_prob = priors.Normal().log_prob

    mean, log_variance = MEAN[:1].expand(40_000, 4), LOG_VARIANCE[:1].expand(40_000, 4)
    z = sample_posterior(mean, log_variance)
    draws = rate(z, mean, log_variance, DisguisedNormal())
    expected = gaussian_kl(MEAN[:1], LOG_VARIANCE[:1]).item()
    assert draws.mean().item() == pytest.approx(expected, abs=4 * draws.std().item() / 200)


def test_log_likelihoods():
    x, logits = torch.rand(3, 1, 5, 5).round(), torch.randn(3, 1, 5, 5)
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(log_likelihood(x, logits, "unit"), expected)
    x = 2 * torch.rand(3, 3, 5, 5) - 1
    logits = torch.randn(3, 3, 5, 5)
    expected = Independent(Normal(torch.tanh(logits), 1.0), 3).log_prob(x)
    torch.testing.assert_close(log_likelihood(x, logits, "symmetric"), expected)


def test_the_other_likelihoods():
    x, logits = torch.rand(3, 1, 5, 5), torch.randn(3, 1, 5, 5)
    expected = Independent(Normal(torch.sigmoid(logits), 1.0), 3).log_prob(x)
    torch.testing.assert_close(log_likelihood(x, logits, "unit", "gaussian"), expected)
    x = 2 * torch.rand(3, 3, 5, 5).round() - 1  # black or white, so that Bernoulli is exact
    logits = torch.randn(3, 3, 5, 5)
    mean = (torch.tanh(logits) + 1) / 2
    expected = Independent(Bernoulli(mean), 3).log_prob((x + 1) / 2)
    found = log_likelihood(x, logits, "symmetric", "bernoulli")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_likelihood_setting_reaches_the_loss():
    method = {"prior": "normal", "beta": 1.0}
    losses = [run_objective("elbo", method, likelihood=name)[1] for name in (None, "bernoulli")]
    assert losses[0] == losses[1] != run_objective("elbo", method, likelihood="gaussian")[1]


def test_squared_error_is_in_the_unit_of_table_two():
    x = torch.zeros(2, 3, 4, 4)
    torch.testing.assert_close(squared_error(x, x + 0.5), torch.full((2,), 0.05 * 48 * 0.25))


def run_objective(name, method, stochastic=True, critic=None, likelihood=None):
    model = tiny_model(stochastic=stochastic)
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, x, torch.Generator().manual_seed(1))
    train = {"divergence_weight": 10.0, "likelihood": likelihood}
    prior = priors.PRIORS[method["prior"]]()
    loss, parts = OBJECTIVES[name](model, batch, prior, method, train, critic)
    loss.backward()
    return model, loss.item(), {key: value.item() for key, value in parts.items()}


def test_beta_weighs_the_rate_and_nothing_else():
    for beta in (0.5, 1.0, 4.0):
        _, loss, parts = run_objective("elbo", {"prior": "normal", "beta": beta})
        assert loss == pytest.approx(parts["distortion"] + beta * parts["rate"], rel=1e-6)


def test_capacity_target_is_the_distance_to_the_target():
    method = {"prior": "normal", "capacity": 30.0, "weight": 2.0}
    _, loss, parts = run_objective("capacity", method)
    expected = parts["distortion"] + 2.0 * abs(parts["rate"] - 30.0)
    assert loss == pytest.approx(expected, rel=1e-6)


def test_vim_adds_lambda_times_the_divergence():
    method = {"prior": "logistic", "kernel": "multiscale", "divergence": "mmd"}
    model, loss, parts = run_objective("vim", method, stochastic=False)
    assert loss == pytest.approx(parts["cost"] + 10 * parts["mmd"], rel=1e-5)
    assert all(p.grad is not None for p in model.parameters())


def test_adversarial_losses_and_where_their_gradients_go():
    # Logits of about half a unit: a saturated critic would give the encoder no gradient at all.
    critic = adversary.build_critic(3, 0.08, torch.Generator().manual_seed(0))
    codes, draws = torch.randn(9, 3, requires_grad=True), torch.randn(9, 3)
    encoder_loss, critic_loss = adversary.losses(critic, codes, draws)
    d = Bernoulli(logits=critic(codes).detach())
    torch.testing.assert_close(encoder_loss.detach(), -d.log_prob(torch.ones(9, 1)).mean())
    real = Bernoulli(logits=critic(draws).detach()).log_prob(torch.ones(9, 1)).mean()
    fake = d.log_prob(torch.zeros(9, 1)).mean()
    torch.testing.assert_close(critic_loss.detach(), -real - fake)
    encoder_loss.backward()
    assert all(p.grad is None for p in critic.parameters()) and codes.grad.any()
    codes.grad = None
    critic_loss.backward()
    assert codes.grad is None and all(p.grad is not None for p in critic.parameters())


def test_undecided_critic_costs_ln_four():
    critic = adversary.build_critic(3, 1e-9, torch.Generator().manual_seed(0))
    encoder_loss, critic_loss = adversary.losses(critic, torch.randn(5, 3), torch.randn(5, 3))
    assert encoder_loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert critic_loss.item() == pytest.approx(math.log(4), abs=1e-6)
