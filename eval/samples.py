"""Generated images as the scores read them: what `models.sample` wrote."""

from pathlib import Path

import numpy as np

from data.arrays import open_arrays


def load_samples(path: Path, shape: tuple[int, int, int], count: int | None) -> np.ndarray:
    """The first `count` generated images, uint8 (n, *shape). ValueError names what does not fit."""
    with open_arrays(path, "delete it and run the samples phase again") as stored:
        images = stored["images"]
    if images.dtype != np.uint8 or images.shape[1:] != tuple(shape):
        raise ValueError(f"{path}: images are {images.dtype} {images.shape[1:]}, not uint8 {shape}")
    if len(images) < (count or 0):
        raise ValueError(f"{path}: count asks for {count} images, the file has {len(images)}")
    return images[:count]
