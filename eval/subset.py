"""Which images a score uses, when not all: the same ones for every method and seed."""

import numpy as np
import torch

from data.store import to_float
from models.seeds import numpy_generator


def choose(
    images: np.ndarray, count: int | None, role: str, value_range: str, device: torch.device
) -> torch.Tensor:
    """`count` images at random (None: all), uint8 (n, h, w, c) -> float32 (count, c, h, w).

    A random choice, because Omniglot is stored character by character. It depends on the role
    alone, so that the differences between methods are those of pairs.
    """
    rows = numpy_generator(0, role).permutation(len(images))[:count]
    return to_float(torch.from_numpy(images[rows]).to(device), value_range)
