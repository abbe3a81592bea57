"""x = A z + noise with z ~ N(0, I): the model whose marginal likelihood and posterior are known."""

import torch
from torch.distributions import MultivariateNormal


class LinearGaussian:
    """`images` draws x (images, pixels) of a fixed random A (pixels, latent), exact in every part."""

    def __init__(self, pixels: int, latent: int, noise: float, images: int):
        generator = torch.Generator().manual_seed(0)
        self.a = torch.randn(pixels, latent, generator=generator)
        x = torch.randn(images, latent, generator=generator) @ self.a.T
        self.x = x + noise * torch.randn(x.shape, generator=generator)
        self.noise_covariance = noise**2 * torch.eye(pixels)
        covariance = self.a @ self.a.T + self.noise_covariance
        marginal = MultivariateNormal(torch.zeros(pixels), covariance)
        self.exact = marginal.log_prob(self.x).double()  # ln p(x)

    def likelihood(self, x, z):
        """ln p(x|z)."""
        return MultivariateNormal(z @ self.a.T, self.noise_covariance).log_prob(x)
