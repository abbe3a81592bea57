"""Which images a score uses, when not all: the same ones for every method and seed."""

import numpy as np
import torch

from models.pixels import to_float
from models.seeds import numpy_generator


def choose_rows(total: int, count: int | None, role: str) -> np.ndarray:
    """`count` of `total` rows at random (None: all, in random order), int64.

    A random choice, because Omniglot is stored character by character. It depends on the role
    alone, so that the differences between methods are those of pairs.
    """
    return numpy_generator(0, role).permutation(total)[:count]


def load(
    images: np.ndarray, rows: np.ndarray, value_range: str, device: torch.device
) -> torch.Tensor:
    """The images of these rows, uint8 (n, h, w, c) -> float32 (len(rows), c, h, w)."""
    return to_float(torch.from_numpy(images[rows]).to(device), value_range)
