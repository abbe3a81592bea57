"""What an encoder says of many images, a batch at a time."""

import torch


def encode(model, x: torch.Tensor, batch: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Means (n, d) of images (n, c, h, w), and log variances where the encoder has them."""
    means, log_variances = zip(*map(model.encode, x.split(batch)), strict=True)
    stochastic = log_variances[0] is not None
    return torch.cat(means), torch.cat(log_variances) if stochastic else None
