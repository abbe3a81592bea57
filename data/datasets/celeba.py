"""CelebA: 202,599 aligned photographs of faces, 178x218 colour.

Preprocessing as tolstikhin/wae ("closecrop"): the central 140x140 square, resized to 64x64 by
Lanczos' filter (its `Image.ANTIALIAS`). The official partition's "train" trains and its "test" tests; "valid" is left unused.
Labels are all zero. Fewer images than the official number are accepted, and counted.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from data.arrays import open_arrays
from data.dataset import Dataset
from data.files import read_file, read_member, reading
from data.sources import Form, OfficialFile, Source, Splits, check_official

WIDTH, HEIGHT, CROP, SIZE = 178, 218, 140, 64
FOLDER, PARTITION, PREPARED = "img_align_celeba", "list_eval_partition.txt", "celeba_64.npz"
SPLITS = {"train": 0, "test": 2}  # as numbered in the official partition; 1 is "valid"
LARGEST = 1 << 20  # bytes of an image's file; the official ones have some 10,000


def official(name: str, drive: str, size: int, md5: str, sha256: str) -> OfficialFile:
    """A file of the authors' Google Drive; the second address passes its virus-scan question."""
    addresses = (
        f"https://drive.google.com/uc?export=download&id={drive}",
        f"https://drive.usercontent.google.com/download?id={drive}&export=download&confirm=t",
    )
    return OfficialFile(name, size, md5, sha256, addresses)


# Drive id and MD5 as in torchvision, size and SHA-256 as in TensorFlow Datasets.
FILES = (
    official(
        f"{FOLDER}.zip",
        "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
        1443490838,
        "00d2c5bc6d35e252742224ab0c1e8fcb",
        "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    ),
    official(
        PARTITION,
        "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
        2836386,
        "d32c9cbf5e040fd4025c592c306e6668",
        "fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7",
    ),
)


def aligned(jpeg: bytes) -> Image.Image:
    """One official JPEG, not yet decoded. ValueError if it has another size."""
    photograph = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
    if photograph.size != (WIDTH, HEIGHT):
        raise ValueError(f"{photograph.size} instead of aligned {WIDTH}x{HEIGHT}")
    return photograph


def crop(jpeg: bytes, what: str) -> np.ndarray:
    """One official JPEG -> (64, 64, 3), centre crop 140, Lanczos."""
    with reading(what):
        photograph = aligned(jpeg)
        left, top = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
        square = photograph.convert("RGB").crop((left, top, left + CROP, top + CROP))
        return np.asarray(square.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def square(size: tuple[int, int]) -> int:
    """Side of the central square of a picture of this (width, height): aligned ones lose a margin."""
    return CROP if size == (WIDTH, HEIGHT) else min(size)


def partition(path: Path) -> dict[str, list[str]]:
    """The file names of each split, in the official order."""
    with reading(path):
        rows = [line.split() for line in path.read_text().splitlines()]
        return {key: [row[0] for row in rows if row[1] == str(n)] for key, n in SPLITS.items()}


def decode(names: dict[str, list[str]], read: Callable[[str], bytes]) -> Splits:
    """Decode the named images of each split."""
    splits = {}
    for split, files in names.items():
        images = np.empty((len(files), SIZE, SIZE, 3), np.uint8)
        for image, name in zip(images, files, strict=True):
            image[:] = crop(read(name), f"{FOLDER}/{name}")
        splits[split] = images, np.zeros(len(files), np.int64)
    return splits


def read_archive(source: Source, paths: list[Path]) -> Splits:
    """The official zip and partition, the zip read member by member in memory."""
    with reading(paths[0]), zipfile.ZipFile(paths[0]) as archive:
        return decode(
            partition(paths[1]), lambda name: read_member(archive, f"{FOLDER}/{name}", LARGEST)
        )


def present(paths: list[Path]) -> dict[str, list[str]]:
    """The images of the partition that a folder holds."""
    there = {file.name for file in paths[0].iterdir()}
    return {key: [n for n in names if n in there] for key, names in partition(paths[1]).items()}


def read_folder(source: Source, paths: list[Path]) -> Splits:
    """A folder of aligned JPEGs, whole or a part, and the official partition."""
    return decode(present(paths), lambda name: read_file(paths[0] / name, LARGEST))


def check_folder(source: Source, paths: list[Path]) -> dict:
    """The partition's checksum and every image's size; the digest is over all JPEG files used."""
    source.files[1].check(paths[1])
    names, content = present(paths), hashlib.sha256()
    for name in (name for split in names.values() for name in split):
        with reading(paths[0] / name):
            jpeg = read_file(paths[0] / name, LARGEST)
            aligned(jpeg)
        content.update(jpeg)
    counts = {split: len(files) for split, files in names.items()}
    return check_counts(source, paths[0], counts) | {"digest": content.hexdigest()}


def check_counts(source: Source, path: Path, counts: dict[str, int]) -> dict:
    """No split may be empty or larger than the official one."""
    for split, count in counts.items():
        if not 0 < count <= source.counts[split]:
            raise ValueError(f"{path}: {count:,} {split} images; 1 to {source.counts[split]:,} fit")
    return {"counts": counts}


def read_prepared(source: Source, paths: list[Path]) -> Splits:
    """A prepared file: arrays "train" and "test", uint8 (n, 64, 64, 3), cropped as above."""
    splits, most = {}, sum(source.counts.values()) * SIZE * SIZE * 3
    with open_arrays(paths[0], "make it again", unpacked=most + (1 << 20)) as stored:
        for split in SPLITS:
            images = stored[split]
            if images.dtype != np.uint8 or images.shape[1:] != (SIZE, SIZE, 3):
                raise ValueError(
                    f"{paths[0]}: {split} is {images.dtype} {images.shape}, not uint8 n x 64x64x3"
                )
            splits[split] = images, np.zeros(len(images), np.int64)
    return splits


def check_prepared(source: Source, paths: list[Path]) -> dict:
    """Type, shapes and counts: nothing official says what its pixels should be."""
    splits = read_prepared(source, paths)
    return check_counts(source, paths[0], {key: len(images) for key, (images, _) in splits.items()})


DATASET = Dataset(
    Source(
        name="celeba",
        title="CelebA",
        licence="Liu, Luo, Wang, Tang (CUHK Multimedia Laboratory); non-commercial research only, "
        "no redistribution of any part",
        by_hand=f"fetch {FOLDER}.zip (Img) and {PARTITION} (Eval) from the Google Drive that "
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html links to; the drive has a daily quota",
        files=FILES,
        forms=(
            Form("archive", tuple(file.name for file in FILES), check_official, read_archive),
            Form("folder", (FOLDER, PARTITION), check_folder, read_folder),
            Form("prepared", (PREPARED,), check_prepared, read_prepared),
        ),
        counts={"train": 162770, "test": 19962},
    ),
    image_shape=(SIZE, SIZE, 3),
    value_range="symmetric",
    shown=False,  # its terms: no part of it may be published
    standin="faces",
)
