"""Array files (`.npz`): written whole, read without trust, their claims checked before memory is taken."""

import contextlib
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from data.files import atomic_write, reading, regular_file

END = struct.Struct("<4s6xH10x")  # a zip's last record: its signature, how many members there are
HEADER = 10_000  # bytes; numpy's own limit, which it applies after reading the header
UNPACKED = 4 * 2**30  # bytes that the compressed arrays of one file may unpack to


def write_arrays(
    path: Path | str, arrays: Mapping[str, object], *, compressed: bool = True
) -> None:
    """Write arrays by name, the whole file or none.

    ValueError for a path of another ending: numpy would write beside it, with the ending added.
    """
    require_npz(path)
    write = np.savez_compressed if compressed else np.savez
    with atomic_write(path) as temporary:
        write(temporary, **arrays)


def require_npz(path: Path | str) -> None:
    """ValueError for a path that arrays are not written to."""
    if Path(path).suffix != ".npz":
        raise ValueError(f"{path}: arrays are written to an .npz; call it so")


@contextlib.contextmanager
def open_arrays(
    path: Path | str, remedy: str = "delete it and run again", unpacked: int = UNPACKED
) -> Iterator[np.lib.npyio.NpzFile]:
    """What `np.load` gives for an .npz: arrays by name, each read when it is asked for.

    Whatever is wrong with the file, also if it shows only when an array is read within the block,
    is a ValueError that names the file and says the `remedy`. Refused before memory is taken: an
    array that is not as long as its header says, compressed arrays of more than `unpacked` bytes,
    and objects, which would be unpickled.
    """
    with reading(path, remedy):
        on_disk = regular_file(path)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            check_count(path, len(members))
            stored = sum(m.file_size for m in members if m.compress_type == zipfile.ZIP_STORED)
            packed = sum(m.file_size for m in members) - stored
            if stored > on_disk or packed > unpacked:
                raise ValueError(f"arrays of {stored + packed:,} bytes in {on_disk:,}")
            for member in members:
                check_member(archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays


def check_count(path: Path | str, found: int) -> None:
    """ValueError if a zip says that it has more members than are found: zipfile reads on without."""
    with open(path, "rb") as file:
        file.seek(-END.size, 2)
        signature, said = END.unpack(file.read())
    if signature == b"PK\x05\x06" and said not in (found, 0xFFFF):  # no comment, countable
        raise ValueError(f"{said} arrays, of which {found} are found")


def check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """ValueError unless a member is an array whose header tells its length."""
    with archive.open(member) as file:
        check_array(file, member.file_size, member.filename)


def check_array(file: BinaryIO, size: int, name: str) -> None:
    """ValueError unless `file`, of `size` bytes, is an array (.npy) whose header tells its length."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name}: array format {version} is not read")
    length = 2 if version == (1, 0) else 4
    header = int.from_bytes(file.read(length), "little")
    if header > HEADER:
        raise ValueError(f"{name}: a header of {header:,} bytes")
    file.seek(len(npy.magic(*version)))
    read = npy.read_array_header_1_0 if length == 2 else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    claimed, there = dtype.itemsize * math.prod(shape), size - file.tell()
    if dtype.hasobject:
        raise ValueError(f"{name}: holds Python objects, which are not read")
    if claimed != there or any(side < 0 for side in shape):
        raise ValueError(f"{name}: {there:,} bytes, its header {dtype} {shape} says {claimed:,}")
