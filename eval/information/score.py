"""How much the codes know: the quantities that the paper argues with and does not measure.

    python -m eval.information.score --run results/quick/runs/mnist/vae/seed0 \\
        --data results/quick/data/mnist.npz --out information.json --units information.npz \\
        --params '{"count": 1000, "resolution": 0.5, "batch": 250}'

Settings: count (test images, null for all), resolution (standard deviation tau, in units of the
code) and batch (images at a time).

A deterministic code has infinite information and infinite rate. What it is worth depends on how
finely one can read it, so that every method is also read through one channel, y = z + tau noise
with the same tau: `information` (a lower bound, at most ln count) and `information_upper`.
"""

import math

import torch

from eval.codes import encode
from eval.information.channel import (
    active_units,
    gaussian_divergence,
    gaussian_information,
    mixture_information,
    spectrum,
)
from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_units, measured
from eval.normalisation import batch_statistics
from eval.subset import choose_rows, load
from models.mmd import mmd
from models.objectives import rate, sample_posterior
from models.seeds import torch_generator

NEEDS = ()
FITS = {}
SETTINGS = {
    "count": {
        "type": ["integer", "null"],
        "minimum": 2,
        "at_most": "test",
        "at_least": "latent + 1",  # for a covariance of the codes
    },
    "resolution": {"type": "number", "exclusiveMinimum": 0},
    "batch": {"type": "integer", "minimum": 1},
}

FLOOR = 1e-3  # of the prior's standard deviation: a narrower direction of q(z) counts as this one
SATURATED = 1.0  # nats: a lower bound that comes as near to ln count says "at least" and no more


def score(inputs: ScoreInputs) -> Result:
    """What one run's encoder knows of test images, all entropies in nats.

    Values: rate E KL(q(z|x) || p(z)), encoder_information(_upper) I(x; z) and divergence_upper,
    all None for a deterministic encoder; information(_upper) I(x; y) at the stated resolution
    (lower bounds are doubtful where they are saturated); divergence KL(q(z) || p(z)) by moments, a lower
    bound; mmd, and mmd_training as a training step sees it; active_units of `latent`; spectrum_*
    of the codes' covariance; prior_entropy h(z).
    """
    params, prior, device = inputs.params, inputs.run.prior, inputs.device
    images = inputs.data.test_images
    rows = choose_rows(len(images), params["count"], "capacity")
    x = load(images, rows, inputs.data.value_range, device)
    mean, log_variance = encode(inputs.run.model, x, params["batch"])
    generator = torch_generator(inputs.seed, "capacity", device)
    z = sample_posterior(mean, log_variance, generator)
    draws = prior.sample(z.shape, generator, device)

    noise = torch.zeros_like(mean) if log_variance is None else log_variance.exp()
    noise = noise + params["resolution"] ** 2
    read = mean + noise.sqrt() * torch.empty_like(mean).normal_(generator=generator)
    values = {
        "information": lower_bound(mixture_information(read, mean, noise)),
        "information_upper": measured(gaussian_information(read, noise)),
        "divergence": measured(gaussian_divergence(z, prior, FLOOR * prior.scale)),
        "mmd": measured(mmd(z, draws, prior.scale).item()),
        "mmd_training": training_mmd(inputs, x),
        "active_units": measured(active_units(mean)),
        "latent": measured(z.shape[1]),
        "prior_entropy": measured(prior.entropy(z.shape[1])),
    }
    for name, value in spectrum(z, prior.scale).items():
        values[f"spectrum_{name}"] = measured(value)
    values |= encoder_values(z, mean, log_variance, prior)
    return Result(values, protocol(len(z), params["resolution"]))


def lower_bound(terms: torch.Tensor, of: torch.Tensor | None = None) -> dict:
    """The mean of the terms (n,), or of `of` made from them; doubtful where it is saturated."""
    saturated = terms.mean().item() > math.log(len(terms)) - SATURATED
    return from_units((terms if of is None else of).cpu(), saturated)


def training_mmd(inputs: ScoreInputs, x: torch.Tensor) -> dict:
    """The MMD of test images in batches of training's size, batch norm by their own statistics; mean over them.

    The codes of such a batch are not independent: their mean and spread fluctuate less than those
    of as many prior draws, so that the value at q = p is negative where `mmd` is zero.
    """
    prior, batch = inputs.run.prior, min(inputs.run.info["params"]["train"]["batch"], len(x))
    generator = torch_generator(inputs.seed, "information/training", inputs.device)
    found = []
    with batch_statistics(inputs.run.model):
        for part in x.split(batch):
            if len(part) == batch:
                z = sample_posterior(*inputs.run.model.encode(part), generator)
                draws = prior.sample(z.shape, generator, inputs.device)
                found.append(mmd(z, draws, prior.scale).item())
    return from_units(found)


def encoder_values(z, mean, log_variance, prior) -> dict:
    """What depends on q(z|x) itself; None where it is a point, for which all four are infinite."""
    if log_variance is None:
        names = ("rate", "encoder_information", "encoder_information_upper", "divergence_upper")
        return {name: measured(None) for name in names}
    rates = rate(z, mean, log_variance, prior).double()
    terms = mixture_information(z, mean, log_variance.exp())
    return {
        "rate": from_units(rates.cpu()),
        "encoder_information": lower_bound(terms),
        "encoder_information_upper": measured(gaussian_information(z, log_variance.exp())),
        # E KL(q(z|x) || p) = I(x; z) + KL(q(z) || p): loose where the information is saturated.
        "divergence_upper": lower_bound(terms, rates - terms),
    }


def protocol(count: int, resolution: float) -> dict:
    """How each value was made and which way it errs."""
    return {
        "count": count,
        "split": "test",
        "resolution": resolution,
        "ceiling": math.log(count),
        "information": "mixture of all encodings, lower bound, at most the ceiling ln(count)",
        "doubtful": f"the lower bound is within {SATURATED} nat of the ceiling",
        "information_upper": "Gaussian of the same covariance, upper bound",
        "divergence": "Gaussian of the same covariance against p(z), lower bound",
        "divergence_upper": "rate - encoder_information, upper bound",
        "mmd": "seven-scale IMQ, off-diagonal within terms; zero in expectation at q = p",
        "mmd_training": "the same on training batches, batch norm by the batch's own statistics",
        "active_units": "variance of the posterior mean over images above 0.01",
        "spectrum": "eigenvalues of Cov z over the prior's variance; rank: (sum)^2 / sum of squares",
        "null": "infinite in theory, as the encoder is deterministic",
    }


if __name__ == "__main__":
    score_main("information", score, NEEDS)
