"""What the training objectives share; each is a file here, beside its equation.

An objective's file states what it is (TRAITS, SETTINGS, REQUIRED, ONLY_IF, REFUSALS; see
workflow/declarations.py) and defines

    loss(model, batch, prior, method, train, critic=None) -> (loss, {name: part of it})

scalars to minimise and to record; `method` is the catalogue's entry, `train` the training settings.
It may define build_critic(params, generator). A run loads its own objective by name, so that an
objective's file concerns no other's runs.
"""

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from models.pixels import activate
from models.priors import Normal

COST_SCALE = 0.05  # tolstikhin/wae: 0.05 * sum of squared errors; the unit of the paper's Table II
# The likelihood of who names none, as in tolstikhin/wae. Read by workflow/settings.py as well.
LIKELIHOODS = {"unit": "bernoulli", "symmetric": "gaussian"}


def load(name: str):
    """The module of an objective."""
    return importlib.import_module(f"models.objectives.{name}")


@dataclass(frozen=True)
class Batch:
    """One batch: the clean images (n, c, h, w), what the encoder sees, and the noise source."""

    clean: torch.Tensor
    noisy: torch.Tensor
    generator: torch.Generator


def log_likelihood(
    x: torch.Tensor,
    logits: torch.Tensor,
    value_range: str,
    likelihood: str | None = None,
    flip: float | Sequence[float] = 0.0,
) -> torch.Tensor:
    """ln p(x|z) in nats, (n,), from the decoder's output before activation.

    "bernoulli": per value, of mean sigmoid(logits); grey levels in [0, 1] enter as in the VAE of
    tolstikhin/wae. On [-1, 1] both x and tanh(logits) are moved to [0, 1], the latter being
    sigmoid(2 logits). "flipped": the same image seen through a channel that turns black to white
    and white to black with probability `flip` (a pair: each with its own), so that no pixel costs
    more than -ln flip. "gaussian": N(sigmoid(logits), 1) on [0, 1], N(tanh(logits), 1) on [-1, 1],
    with its constant. None: by the value range, see LIKELIHOODS.
    """
    unit, kind = value_range == "unit", likelihood or LIKELIHOODS[value_range]
    if kind in ("bernoulli", "flipped"):
        x, logits = (x, logits) if unit else ((x + 1) / 2, 2 * logits)
    if kind == "bernoulli":
        terms = -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    elif kind == "flipped":
        to_white, to_black = flip if isinstance(flip, Sequence) else (flip, flip)
        kept = math.log(1 - to_white - to_black)
        white = log_sum(to_white, kept + F.logsigmoid(logits))
        black = log_sum(to_black, kept + F.logsigmoid(-logits))
        terms = x * white + (1 - x) * black
    else:
        mean = activate(logits, value_range)
        terms = -0.5 * (x - mean).square() - 0.5 * math.log(2 * math.pi)
    return terms.flatten(1).sum(1)


def log_sum(probability: float, log: torch.Tensor) -> torch.Tensor:
    """ln(probability + exp(log))."""
    return (probability + log.exp()).log() if probability else log


def squared_error(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """0.05 * |x - x_hat|^2 per image, (n,): the unit of Table II."""
    return COST_SCALE * (x - x_hat).square().flatten(1).sum(1)


def distortion(model, x: torch.Tensor, z: torch.Tensor, method: dict) -> torch.Tensor:
    """What it costs to decode z (n, d) where x was meant, (n,); `method` is the catalogue's entry.

    -ln p(x|z) in nats of its likelihood, see `log_likelihood`. "squared_error" is 0.05 times the
    summed squared error: -ln p(x|z) of a Gaussian of variance 10, but for its constant.
    """
    logits, likelihood = model.decode_logits(z).float(), method["likelihood"]
    if likelihood == "squared_error":
        return squared_error(x, activate(logits, model.value_range))
    return -log_likelihood(x, logits, model.value_range, likelihood, method.get("flip", 0.0))


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


def sample_posterior(mean, log_variance, generator=None, noise=None) -> torch.Tensor:
    """z ~ q(z|x) = N(mean, exp(log_variance)), (n, d), reparametrised; the mean itself if the
    encoder is deterministic (log_variance None). float32 whatever autocast says.

    `noise` (n, d) is drawn from `generator` unless it is given.
    """
    mean = mean.float()
    if log_variance is None:
        return mean
    if noise is None:
        noise = torch.empty_like(mean).normal_(generator=generator)
    return mean + noise * (0.5 * log_variance.float()).exp()


def distortion_and_rate(model, batch: Batch, prior, method: dict):
    """The two terms of the ELBO, both averaged over the batch: distortion, and rate in nats."""
    mean, log_variance = model.encode(batch.noisy)
    z = sample_posterior(mean, log_variance, batch.generator)
    cost = distortion(model, batch.clean, z, method).mean()
    return cost, rate(z, mean.float(), log_variance.float(), prior).mean()
