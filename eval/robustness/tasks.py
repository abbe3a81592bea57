"""Which images take part in a classification task, and which of their labels are known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.store import ImageSet
from models.seeds import numpy_generator


@dataclass(frozen=True)
class Task:
    """One classification task: uint8 images (n, h, w, c); train labels are -1 where unknown.

    `name` is a part of its random streams, "" for the only one. `indices` are the dataset's test
    images that are classified, None if they are new ones (rotated drawings of a random choice).
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    indices: np.ndarray | None = None


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


def left_of(asked: int, there: int, data: ImageSet) -> int:
    """`asked`, or all there are if only images that proved unreadable are missing to it.

    Settings count the files of a folder, which nobody has opened by then.
    """
    unreadable = data.meta.get("unreadable", 0)
    return there if there < asked <= there + unreadable else asked


def standard_task(data: ImageSet, params: dict, seed: int) -> Task:
    """Class-balanced `labels` among the training images, `unlabelled` others, `test` held-out ones.

    The last two are random choices, and all there are for None.
    """
    sizes, total = np.unique(data.train_labels, return_counts=True)[1], len(data.test_images)
    labels, classes = params["labels"], len(sizes)
    if labels % classes:
        raise ValueError(f"labels is {labels}; it must be a multiple of {classes} classes")
    test = left_of(params["test"] or total, total, data)
    if test > total:
        raise ValueError(f"test is {test}; {data.name} has {total} images")
    random = numpy_generator(seed, "robustness/split")
    per_class = left_of(labels // classes, int(sizes.min()), data)
    known = labelled_only(data.train_labels, per_class, random)
    unknown = random.permutation(np.flatnonzero(known == -1))[: params["unlabelled"]]
    train = np.concatenate([np.flatnonzero(known != -1), np.sort(unknown)])
    chosen = np.sort(random.choice(total, test, replace=False))
    return Task(
        name="",
        train_images=data.train_images[train],
        train_labels=known[train],
        test_images=data.test_images[chosen],
        test_labels=data.test_labels[chosen],
        indices=chosen,
    )


def few_shot_tasks(data: ImageSet, few: dict, seed: int) -> Iterator[Task]:
    """Omniglot: tasks over characters of the evaluation alphabets, which the encoder never saw.

    "300 for training and 100 for evaluation" is 20 characters x 20 drawings, 15 and 5 of each; the
    literal "5-character data-set" is characters 5, rotations 4 (every drawing at 0, 90, 180 and 270
    degrees). The paper's number of labels is lost: `labelled_per_character` counts images. There
    are `repeats` random choices of characters.
    """
    drawings = few["train_drawers"] + few["test_drawers"]
    characters, counts = np.unique(data.test_labels, return_counts=True)
    characters = characters[counts >= drawings]
    if len(characters) < few["characters"]:
        raise ValueError(
            f"{data.name}: {len(characters)} evaluation characters have {drawings} drawings, "
            f"{few['characters']} are asked for; lower 'characters' or the drawings"
        )
    for repeat in range(few["repeats"]):
        random = numpy_generator(seed, f"robustness/characters/{repeat}")
        chosen = random.choice(characters, few["characters"], replace=False)
        # (characters, drawings): which images; drawings are split before they are rotated.
        indices = np.array(
            [
                random.choice(np.flatnonzero(data.test_labels == c), drawings, replace=False)
                for c in chosen
            ]
        )
        train = rotated(data, indices[:, : few["train_drawers"]].ravel(), few["rotations"])
        test = rotated(data, indices[:, few["train_drawers"] :].ravel(), few["rotations"])
        labels = labelled_only(train[1], few["labelled_per_character"], random)
        yield Task(f"/{repeat}", train[0], labels, *test)


def rotated(data: ImageSet, indices: np.ndarray, rotations: int) -> tuple[np.ndarray, np.ndarray]:
    """Test images at 0, 90, ... degrees (the first `rotations` of four), and their labels."""
    images = [np.rot90(data.test_images[indices], k, axes=(1, 2)) for k in range(rotations)]
    return np.concatenate(images), np.tile(data.test_labels[indices], rotations)
