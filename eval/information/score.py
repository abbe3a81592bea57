"""How much the codes know: the quantities that the paper argues with and does not measure.

    python -m eval.information.score --run DIR --data NPZ --params JSON --out JSON

Settings: count (test images, null for all), resolution (standard deviation tau) and batch.

A deterministic code has infinite information and infinite rate. What it is worth depends on how
finely one can read it, so that every method is also read through one channel, y = z + tau noise
with the same tau: `information` (a lower bound, at most ln count) and `information_upper`.
"""

import math

import torch

from eval.information.channel import (
    active_units,
    gaussian_divergence,
    gaussian_information,
    mixture_information,
)
from eval.job import ScoreInputs, score_main
from eval.subset import choose
from models.mmd import mmd
from models.objectives import rate, sample_posterior
from models.seeds import torch_generator

FLOOR = 1e-3  # of the prior's standard deviation: a narrower direction of q(z) counts as this one
SATURATED = 1.0  # nats: a lower bound that comes as near to ln count says "at least" and no more


def score(inputs: ScoreInputs) -> dict:
    """Capacity of one run's encoder on test images, all entropies in nats.

    Values: rate E KL(q(z|x) || p(z)), encoder_information(_upper) I(x; z) and divergence_upper,
    all null for a deterministic encoder; information(_upper) I(x; y) at the stated resolution and
    whether it is saturated; divergence KL(q(z) || p(z)) by moments, a lower bound; mmd; active_units
    of `latent`; prior_entropy h(z).
    """
    params, prior, device = inputs.params, inputs.run.prior, inputs.device
    mean, log_variance = encode(inputs)
    generator = torch_generator(inputs.seed, "capacity", device)
    z = sample_posterior(mean, log_variance, generator)
    draws = prior.sample(z.shape, generator, device)

    noise = torch.zeros_like(mean) if log_variance is None else log_variance.exp()
    noise = noise + params["resolution"] ** 2
    read = mean + noise.sqrt() * torch.empty_like(mean).normal_(generator=generator)
    terms = mixture_information(read, mean, noise)
    ceiling = math.log(len(z))
    values = {
        "information": terms.mean().item(),
        "information_upper": gaussian_information(read, noise),
        "information_saturated": terms.mean().item() > ceiling - SATURATED,
        "divergence": gaussian_divergence(z, prior, FLOOR * prior.scale),
        "mmd": mmd(z, draws, prior.scale).item(),
        "active_units": active_units(mean),
        "latent": z.shape[1],
        "prior_entropy": prior.entropy(z.shape[1]),
    }
    values |= encoder_values(z, mean, log_variance, prior)
    return {"values": values, "protocol": protocol(len(z), params["resolution"], ceiling)}


def encode(inputs: ScoreInputs) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Means (n, d) of the chosen test images, and log variances where the encoder has them."""
    data, params = inputs.data, inputs.params
    x = choose(data.test_images, params["count"], "capacity", data.value_range, inputs.device)
    means, log_variances = zip(*map(inputs.run.model.encode, x.split(params["batch"])), strict=True)
    stochastic = log_variances[0] is not None
    return torch.cat(means), torch.cat(log_variances) if stochastic else None


def encoder_values(z, mean, log_variance, prior) -> dict:
    """What depends on q(z|x) itself; null where it is a point, for which all four are infinite."""
    if log_variance is None:
        names = ("rate", "encoder_information", "encoder_information_upper", "divergence_upper")
        return dict.fromkeys(names)
    rates = rate(z, mean, log_variance, prior).double().mean().item()
    information = mixture_information(z, mean, log_variance.exp()).mean().item()
    return {
        "rate": rates,
        "encoder_information": information,
        "encoder_information_upper": gaussian_information(z, log_variance.exp()),
        "divergence_upper": rates - information,  # E KL(q(z|x)||p) = I(x;z) + KL(q(z)||p)
    }


def protocol(count: int, resolution: float, ceiling: float) -> dict:
    """How each value was made and which way it errs."""
    return {
        "count": count,
        "split": "test",
        "resolution": resolution,
        "ceiling": ceiling,
        "information": "mixture of all encodings, lower bound, at most the ceiling ln(count)",
        "information_upper": "Gaussian of the same covariance, upper bound",
        "divergence": "Gaussian of the same covariance against p(z), lower bound",
        "divergence_upper": "rate - encoder_information, upper bound",
        "mmd": "seven-scale IMQ, off-diagonal within terms; zero in expectation at q = p",
        "active_units": "variance of the posterior mean over images above 0.01",
        "null": "infinite in theory, as the encoder is deterministic",
    }


if __name__ == "__main__":
    score_main("capacity", score)
