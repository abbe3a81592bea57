"""Which images take part in a task of classification."""

from dataclasses import replace

import numpy as np
import pytest

from data.store import ImageSet
from eval.robustness.score import score
from eval.robustness.tasks import few_shot_tasks, standard_task
from tests.quadrants import (
    CLASSES,
    FEW_SHOT,
    PARAMS,
    SIDE,
    inputs,
    quadrant_data,
    quadrant_images,
)


def test_standard_task_is_balanced_and_keeps_test_apart():
    data = quadrant_data()
    task = standard_task(data, PARAMS | {"unlabelled": 50, "test": 30}, seed=3)
    known = task.train_labels != -1
    np.testing.assert_array_equal(np.bincount(task.train_labels[known]), [10] * CLASSES)
    assert np.sum(~known) == 50 and len(task.test_images) == 30
    np.testing.assert_array_equal(task.test_images, data.test_images[task.indices])
    test = {image.tobytes() for image in data.test_images}
    assert not any(image.tobytes() in test for image in task.train_images)


def test_all_test_images_are_taken_if_no_number_is_given():
    task = standard_task(quadrant_data(), PARAMS | {"test": None}, seed=3)
    np.testing.assert_array_equal(task.indices, np.arange(100))


def character_data(characters=30, drawings=20) -> ImageSet:
    """Every image names itself: pixel (0, 0) its character, pixel (0, 1) its drawing."""
    labels = np.repeat(np.arange(characters), drawings)
    images = np.zeros((len(labels), SIDE, SIDE, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = labels, np.arange(len(labels)) % drawings
    return ImageSet("omniglot", images[:1], labels[:1], images, labels, "unit", {})


def test_few_shot_splits_drawings_of_new_characters():
    tasks = list(few_shot_tasks(character_data(), FEW_SHOT, seed=0))
    choices = set()
    for task in tasks:
        assert len(task.train_images) == 300 and len(task.test_images) == 100
        characters = np.unique(task.test_labels)
        assert len(characters) == 20
        choices.add(tuple(characters))
        known = task.train_labels != -1
        np.testing.assert_array_equal(np.bincount(task.train_labels[known])[characters], [5] * 20)
        np.testing.assert_array_equal(task.train_labels[known], task.train_images[known, 0, 0, 0])
        np.testing.assert_array_equal(task.test_labels, task.test_images[:, 0, 0, 0])
        train = {tuple(image[0, :2, 0]) for image in task.train_images}
        test = {tuple(image[0, :2, 0]) for image in task.test_images}
        assert len(train) == 300 and len(test) == 100 and not train & test
    assert len(choices) == 3


def test_five_characters_in_four_orientations():
    few = FEW_SHOT | {"characters": 5, "rotations": 4, "repeats": 1, "labelled_per_character": 20}
    (task,) = few_shot_tasks(character_data(), few, seed=0)
    assert len(task.train_images) == 300 and len(task.test_images) == 100
    assert np.sum(task.train_labels != -1) == 100
    # A drawing is either for training or for testing, in all of its orientations.
    train, test = (
        {min(np.rot90(image, k).tobytes() for k in range(4)) for image in images}
        for images in (task.train_images, task.test_images)
    )
    assert len(train) == 75 and len(test) == 25 and not train & test


def test_few_shot_units_are_repeats():
    random = np.random.default_rng(0)
    data = replace(
        quadrant_data(),
        **dict(zip(("test_images", "test_labels"), quadrant_images(80, random), strict=True)),
    )
    few = FEW_SHOT | {"characters": 3, "repeats": 4}
    result = score(inputs(data, few_shot=few))
    assert result.indices is None and result.protocol["repeats"] == 4
    assert all(units.shape == (4,) for units in result.units.values())
    assert result.values["tsvm.clean"]["value"] == 100
    assert result.protocol["few_shot"]["train_drawers"] == 15
    assert (result.protocol["labels"], result.protocol["test"]) == (15, 15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": 42}, "multiple of 4"),
        ({"labels": 400}, "lower 'labels'"),
        ({"test": 101}, "has 100 images"),
        ({"few_shot": FEW_SHOT | {"characters": 5}}, "5 are asked for"),
    ],
)
def test_impossible_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        score(inputs(quadrant_data(), **change))
