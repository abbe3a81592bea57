"""Images between the form in which they are stored and that in which networks take them.

A dataset's `value_range` says what networks see: "unit" is [0, 1], "symmetric" is [-1, 1].
"""

import torch

SPAN = {"unit": 1.0, "symmetric": 2.0}  # length of the range, in [0, 1] pixel units
BLACK = {"unit": 0.0, "symmetric": -1.0}


def to_float(images: torch.Tensor, value_range: str) -> torch.Tensor:
    """uint8 (n, h, w, c) -> float32 (n, c, h, w) in [0, 1] or [-1, 1], channels-last in memory."""
    images = images.permute(0, 3, 1, 2).float()
    return images / 255 if value_range == "unit" else images / 127.5 - 1


def to_uint8(images: torch.Tensor, value_range: str) -> torch.Tensor:
    """float (n, c, h, w) in the given range -> uint8 (n, h, w, c), rounded to nearest and clipped."""
    images = images if value_range == "unit" else (images + 1) / 2
    return (images * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def activate(logits: torch.Tensor, value_range: str) -> torch.Tensor:
    """A decoder's logits -> float values of the range: sigmoid for [0, 1], tanh for [-1, 1]."""
    return torch.sigmoid(logits) if value_range == "unit" else torch.tanh(logits)
