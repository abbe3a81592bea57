"""The one form in which a prepared dataset is stored: uint8 images with labels, one file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.arrays import open_arrays, write_arrays

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True)
class ImageSet:
    """A prepared dataset.

    Images are uint8 of shape (n, height, width, channels); labels int64 of shape (n,), from 0.
    `value_range` says what the networks see: "unit" is [0, 1] (MNIST, Omniglot), "symmetric" is
    [-1, 1] (CIFAR10, CelebA), as `input_normalize_sym` of tolstikhin/wae.
    `meta` travels to the tables; `data.prepare` says what is in it.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    value_range: str
    meta: dict

    def __post_init__(self):
        if self.value_range not in ("unit", "symmetric"):
            raise ValueError(
                f"{self.name}: value_range is {self.value_range!r}, not unit/symmetric"
            )
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != images.shape[:1]:
                raise ValueError(
                    f"{self.name}: {split} images must be uint8 (n, h, w, c) with n labels, "
                    f"not {images.dtype} {images.shape} with labels {labels.shape}"
                )
            if labels.dtype != np.int64 or images.shape[1:] != self.image_shape or not len(images):
                raise ValueError(
                    f"{self.name}: {split} has {len(images)} images {images.shape[1:]} with labels "
                    f"{labels.dtype}; wanted are some, {self.image_shape}, with int64"
                )
            if labels.min() < 0:  # -1 marks images whose label is kept back
                raise ValueError(
                    f"{self.name}: {split} labels begin at {labels.min()}; number classes from 0"
                )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.train_images.shape[1:]


def save(path: Path | str, images: ImageSet) -> None:
    """Write an ImageSet atomically (uncompressed: reading must not cost more than training)."""
    header = json.dumps(
        {"name": images.name, "value_range": images.value_range, "meta": images.meta}
    )
    arrays = {name: getattr(images, name) for name in ARRAYS}
    write_arrays(path, {"header": header} | arrays, compressed=False)


def load(path: Path | str) -> ImageSet:
    """Read what `save` wrote. ValueError names the file if it is anything else."""
    with open_arrays(path, "delete it and run the data phase again") as stored:
        header = json.loads(str(stored["header"]))
        return ImageSet(**header, **{name: stored[name] for name in ARRAYS})
