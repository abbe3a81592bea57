"""Importance-sampled lower bound of the log marginal likelihood ln p(x) of a decoder.

    ln p(x)  >=  E ln (1/K) sum_k w_k,   w_k = p(x|z_k) p(z_k) / r(z_k|x),   z_k ~ r(z|x)

(Burda, Grosse & Salakhutdinov 2016, equation 8). The bound rises with K to ln p(x), for any
proposal r that covers the posterior; K = 1 with r = q(z|x) is the ELBO. How loose it is shows in
the effective sample size (sum w)^2 / sum w^2: by the delta method about 1 / (2 ESS) nats.
"""

import math

import torch

from eval.nll.likelihood import Likelihood
from eval.nll.proposals import Defended, Proposal


def log_weights(
    x: torch.Tensor,
    proposal: Proposal | Defended,
    prior,
    likelihood: Likelihood,
    samples: int,
    *,
    batch: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """ln w_k of `samples` draws for each image, (n, samples) in float64.

    Args:
        x: images (n, ...).
        likelihood: (images (m, ...), z (m, d)) -> ln p(x|z) (m,).
        batch: draws decoded at once; it bounds the memory, not the result.
    """
    z, log_r = proposal.sample(samples, generator)
    image_of_draw = torch.arange(len(x), device=x.device).repeat_interleave(samples)
    pairs = zip(image_of_draw.split(batch), z.flatten(0, 1).split(batch), strict=True)
    log_p = torch.cat([likelihood(x[rows], codes).double() for rows, codes in pairs])
    return log_p.view(log_r.shape) + prior.log_prob(z).double() - log_r.double()


def log_marginal(weights: torch.Tensor) -> torch.Tensor:
    """ln (1/K) sum_k w_k of log weights (n, K): (n,) in nats."""
    return weights.logsumexp(1) - math.log(weights.shape[1])


def effective_sample_size(weights: torch.Tensor) -> torch.Tensor:
    """(sum w)^2 / sum w^2 of log weights (n, K): (n,), between 1 and K (Kong 1992)."""
    return (2 * weights.logsumexp(1) - (2 * weights).logsumexp(1)).exp()
