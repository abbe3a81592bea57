"""Archives and pickles that want more than to be read: refused in bounded time and memory."""

import gzip
import hashlib
import io
import math
import os
import pickle
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.datasets import celeba, cifar10, mnist, omniglot
from data.download import find_local
from data.files import read_member
from tests import fabricate
from tests.hostile import bounded, refused

few = settings(max_examples=40, deadline=None)
ZEROS = bytes(1 << 20)
LITTLE = 32  # megabytes; bombs unpack to more


def png(width: int, height: int) -> bytes:
    """A PNG of so many white pixels, small in the file."""
    content = io.BytesIO()
    Image.new("1", (width, height), 1).save(content, "PNG")
    return content.getvalue()


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def understate(path: Path, size: int) -> None:
    """Let a zip's directory say that its (last) member unpacks to `size` bytes."""
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", size)
    path.write_bytes(content)


# --- whatever lies where an official file is expected


@given(content=st.binary(max_size=2000))
@few
def test_an_official_file_is_not_opened_before_its_checksum_is_right(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("local")
    for source in (d.DATASET.source for d in (mnist, omniglot, cifar10, celeba)):
        for file in source.files:
            (folder / file.name).write_bytes(content)
        # Of the size that is looked for, so that the checksum decides.
        files = tuple(replace(file, size=len(content)) for file in source.files)
        source, attempts = replace(source, files=files, forms=source.forms[:1]), []
        assert find_local(source, [folder], attempts) is None
        assert source.files[0].name in attempts[0] and "sha256" in attempts[0]


@pytest.mark.parametrize("module", [mnist, omniglot, cifar10, celeba])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path, module):
    source = replace(module.DATASET.source, forms=module.DATASET.source.forms[:1])
    for file in source.files:
        os.mkfifo(tmp_path / file.name)
    attempts = []
    with bounded():
        assert find_local(source, [tmp_path], attempts) is None
    assert "not a regular file" in attempts[0]


# --- gzip


def idx(folder: Path, shape: tuple[int, ...], content: bytes, magic: int = 0x0803) -> Path:
    path = folder / "train-images-idx3-ubyte.gz"
    header = struct.pack(f">{1 + len(shape)}I", magic, *shape)
    path.write_bytes(gzip.compress(header + content))
    return path


@given(shape=st.tuples(*[st.integers(0, 2**32 - 1)] * 3), length=st.integers(0, 100))
@few
def test_an_idx_header_that_lies_is_refused(tmp_path_factory, shape, length):
    path = idx(tmp_path_factory.mktemp("idx"), shape, bytes(length))
    try:
        with bounded():
            assert mnist.read_idx(path, 3).shape == shape and math.prod(shape) == length
    except ValueError as error:
        assert path.name in str(error) and "fetch it again" in str(error)


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path):
    path = idx(tmp_path, (10, 28, 28), b"")
    path.write_bytes(path.read_bytes() + 1024 * gzip.compress(ZEROS))
    assert path.stat().st_size < 2e6
    says = (path.name, "more or fewer values")
    refused(lambda: mnist.read_idx(path, 3), *says, folder=tmp_path, megabytes=LITTLE)


@given(cut=st.integers(0, 60), flip=st.integers(0, 10**6), content=st.binary(max_size=60))
@few
def test_a_damaged_gzip_is_refused(tmp_path_factory, cut, flip, content):
    path = idx(tmp_path_factory.mktemp("idx"), (len(content), 1, 1), content)
    whole = path.read_bytes()
    damaged = bytearray(whole[: max(len(whole) - cut, 0)])
    if damaged:
        damaged[flip % len(damaged)] ^= 1 << flip % 8
    path.write_bytes(damaged)
    try:  # a flipped bit of the header, the time for instance, need not matter
        np.testing.assert_array_equal(mnist.read_idx(path, 3).ravel(), [*content])
    except ValueError as error:
        assert path.name in str(error)


# --- zip


@pytest.mark.parametrize(
    "name",
    [
        "images_background/../../x/y.png",
        "/images_background/A/b/c.png",
        "images_background/A/../b.png",
    ],
)
def test_a_zip_with_names_that_lead_out_of_it_writes_nothing(tmp_path, name):
    source, _ = fabricate.make_omniglot(tmp_path / "official")
    files = [tmp_path / "official" / file.name for file in source.files]
    write_zip(files[0], {name: png(105, 105)})
    outside = sorted(tmp_path.rglob("*"))
    if name[0] == "/":  # not below the folder, hence no drawing
        assert len(source.form("archive").read(source, files)["train"][0]) == 0
    else:
        refused(lambda: source.form("archive").read(source, files), "leads out", files[0].name)
    assert sorted(tmp_path.rglob("*")) == outside


def test_a_zip_bomb_is_refused_by_its_size(tmp_path):
    source, _ = fabricate.make_omniglot(tmp_path)
    files = [tmp_path / file.name for file in source.files]
    write_zip(files[0], {"images_background/A/character01/0001_01.png": 64 * ZEROS})
    read, says = source.form("archive").read, ("0001_01.png", "at most")
    refused(lambda: read(source, files), *says, folder=tmp_path, megabytes=LITTLE)


def test_a_zip_that_understates_a_bomb_is_unpacked_no_further(tmp_path):
    path = write_zip(tmp_path / "bomb.zip", {"a": 64 * ZEROS})
    understate(path, 1000)

    def read():
        with zipfile.ZipFile(path) as archive:
            read_member(archive, "a", 10_000)

    with bounded(LITTLE), pytest.raises(zipfile.BadZipFile):
        read()


def test_more_drawings_than_there_are_are_not_decoded(tmp_path):
    source, _ = fabricate.make_omniglot(tmp_path)
    files = [tmp_path / file.name for file in source.files]
    write_zip(files[0], {f"images_background/A/b/{n}.png": b"no image" for n in range(7)})
    refused(lambda: source.form("archive").read(source, files), "7 drawings instead of 6")


def test_links_in_a_zip_are_read_as_what_they_are(tmp_path):
    source, _ = fabricate.make_omniglot(tmp_path)
    files = [tmp_path / file.name for file in source.files]
    link = zipfile.ZipInfo("images_background/A/character01/0001_01.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(files[0], "w") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(lambda: source.form("archive").read(source, files), "0001_01.png", folder=tmp_path)


# --- tar


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


HOSTILE = [
    member("../data_batch_1"),
    member("/data_batch_1"),
    member(f"{cifar10.FOLDER}/../data_batch_1"),
    member(f"/{cifar10.FOLDER}/data_batch_1"),
    member(f"{cifar10.FOLDER}/data_batch_1", tarfile.SYMTYPE, "/etc/passwd"),
    member(f"{cifar10.FOLDER}/data_batch_1", tarfile.LNKTYPE, "../../etc/passwd"),
    member(f"{cifar10.FOLDER}/data_batch_1", tarfile.FIFOTYPE),
    member(f"{cifar10.FOLDER}/data_batch_1", tarfile.CHRTYPE),
    member(f"{cifar10.FOLDER}/data_batch_1", tarfile.DIRTYPE),
]


@pytest.mark.parametrize("info", HOSTILE, ids=lambda info: f"{info.name} {info.type}")
def test_a_tar_is_read_for_its_batches_alone_and_unpacked_nowhere(tmp_path, info):
    source, _ = fabricate.make_cifar10(tmp_path)
    path = tar_of(tmp_path / cifar10.ARCHIVE, (info, b""))
    read = source.form("archive").read
    refused(lambda: read(source, [path]), path.name, "data_batch_1", folder=tmp_path)


@pytest.mark.parametrize(
    "name, size", [("bomb", 1 << 40), (f"{cifar10.FOLDER}/data_batch_1", 1 << 27)]
)
def test_a_tar_bomb_is_not_unpacked_to_its_end(tmp_path, name, size):
    source, _ = fabricate.make_cifar10(tmp_path)
    info, path = tarfile.TarInfo(name), tmp_path / cifar10.ARCHIVE
    info.size = size
    path.write_bytes(gzip.compress(info.tobuf()) + 200 * gzip.compress(ZEROS))
    read = source.form("archive").read
    refused(lambda: read(source, [path]), path.name, megabytes=LITTLE)


# --- pickle


class Code:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def unpickle(content: bytes):
    return cifar10.read_batch(content, hashlib.md5(content).hexdigest(), "data_batch_1")


@given(content=st.binary(max_size=300))
@few
def test_bytes_that_are_no_batch_are_refused(content):
    refused(lambda: unpickle(content), "data_batch_1", "fetch it again")


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
@few
def test_a_batch_with_a_flipped_bit_is_a_batch_or_refused(place, bit):
    content = bytearray(fabricate.cifar_batch(fabricate.random_images(2, 32, 32, 3), [3, 4]))
    content[place % 200 if place % 2 else place % len(content)] ^= 1 << bit
    with bounded():
        try:
            images, labels = unpickle(bytes(content))
            assert images.dtype == np.uint8 and images.shape[1:] == (32, 32, 3)
            assert labels.dtype == np.int64
        except ValueError as error:
            assert "data_batch_1" in str(error)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"data": np.ones(3), "labels": [1]}, protocol=2),
        pickle.dumps({"labels": [1]}),
        pickle.dumps([1, 2]),
        b"\x80\x02cos\nsystem\nU\x04true\x85R.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85U\x01O\x87R.",
        b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",  # a string of so many bytes
        b"\x80\x02" + b"]" * 5000 + b"." + b"a" * 4999,
        b"\x80\x02T" + struct.pack("<i", 1 << 30) + b"abc.",
        b"\x80\x02Nr" + struct.pack("<I", 1 << 31) + b".",  # a note of that number
    ],
)
def test_a_pickle_of_anything_else_is_refused(content):
    refused(lambda: unpickle(content), "data_batch_1", megabytes=LITTLE)


def test_code_in_a_pickle_is_never_run(tmp_path):
    content = pickle.dumps({"data": Code(tmp_path / "ran"), "labels": [1]}, protocol=2)
    refused(lambda: unpickle(content), "no business in a CIFAR10 batch")
    assert not (tmp_path / "ran").exists()
