"""From images to codes to right or wrong: one classification task, on clean and corrupted images."""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from eval.normalisation import batch_statistics
from eval.robustness.corruption import CORRUPTIONS, same_as
from eval.robustness.tasks import Task
from eval.tsvm.classifier import TransductiveSVC
from models.objectives import sample_posterior
from models.pixels import to_float
from models.seeds import torch_generator

BATCH = 500  # images that draw their noise together; part of the noise stream, so not a setting
RANK_TOLERANCE = 1e-10  # of the largest variance: what a direction has that does not vary
STATISTICS_BATCH = 100  # images that batch norm takes its statistics from, if from the batch


@dataclass(frozen=True)
class Encoder:
    """Images to features, by the settings `features` and `batch_statistics` of a run.

    No random stream contains the method's name: all methods of a seed see the same noise.
    """

    model: object
    value_range: str
    device: torch.device
    seed: int
    sampled: bool
    batch_statistics: bool

    def __call__(
        self, images: np.ndarray, role: str, kind: str | None = None, level: float = 0.0
    ) -> np.ndarray:
        """Codes of uint8 images (n, h, w, c) under a corruption, float64 (n, d).

        Posterior means, or one draw each from q(z|x) (a deterministic code is either). `role`
        names whose images they are, and which draw of the noise.
        """
        corruption = CORRUPTIONS[kind] if kind else None
        stream = (corruption.stream or kind) if kind else "clean"
        name = f"robustness/{stream}/{level:g}{role}"
        noise = torch_generator(self.seed, name)
        draws = torch_generator(self.seed, f"{name}/features")
        own = batch_statistics(self.model) if self.batch_statistics else contextlib.nullcontext()
        codes = []
        with own:
            for batch in np.array_split(images, range(BATCH, len(images), BATCH)):
                x = to_float(torch.tensor(batch, device=self.device), self.value_range)
                if corruption:
                    x = corruption.apply(x, level, self.value_range, noise)
                mean, log_variance = self._encode(x)
                codes.append(sample_posterior(mean, log_variance, draws) if self.sampled else mean)
        return torch.cat(codes).double().numpy()

    def _encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Mean and log variance on the CPU; in interleaved parts if their statistics matter."""
        count = math.ceil(len(x) / STATISTICS_BATCH) if self.batch_statistics else 1
        parts = [self.model.encode(x[first::count]) for first in range(count)]
        order = torch.cat([torch.arange(len(x))[first::count] for first in range(count)]).argsort()
        columns = zip(*parts, strict=True)
        return tuple(None if c[0] is None else torch.cat(c).cpu()[order] for c in columns)


def fit(features: np.ndarray, labels: np.ndarray, params: dict) -> dict[str, TransductiveSVC]:
    """The two machines: all features (n, d) with labels -1 where unknown, and labelled ones only."""
    machine = {"C": params["C"], "kernel": params["kernel"]}
    known = labels != -1
    transduction = {
        "unlabelled_weight": params["unlabelled_weight"],
        "annealing": params["annealing"],
    }
    return {
        "tsvm": TransductiveSVC(**machine, **transduction).fit(features, labels),
        "svm": TransductiveSVC(**machine).fit(features[known], labels[known]),
    }


def standardiser(codes: np.ndarray, features: str) -> Callable[[np.ndarray], np.ndarray]:
    """What standardises codes (n, d) by the mean and the spread of these.

    Each feature is divided by its own deviation. "mean_one_scale": all by one, the root of the mean
    variance; distances keep their ratios, and a feature that says little stays small.
    "mean_whitened": each principal direction by its own; no turn of the code's axes matters.
    """
    mean, deviation = codes.mean(0), codes.std(0)
    if features == "mean_whitened":
        variance, axes = np.linalg.eigh(np.atleast_2d(np.cov(codes.T, bias=True)))
        deviation = np.sqrt(np.where(variance > RANK_TOLERANCE * variance.max(), variance, 0))
    elif features == "mean_one_scale":
        deviation = np.full_like(deviation, np.sqrt(np.mean(deviation**2)))
    deviation[deviation == 0] = 1  # what never changes carries nothing, at any scale
    if features == "mean_whitened":
        return lambda codes: (codes - mean) @ axes / deviation
    return lambda codes: (codes - mean) / deviation


def classify(encoder: Encoder, task: Task, params: dict) -> dict[str, np.ndarray]:
    """How often each test image was right, (n,) between 0 and 1, by dotted name.

    `<machine>.clean`; `<machine>.<corruption>.<level>`, the mean over draws of noise and sampled codes;
    `<machine>.retrained.<corruption>.<level>` for machines trained on images corrupted alike;
    `<machine>.<corruption>.area`, the mean over levels from 0 to the largest, by trapezoids.
    """
    train = encoder(task.train_images, f"{task.name}/train")
    standardised = standardiser(train, params["features"])

    def test_features(kind=None, level=0.0):
        noisy = kind is not None and CORRUPTIONS[kind].stream is not None
        for draw in range(params["draws"] if noisy or encoder.sampled else 1):
            codes = encoder(task.test_images, f"{task.name}/test/{draw}", kind, level)
            yield standardised(codes)

    def right(machines, draws):
        return {
            name: np.mean([machine.predict(z) == task.test_labels for z in draws], axis=0)
            for name, machine in machines.items()
        }

    machines = fit(standardised(train), task.train_labels, params)
    clean = right(machines, list(test_features()))
    found = {f"{name}.clean": units for name, units in clean.items()}
    wanted = {kind: same_as(kind, encoder.value_range) for kind in params["corruptions"]}
    for kind in dict.fromkeys(wanted.values()):
        names = [name for name, computed in wanted.items() if computed == kind]
        grid = {}
        for level in sorted({*params["levels"], *params["retrain_levels"]}):
            draws = list(test_features(kind, level))
            grid[level] = right(machines, draws)
            if level in params["retrain_levels"]:
                codes = encoder(task.train_images, f"{task.name}/train", kind, level)
                retrained = fit(standardised(codes), task.train_labels, params)
                for machine, units in right(retrained, draws).items():
                    found |= {f"{machine}.retrained.{name}.{level:g}": units for name in names}
        levels = sorted(params["levels"])
        for machine, units in clean.items():
            curve = [units, *(grid[level][machine] for level in levels)]
            area = np.trapezoid(curve, [0.0, *levels], axis=0) / levels[-1]
            for name in names:
                found[f"{machine}.{name}.area"] = area
                found |= {f"{machine}.{name}.{v:g}": grid[v][machine] for v in levels}
    return found
