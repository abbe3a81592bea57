"""MNIST: 60,000 + 10,000 handwritten digits, 28x28 grey, in the official order."""

import gzip
import math
from pathlib import Path

import numpy as np

from data.dataset import Dataset
from data.files import reading
from data.sources import Form, OfficialFile, Source, Splits, check_official

ADDRESSES = (
    "http://yann.lecun.com/exdb/mnist/",  # official, refuses most requests since 2020
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# MD5 as in torchvision, size and SHA-256 as in TensorFlow Datasets; both computed again here.
FILES = (
    OfficialFile.below(
        ADDRESSES,
        "train-images-idx3-ubyte.gz",
        9912422,
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    OfficialFile.below(
        ADDRESSES,
        "train-labels-idx1-ubyte.gz",
        28881,
        "d53e105ee54ea40749a09fcbcd1e9432",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    OfficialFile.below(
        ADDRESSES,
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "9fb629c4189551a2d022fa330f9573f3",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    OfficialFile.below(
        ADDRESSES,
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "ec29112dd5afa0611ce80d1b7f02629c",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

LARGEST = 1 << 27  # bytes of values in a file; the largest of MNIST has 47 million


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes: magic number 0x0800 + dimensions, sizes, data.

    No more is unpacked than the sizes say, and at most LARGEST bytes.
    """
    with reading(path), gzip.open(path) as file:
        header = np.frombuffer(file.read(4 * (1 + dimensions)), ">u4", 1 + dimensions)
        if header[0] != 0x0800 + dimensions:
            raise ValueError(f"no IDX file of bytes with {dimensions} dimensions")
        shape = tuple(int(side) for side in header[1:])
        size = math.prod(shape)
        content = file.read(min(size, LARGEST) + 1)  # one more, to see that nothing follows
        if len(content) != size:
            raise ValueError(f"more or fewer values than the {size:,} of its header {shape}")
        return np.frombuffer(content, np.uint8).reshape(shape)


def read(source: Source, paths: list[Path]) -> Splits:
    """The four files, in the order of FILES -> images (n, 28, 28, 1) and digits."""
    images, digits, test_images, test_digits = (
        read_idx(path, dimensions) for path, dimensions in zip(paths, (3, 1, 3, 1), strict=True)
    )
    return {
        "train": (images[..., None], digits.astype(np.int64)),
        "test": (test_images[..., None], test_digits.astype(np.int64)),
    }


DATASET = Dataset(
    Source(
        name="mnist",
        title="MNIST",
        licence="Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0",
        by_hand="fetch the four .gz files of MNIST",
        files=FILES,
        forms=(Form("archive", tuple(file.name for file in FILES), check_official, read),),
        counts={"train": 60000, "test": 10000},
        folders=("", "raw", "MNIST/raw"),
    ),
    image_shape=(28, 28, 1),
    value_range="unit",
    classes=10,
)
