"""Losses against closed forms computed elsewhere."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from models import adversary, objectives, priors
from models.objectives import (
    Batch,
    distortion,
    gaussian_kl,
    log_likelihood,
    rate,
    sample_posterior,
    squared_error,
)
from tests.tiny import METHODS, MODEL, tiny_model

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


def test_squared_error_is_in_the_unit_of_table_two():
    x = torch.zeros(2, 3, 4, 4)
    torch.testing.assert_close(squared_error(x, x + 0.5), torch.full((2,), 0.05 * 48 * 0.25))


def test_squared_error_is_a_gaussian_of_variance_ten_without_its_constant():
    model, z = tiny_model(channels=3, side=32).eval(), torch.randn(4, 3)
    x = 2 * torch.rand(4, 3, 32, 32) - 1
    gaussian = Independent(Normal(model.decode(z), math.sqrt(10)), 3)
    constant = 0.5 * math.log(2 * math.pi * 10) * x[0].numel()
    expected = -gaussian.log_prob(x) - constant
    found = distortion(model, x, z, {"likelihood": "squared_error"})
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)


def test_flips_limit_what_a_pixel_can_cost():
    """A channel that flips pixels; next to no flips are a Bernoulli likelihood."""
    x, logits = torch.rand(2, 1, 3, 3), 3 * torch.randn(2, 1, 3, 3)
    white = 0.1 + 0.8 * torch.sigmoid(logits)
    expected = Independent(Bernoulli(white, validate_args=False), 3).log_prob(x)
    found = log_likelihood(x, logits, "unit", "flipped", 0.1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    few, none = (
        log_likelihood(x, logits, "unit", *of) for of in (("flipped", 1e-6), ("bernoulli",))
    )
    torch.testing.assert_close(few, none, rtol=1e-3, atol=1e-3)
    sure = torch.full_like(logits, -200)  # of black, where the image is white
    assert log_likelihood(torch.ones_like(x), sure, "unit", "flipped", 0.1) == pytest.approx(
        9 * math.log(0.1)
    )
    for flip, ink, paper in (((0.1, 0.0), 0.1, 0.9), ((0.0, 0.1), 0.0, 1.0)):
        one_way = [log_likelihood(of, sure, "unit", "flipped", flip) for of in (x * 0 + 1, x * 0)]
        least = 9 * math.log(ink) if ink else -9 * (200 - math.log(0.9))
        assert one_way[0] == pytest.approx(least, rel=1e-5)
        assert one_way[1] == pytest.approx(9 * math.log(paper), abs=1e-5)
    moved = log_likelihood(2 * x - 1, logits / 2, "symmetric", "flipped", 0.1)
    torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "flipped"])
def test_distortion_is_what_the_likelihood_says(likelihood):
    model, z, x = tiny_model().eval(), torch.randn(4, 3), torch.rand(4, 1, 28, 28)
    expected = -log_likelihood(x, model.decode_logits(z), "unit", likelihood, 0.1)
    method = {"likelihood": likelihood} | ({"flip": 0.1} if likelihood == "flipped" else {})
    torch.testing.assert_close(distortion(model, x, z, method), expected)


def run_objective(method, critic=None, divergence_weight=10.0):
    model = tiny_model(stochastic=method["encoder"] == "stochastic")
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, x, torch.Generator().manual_seed(1))
    prior = priors.PRIORS[method["prior"]]()
    train = {"divergence_weight": divergence_weight}
    objective = objectives.load(method["objective"])
    loss, parts = objective.loss(model, batch, prior, method, train, critic)
    loss.backward()
    return model, loss.item(), {key: value.item() for key, value in parts.items()}


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "squared_error"])
def test_beta_weighs_the_rate_and_nothing_else(likelihood):
    for beta in (0.0, 0.5, 1.0, 4.0):
        method = METHODS["vae"] | {"beta": beta, "likelihood": likelihood}
        _, loss, parts = run_objective(method)
        assert loss == pytest.approx(parts["distortion"] + beta * parts["rate"], rel=1e-6)


def test_the_likelihood_decides_the_distortion():
    found = {
        name: run_objective(METHODS["vae"] | {"likelihood": name})[2]
        for name in ("bernoulli", "gaussian", "squared_error")
    }
    assert len({parts["distortion"] for parts in found.values()}) == 3
    assert len({parts["rate"] for parts in found.values()}) == 1


def test_rate_target_is_the_distance_to_the_target():
    method = METHODS["vae"] | {"objective": "rate_target", "rate": 30.0, "weight": 2.0}
    _, loss, parts = run_objective(method)
    expected = parts["distortion"] + 2.0 * abs(parts["rate"] - 30.0)
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("encoder", ["deterministic", "stochastic"])
@pytest.mark.parametrize("likelihood", ["squared_error", "bernoulli"])
def test_vim_adds_lambda_times_the_divergence(encoder, likelihood):
    method = METHODS["vimae_l"] | {"encoder": encoder, "likelihood": likelihood}
    model, loss, parts = run_objective(method)
    name = "cost" if likelihood == "squared_error" else "distortion"
    assert set(parts) == {name, "mmd"}
    assert loss == pytest.approx(parts[name] + 10 * parts["mmd"], rel=1e-5)
    assert all(p.grad is not None for p in model.parameters())


def test_without_its_divergence_vim_is_an_autoencoder():
    method = METHODS["vimae_l"]
    model, loss, parts = run_objective(method, divergence_weight=0.0)
    assert loss == parts["cost"]
    plain = tiny_model(stochastic=False)
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    squared_error(x, plain.decode(plain.encode(x)[0])).mean().backward()
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_only_an_adversarial_divergence_has_a_critic():
    vim, generator = objectives.load("vim"), torch.Generator().manual_seed(0)
    assert vim.build_critic({"model": MODEL, "method": METHODS["vimae_l"]}, generator) is None
    method = METHODS["vimae_n_js"]
    critic, factor = vim.build_critic({"model": MODEL, "method": method}, generator)
    assert factor == 0.5  # tolstikhin/wae, MNIST: 5e-4 beside 1e-3
    _, loss, parts = run_objective(method, critic)
    expected = parts["cost"] + 10 * parts["adversarial"] + parts["critic"]
    assert loss == pytest.approx(expected, rel=1e-5)


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
