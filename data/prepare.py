"""Turn a dataset into the arrays that the models are trained on: `<name>.npz` (see data.store).

    python -m data.prepare NAME --params JSON --out NPZ [--manifest MANIFEST]

JSON is {"source": "official" | "embedded" | "synthetic", "train": n | null, "test": n | null}.

    official   the files that MANIFEST (of `python -m data.download`) names
    embedded   the real images in data/embedded
    synthetic  drawn faces (celeba only): the stand-in for CelebA

n takes the first n images of the source's own order, which is fixed; null takes all there are
(for "synthetic", numbers are needed).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from data import sheets, store
from data.datasets import faces
from data.manifest import open_manifest
from data.registry import DATASETS
from data.sources import Source, Splits

SPLITS = ("train", "test")


def official(source: Source, manifest: Path | None) -> tuple[Splits, dict]:
    """The official dataset, or the part of it that is there."""
    if manifest is None:
        raise ValueError(f"{source.name}: source 'official' needs --manifest")
    form, paths, facts = open_manifest(source, manifest)
    splits = form.read(source, paths)
    note = ""
    if any(len(splits[split][0]) < source.counts[split] for split in SPLITS):
        note = "a part of the official dataset; numbers are not comparable with those of the whole"
    meta = {"synthetic": False, "source": f"{source.title}, official images", "note": note}
    return splits, meta | {"form": form.name, "digest": facts.get("digest")}


def embedded(source: Source, manifest: Path | None) -> tuple[Splits, dict]:
    """The subset in the repository."""
    meta = {"synthetic": False, "source": f"{source.title}, subset embedded in the repository"}
    return sheets.load(source.name), meta | {"note": "a small subset of the official images"}


def synthetic(source: Source, train: int | None, test: int | None) -> tuple[Splits, dict]:
    """Drawn faces: the training faces come first, the test faces after them."""
    if source.name != "celeba":
        raise ValueError(f"{source.name}: only celeba has a synthetic stand-in")
    if train is None or test is None:
        raise ValueError("celeba: source 'synthetic' needs the numbers of train and test images")
    splits = {
        "train": (faces.draw(0, train), np.zeros(train, np.int64)),
        "test": (faces.draw(train, test), np.zeros(test, np.int64)),
    }
    meta = {"synthetic": True, "source": "faces drawn by data/faces.py"}
    return splits, meta | {"note": "synthetic stand-in for CelebA"}


def prepare(name: str, params: dict, manifest: Path | None = None) -> store.ImageSet:
    """Read, limit and preprocess dataset `name`; ValueError if `params` or the data do not fit."""
    source = DATASETS[name]
    limits = {split: params[split] for split in SPLITS}
    for split, limit in limits.items():
        if limit is not None and limit < 1:
            raise ValueError(f"{name}: {split} is {limit}; it must be at least 1, or null for all")
    match params["source"]:
        case "official":
            splits, meta = official(source, manifest)
        case "embedded":
            splits, meta = embedded(source, manifest)
        case "synthetic":
            splits, meta = synthetic(source, **limits)
        case other:
            raise ValueError(f"source is {other!r}, not official, embedded or synthetic")
    arrays = {}
    for split, (images, labels) in splits.items():
        if limits[split] is not None and limits[split] > len(images):
            raise ValueError(
                f"{name}: {limits[split]:,} {split} images wanted, {meta['source']} has "
                f"{len(images):,}"
            )
        arrays[f"{split}_images"] = source.preprocess(images[: limits[split]])
        arrays[f"{split}_labels"] = labels[: limits[split]]
    counts = {split: len(arrays[f"{split}_labels"]) for split in SPLITS}
    meta |= {"title": source.title, "counts": counts, "official_counts": source.counts}
    return store.ImageSet(name=name, value_range=source.value_range, meta=meta, **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(DATASETS))
    parser.add_argument("--params", type=json.loads, required=True, help="settings, as JSON")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, help="what data.download wrote; for 'official'")
    arguments = parser.parse_args()
    try:
        images = prepare(arguments.name, arguments.params, arguments.manifest)
    except (ValueError, KeyError) as error:
        raise SystemExit(f"{arguments.name} not prepared: {error}") from error
    store.save(arguments.out, images)
    print(f"{arguments.out}: {images.meta['source']}, {images.meta['counts']} images")


if __name__ == "__main__":
    main()
