"""FID and KID of any two sets of images: folders, array files, or saved statistics; no run needed.

Pictures are read as pytorch-fid reads them: as stored, in RGB, at their own size; they may differ
in size. A set is a `Reference` of eval.fid.reference: statistics of all images, features of them,
and its floor, the FID of one random half against the other. Halves have fewer images than the sets
that are compared, and FID falls with the count, so this floor errs to the high side.
"""

import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from data.arrays import open_arrays
from eval.fid import reference as fid_reference
from eval.fid.frechet import Statistics, frechet_distance, jackknife_error, statistics
from eval.fid.inception import PREPROCESSING, FeatureNetwork, features
from eval.fid.kid import kernel_distance
from eval.fid.reference import Reference
from eval.measured import from_error, measured
from eval.subset import choose_rows
from models import pictures

KEPT = 10_000  # features that saved statistics hold, for KID and for the error
TOGETHER = 64  # pictures of one size that are held at once
LEAST = 8  # images: two halves with two groups of two


def rgb(encoded: bytes) -> np.ndarray:
    """One picture's file -> uint8 (h, w, 3), as pytorch-fid reads it."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image.convert("RGB"))


def batches(path: Path | str) -> Iterator[np.ndarray]:
    """The images of a folder or an array file, uint8 (n, h, w, c), each batch of one size."""
    if pictures.is_array_file(path):
        yield pictures.as_images(pictures.read_array(path, "images"), path)
        return
    images = (image for _, image in pictures.decoded(pictures.image_files(path), rgb))
    for _, alike in groupby(images, key=np.shape):
        batch = []
        for image in alike:
            batch.append(image)
            if len(batch) == TOGETHER:
                yield np.stack(batch)
                batch = []
        if batch:
            yield np.stack(batch)


def key(network: FeatureNetwork) -> dict:
    """What saved statistics depend on; those of another key must not be compared."""
    return {
        "preprocessing": PREPROCESSING,
        "dims": network.dims,
        "weights_sha256": network.digest,
    }


def measure(path: Path | str, network: FeatureNetwork, groups: int) -> Reference:
    """The set of images at `path`. ValueError names the file that is missing, damaged or too small."""
    if saved := saved_set(path, network):
        return saved
    found = np.concatenate([features(network, batch) for batch in batches(path)])
    if len(found) < max(LEAST, 4 * groups):
        raise ValueError(
            f"{path}: {len(found)} images; {groups} groups need {max(LEAST, 4 * groups)} or more. "
            "Add images, or lower --groups"
        )
    halves = np.array_split(found[choose_rows(len(found), None, "fid/floor")], 2)
    half = statistics(halves[1])
    floor = {
        "value": frechet_distance(statistics(halves[0]), half),
        "se": jackknife_error(halves[0], half, groups),
        "count": len(halves[0]),
        "groups": groups,
    }
    return Reference(statistics(found), found, floor)


def saved_set(path: Path | str, network: FeatureNetwork) -> Reference | None:
    """Statistics that `save` or pytorch-fid (`mu` and `sigma`) wrote; None if `path` is neither.

    pytorch-fid's have no count (0), no features (none) and no floor (empty).
    """
    path = Path(path)
    if path.suffix.lower() != ".npz" or not path.is_file():
        return None
    with open_arrays(path, "make it again with --save") as stored:
        names = set(stored.files)
        if {"mu", "sigma"} <= names:
            mean, covariance = stored["mu"], stored["sigma"]
            d = network.dims
            if (mean.shape, covariance.shape) != ((d,), (d, d)):
                raise ValueError(
                    f"{path}: mu is {mean.shape}, sigma {covariance.shape}, not ({d},) and ({d}, {d}); "
                    "give --dims accordingly"
                )
            return Reference(Statistics(mean, covariance, 0), np.empty((0, network.dims)), {})
    if "header" in names and "images/mean" in names:
        return fid_reference.load(path, key(network), "take the --dims it has, or save it again")[
            "images"
        ]
    return None


def save(path: Path, measured_set: Reference, network: FeatureNetwork) -> None:
    """Write statistics, floor and at most KEPT random features, to be given in place of images."""
    rows = choose_rows(len(measured_set.features), KEPT, "fid/kept")
    kept = measured_set.features[rows].astype(np.float32)
    stored = Reference(measured_set.statistics, kept, measured_set.floor)
    fid_reference.save(path, {"images": stored}, key(network))


def compare(a: Reference, b: Reference, network: FeatureNetwork, groups: int) -> dict[str, dict]:
    """Values of set `a` against the fixed set `b`, in the spelling of `eval.measured`.

    fid, with its error over new sets a (None if a has no features); kid, where both have features;
    floor_a and floor_b. FID is doubtful with fewer images than dimensions, as its covariance is
    singular.
    """
    counts = [of.statistics.count or network.dims for of in (a, b)]
    small = min(counts) < network.dims
    values = {"fid": measured(frechet_distance(a.statistics, b.statistics), doubtful=small)}
    if len(a.features):
        # Saved statistics are of all images, their features of some: a variance falls as 1 / count.
        share = len(a.features) / a.statistics.count
        error = share**0.5 * jackknife_error(a.features, b.statistics, groups)
        values["fid"] = from_error(values["fid"]["value"], error, groups - 1, small)
        if len(b.features):
            kid = kernel_distance(a.features, b.features, groups)
            values["kid"] = from_error(*kid, groups - 1)
    for name, of in (("floor_a", a), ("floor_b", b)):
        if of.floor:
            few = of.floor["count"] < network.dims
            degrees = of.floor.get("groups", groups) - 1  # not in files before 2026-11-28
            values[name] = from_error(of.floor["value"], of.floor["se"], degrees, few)
    return values
