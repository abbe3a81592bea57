"""Negative log-likelihood of test images, in nats per image (Table I, MNIST and Omniglot).

    python -m eval.nll.score --run results/quick/runs/mnist/vae/seed0 \\
        --data results/quick/data/mnist.npz --out nll.json --units nll.npz \\
        --params '{"images": 20, "samples": 20, "proposal": "laplace",
        "proposal_scales": [1.0, 1.2], "tuning_images": 20, "laplace_iterations": 4,
        "prior_samples": 500, "ais": null, "batch": 500}'

Two numbers, because the paper does not say which it means (docs/nll.md):

- `nll`, -ln p(x) by importance sampling: what the words mean;
- `cross_entropy`, E_x E_z~p(z) [-ln p(x|z)], an upper bound of it of the size the paper prints.

The likelihood is Bernoulli per pixel on grey values in [0, 1], not binarised, as in the VAE
of tolstikhin/wae.
"""

import math

import torch
from torch.nn import functional as F

from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_error, from_units, measured
from eval.nll.ais import ais_log_marginal
from eval.nll.importance import effective_sample_size, log_marginal, log_weights
from eval.nll.likelihood import decoder_likelihood
from eval.nll.proposals import (
    PRIOR_SHARE,
    Defended,
    Proposal,
    encoder_proposal,
    laplace_proposal,
)
from eval.subset import choose_rows, load
from models.seeds import torch_generator

NEEDS = ()
FITS = {"value_range": "unit"}
SETTINGS = {
    "images": {"type": ["integer", "null"], "minimum": 2, "at_most": "test"},
    "samples": {"type": "integer", "minimum": 1},
    "proposal": {"enum": ["laplace", "encoder"]},
    "proposal_scales": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "number", "exclusiveMinimum": 0},
    },
    "tuning_images": {"type": "integer", "minimum": 1, "at_most": "train"},
    "laplace_iterations": {"type": "integer", "minimum": 1},
    "prior_samples": {"type": "integer", "minimum": 2},
    "ais": {
        "type": ["object", "null"],
        "additionalProperties": False,
        "required": ["seeds", "images", "chains", "temperatures", "leapfrog"],
        "properties": {
            "seeds": {"type": ["array", "null"], "items": {"type": "integer", "minimum": 0}},
            "images": {"type": "integer", "minimum": 2},
            "chains": {"type": "integer", "minimum": 1},
            "temperatures": {"type": "integer", "minimum": 1},
            "leapfrog": {"type": "integer", "minimum": 1},
        },
    },
    "batch": {"type": "integer", "minimum": 1},
}

CLIP = 1e-7  # Keras clips probabilities there; decides the size of the cross-entropy
COLLAPSED = 5.0  # median ESS below which the bound is more than 1 / (2 * 5) = 0.1 nats loose


def score(inputs: ScoreInputs) -> Result:
    """Test NLL of one run.

    Settings: images (test images, null for all), samples (K), proposal ("laplace" or "encoder"),
    proposal_scales (the grid of its width), tuning_images (training images it is tuned on),
    laplace_iterations, prior_samples (draws of the cross-entropy), ais (null, or an object with
    images, chains, temperatures, leapfrog, and the seeds it is run for, null for all), batch (decodes at once).

    Values in nats: nll, doubtful where most of the weight is on few draws, and cross_entropy;
    ess_median, ess_min; with AIS, `ais_nll` and `ais_gap`, by how much it exceeds the
    importance-sampled NLL of the same images.
    """
    params, model, prior, device = inputs.params, inputs.run.model, inputs.run.prior, inputs.device
    if model.value_range != "unit":
        raise ValueError(
            f"nll is defined here for images in [0, 1], not for {inputs.data.name}: "
            "take it out of nll's datasets in `scored`"
        )
    data = inputs.data
    rows = choose_rows(len(data.test_images), params["images"], "nll/test")
    tuning = choose_rows(len(data.train_images), params["tuning_images"], "nll/tuning")
    test = load(data.test_images, rows, "unit", device)

    scale = best_scale(inputs, load(data.train_images, tuning, "unit", device))
    weights = weigh(inputs, test, propose(inputs, test).widened(scale), "nll/importance")
    bounds, sizes = log_marginal(weights), effective_sample_size(weights)
    draws = prior.sample(
        (params["prior_samples"], model.latent_dim),
        torch_generator(inputs.seed, "nll/prior", device),
        device,
    )
    entropies, entropy_error = prior_cross_entropy(model, test, draws, params["batch"])

    units = {"nll": -bounds.cpu().numpy(), "cross_entropy": entropies.cpu().numpy()}
    values = {name: from_units(of) for name, of in units.items()}
    values["nll"]["doubtful"] = sizes.median().item() < COLLAPSED
    # The draws are shared by all images, so their error does not average out over images.
    of_images = values["cross_entropy"]
    if of_images["se"] is not None:  # of one image there is none
        error = math.hypot(of_images["se"], entropy_error)
        values["cross_entropy"] = from_error(of_images["value"], error)
    values["ess_median"] = measured(sizes.median().item())
    values["ess_min"] = measured(sizes.min().item())
    ais = params["ais"]
    if ais and (ais["seeds"] is None or inputs.seed in ais["seeds"]):
        values |= ais_values(inputs, test, bounds)
    protocol = {
        "likelihood": "Bernoulli per pixel on grey values in [0, 1], not binarised",
        "estimator": "importance-sampled lower bound of ln p(x)",
        "images": len(test),
        "samples": params["samples"],
        "proposal": params["proposal"],
        "proposal_scale": scale,
        "prior_share": PRIOR_SHARE,
        "doubtful": f"the median effective sample size is below {COLLAPSED}",
        "prior_samples": params["prior_samples"],
        "clip": CLIP,
        "ais": ais and ais | {"images": min(ais["images"], len(test))},
    }
    return Result(values, protocol, units, rows)


def propose(inputs: ScoreInputs, x: torch.Tensor) -> Proposal:
    """The proposal that the settings name, before its width is tuned."""
    params, run = inputs.params, inputs.run
    if params["proposal"] == "encoder":
        return encoder_proposal(run.model, x)
    if params["proposal"] != "laplace":
        raise ValueError(f"proposal is {params['proposal']!r}; it must be 'laplace' or 'encoder'")
    return laplace_proposal(
        run.model,
        x,
        run.prior.scale,
        iterations=params["laplace_iterations"],
        batch=params["batch"],
    )


def weigh(inputs: ScoreInputs, x: torch.Tensor, proposal: Proposal, role: str) -> torch.Tensor:
    """Log importance weights (n, K) of images x, with a share of the draws from the prior."""
    return log_weights(
        x,
        Defended(proposal, inputs.run.prior),
        inputs.run.prior,
        decoder_likelihood(inputs.run.model),
        inputs.params["samples"],
        batch=inputs.params["batch"],
        generator=torch_generator(inputs.seed, role, inputs.device),
    )


def best_scale(inputs: ScoreInputs, x: torch.Tensor) -> float:
    """The width of the grid with the highest bound on x; every width sees the same noise."""
    proposal = propose(inputs, x)

    def bound(scale):
        return log_marginal(weigh(inputs, x, proposal.widened(scale), "nll/tuning")).mean().item()

    return max(inputs.params["proposal_scales"], key=bound)


def prior_cross_entropy(
    model, x: torch.Tensor, z: torch.Tensor, batch: int
) -> tuple[torch.Tensor, float]:
    """E_z~p(z) [-ln p(x|z)] per image, (n,) nats, from draws z (m, d), and its error.

    With l = logit p, -ln p(x|z) = sum_i [softplus(l_i) - x_i l_i] is linear in x: all n m pairs
    need the draws' mean of l and of softplus(l) alone. Clipping l clips p to [CLIP, 1 - CLIP].
    The error is the standard error, due to the m draws, of the mean over the images.
    """
    limit = math.log((1 - CLIP) / CLIP)
    pixels, mean_image = x.flatten(1).double(), x.double().mean(0).flatten()
    slopes, per_draw = torch.zeros_like(mean_image), []
    constant = 0.0
    for part in z.split(batch):
        logits = model.decode_logits(part).flatten(1).double().clamp(-limit, limit)
        volume = F.softplus(logits).sum(1)
        slopes += logits.sum(0) / len(z)
        constant += volume.sum() / len(z)
        per_draw.append(volume - logits @ mean_image)
    per_draw = torch.cat(per_draw)
    error = per_draw.std().item() / math.sqrt(len(per_draw))
    return constant - pixels @ slopes, error


def ais_values(inputs: ScoreInputs, x: torch.Tensor, bounds: torch.Tensor) -> dict:
    """AIS on the first images, beside the importance-sampled bounds (n,) of the same images."""
    settings = {key: value for key, value in inputs.params["ais"].items() if key != "seeds"}
    count = settings.pop("images")
    annealed = ais_log_marginal(
        x[:count],
        inputs.run.prior,
        decoder_likelihood(inputs.run.model),
        inputs.run.model.latent_dim,
        **settings,
        batch=inputs.params["batch"],
        generator=torch_generator(inputs.seed, "nll/ais", inputs.device),
    )
    return {
        "ais_nll": from_units(-annealed.cpu()),
        "ais_gap": from_units((bounds[:count] - annealed).cpu()),
    }


if __name__ == "__main__":
    score_main("nll", score, NEEDS)
