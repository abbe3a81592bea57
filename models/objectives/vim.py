"""Variational InfoMax, paper (5), as tolstikhin/wae computes it.

    E c(x, decode(z)) + lambda D(q(z) || p(z))

c is 0.05 times the summed squared error, or -ln p(x|z) where a likelihood is chosen; lambda is the
training setting `divergence_weight`. D is the MMD of `models.mmd` or, adversarially, the
Jensen-Shannon divergence of `models.adversary` (the paper: equal to the AAE).
"""

import torch

from models import adversary
from models.mmd import mmd
from models.objectives import Batch, distortion, sample_posterior

TRAITS = {
    "encoder": ("deterministic", "stochastic"),
    "divergence": ("mmd", "js"),
    "likelihood": ("squared_error", "bernoulli", "gaussian"),
    "pretrained": True,
}
SETTINGS = {"kernel": {"enum": ["multiscale", "single"]}}
REQUIRED = ()
ONLY_IF = {"kernel": {"divergence": "mmd"}}
REFUSALS = {
    "divergence": "D compares q(z) with p(z) by draws alone. The KL wants a density, which q(z) "
    "has not if the encoder is deterministic; KL(q(z|x) || p(z)) is objective elbo's",
}


def build_critic(params: dict, generator: torch.Generator):
    """(critic, its learning rate's factor) of an adversarial divergence; None for the MMD.

    `params` is a run's {"model", "train", "method"}.
    """
    if params["method"]["divergence"] != "js":
        return None
    model = params["model"]
    critic = adversary.build_critic(model["latent"], model["init_std"], generator)
    return critic, adversary.LEARNING_RATE_FACTOR


def loss(model, batch: Batch, prior, method: dict, train: dict, critic=None):
    """cost + lambda divergence; the first part is called distortion where a likelihood is chosen.

    A critic's own loss is added, on detached codes, so that one backward pass trains both.
    """
    z = sample_posterior(*model.encode(batch.noisy), batch.generator)
    cost = distortion(model, batch.clean, z, method).mean()
    parts = {"cost" if method["likelihood"] == "squared_error" else "distortion": cost}
    draws = prior.sample(z.shape, batch.generator, z.device)
    if critic is None:
        divergence = mmd(z, draws, prior.scale, method["kernel"])
        return cost + train["divergence_weight"] * divergence, parts | {"mmd": divergence}
    encoder_loss, critic_loss = adversary.losses(critic, z, draws)
    total = cost + train["divergence_weight"] * encoder_loss + critic_loss
    return total, parts | {"adversarial": encoder_loss, "critic": critic_loss}
