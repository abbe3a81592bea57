"""Latent priors p(z): factorised, zero mean, described by their standard deviation.

The paper compares a Normal (VIMAE-n) with a Logistic (VIMAE-l) because "the Logistic has less
entropy than a Gaussian": true at equal variance, which is why both take the standard deviation.
"""

import math

import torch


class Normal:
    """N(0, scale^2) in every dimension; h = d (1/2) ln(2 pi e scale^2)."""

    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def sample(self, shape, generator=None, device="cpu") -> torch.Tensor:
        """Independent draws of the given shape."""
        return self.scale * torch.randn(shape, generator=generator, device=device)

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """ln p(z) in nats, summed over the last axis."""
        per_dimension = -0.5 * (z / self.scale) ** 2 - math.log(self.scale * math.sqrt(2 * math.pi))
        return per_dimension.sum(-1)

    def entropy(self, dimensions: int) -> float:
        """Differential entropy in nats."""
        return dimensions * 0.5 * math.log(2 * math.pi * math.e * self.scale**2)


class Logistic:
    """Logistic(0, s) with s = scale sqrt(3)/pi, so that its variance is scale^2; h = d (ln s + 2)."""

    def __init__(self, scale: float = 1.0):
        self.scale = scale
        self.s = scale * math.sqrt(3) / math.pi

    def sample(self, shape, generator=None, device="cpu") -> torch.Tensor:
        """Independent draws of the given shape, s ln(u / (1 - u))."""
        uniform = torch.rand(shape, generator=generator, device=device)
        # rand() may return 0 and float32 rounds the largest values to 1: keep the logit finite.
        return self.s * torch.logit(uniform.clamp(1e-7, 1 - 1e-7))

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """ln p(z) in nats, summed over the last axis."""
        u = z / self.s
        softplus = torch.nn.functional.softplus
        return (-softplus(u) - softplus(-u) - math.log(self.s)).sum(-1)

    def entropy(self, dimensions: int) -> float:
        """Differential entropy in nats."""
        return dimensions * (math.log(self.s) + 2)


PRIORS = {"normal": Normal, "logistic": Logistic}
