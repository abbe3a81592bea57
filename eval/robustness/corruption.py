"""The two corruptions of the paper (section V-B): additive Gaussian noise and masking noise.

Levels are in [0, 1] pixel units whatever the data's range. Nothing is clipped unless asked: the
paper adds to each pixel "a value sampled from" a Gaussian and says no more.
"""

import torch

SPAN = {"unit": 1.0, "symmetric": 2.0}  # length of the range, in [0, 1] pixel units
LOWEST = {"unit": 0.0, "symmetric": -1.0}  # black
MASK_VALUES = ("black", "grey")


def gaussian(
    images: torch.Tensor,
    sigma: float,
    value_range: str,
    generator: torch.Generator,
    *,
    clip: bool = False,
) -> torch.Tensor:
    """Add N(0, sigma^2) to every value of float images (n, c, h, w).

    sigma is in [0, 1] pixel units, so it doubles on [-1, 1]. With `clip` the result is cut to the
    range. The noise is drawn on the generator's device, so that it does not depend on the images'.
    """
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    noisy = images + sigma * SPAN[value_range] * noise.to(images.device)
    lowest = LOWEST[value_range]
    return noisy.clamp(lowest, lowest + SPAN[value_range]) if clip else noisy


def mask(
    images: torch.Tensor,
    p: float,
    value_range: str,
    generator: torch.Generator,
    *,
    value: str = "black",
) -> torch.Tensor:
    """Replace each pixel, all channels together, with probability p.

    value "black" is 0 in [0, 1] (so -1 on [-1, 1]); "grey" is the middle of the range, which on
    [-1, 1] is the literal 0 of the paper's words.
    """
    if value not in MASK_VALUES:
        raise ValueError(f"mask value {value!r}: one of {MASK_VALUES}")
    n, _, height, width = images.shape
    draws = torch.rand((n, 1, height, width), generator=generator, device=generator.device)
    fill = LOWEST[value_range] + (SPAN[value_range] / 2 if value == "grey" else 0)
    return images.masked_fill((draws < p).to(images.device), fill)
