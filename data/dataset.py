"""What a dataset says of itself. Planning, training, scores and tables read it from here alone.

Each dataset is described in a file of its own, `data/datasets/<name>.py`, by a constant `DATASET`;
a folder of images by its entry in `params.yaml` (`data/folder.py`). Importing either needs no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.sources import Source

SIDES = (28, 32, 64)  # of images that models/networks.py has a network for (its SHAPES)


@dataclass(frozen=True)
class Dataset:
    """A dataset of square images, grey or colour. ValueError if the networks cannot take them.

    source       where it comes from: name, title, licence, official counts, files and readers
    image_shape  (height, width, channels) as the networks see it
    value_range  what the networks see: "unit" is [0, 1], "symmetric" is [-1, 1]
    classes      number of classes; None if the labels mean nothing
    class_size   official images of every class, if all have as many and come class by class
    shown        whether its images may be shown in a figure
    standin      module of data/datasets whose `draw(first, count)` returns images to use in place
                 of the real ones: uint8 (count, h, w, c); None if there is none
    preprocess   images as the source's readers return them -> uint8 (n, *image_shape)
    """

    source: Source
    image_shape: tuple[int, int, int]
    value_range: str
    classes: int | None = None
    class_size: int | None = None
    shown: bool = True
    standin: str | None = None
    preprocess: Callable[[np.ndarray], np.ndarray] = lambda images: images

    def __post_init__(self):
        height, width, channels = self.image_shape
        if height != width or height not in SIDES:
            sides = ", ".join(map(str, SIDES))
            raise ValueError(
                f"{self.name}: no network for images of {height} x {width}; "
                f"a square of side {sides} fits"
            )
        if channels not in (1, 3):
            raise ValueError(f"{self.name}: channels is {channels}; 1 is grey, 3 is colour")

    @property
    def name(self) -> str:
        """The name in params.yaml, file names and commands."""
        return self.source.name

    @property
    def title(self) -> str:
        """The name in tables and figures."""
        return self.source.title

    @property
    def licence(self) -> str:
        """Whose it is, and what may be done with it."""
        return self.source.licence

    @property
    def counts(self) -> dict[str, int] | None:
        """Official number of images in "train" and "test"; None if nothing is official."""
        return self.source.counts

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.image_shape[2]

    @property
    def labels(self) -> bool:
        """Whether the labels mean anything."""
        return self.classes is not None
