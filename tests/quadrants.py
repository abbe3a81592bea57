"""Images whose class a known encoder tells: which quadrant is lit; and the score of robustness on them."""

import numpy as np
import torch

from data.store import ImageSet
from eval.job import ScoreInputs
from eval.robustness.score import score
from models.run import Run

SIDE, CLASSES = 8, 4
PARAMS = {
    "labels": 40,
    "unlabelled": None,
    "test": 100,
    "levels": [0.01],
    "corruptions": ["gaussian", "mask_black"],
    "draws": 2,
    "C": 1.0,
    "unlabelled_weight": 1.0,
    "kernel": "linear",
    "annealing": "weight",
    "features": "mean",
    "retrain_levels": [],
    "batch_statistics": False,
    "few_shot": None,
}
FEW_SHOT = {
    "characters": 20,
    "train_drawers": 15,
    "test_drawers": 5,
    "rotations": 1,
    "labelled_per_character": 5,
    "repeats": 3,
}


class Quadrants:
    """An encoder: mean brightness of the four quadrants. Remembers what it was shown."""

    def __init__(self):
        self.seen = []

    def encode(self, x):
        self.seen.append(x)
        half = SIDE // 2
        blocks = x.mean(1).unflatten(1, (2, half)).unflatten(3, (2, half))
        return blocks.mean((2, 4)).flatten(1), None


def quadrant_images(n, random):
    """Class k lights quadrant k: (n, 8, 8, 1) uint8 with a little noise, and labels."""
    labels = np.arange(n, dtype=np.int64) % CLASSES
    images = random.integers(0, 30, (n, SIDE, SIDE, 1), dtype=np.uint8)
    half = SIDE // 2
    for image, k in zip(images, labels, strict=True):
        row, column = half * (k // 2), half * (k % 2)
        image[row : row + half, column : column + half] += 200
    return images, labels


def quadrant_data() -> ImageSet:
    random = np.random.default_rng(0)
    return ImageSet(
        "quadrants",
        *quadrant_images(200, random),
        *quadrant_images(100, random),
        value_range="unit",
        meta={},
    )


def inputs(data, *, seed=0, model=None, **params) -> ScoreInputs:
    run = Run({"seed": seed}, model or Quadrants(), None)
    return ScoreInputs(run, data, PARAMS | params, {}, torch.device("cpu"))


def accuracies(data, **options) -> dict[str, float]:
    """The score's values without their errors."""
    return {name: of["value"] for name, of in score(inputs(data, **options)).values.items()}
