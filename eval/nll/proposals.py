"""Proposals r(z|x) for importance sampling from the posterior of a decoder.

Two families of Gaussians, both widened afterwards by a factor tuned on training images:

- `encoder_proposal`: q(z|x) of a stochastic encoder; N(mu(x), I) around a deterministic code.
- `laplace_proposal`: the posterior's own mode and curvature, for every encoder alike. A
  deterministic code says nothing about the posterior's shape, and a round proposal around it
  loses nats on VIMAE that it does not lose on the VAE (docs/nll.md has the numbers).

Every draw is replaced by one from the prior with probability PRIOR_SHARE (`Defended`), because a
Gaussian's tails are lighter than a Logistic prior's, where weights would be unbounded.
"""

import math
from dataclasses import dataclass

import torch

from eval.nll.likelihood import decoder_likelihood
from models.networks import AutoEncoder

DIFFERENCE = 0.1  # step of the finite differences, below the width of a typical posterior
PRIOR_SHARE = 0.05
STEPS = (0.0, 0.1, 0.3, 1.0)  # damping tried in each Newton step; 0 makes the ascent monotone


@dataclass(frozen=True)
class Proposal:
    """Gaussians r(z|x) = N(mean, F F^T), one per image.

    mean (n, d) and the lower triangular factor F (n, d, d).
    """

    mean: torch.Tensor
    factor: torch.Tensor

    def widened(self, scale: float) -> "Proposal":
        """The same proposals with every standard deviation times `scale`."""
        return Proposal(self.mean, scale * self.factor)

    def sample(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """z (n, count, d) and ln r(z|x) (n, count)."""
        n, d = self.mean.shape
        noise = torch.empty(n, count, d, device=self.mean.device).normal_(generator=generator)
        return self.mean[:, None] + noise @ self.factor.mT, self._log_density(noise)

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """ln r(z|x) (n, m) at z (n, m, d), in float64: sharp posteriors are ill-conditioned."""
        away = (z - self.mean[:, None]).double()
        noise = torch.linalg.solve_triangular(self.factor.double(), away.mT, upper=False)
        return self._log_density(noise.mT)

    def _log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """ln r at mean + F noise, (n, m) from noise (n, m, d)."""
        log_volume = self.factor.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = log_volume[:, None] + 0.5 * noise.shape[2] * math.log(2 * math.pi)
        return -0.5 * noise.square().sum(2) - constant


@dataclass(frozen=True)
class Defended:
    """(1 - a) r(z|x) + a p(z), a = PRIOR_SHARE: a proposal whose weights are bounded.

    As the density is at least a p(z), no weight p(x|z) p(z) / density exceeds p(x|z) / a, so that
    their variance is finite whatever the tails of r are (Hesterberg 1995; Owen & Zhou 2000). The
    price is that share of the draws.
    """

    proposal: Proposal
    prior: object

    def sample(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """z (n, count, d) and the mixture's log density there (n, count)."""
        z, _ = self.proposal.sample(count, generator)
        draws = self.prior.sample(z.shape, generator, z.device)
        choice = torch.rand(z.shape[:2], generator=generator, device=z.device)
        z = torch.where((choice < PRIOR_SHARE)[..., None], draws, z)
        return z, torch.logaddexp(
            self.proposal.log_prob(z) + math.log(1 - PRIOR_SHARE),
            self.prior.log_prob(z.double()) + math.log(PRIOR_SHARE),
        )


def encoder_proposal(model: AutoEncoder, x: torch.Tensor) -> Proposal:
    """q(z|x) of a stochastic encoder; N(mu(x), I), to be narrowed, of a deterministic one."""
    mean, log_variance = model.encode(x)
    deviation = torch.ones_like(mean) if log_variance is None else (0.5 * log_variance).exp()
    return Proposal(mean, torch.diag_embed(deviation))


def laplace_proposal(
    model: AutoEncoder, x: torch.Tensor, prior_scale: float, *, iterations: int, batch: int
) -> Proposal:
    """N(z*, H^-1) at the mode z* of ln p(x|z) + ln p(z), x (n, ...) in [0, 1], Bernoulli pixels.

    Gauss-Newton ascent from the code mu(x), with J = d logits / d z and p = sigmoid(logits):

        H = J^T diag(p (1 - p)) J + I / scale^2,     z <- z + step H^-1 [J^T (x - p) - z / scale^2]

    The prior enters as the Normal of its variance, whatever its form: a proposal need not be
    exact. J comes from finite differences, which see the slope over the posterior's width rather
    than that of one linear piece of a ReLU network, and need no backward pass.
    """
    together = max(1, batch // (model.latent_dim + 1))
    modes = [_mode(model, part, prior_scale, iterations) for part in x.split(together)]
    mean, precision = (torch.cat(parts) for parts in zip(*modes, strict=True))
    covariance = torch.linalg.inv(precision.double())  # sharp posteriors are ill-conditioned
    return Proposal(mean, torch.linalg.cholesky(covariance).float())


def _mode(model, x, prior_scale, iterations):
    """Mode (n, d) and precision H (n, d, d) of the posteriors of images x (n, ...)."""
    z, _ = model.encode(x)
    likelihood = decoder_likelihood(model)
    for _ in range(iterations):
        gradient, precision = _curvature(model, x, z, prior_scale)
        direction = torch.linalg.solve(precision, gradient)
        trials = torch.stack([z + step * direction for step in STEPS])
        height = likelihood(x.repeat(len(STEPS), 1, 1, 1), trials.flatten(0, 1))
        height = height.view(len(STEPS), -1) - 0.5 * trials.square().sum(2) / prior_scale**2
        z = trials[height.argmax(0), torch.arange(len(z), device=z.device)]
    return z, _curvature(model, x, z, prior_scale)[1]


def _curvature(model, x, z, prior_scale):
    """Gradient (n, d) and Gauss-Newton precision (n, d, d) of the log posterior at z."""
    n, d = z.shape
    moves = DIFFERENCE * torch.eye(d + 1, d, device=z.device)  # the last row stays at z
    logits = model.decode_logits((z[:, None] + moves).flatten(0, 1)).reshape(n, d + 1, -1)
    here = logits[:, -1:]
    slope = (logits[:, :-1] - here) / DIFFERENCE
    mean = torch.sigmoid(here)
    gradient = (slope @ (x.flatten(1)[:, None] - mean).mT)[..., 0] - z / prior_scale**2
    weighted = slope * (mean * (1 - mean))
    return gradient, weighted @ slope.mT + torch.eye(d, device=z.device) / prior_scale**2
