"""Semi-supervised classification of clean and corrupted images (Tables III-V): M1+TSVM.

    python -m eval.robustness.score --run DIR --data NPZ --params JSON --out JSON

The features are the posterior means (or deterministic codes) of the trained encoder. A transductive
SVM learns from a few labelled and many unlabelled training images, a plain SVM from the labelled
ones alone. Both classify held-out images, clean and under several independent draws of Gaussian
and masking noise. The noise depends on the run's seed, not on the method, so methods meet the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy import stats

from data.store import ImageSet, to_float
from eval.job import ScoreInputs, score_main
from eval.robustness import corruption
from eval.tsvm.classifier import TransductiveSVC
from models.objectives import sample_posterior
from models.seeds import numpy_generator, torch_generator

BATCH = 500  # images encoded at once; part of the noise stream, so not a setting


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """Omniglot: new characters, few drawings. Repeated over random choices of characters.

    "300 for training and 100 for evaluation" is 20 characters x 20 drawings, 15 and 5 of each; the
    literal "5-character data-set" is characters=5, rotations=4 (every drawing at 0, 90, 180 and 270
    degrees). The paper's number of labels is lost: `labelled_per_character` counts images.
    """

    characters: int = 20
    train_drawers: int = 15
    test_drawers: int = 5
    rotations: int = 1
    labelled_per_character: int = 5
    repeats: int = 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of this score; levels in [0, 1] pixel units, see eval.robustness.corruption.

    With `omniglot` (the fields of FewShot) its counts replace labels, unlabelled and test.
    """

    labels: int = 1000
    unlabelled: int | None = None  # None: all the rest of the training images
    test: int = 1000
    gaussian: list[float]
    mask: list[float]
    draws: int
    C: float = 1.0
    unlabelled_weight: float = 1.0
    kernel: str = "linear"
    annealing: str = "weight"
    features: str = "mean"
    train_on: str = "clean"
    mask_value: str = "black"
    clip: bool = False
    omniglot: dict | None = None

    def __post_init__(self):
        if self.train_on not in ("clean", "corrupted"):
            raise ValueError(f"train_on is {self.train_on!r}; it must be 'clean' or 'corrupted'")
        if self.features not in ("mean", "sampled"):
            raise ValueError(f"features is {self.features!r}; it must be 'mean' or 'sampled'")
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}; at least one noise draw is needed")

    @property
    def grid(self) -> list[tuple[str, float]]:
        """(family, level) of every corruption."""
        return [("gaussian", s) for s in self.gaussian] + [("mask", p) for p in self.mask]


@dataclass(frozen=True)
class Task:
    """One classification task: uint8 images (n, h, w, c); train labels are -1 where unknown."""

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def labelled_only(labels: np.ndarray, per_class: int, random: np.random.Generator) -> np.ndarray:
    """Keep `per_class` random labels of each class; the others become -1."""
    hidden = np.full_like(labels, -1)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class:
            raise ValueError(
                f"class {label} has {len(members)} training images, {per_class} labels are asked "
                "for; lower 'labels' (or 'labelled_per_character')"
            )
        hidden[random.choice(members, per_class, replace=False)] = label
    return hidden


def standard_task(data: ImageSet, settings: Settings, seed: int) -> Task:
    """Class-balanced labels among the training images; random held-out images to classify."""
    classes = len(np.unique(data.train_labels))
    if settings.labels % classes:
        raise ValueError(f"labels is {settings.labels}; it must be a multiple of {classes} classes")
    if settings.test > len(data.test_images):
        raise ValueError(f"test is {settings.test}; {data.name} has {len(data.test_images)} images")
    random = numpy_generator(seed, "robustness/split")
    labels = labelled_only(data.train_labels, settings.labels // classes, random)
    unknown = random.permutation(np.flatnonzero(labels == -1))[: settings.unlabelled]
    train = np.concatenate([np.flatnonzero(labels != -1), np.sort(unknown)])
    test = np.sort(random.choice(len(data.test_images), settings.test, replace=False))
    return Task(
        "", data.train_images[train], labels[train], data.test_images[test], data.test_labels[test]
    )


def few_shot_tasks(data: ImageSet, few: FewShot, seed: int) -> Iterator[Task]:
    """Tasks over characters of the evaluation alphabets, which the encoder has never seen."""
    drawings = few.train_drawers + few.test_drawers
    characters, counts = np.unique(data.test_labels, return_counts=True)
    characters = characters[counts >= drawings]
    if len(characters) < few.characters:
        raise ValueError(
            f"{data.name}: {len(characters)} evaluation characters have {drawings} drawings, "
            f"{few.characters} are asked for; lower 'characters' or the drawings"
        )
    for repeat in range(few.repeats):
        random = numpy_generator(seed, f"robustness/characters/{repeat}")
        chosen = random.choice(characters, few.characters, replace=False)
        # (characters, drawings): which images; drawings are split before they are rotated.
        indices = np.array(
            [
                random.choice(np.flatnonzero(data.test_labels == c), drawings, replace=False)
                for c in chosen
            ]
        )
        train = rotated(data, indices[:, : few.train_drawers].ravel(), few.rotations)
        test = rotated(data, indices[:, few.train_drawers :].ravel(), few.rotations)
        labels = labelled_only(train[1], few.labelled_per_character, random)
        yield Task(f"/{repeat}", train[0], labels, *test)


def rotated(data: ImageSet, indices: np.ndarray, rotations: int) -> tuple[np.ndarray, np.ndarray]:
    """Test images at 0, 90, ... degrees (the first `rotations` of four), and their labels."""
    images = [np.rot90(data.test_images[indices], k, axes=(1, 2)) for k in range(rotations)]
    return np.concatenate(images), np.tile(data.test_labels[indices], rotations)


def corrupter(
    family: str, level: float, settings: Settings, value_range: str, generator: torch.Generator
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The corruption of one grid point as a function of float images."""
    if family == "gaussian":
        return lambda x: corruption.gaussian(x, level, value_range, generator, clip=settings.clip)
    return lambda x: corruption.mask(x, level, value_range, generator, value=settings.mask_value)


def encode(
    model,
    images: np.ndarray,
    value_range: str,
    device,
    corrupt: Callable = lambda x: x,
    generator: torch.Generator | None = None,
) -> np.ndarray:
    """Codes of uint8 images, float64 (n, d): posterior means (or deterministic codes).

    With a generator (on the CPU) one draw each from q(z|x), which is a deterministic code itself.
    """
    features = []
    for batch in np.array_split(images, range(BATCH, len(images), BATCH)):
        x = corrupt(to_float(torch.tensor(batch, device=device), value_range))
        mean, log_variance = (None if part is None else part.cpu() for part in model.encode(x))
        if generator is not None:
            mean = sample_posterior(mean, log_variance, generator)
        features.append(mean)
    return torch.cat(features).double().numpy()


def classify(inputs: ScoreInputs, settings: Settings, task: Task) -> dict:
    """Which test images were right: {classifier: {(family, level): bool (draws, n)}}."""
    value_range = inputs.data.value_range

    def features(images, role, family="clean", level=0.0):
        # No method's name here: all methods of a seed see the same noise.
        name = f"robustness/{family}/{level:g}{task.name}/{role}"
        options = {}
        if family != "clean":
            noise = torch_generator(inputs.seed, name)
            options["corrupt"] = corrupter(family, level, settings, value_range, noise)
        if settings.features == "sampled":
            options["generator"] = torch_generator(inputs.seed, f"{name}/features")
        return encode(inputs.run.model, images, value_range, inputs.device, **options)

    train = features(task.train_images, "train")
    mean, deviation = train.mean(0), train.std(0)
    deviation[deviation == 0] = 1  # a feature that never changes carries nothing, at any scale

    def fit(train):
        machine = {"C": settings.C, "kernel": settings.kernel}
        known = task.train_labels != -1
        z = (train - mean) / deviation
        transduction = {
            "unlabelled_weight": settings.unlabelled_weight,
            "annealing": settings.annealing,
        }
        return {
            "tsvm": TransductiveSVC(**machine, **transduction).fit(z, task.train_labels),
            "svm": TransductiveSVC(**machine).fit(z[known], task.train_labels[known]),
        }

    classifiers = fit(train)
    correct = {name: {} for name in classifiers}
    for family, level in [("clean", 0.0), *settings.grid]:
        if settings.train_on == "corrupted" and family != "clean":
            classifiers = fit(features(task.train_images, "train", family, level))
        draws = [
            (features(task.test_images, f"test/{draw}", family, level) - mean) / deviation
            for draw in range(1 if family == "clean" else settings.draws)
        ]
        for name, classifier in classifiers.items():
            correct[name][family, level] = np.array(
                [classifier.predict(z) == task.test_labels for z in draws]
            )
    return correct


def wilson(mean: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion observed in n independent trials."""
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def summarise(correct: list[np.ndarray]) -> dict:
    """Accuracy in percent with its spread, from bool arrays (draws, images), one per repeat.

    One repeat: several draws of noise on one image are no independent trials, but the images are.
    The variance between images says how many trials all draws are worth; Wilson's interval is taken
    there (with one draw, that is the number of images). Several repeats: Student's t interval over
    the repeats. std is over the draws, or over the repeats; 0 where there is only one.
    """
    if len(correct) > 1:
        scores = np.array([c.mean() for c in correct])
        mean, n = scores.mean(), sum(c.size for c in correct)
        half = stats.t.ppf(0.975, len(scores) - 1) * scores.std(ddof=1) / np.sqrt(len(scores))
        low, high = max(mean - half, 0), min(mean + half, 1)
    else:
        scores, images, n = correct[0].mean(1), correct[0].mean(0), correct[0].size
        mean = images.mean()
        variance = images.var() / len(images)
        low, high = wilson(mean, mean * (1 - mean) / variance if variance else len(images))
    std = scores.std(ddof=1) if len(scores) > 1 else 0.0
    return {
        "mean": round(float(100 * mean), 4),
        "std": round(float(100 * std), 4),
        "n": n,
        "ci95": [round(float(100 * low), 4), round(float(100 * high), 4)],
    }


def score(inputs: ScoreInputs) -> dict:
    """Accuracy of a transductive and a plain SVM on clean and corrupted images, in percent."""
    settings = Settings(**inputs.params)
    few = FewShot(**settings.omniglot) if settings.omniglot else None
    if few:
        tasks = few_shot_tasks(inputs.data, few, inputs.seed)
    else:
        tasks = [standard_task(inputs.data, settings, inputs.seed)]
    results = []
    for task in tasks:
        results.append(classify(inputs, settings, task))
    known = task.train_labels != -1  # the counts are the same in every repeat

    values = {}
    for name in ("tsvm", "svm"):
        values[name] = {"gaussian": {}, "mask": {}}
        for family, level in results[0][name]:
            summary = summarise([r[name][family, level] for r in results])
            if family == "clean":
                values[name]["clean"] = summary
            else:
                values[name][family][f"{level:g}"] = summary
    protocol = asdict(settings) | {
        "omniglot": asdict(few) if few else None,
        "features": f"{'mean of' if settings.features == 'mean' else 'a draw from'} q(z|x),"
        " standardised with the clean training features' mean and std",
        "classes": len(np.unique(task.test_labels)),
        "labels": int(known.sum()),
        "unlabelled": int((~known).sum()),
        "test": len(task.test_labels),
        "repeats": len(results),
        "tsvm": "one-vs-rest, squared hinge, class proportions of the labels",
        "svm": "the same machine, labelled images only",
        "levels": "in [0, 1] pixel units" + (", clipped" if settings.clip else ", not clipped"),
        "std": "over repeats" if few else "over noise draws",
        "ci95": "Student t over repeats" if few else "Wilson, images as independent trials",
    }
    return {"values": values, "protocol": protocol}


if __name__ == "__main__":
    score_main("robustness", score)
