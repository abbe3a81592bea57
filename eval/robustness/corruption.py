"""The corruptions: the paper's Gaussian and masking noise (section V-B), and what explains them.

Levels are in [0, 1] pixel units whatever the data's range. The paper adds to each pixel "a value
sampled from" a Gaussian and sets pixels "to 0" at random. Both leave a doubt, so both readings are
here: the sum is cut to the data's range, as tolstikhin/wae cuts its noisy images, or left alone;
0 is the number, which is mid-grey on [-1, 1], or black. Clipped noise also brightens a dark image
and a mask darkens it: `brightness` and `contrast` do that alone, without noise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.pixels import BLACK, SPAN


def clip(images: torch.Tensor, value_range: str) -> torch.Tensor:
    """Cut float images to their range."""
    return images.clamp(BLACK[value_range], BLACK[value_range] + SPAN[value_range])


def gaussian(images, level, value_range, generator):
    """Add N(0, level^2) to every value, each channel its own; not clipped."""
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    return images + level * SPAN[value_range] * noise.to(images.device)


def gaussian_clipped(images, level, value_range, generator):
    """The same noise, the sum cut to the range."""
    return clip(gaussian(images, level, value_range, generator), value_range)


def mask(images, level, fill, generator):
    """Set each pixel, all channels together, to `fill` with probability `level`."""
    n, _, height, width = images.shape
    draws = torch.rand((n, 1, height, width), generator=generator, device=generator.device)
    return images.masked_fill((draws < level).to(images.device), fill)


def mask_zero(images, level, value_range, generator):
    """Masked pixels become the number 0: black on [0, 1], mid-grey on [-1, 1]."""
    return mask(images, level, 0.0, generator)


def mask_black(images, level, value_range, generator):
    """Masked pixels become black."""
    return mask(images, level, BLACK[value_range], generator)


def brightness(images, level, value_range, generator):
    """Add `level` to every value and clip."""
    return clip(images + level * SPAN[value_range], value_range)


def contrast(images, level, value_range, generator):
    """Shrink the distance of every value from black by the factor 1 - `level`."""
    return BLACK[value_range] + (1 - level) * (images - BLACK[value_range])


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    apply   float images (n, c, h, w), level, value range, generator -> corrupted images. Noise is
            drawn on the generator's device, so that it does not depend on the images'.
    stream  name of the random stream; kinds that share it see the same noise. None: no noise,
            so that one draw is all there is, unless codes are sampled.
    """

    apply: Callable[[torch.Tensor, float, str, torch.Generator], torch.Tensor]
    stream: str | None


CORRUPTIONS = {
    "gaussian_clipped": Corruption(gaussian_clipped, "gaussian"),
    "gaussian": Corruption(gaussian, "gaussian"),
    "mask_zero": Corruption(mask_zero, "mask"),
    "mask_black": Corruption(mask_black, "mask"),
    "brightness": Corruption(brightness, None),
    "contrast": Corruption(contrast, None),
}


def same_as(name: str, value_range: str) -> str:
    """The name under which this corruption is computed: on [0, 1] both masks are one function."""
    return "mask_zero" if name == "mask_black" and BLACK[value_range] == 0 else name
