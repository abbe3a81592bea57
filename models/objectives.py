"""The training objectives, each beside its equation, as losses to minimise.

    ELBO, paper (2), and beta-VAE, (9):  -E_q(z|x) ln p(x|z) + beta KL(q(z|x) || p(z))
    capacity target, (10):               -E_q(z|x) ln p(x|z) + weight |KL(q(z|x) || p(z)) - C|
    VIM, (5):                             E c(x, decode(z)) + lambda D(q(z) || p(z))

c is 0.05 times the summed squared error, as in the code of [25]; D is the MMD of `models.mmd` or,
adversarially, the Jensen-Shannon divergence of `models.adversary` (the paper: equal to the AAE).
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from models import adversary
from models.mmd import mmd
from models.priors import Normal

COST_SCALE = 0.05  # [25]: 0.05 * sum of squared errors; also the unit of the paper's Table II


def log_likelihood(
    x: torch.Tensor, logits: torch.Tensor, value_range: str, likelihood: str | None = None
) -> torch.Tensor:
    """ln p(x|z) in nats, (n,), from the decoder's output before activation.

    "bernoulli": per value, of mean sigmoid(logits); grey levels in [0, 1] enter as in [25]'s VAE.
    On [-1, 1] both x and tanh(logits) are moved to [0, 1], the latter being sigmoid(2 logits).
    "gaussian": N(sigmoid(logits), 1) on [0, 1], N(tanh(logits), 1) on [-1, 1], with its constant.
    None takes [25]'s: "bernoulli" on [0, 1] (value range "unit"), "gaussian" on [-1, 1].
    """
    unit = value_range == "unit"
    if (likelihood or ("bernoulli" if unit else "gaussian")) == "bernoulli":
        x, logits = (x, logits) if unit else ((x + 1) / 2, 2 * logits)
        terms = -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    else:
        mean = torch.sigmoid(logits) if unit else torch.tanh(logits)
        terms = -0.5 * (x - mean).square() - 0.5 * math.log(2 * math.pi)
    return terms.flatten(1).sum(1)


def squared_error(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """0.05 * |x - x_hat|^2 per image, (n,): the unit of Table II."""
    return COST_SCALE * (x - x_hat).square().flatten(1).sum(1)


def gaussian_kl(mean: torch.Tensor, log_variance: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, scale^2)) in nats, (n,); closed form."""
    ratio = (mean.square() + log_variance.exp()) / scale**2
    return 0.5 * (ratio - 1 - log_variance + 2 * math.log(scale)).sum(1)


def rate(z, mean, log_variance, prior) -> torch.Tensor:
    """KL(q(z|x) || p(z)) in nats, (n,): in closed form for a Normal prior.

    For any other prior ln q(z|x) - ln p(z) at the draw z ~ q(z|x), which is unbiased.
    """
    if isinstance(prior, Normal):
        return gaussian_kl(mean, log_variance, prior.scale)
    squares = (z - mean).square() * (-log_variance).exp()
    log_q = -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(1)
    return log_q - prior.log_prob(z)


def sample_posterior(mean, log_variance, generator=None) -> torch.Tensor:
    """z ~ q(z|x) = N(mean, exp(log_variance)), (n, d), reparametrised; the mean itself if the
    encoder is deterministic (log_variance None). float32 whatever autocast says.
    """
    mean = mean.float()
    if log_variance is None:
        return mean
    noise = torch.empty_like(mean).normal_(generator=generator)
    return mean + noise * (0.5 * log_variance.float()).exp()


@dataclass(frozen=True)
class Batch:
    """One batch: the clean images (n, c, h, w), what the encoder sees, and the noise source."""

    clean: torch.Tensor
    noisy: torch.Tensor
    generator: torch.Generator


def _distortion_and_rate(model, batch, prior, likelihood):
    """-ln p(x|z) and KL(q(z|x) || p(z)), both averaged over the batch, in nats."""
    mean, log_variance = model.encode(batch.noisy)
    z = sample_posterior(mean, log_variance, batch.generator)
    logits = model.decode_logits(z).float()
    distortion = -log_likelihood(batch.clean, logits, model.value_range, likelihood).mean()
    return distortion, rate(z, mean.float(), log_variance.float(), prior).mean()


def beta_elbo(model, batch: Batch, prior, method: dict, train: dict, critic=None):
    """Paper (2) with beta = 1, (9) otherwise: distortion + beta rate."""
    distortion, kl = _distortion_and_rate(model, batch, prior, train["likelihood"])
    return distortion + method["beta"] * kl, {"distortion": distortion, "rate": kl}


def capacity_target(model, batch: Batch, prior, method: dict, train: dict, critic=None):
    """Paper (10): distortion + weight |rate - C|, C in nats."""
    distortion, kl = _distortion_and_rate(model, batch, prior, train["likelihood"])
    loss = distortion + method["weight"] * (kl - method["capacity"]).abs()
    return loss, {"distortion": distortion, "rate": kl}


def vim(model, batch: Batch, prior, method: dict, train: dict, critic=None):
    """Paper (5) as [25] computes it: 0.05 squared error + lambda D(q(z) || p(z)).

    A critic makes D adversarial (Jensen-Shannon); its own loss is added, on detached codes, so
    that one backward pass trains both.
    """
    z = sample_posterior(*model.encode(batch.noisy), batch.generator)
    x_hat = model.activate(model.decode_logits(z).float())
    cost = squared_error(batch.clean, x_hat).mean()
    draws = prior.sample(z.shape, batch.generator, z.device)
    if critic is None:
        divergence = mmd(z, draws, prior.scale, method["kernel"])
        return cost + train["divergence_weight"] * divergence, {"cost": cost, "mmd": divergence}
    encoder_loss, critic_loss = adversary.losses(critic, z, draws)
    loss = cost + train["divergence_weight"] * encoder_loss + critic_loss
    return loss, {"cost": cost, "adversarial": encoder_loss, "critic": critic_loss}


OBJECTIVES = {"elbo": beta_elbo, "capacity": capacity_target, "vim": vim}
