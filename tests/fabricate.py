"""Small fabricated datasets in the official forms, and sources that expect exactly them.

Every function writes to a folder and returns (source with its checksums and counts, the arrays).
"""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from data.datasets import celeba, cifar10, mnist, omniglot
from data.sources import OfficialFile, Source


def official(path: Path, addresses: tuple[str, ...] = ()) -> OfficialFile:
    """The description of a file as it is now."""
    content = path.read_bytes()
    md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
    return OfficialFile(path.name, len(content), md5, sha256, addresses)


def expecting(source: Source, folder: Path, **changes) -> Source:
    """The source, expecting the files of `folder` instead of the official ones."""
    files = tuple(official(folder / file.name) for file in source.files)
    return replace(source, files=files, **changes)


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def make_mnist(folder: Path) -> tuple[Source, dict]:
    folder.mkdir(parents=True, exist_ok=True)
    splits = {}
    for split, prefix, n in (("train", "train", 7), ("test", "t10k", 3)):
        images, labels = random_images(n, 28, 28, seed=n), np.arange(n, dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
            with gzip.open(folder / f"{prefix}-{kind}-ubyte.gz", "wb") as file:
                file.write(header + array.tobytes())
        splits[split] = images[..., None], labels
    return expecting(mnist.DATASET.source, folder, counts={"train": 7, "test": 3}), splits


def cifar_batch(images: np.ndarray, labels: list[int]) -> bytes:
    """A batch as Python 2 and the numpy of its time pickled it, opcode by opcode (protocol 2).

    Python 3 cannot write one: it has no byte-string opcode (U, T) and numpy's names have moved.
    """
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    shape = b"K" + bytes([rows.shape[0]]) + b"M" + struct.pack("<H", rows.shape[1]) + b"\x86"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ" + b"\xff" * 4
    dtype += b"J" + b"\xff" * 4 + b"K\x00tb"
    values = b"T" + struct.pack("<I", rows.size) + rows.tobytes()
    array = empty + b"(K\x01" + shape + dtype + b"\x89" + values + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


def make_cifar10(folder: Path) -> tuple[Source, dict]:
    """Both forms: the folder of batches and the archive of it."""
    batches = folder / cifar10.FOLDER
    batches.mkdir(parents=True)
    images, labels, members = random_images(12, 32, 32, 3), np.arange(12) % 10, {}
    for number, name in enumerate(cifar10.MEMBERS):
        part = slice(2 * number, 2 * number + 2)
        content = cifar_batch(images[part], labels[part].tolist())
        (batches / name).write_bytes(content)
        members[name] = hashlib.md5(content).hexdigest()
    with tarfile.open(folder / cifar10.ARCHIVE, "w:gz") as archive:
        archive.add(batches, cifar10.FOLDER)
    source = expecting(
        cifar10.DATASET.source, folder, members=members, counts={"train": 10, "test": 2}
    )
    return source, {"train": (images[:10], labels[:10]), "test": (images[10:], labels[10:])}


def make_omniglot(folder: Path) -> tuple[Source, dict]:
    """Both forms. Two alphabets of two characters and one of one, two drawings each."""
    layout = {
        "train": ["A/character01", "A/character02", "B/character01"],
        "test": ["C/character01"],
    }
    splits = {}
    for split, place in omniglot.FOLDERS.items():
        ink = np.random.default_rng(len(split)).random((2 * len(layout[split]), 105, 105)) < 0.2
        with zipfile.ZipFile(_parent(folder / f"{place}.zip"), "w") as archive:
            archive.writestr(f"__MACOSX/{place}/A/character01/._0001_01.png", b"junk")
            for number, drawing in enumerate(ink):
                name = f"{place}/{layout[split][number // 2]}/{number // 2:04d}_{number % 2 + 1:02d}.png"
                png = io.BytesIO()
                Image.fromarray(~drawing).save(png, "PNG")
                _parent(folder / name).write_bytes(png.getvalue())
                archive.writestr(name, png.getvalue())
        labels = np.repeat(np.arange(len(layout[split])), 2)
        splits[split] = np.where(ink, 255, 0).astype(np.uint8)[..., None], labels
    digest = hashlib.sha256(b"".join(splits[s][0].tobytes() for s in ("train", "test"))).hexdigest()
    counts = {split: len(labels) for split, (_, labels) in splits.items()}
    return expecting(omniglot.DATASET.source, folder, digest=digest, counts=counts), splits


def make_celeba(folder: Path) -> tuple[Source, dict]:
    """The folder of JPEGs and the zip of it; images 1-4 train, 5 valid, 6-7 test."""
    numbers, lines, images = {0: range(1, 5), 1: range(5, 6), 2: range(6, 8)}, [], {}
    with zipfile.ZipFile(_parent(folder / "img_align_celeba.zip"), "w") as archive:
        for part, range_ in numbers.items():
            for number in range_:
                name = f"{number:06d}.jpg"
                path = _parent(folder / "img_align_celeba" / name)
                Image.fromarray(random_images(218, 178, 3, seed=number)).save(path, quality=95)
                archive.write(path, f"img_align_celeba/{name}")
                lines.append(f"{name} {part}\n")
                images[number] = np.asarray(Image.open(path))
    (folder / celeba.PARTITION).write_text("".join(lines))
    return expecting(celeba.DATASET.source, folder, counts={"train": 4, "test": 2}), images


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
