"""Images that lie about themselves, and folders with anything in them."""

import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import folder
from data.datasets import celeba, mnist
from data.prepare import prepare
from data.registry import dataset
from tests import fabricate
from tests.hostile import bounded, refused

LITTLE = 32  # megabytes; bombs unpack to more


def picture(width: int, height: int, kind: str = "PNG", mode: str = "L") -> bytes:
    content = io.BytesIO()
    Image.new(mode, (width, height), 1).save(content, kind)
    return content.getvalue()


def png_bomb(side: int) -> bytes:
    """A PNG whose header alone is honest: so many pixels, and nothing behind it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


WRONG = {
    "wrong size": picture(104, 105),
    "wrong kind": picture(105, 105, "BMP"),
    "a bomb": png_bomb(30_000),
    "a larger bomb": png_bomb(2**31 - 1),
    "no image": b"no image",
    "empty": b"",
    "half": picture(105, 105)[:60],
    "too many bytes": picture(105, 105) + bytes(200_000),
}


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_drawing_is_named(tmp_path, content):
    source, _ = fabricate.make_omniglot(tmp_path)
    paths = [tmp_path / name for name in source.form("folder").names]
    drawing = next(paths[0].glob("*/*/*.png"))
    drawing.write_bytes(WRONG[content])
    check = source.form("folder").check
    refused(lambda: check(source, paths), drawing.name, folder=tmp_path, megabytes=LITTLE)


@pytest.mark.parametrize("content", [*WRONG.values(), picture(178, 218, "PNG", "RGB")])
def test_a_wrong_photograph_is_named(tmp_path, content):
    source, _ = fabricate.make_celeba(tmp_path)
    paths = [tmp_path / name for name in source.form("folder").names]
    (paths[0] / "000002.jpg").write_bytes(content)
    form = source.form("folder")
    refused(lambda: form.read(source, paths), "000002.jpg", folder=tmp_path, megabytes=LITTLE)


def test_a_pipe_among_images_is_not_waited_for(tmp_path):
    source, _ = fabricate.make_omniglot(tmp_path / "omniglot")
    paths = [tmp_path / "omniglot" / name for name in source.form("folder").names]
    drawing = next(paths[0].glob("*/*/*.png"))
    drawing.unlink()
    os.mkfifo(drawing)
    refused(lambda: source.form("folder").check(source, paths), drawing.name, "regular file")


ENTRY = {"source": "folder", "side": 28, "channels": 1, "train": None, "test": None}


def own(path: Path, **entry):
    params = ENTRY | {"path": str(path)} | entry
    return prepare(dataset("own", params), params)


def fill(path: Path, count: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (path / f"{number:03d}.png").write_bytes(picture(28, 28))


@pytest.mark.parametrize("content", [*WRONG.values(), picture(3, 3, "EPS")])
def test_a_bad_image_among_a_hundred_of_ones_own_is_named_and_left_out(tmp_path, content):
    fill(tmp_path / "own", 120)
    (tmp_path / "own" / "007.png").write_bytes(content)
    with bounded(64):
        images = own(tmp_path / "own")
    good = content in (WRONG["wrong size"], WRONG["wrong kind"], WRONG["too many bytes"])
    assert images.meta["unreadable"] == (0 if good else 1)
    assert ("007.png" in images.meta["note"]) is not good
    assert " at 0x" not in images.meta["note"]  # else no two runs would agree


@pytest.mark.parametrize("name", [b"\xff\xfe.png", b"a\nb\x1b[2J.png", "ß 'x' $(y);.png".encode()])
def test_names_of_any_bytes_are_read(tmp_path, name):
    fill(tmp_path / "own", 120)
    (tmp_path / "own" / os.fsdecode(name)).write_bytes(picture(28, 28))
    assert sum(own(tmp_path / "own").meta["counts"].values()) == 121
    (tmp_path / "own" / os.fsdecode(name)).write_bytes(b"no image")
    note = own(tmp_path / "own").meta["note"]
    assert note.isprintable() and note.encode()


def test_links_pipes_and_loops_in_a_folder_do_no_harm(tmp_path):
    fill(tmp_path / "own", 20)
    os.mkfifo(tmp_path / "own" / "pipe.png")
    (tmp_path / "own" / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "own" / "nothing.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "own" / "loop").symlink_to(tmp_path / "own")
    with bounded():
        assert sum(own(tmp_path / "own").meta["counts"].values()) == 20


@pytest.mark.parametrize("path", ["x" * 5000, "~nobody-of-this-name/x", "/dev/null", "a\0b", ""])
def test_a_path_that_is_no_folder_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    refused(lambda: own(path), "path" if path else "no images", folder=tmp_path)


@pytest.mark.parametrize("labels", [[10], [-1], [255]])
def test_labels_that_no_class_has_are_refused(monkeypatch, labels):
    images = {"train": (np.zeros((1, 28, 28, 1), np.uint8), np.array(labels, np.int64))} | {
        "test": (np.zeros((1, 28, 28, 1), np.uint8), np.zeros(1, np.int64))
    }
    monkeypatch.setattr("data.sheets.load", lambda name: images)
    params = {"source": "embedded", "train": None, "test": None}
    refused(lambda: prepare(mnist.DATASET, params), "labels are not 0 to 9", "fetch it again")


@pytest.mark.parametrize("shape", [(30, 30, 1), (28, 28, 3), (28, 28)])
def test_images_of_another_shape_than_the_dataset_s_are_refused(monkeypatch, shape):
    images = dict.fromkeys(("train", "test"), (np.zeros((1, *shape), np.uint8), np.zeros(1, int)))
    monkeypatch.setattr("data.sheets.load", lambda name: images)
    params = {"source": "embedded", "train": None, "test": None}
    refused(lambda: prepare(mnist.DATASET, params), "mnist", "(28, 28, 1)", "fetch them again")


def test_a_prepared_file_of_another_size_is_refused(tmp_path):
    source, path = (
        replace(celeba.DATASET.source, counts={"train": 4, "test": 2}),
        tmp_path / "a.npz",
    )
    form = source.form("prepared")
    faces = np.zeros((2, 64, 64, 3), np.uint8)
    for train in (
        np.zeros((5, 64, 64, 3), np.uint8),
        faces[:, :32],
        faces.astype(float),
        faces[:0],
    ):
        np.savez(path, train=train, test=faces)
        refused(lambda: form.check(source, [path]), path.name, folder=tmp_path)
    np.savez_compressed(path, train=np.zeros((6000, 64, 64, 3), np.uint8), test=faces)
    refused(lambda: form.check(source, [path]), path.name, folder=tmp_path, megabytes=LITTLE)


def test_the_partition_may_hold_anything(tmp_path):
    source, _ = fabricate.make_celeba(tmp_path)
    paths = [tmp_path / name for name in source.form("folder").names]
    for rows in ("", "x", "../../../etc/passwd 0\n", "000001.jpg 0 0\n\n", "\0 0", "000001.jpg\n"):
        paths[1].write_text(rows)
        refused(lambda: source.form("folder").check(source, paths), paths[1].name, folder=tmp_path)


def test_an_image_decoder_gets_no_more_than_an_image(tmp_path):
    """A file of one's own is read up to a limit."""
    path = tmp_path / "huge.png"
    path.write_bytes(picture(28, 28))
    os.truncate(path, folder.LARGEST + 1)  # sparse: takes no disk
    fill(tmp_path, 120)
    with bounded(LITTLE):
        assert "huge.png" in own(tmp_path).meta["note"]
