"""Turn a dataset into the arrays that the models are trained on: `<name>.npz` (see data.store).

    python -m data.prepare mnist --out mnist.npz \\
        --params '{"source": "embedded", "train": 2000, "test": null}'

Settings are {"source": ..., "train": n | null, "test": n | null}, with further keys for "folder".

    official   the files that --manifest (of data.download) names
    embedded   the real images in data/embedded
    synthetic  drawn images: the dataset's stand-in, if it has one (celeba)
    folder     a folder of one's own images; NAME is free, keys and defaults as in data/folder.py:
               "path", "side", "channels" and, where wanted, "title", "classes", "test_share",
               "seed", "shown"

n takes the first n images of the source's own order, which is fixed; null takes all there are
(for "synthetic", numbers are needed).

What is written says of itself (`meta`): title, synthetic, shown (whether its images may be shown),
labels (whether they mean anything), counts, official_counts (null if there are none), image_shape,
value_range, source and note (sentences, the note may be empty); for "official" also the form and
its digest, for "folder" the digest over all files read and the number of unreadable ones.
"""

from importlib import import_module
from pathlib import Path

import numpy as np

from data import registry, sheets, store
from data.arguments import options, takes_settings
from data.dataset import Dataset
from data.manifest import open_manifest
from data.sources import SPLITS, Splits


def official(dataset: Dataset, manifest: Path | None) -> tuple[Splits, dict]:
    """The official dataset, or the part of it that is there."""
    if manifest is None:
        raise ValueError(f"{dataset.name}: source 'official' needs --manifest")
    form, paths, facts = open_manifest(dataset.source, manifest)
    splits = form.read(dataset.source, paths)
    note = ""
    counts = dataset.counts or {}  # not known of every source: then what is there is all
    if any(len(splits[split][0]) < counts.get(split, 0) for split in SPLITS):
        note = "a part of the official dataset; numbers are not comparable with those of the whole"
    meta = {"synthetic": False, "source": f"{dataset.title}, official images", "note": note}
    return splits, meta | {"form": form.name, "digest": facts.get("digest")}


def embedded(dataset: Dataset) -> tuple[Splits, dict]:
    """The subset in the repository."""
    meta = {"synthetic": False, "source": f"{dataset.title}, subset embedded in the repository"}
    return sheets.load(dataset.name), meta | {"note": "a small subset of the official images"}


def synthetic(dataset: Dataset, train: int | None, test: int | None) -> tuple[Splits, dict]:
    """Drawn images: those to train come first, those to test after them. Labels are all zero."""
    module = registry.standin(dataset)
    if train is None or test is None:
        raise ValueError(
            f"{dataset.name}: source 'synthetic' needs the numbers of train and test images"
        )
    splits = {
        "train": (module.draw(0, train), np.zeros(train, np.int64)),
        "test": (module.draw(train, test), np.zeros(test, np.int64)),
    }
    meta = {"synthetic": True, "source": f"drawn by {module.__name__.replace('.', '/')}.py"}
    return splits, meta | {"note": f"synthetic stand-in for {dataset.title}"}


def prepare(dataset: Dataset, params: dict, manifest: Path | None = None) -> store.ImageSet:
    """Read, limit and preprocess a dataset; ValueError if `params` or the data do not fit."""
    limits = {split: params[split] for split in SPLITS}
    for split, limit in limits.items():
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise ValueError(
                f"{dataset.name}: {split} is {limit!r}; it must be at least 1, or null for all"
            )
    match params["source"]:
        case "official":
            splits, meta = official(dataset, manifest)
        case "embedded":
            splits, meta = embedded(dataset)
        case "synthetic":
            splits, meta = synthetic(dataset, **limits)
        case "folder":  # imported by name, so that the folder's reader concerns no other dataset
            splits, meta = import_module("data.folder").read(dataset, params)
        case other:
            raise ValueError(f"source is {other!r}, not official, embedded, synthetic or folder")
    arrays = {}
    for split, (images, labels) in splits.items():
        if limits[split] is not None and limits[split] > len(images):
            raise ValueError(
                f"{dataset.name}: {limits[split]:,} {split} images wanted, {meta['source']} has "
                f"{len(images):,}"
            )
        arrays[f"{split}_images"] = fitting(dataset, dataset.preprocess(images[: limits[split]]))
        arrays[f"{split}_labels"] = labels[: limits[split]]
        if dataset.labels and not set(np.unique(labels)) <= set(range(dataset.classes)):
            raise ValueError(
                f"{dataset.name}: {split} labels are not 0 to {dataset.classes - 1} in "
                f"{meta['source']}; fetch it again"
            )
    meta |= {
        "title": dataset.title,
        "shown": dataset.shown or meta["synthetic"],
        "labels": dataset.labels and not meta["synthetic"],
        "counts": {split: len(arrays[f"{split}_labels"]) for split in SPLITS},
        "official_counts": dataset.counts,
        "image_shape": list(dataset.image_shape),
        "value_range": dataset.value_range,
    }
    return store.ImageSet(name=dataset.name, value_range=dataset.value_range, meta=meta, **arrays)


def fitting(dataset: Dataset, images: np.ndarray) -> np.ndarray:
    """The images. ValueError unless they are as the dataset's description says."""
    if images.dtype != np.uint8 or images.shape[1:] != dataset.image_shape:
        raise ValueError(
            f"{dataset.name}: images are {images.dtype} {images.shape[1:]}, not uint8 "
            f"{dataset.image_shape}; fetch them again"
        )
    return images


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("name", help=f"{', '.join(registry.names())}, or a name for a folder")
    takes_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="the arrays to write (.npz)")
    parser.add_argument("--manifest", type=Path, help="what data.download wrote; for 'official'")
    arguments = parser.parse_args()
    entry = arguments.params if arguments.params.get("source") == "folder" else None
    try:
        dataset = registry.dataset(arguments.name, entry)
        images = prepare(dataset, arguments.params, arguments.manifest)
        store.save(arguments.out, images)
    except KeyError as error:
        raise SystemExit(f"{arguments.name} not prepared: --params lack {error}") from error
    except (ValueError, OSError) as error:
        raise SystemExit(f"{arguments.name} not prepared: {error}") from error
    note = f"; {images.meta['note']}" if images.meta["note"] else ""
    print(f"{arguments.out}: {images.meta['source']}, {images.meta['counts']} images{note}")


if __name__ == "__main__":
    main()
