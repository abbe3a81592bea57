"""Fréchet Inception distance of a run's generated images to real ones.

    python -m eval.fid.score --run DIR --data NPZ --samples NPZ --reference NPZ [--weights FILE]
                       --params JSON --out JSON

`samples` holds `images`, uint8 (n, h, w, c); `reference` is what `eval.fid.reference` wrote.
Settings are those of `eval.fid.reference`; count null takes all generated images.
"""

from pathlib import Path

import numpy as np

from eval.fid import reference as fid_reference
from eval.fid.frechet import frechet_distance, jackknife_error, statistics
from eval.fid.inception import features, load_network
from eval.job import ScoreInputs, score_main


def load_samples(path: Path, shape: tuple[int, int, int], count: int | None) -> np.ndarray:
    """The first `count` generated images, uint8 (n, *shape). ValueError names what does not fit."""
    with np.load(path, allow_pickle=False) as stored:
        images = stored["images"]
    if images.dtype != np.uint8 or images.shape[1:] != tuple(shape):
        raise ValueError(f"{path}: images are {images.dtype} {images.shape[1:]}, not uint8 {shape}")
    if len(images) < (count or 0):
        raise ValueError(f"{path}: count asks for {count} images, the file has {len(images)}")
    return images[:count]


def score(inputs: ScoreInputs) -> dict:
    """FID of generated images against each reference split, with its standard error and floor."""
    params = inputs.params
    network = load_network(params["dims"], inputs.files.get("weights"), inputs.device)
    key = fid_reference.key(network, inputs.data)
    references = fid_reference.load(inputs.files["reference"], key)
    images = load_samples(inputs.files["samples"], inputs.data.image_shape, params["count"])
    fid_reference.require_count(len(images), params, "generated")

    groups = params.get("groups", 10)
    generated = features(network, images, params.get("batch"))
    values = {"dims": network.dims}
    for split, reference in references.items():
        values[split] = {
            "value": frechet_distance(statistics(generated), reference.statistics),
            "se": jackknife_error(generated, reference.statistics, groups),
            "floor": reference.floor["value"],
            "floor_se": reference.floor["se"],
        }
    counts = {split: reference.statistics.count for split, reference in references.items()}
    protocol = key | {
        "name": f"FID-{network.dims}" if network.dims < 2048 else "FID",
        "generated": len(images),
        "reference": counts,
        "floor_count": {split: reference.floor["count"] for split, reference in references.items()},
        "small_sample": min(len(images), *counts.values()) < network.dims,
        "quantisation": "generated images rounded to uint8, as reading them from PNG files would",
        "se": f"delete-one-group jackknife over {groups} groups of generated images",
    }
    return {"values": values, "protocol": protocol}


if __name__ == "__main__":
    score_main("fid", score, files=("samples", "reference"), optional=("weights",))
