"""Fréchet and kernel Inception distance of a run's generated images to real ones.

    python -m eval.fid.score --run results/quick/runs/cifar10/vae/seed0 \\
        --data results/quick/data/cifar10.npz --out fid.json --units fid.npz \\
        --samples results/quick/samples/cifar10/vae/seed0.npz \\
        --reference results/quick/references/fid/cifar10.npz \\
        --params '{"dims": 64, "references": {"test": 300}, "count": 300, "groups": 10,
        "batch": null, "allow_small": false}'

The samples hold `images`, uint8 (n, h, w, c); the reference is what `eval.fid.reference` wrote.
Settings are those of `eval.fid.reference`; count null takes all generated images.
"""

from pathlib import Path

import numpy as np

from eval.fid import reference as fid_reference
from eval.fid.frechet import frechet_distance, jackknife_error, statistics
from eval.fid.inception import features, load_network
from eval.fid.kid import kernel_distance
from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_error, measured
from eval.samples import load_samples

NEEDS = ("samples", "reference", "inception")
FITS = {"channels": 3}
SETTINGS = {
    "dims": {"enum": [64, 192, 2048]},
    "count": {
        "type": ["integer", "null"],
        "minimum": 4,
        "at_most": "samples",
        "at_least": "dims",
        "unless": "allow_small",
    },
    "references": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "test": {
                "type": ["integer", "null"],
                "minimum": 4,
                "up_to": "test",
                "at_least": "dims",
                "unless": "allow_small",
                "needs": "train >= 2 * groups",  # for its floor
            },
            "train": {
                "type": ["integer", "null"],
                "minimum": 4,
                "up_to": "train",
                "at_least": "dims",
                "unless": "allow_small",
                "needs": "test >= 2 * groups",
            },
        },
    },
    "groups": {"type": "integer", "minimum": 2, "at_most": "count // 2"},
    "batch": {"type": ["integer", "null"], "minimum": 1},
    "allow_small": {"type": "boolean"},
}


def score(inputs: ScoreInputs) -> Result:
    """FID and KID of generated images against each reference split, with errors, and the floor."""
    images = load_samples(inputs.files["samples"], inputs.data.image_shape, inputs.params["count"])
    fid_reference.require_count(len(images), inputs.params, "generated")
    return distances(images, inputs, inputs.files["reference"])


def distances(images: np.ndarray, inputs: ScoreInputs, path: Path) -> Result:
    """The same of any `images`, uint8 (n, h, w, c), against the file `path` of `eval.fid.reference`."""
    params = inputs.params
    network = load_network(params["dims"], inputs.files.get("inception"), inputs.device)
    key = fid_reference.key(network, inputs.data)
    references, groups = fid_reference.load(path, key), params["groups"]
    counts = {split: reference.statistics.count for split, reference in references.items()}
    if "references" in params:
        asked = fid_reference.counts(inputs.data, params["references"])
        if asked != counts:
            raise ValueError(
                f"{path}: of {counts} real images, not of {asked}; {fid_reference.REMEDY}"
            )
    generated = features(network, images, params["batch"])
    values = {"dims": measured(network.dims)}
    for split, reference in references.items():
        distance = frechet_distance(statistics(generated), reference.statistics)
        error = jackknife_error(generated, reference.statistics, groups)
        floor = reference.floor
        # With a singular covariance the distance is defined, and far above its value at large counts.
        small, few = (min(n, counts[split]) < network.dims for n in (len(images), floor["count"]))
        degrees = floor.get("groups", groups) - 1  # not in files before 2026-11-29
        values[f"fid.{split}"] = from_error(distance, error, groups - 1, small)
        values[f"floor.{split}"] = from_error(floor["value"], floor["se"], degrees, few)
        kernel = kernel_distance(generated, reference.features, groups)
        values[f"kid.{split}"] = from_error(*kernel, groups - 1)
    protocol = key | {
        "name": f"FID-{network.dims}" if network.dims < 2048 else "FID",
        "generated": len(images),
        "reference": counts,
        "floor_count": {split: reference.floor["count"] for split, reference in references.items()},
        "kid": "cubic polynomial kernel, unbiased, all pairs",
        "kid_reference": {split: len(of.features) for split, of in references.items()},
        "small_sample": min(len(images), *counts.values()) < network.dims,
        "quantisation": "generated images rounded to uint8, as reading them from PNG files would",
        "se": f"delete-one-group jackknife over {groups} groups of generated images",
    }
    return Result(values, protocol)


if __name__ == "__main__":
    score_main("fid", score, NEEDS)
