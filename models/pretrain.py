"""The optional encoder pre-training of [25]: match two moments of q(z) to the prior's.

    loss = mean (E_q z - E_p z)^2 + mean (Cov_q z - Cov_p z)^2

At most `steps` Adam steps at the base rate, stopped below 0.1. It starts the divergence from
codes of the prior's size; the decoder is not touched.
"""

import torch

from data.store import to_float
from models.step import make_optimizer, noisy_copy

GOOD_ENOUGH = 0.1


def moment_loss(codes: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Squared differences of means and covariances of two samples (n, d), each averaged."""
    means = codes.mean(0) - draws.mean(0)
    covariances = torch.cov(codes.T) - torch.cov(draws.T)
    return means.square().mean() + covariances.square().mean()


def pretrain_encoder(model, prior, images, generator, train: dict) -> tuple[int, float]:
    """Pre-train in place on random batches of `pretrain_batch` images (uint8, on the device).

    Returns the number of steps taken and the last loss.
    """
    rate = {"params": model.encoder.parameters(), "lr": train["learning_rate"]}
    optimizer = make_optimizer([rate], images.device)
    batch = min(train["pretrain_batch"], len(images))
    loss = torch.tensor(float("inf"))
    for step in range(train["pretrain_steps"]):
        index = torch.randint(len(images), (batch,), generator=generator, device=images.device)
        x = to_float(images[index], model.value_range)
        mean, _ = model.encode(noisy_copy(x, train["pixel_noise"], generator))
        loss = moment_loss(mean, prior.sample(mean.shape, generator, images.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if loss.item() < GOOD_ENOUGH:
            return step + 1, loss.item()
    return train["pretrain_steps"], loss.item()
