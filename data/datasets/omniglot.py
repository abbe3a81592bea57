"""Omniglot: 1,623 characters of 50 alphabets, 20 drawings each, 105x105 black on white.

The 30 "background" alphabets train, the 20 "evaluation" alphabets test (the paper: "the test
alphabet was never seen in the training"). Order: alphabet, character, drawing, each sorted by
name. A label is the index of the character within its split.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from data.dataset import Dataset
from data.files import read_file, read_member, reading
from data.sources import Form, OfficialFile, Source, Splits, check_official

FOLDERS = {"train": "images_background", "test": "images_evaluation"}
ADDRESSES = (
    "https://github.com/brendenlake/omniglot/raw/master/python/",
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
)

# MD5 as in torchvision, size and SHA-256 as in TensorFlow Datasets.
FILES = (
    OfficialFile.below(
        ADDRESSES,
        "images_background.zip",
        9464212,
        "68d2efa1b9178cc56df9314c21c6e718",
        "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
    ),
    OfficialFile.below(
        ADDRESSES,
        "images_evaluation.zip",
        6462886,
        "6b91aef0f799c5bb55b94e3f2daec811",
        "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
    ),
)

# Characters in each alphabet, alphabets sorted by name.
CHARACTERS = {
    "train": (
        *(20, 29, 26, 41, 40, 24, 46, 14, 26, 34, 33, 22, 26, 43, 24),
        *(48, 22, 16, 52, 47, 40, 26, 40, 41, 33, 14, 42, 23, 17, 55),
    ),
    "test": (20, 26, 26, 26, 26, 26, 45, 45, 41, 26, 47, 40, 30, 45, 46, 28, 23, 25, 42, 26),
}

LARGEST = 100_000  # bytes of a drawing's file; the official ones have a few hundred

# A drawing's place, (alphabet, character, file name), and what returns its PNG file.
Drawings = dict[tuple[str, ...], Callable[[], bytes]]


def decode(drawings: Drawings, what: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """All drawings of a split -> 255 where there is ink, else 0, (n, 105, 105, 1), and labels.

    ValueError if there are more than `most`, or if one is no drawing of 105x105.
    """
    places = sorted(drawings)
    if len(places) > most:
        raise ValueError(f"{what}: {len(places):,} drawings instead of {most:,}; fetch it again")
    images = np.empty((len(places), 105, 105, 1), np.uint8)
    for image, place in zip(images, places, strict=True):
        with reading(f"{what}/{'/'.join(place)}"):
            drawing = Image.open(io.BytesIO(drawings[place]()), formats=("PNG",))
            if drawing.size != (105, 105):  # before its pixels are unpacked
                raise ValueError(f"{drawing.size} instead of 105x105")
            paper = np.asarray(drawing.convert("L"))
        image[..., 0] = np.where(paper < 128, 255, 0)
    characters = sorted({place[:2] for place in places})
    index = {character: number for number, character in enumerate(characters)}
    return images, np.array([index[place[:2]] for place in places], np.int64)


def is_drawing(parts: tuple[str, ...]) -> bool:
    """Whether (alphabet, character, file) is a drawing, not something a file manager left."""
    return len(parts) == 3 and parts[2].endswith(".png") and not parts[2].startswith(".")


def read_zips(source: Source, paths: list[Path]) -> Splits:
    """The two official zips, read member by member in memory."""
    splits = {}
    for (split, folder), path in zip(FOLDERS.items(), paths, strict=True):
        with reading(path), zipfile.ZipFile(path) as archive:
            drawings = {}
            for name in archive.namelist():
                parts = PurePosixPath(name).parts
                if ".." in parts:
                    raise ValueError(f"{name} leads out of the archive")
                if parts[:1] == (folder,) and is_drawing(parts[1:]):
                    drawings[parts[1:]] = partial(read_member, archive, name, LARGEST)
            splits[split] = decode(drawings, str(path), source.counts[split])
    return splits


def read_folders(source: Source, paths: list[Path]) -> Splits:
    """The two unpacked folders."""
    splits = {}
    for split, path in zip(FOLDERS, paths, strict=True):
        places = {file.relative_to(path).parts: file for file in path.glob("*/*/*.png")}
        files = {k: partial(read_file, v, LARGEST) for k, v in places.items() if is_drawing(k)}
        splits[split] = decode(files, str(path), source.counts[split])
    return splits


def pixels_digest(splits: Splits) -> str:
    """SHA-256 over the pixels (255 ink, 0 paper) of train, then test, in the order above."""
    content = hashlib.sha256()
    for split in FOLDERS:
        content.update(splits[split][0])
    return content.hexdigest()


def check_folders(source: Source, paths: list[Path]) -> dict:
    """Counts, then the digest over all pixels."""
    splits = read_folders(source, paths)
    for (split, count), path in zip(source.counts.items(), paths, strict=True):
        images, labels = splits[split]
        if len(images) != count:
            raise ValueError(
                f"{path}: {len(images):,} drawings of {len(set(labels))} characters instead of "
                f"{count:,} of {count // 20}; unpack the official zip again"
            )
    found = pixels_digest(splits)
    if found != source.digest:
        raise ValueError(f"{paths[0].parent}: the pixels are not Omniglot's (digest {found})")
    return {"digest": found}


def shrink(images: np.ndarray, size: int = 28) -> np.ndarray:
    """Area average: uint8 (n, 105, 105, 1) -> (n, size, size, 1), rounded to nearest.

    Each new pixel is the mean over its square of old ones, those cut by its border counting by
    the part inside: X' = W X W^T with W_ij = |[i, i + 1) r with [j, j + 1)| / r, r = 105 / size.
    """
    old = images.shape[1]
    edges, ratio = np.arange(old), old / size
    start = np.arange(size)[:, None] * ratio
    weights = (np.minimum(start + ratio, edges + 1) - np.maximum(start, edges)).clip(0) / ratio
    result = np.empty((len(images), size, size, 1), np.uint8)
    for first in range(0, len(images), 1000):  # bounds the memory of the float copies
        block = images[first : first + 1000, ..., 0].astype(np.float64)
        result[first : first + 1000, ..., 0] = np.rint(weights @ block @ weights.T)
    return result


DATASET = Dataset(
    Source(
        name="omniglot",
        title="Omniglot",
        licence="MIT licence, copyright 2015 Brenden Lake",
        by_hand="fetch images_background.zip and images_evaluation.zip from the folder python/ of "
        "https://github.com/brendenlake/omniglot",
        files=FILES,
        forms=(
            Form("archive", tuple(file.name for file in FILES), check_official, read_zips),
            Form("folder", tuple(FOLDERS.values()), check_folders, read_folders),
        ),
        counts={"train": 19280, "test": 13180},
        folders=("", "omniglot-py", "python"),
        # Computed on unpacked folders whose PNG files equal the official ones.
        digest="061691d78adaa9b335b1e4876c121f2cbe4dde34762da3b948fbd8f91dfb85d9",
    ),
    image_shape=(28, 28, 1),
    value_range="unit",
    classes=1623,  # 964 to train, 659 others to test
    class_size=20,
    preprocess=shrink,
)
