"""data.prepare, the embedded subsets and the synthetic faces."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from data import cut, registry, sheets, store
from data.datasets import faces, mnist, omniglot
from data.download import find_local
from data.inception_network import SHA256
from data.prepare import main, official, prepare
from data.registry import dataset

ALL = {"train": None, "test": None}

SHAPES = {"mnist": (28, 28, 1), "omniglot": (28, 28, 1), "cifar10": (32, 32, 3)}


@pytest.mark.parametrize("name", SHAPES)
def test_embedded_subsets_have_the_paper_s_shapes(name):
    images = prepare(dataset(name), {"source": "embedded", "train": 200, "test": 100})
    assert images.train_images.shape == (200, *SHAPES[name])
    assert images.test_images.shape == (100, *SHAPES[name])
    assert images.value_range == ("symmetric" if name == "cifar10" else "unit")
    assert images.meta["counts"] == {"train": 200, "test": 100}
    assert images.meta["official_counts"] == dataset(name).counts
    assert images.meta["synthetic"] is False and images.meta["shown"] and images.meta["labels"]


def test_embedded_mnist_begins_as_mnist_does():
    splits = sheets.load("mnist")
    assert splits["train"][1][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # well known
    assert splits["test"][1][:5].tolist() == [7, 2, 1, 0, 4]


def test_embedded_omniglot_has_whole_characters_of_many_alphabets():
    for split, (images, labels) in sheets.load("omniglot").items():
        assert set(np.unique(images)) == {0, 255} and images.shape[1:] == (105, 105, 1)
        assert 0.03 < (images > 0).mean() < 0.15  # strokes are the ink, not the paper
        characters, drawings = np.unique(labels, return_counts=True)
        assert set(drawings) == {20} and characters.max() < sum(omniglot.CHARACTERS[split])
        sizes = omniglot.CHARACTERS[split]
        alphabet = np.repeat(np.arange(len(sizes)), sizes)
        assert len(set(alphabet[labels[: 20 * len(sizes)]])) == len(sizes)


def test_a_source_need_not_know_how_many_images_it_has(monkeypatch, tmp_path):
    splits = {name: (np.zeros((5, 28, 28, 1), np.uint8), None) for name in ("train", "test")}
    form = SimpleNamespace(name="a form", read=lambda *_: splits)
    monkeypatch.setattr("data.prepare.open_manifest", lambda *_: (form, [], {}))
    described = dataset("mnist")
    _, meta = official(described, tmp_path / "manifest.json")
    assert meta["note"].startswith("a part of the official dataset")
    unknown = replace(described, source=replace(described.source, counts=None))
    assert official(unknown, tmp_path / "manifest.json") == (splits, meta | {"note": ""})


def test_embedded_files_are_at_most_twelve_megabytes():
    assert sum(path.stat().st_size for path in sheets.EMBEDDED.iterdir()) <= 12e6


def test_a_changed_sheet_is_refused(tmp_path):
    for path in sheets.EMBEDDED.glob("mnist*"):
        shutil.copy(path, tmp_path)
    shutil.copy(sheets.EMBEDDED / "index.json", tmp_path)
    content = bytearray((tmp_path / "mnist_test.webp").read_bytes())
    content[1000] ^= 1
    (tmp_path / "mnist_test.webp").write_bytes(content)
    with pytest.raises(ValueError, match="mnist_test.webp: SHA-256"):
        sheets.load("mnist", tmp_path)


@pytest.mark.parametrize("channels", [1, 3])
def test_sheets_are_lossless(tmp_path, channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (100, 8, 6, channels), np.uint8)
    labels = rng.integers(0, 9, 100)
    sheets.save("noise", {"train": (images, labels)}, tmp_path)
    again = sheets.load("noise", tmp_path)["train"]
    np.testing.assert_array_equal(again[0], images)
    np.testing.assert_array_equal(again[1], labels)


def test_first_characters_come_in_turn():
    sizes = omniglot.CHARACTERS["test"]
    labels = np.repeat(np.arange(sum(sizes)), 20)
    _, chosen = cut.characters("test", labels, labels)
    starts = np.cumsum([0, *sizes[:-1]])
    expected = [*starts, *(starts + 1), *(starts[:10] + 2)]  # 50 of 20 alphabets
    np.testing.assert_array_equal(chosen[::20], expected)


def test_faces_depend_on_seed_and_index_alone():
    several = faces.draw(0, 45)
    np.testing.assert_array_equal(several[40:], faces.draw(40, 5))
    assert (faces.draw(0, 2, seed=1) != several[:2]).mean() > 0.5


def test_faces_vary_in_every_part_of_the_image():
    images = faces.draw(0, 200).astype(float)
    assert images.shape == (200, 64, 64, 3)
    assert images.std(0).min() > 20  # everywhere, in every channel, of 255
    assert images.mean((1, 2)).std(0).min() > 15  # exposure and colour of whole images
    smooth = images.std() / np.abs(np.diff(images, axis=2)).mean()
    assert smooth > 5  # faces, not noise (for which it is below 1)


def test_synthetic_celeba_says_so_and_its_splits_do_not_overlap():
    images = prepare(dataset("celeba"), {"source": "synthetic", "train": 6, "test": 4})
    assert images.meta["synthetic"] is True and "stand-in" in images.meta["note"]
    assert images.meta["shown"] is True and images.meta["labels"] is False
    np.testing.assert_array_equal(images.test_images, faces.draw(6, 4))


@pytest.mark.parametrize(
    "name, params, says",
    [
        ("mnist", {"source": "synthetic", "train": 1, "test": 1}, "no synthetic stand-in"),
        ("celeba", {"source": "embedded", **ALL}, "no embedded subset"),
        ("celeba", {"source": "synthetic", **ALL}, "needs the numbers"),
        ("mnist", {"source": "official", **ALL}, "needs --manifest"),
        ("mnist", {"source": "embedded", "train": 10**6, "test": 1}, "1,000,000 train images"),
        ("mnist", {"source": "embedded", "train": 0, "test": 1}, "at least 1"),
        ("mnist", {"source": "embedded", "train": "5", "test": 1}, "train is '5'; it must be"),
        ("mnist", {"source": "elsewhere", **ALL}, "elsewhere"),
    ],
)
def test_what_cannot_be_prepared_is_a_clear_error(name, params, says):
    with pytest.raises(ValueError, match=says):
        prepare(dataset(name), params)


def test_command_line_writes_what_store_reads(tmp_path, monkeypatch):
    out = tmp_path / "mnist.npz"
    params = '{"source": "embedded", "train": 20, "test": 10}'
    arguments = ["prepare", "mnist", "--params", params, "--out", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    images = store.load(out)
    np.testing.assert_array_equal(images.train_images, sheets.load("mnist")["train"][0][:20])
    monkeypatch.setattr("sys.argv", [*arguments[:3], '{"source": "embedded"}', *arguments[4:]])
    with pytest.raises(SystemExit, match="train"):
        main()


@pytest.fixture
def found(real_data):
    """What is found of a source: its form, paths and facts."""
    return lambda name: find_local(registry.source(name), [real_data / name], [])


@pytest.mark.parametrize("name", SHAPES)
def test_embedded_subsets_are_cut_bit_for_bit(name, found):
    form, paths, _ = found(name)
    expected = cut.cut(name, form.read(dataset(name).source, paths))
    for split, (images, labels) in sheets.load(name).items():
        np.testing.assert_array_equal(images, expected[split][0])
        np.testing.assert_array_equal(labels, expected[split][1])


@pytest.mark.parametrize("name", registry.names())
def test_real_datasets_are_prepared_whole(name, real_images):
    images = real_images(name)
    if name != "celeba":  # of which there may be a part
        assert images.meta["counts"] == dataset(name).counts and images.meta["note"] == ""
    if name == "mnist":  # mean of all training pixels, known from the literature
        assert images.train_images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)


def test_real_inception_weights_have_the_pinned_digest(found):
    assert found("inception")[2]["digest"] == SHA256


def test_every_source_says_how_to_place_it_by_hand():
    for source in map(registry.source, (*registry.names(), registry.INCEPTION)):
        assert source.by_hand and source.licence
        for file in source.files:
            assert file.size > 0 and len(file.sha256) == 64 and file.addresses
    assert {len(file.addresses) for file in mnist.FILES} == {3}
