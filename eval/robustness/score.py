"""Semi-supervised classification of clean and corrupted images (Tables III-V): M1+TSVM.

    python -m eval.robustness.score --run results/quick/runs/mnist/vae/seed0 \\
        --data results/quick/data/mnist.npz --out robustness.json --units robustness.npz \\
        --params '{"labels": 1000, "unlabelled": null, "test": 1000, "levels": [0.1, 0.5],
        "corruptions": ["gaussian_clipped"], "draws": 2, "C": 1.0, "unlabelled_weight": 1.0,
        "kernel": "rbf", "annealing": "weight", "features": "mean", "retrain_levels": [],
        "batch_statistics": false, "few_shot": null}'

The features are the posterior means (or deterministic codes) of the trained encoder. A transductive
SVM learns from a few labelled and many unlabelled training images, a plain SVM from the labelled
ones alone. Both classify held-out images, clean and corrupted at several levels. The noise depends
on the run's seed, not on the method, so methods meet the same.

Settings: labels, unlabelled, test (see `standard_task`), or few_shot (see `few_shot_tasks`), whose
counts replace them; levels, in [0, 1] pixel units, of all `corruptions`; draws of the noise; C,
unlabelled_weight, kernel and annealing of the machines; features, "mean" of q(z|x) or "sampled"
from it, each standardised by its own deviation; or the mean with one deviation for all,
"mean_one_scale", or with every principal direction's own, "mean_whitened"; retrain_levels, at which
the machines are also trained on corrupted images; and batch_statistics, whether batch norm uses the
statistics of each batch of 100 instead of training's.
"""

import numpy as np

from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_units, measured
from eval.robustness.classify import STATISTICS_BATCH, Encoder, classify
from eval.robustness.tasks import few_shot_tasks, standard_task

NEEDS = ()
SPREAD = {"mean_one_scale": "a common std", "mean_whitened": "the std of every principal direction"}
FITS = {"labels": True}
SETTINGS = {
    "labels": {
        "type": "integer",
        "minimum": 2,
        "at_most": "balanced",
        "multiple_of": "classes",
        "replaced_by": "few_shot",
    },
    "unlabelled": {"type": ["integer", "null"], "minimum": 1},
    "test": {
        "type": ["integer", "null"],
        "minimum": 2,
        "at_most": "test",
        "replaced_by": "few_shot",
    },
    "levels": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    },
    "corruptions": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {
            "enum": [
                "gaussian_clipped",
                "gaussian",
                "mask_zero",
                "mask_black",
                "brightness",
                "contrast",
            ]
        },
    },
    "draws": {"type": "integer", "minimum": 1},
    "C": {"type": "number", "exclusiveMinimum": 0},
    "unlabelled_weight": {"type": "number", "exclusiveMinimum": 0},
    "kernel": {"enum": ["linear", "rbf"]},
    "annealing": {"enum": ["weight", "temperature"]},
    "features": {"enum": ["mean", "mean_one_scale", "mean_whitened", "sampled"]},
    "retrain_levels": {
        "type": "array",
        "uniqueItems": True,
        "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    },
    "batch_statistics": {"type": "boolean"},
    "few_shot": {
        "type": ["object", "null"],
        "additionalProperties": False,
        "required": [
            "characters",
            "train_drawers",
            "test_drawers",
            "rotations",
            "labelled_per_character",
            "repeats",
        ],
        "properties": {
            "characters": {
                "type": "integer",
                "minimum": 2,
                "classes_of": "train_drawers + test_drawers",
            },
            "train_drawers": {"type": "integer", "minimum": 1},
            "test_drawers": {"type": "integer", "minimum": 1},
            "rotations": {"type": "integer", "minimum": 1, "maximum": 4},
            "labelled_per_character": {
                "type": "integer",
                "minimum": 1,
                "at_most": "train_drawers * rotations",
            },
            "repeats": {"type": "integer", "minimum": 2},
        },
    },
}


def score(inputs: ScoreInputs) -> Result:
    """Accuracy of a transductive and a plain SVM on clean and corrupted images, in percent."""
    params, data = inputs.params, inputs.data
    encoder = Encoder(
        inputs.run.model,
        data.value_range,
        inputs.device,
        inputs.seed,
        sampled=params["features"] == "sampled",
        batch_statistics=params["batch_statistics"],
    )
    few = params["few_shot"]
    if few:
        tasks = list(few_shot_tasks(data, few, inputs.seed))
    else:
        tasks = [standard_task(data, params, inputs.seed)]
    found = [classify(encoder, task, params) for task in tasks]
    if few:
        right = {name: np.array([of[name].mean() for of in found]) for name in found[0]}
    else:
        (right,) = found
    units = {name: 100 * values for name, values in right.items()}
    summary = of_repeats if few else of_images
    known = tasks[0].train_labels != -1  # the counts are the same in every repeat
    return Result(
        values={name: summary(accuracy) for name, accuracy in units.items()},
        protocol=params
        | {
            "features": f"{'a draw from' if encoder.sampled else 'mean of'} q(z|x),"
            " standardised with the clean training features' mean and"
            f" {SPREAD.get(params['features'], 'their std')}",
            "batch_norm": f"statistics of each batch of {STATISTICS_BATCH}"
            if encoder.batch_statistics
            else "running statistics",
            "classes": len(np.unique(tasks[0].test_labels)),
            "labels": int(known.sum()),
            "unlabelled": int((~known).sum()),
            "test": len(tasks[0].test_labels),
            "repeats": len(tasks),
            "tsvm": "one-vs-rest, squared hinge, class proportions of the labels",
            "svm": "the same machine, labelled images only",
            "levels_unit": "[0, 1] pixel units",
            "area": "mean over levels from 0 to the largest, by trapezoids",
            "interval": "Student t over repeats" if few else "Wilson, images as independent trials",
        },
        units=units,
        indices=tasks[0].indices,
    )


def of_repeats(accuracy: np.ndarray) -> dict:
    """Mean accuracy from that of each repeat (n,), in percent: Student's t, cut to [0, 100]."""
    found = from_units(accuracy)
    found["interval"] = np.clip(found["interval"], 0, 100).tolist()
    return found


def of_images(accuracy: np.ndarray) -> dict:
    """Mean accuracy from how often each image (n,) was right, in percent.

    Several draws of noise on one image are no independent trials, but the images are. The variance
    between images says how many trials all draws are worth, and Wilson's interval is taken there
    (with one draw, that is the number of images).
    """
    right = accuracy / 100
    mean, variance = right.mean(), right.var() / len(right)
    trials = mean * (1 - mean) / variance if variance else len(right)
    interval = np.clip(wilson(mean, trials), 0, 1)  # which rounding may leave by 1e-16
    se = right.std(ddof=1) / np.sqrt(len(right))
    return measured(100 * mean, 100 * se, 100 * interval)


def wilson(mean: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion observed in n independent trials."""
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


if __name__ == "__main__":
    score_main("robustness", score, NEEDS)
