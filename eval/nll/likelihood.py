"""The likelihood of an image given a code, as the estimators of ln p(x) take it.

They take a callable rather than a network, so that they can be checked on models whose marginal
likelihood is known.
"""

from collections.abc import Callable

import torch

from models.networks import AutoEncoder
from models.objectives import log_likelihood

Likelihood = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (x, z) -> ln p(x|z), (m,)


def decoder_likelihood(model: AutoEncoder) -> Likelihood:
    """ln p(x|z) in nats of a decoder: x (m, c, h, w) and z (m, d) -> (m,)."""
    return lambda x, z: log_likelihood(x, model.decode_logits(z), model.value_range)
