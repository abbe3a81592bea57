"""data.folder: any folder of images as a dataset."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import folder, store
from data.prepare import main, prepare
from data.registry import dataset
from tests.fabricate import random_images

ALL = {"source": "folder", "train": None, "test": None}


def prepared(path, **entry):
    """The folder prepared as dataset "own", 28x28 grey unless `entry` says otherwise."""
    params = {"path": str(path), "side": 28, "channels": 1} | ALL | entry
    return prepare(dataset("own", params), params)


def read_one(path: Path, channels: int = 3) -> np.ndarray:
    return folder.decode(path.read_bytes(), 28, channels)


def fill(path: Path, count: int, side: int = 28) -> list[Path]:
    """`count` grey pictures, no two alike."""
    path.mkdir(parents=True, exist_ok=True)
    files = [path / f"{number:03d}.png" for number in range(count)]
    for file in files:
        seed = [*str(file).encode()]
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)
        Image.fromarray(pixels).save(file)
    return files


def contents(images: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in images]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tga", "tiff", "ppm", "webp", "PNG"])
def test_lossless_formats_of_the_right_side_pass_unchanged(tmp_path, suffix):
    pixels = random_images(28, 28, 3)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", lossless=True)
    np.testing.assert_array_equal(read_one(tmp_path / f"a.{suffix}"), pixels)


@pytest.mark.parametrize("suffix, most", [("jpg", 4), ("gif", 16), ("avif", 4), ("jp2", 4)])
def test_lossy_formats_are_near(tmp_path, suffix, most):
    ramp = np.add.outer(np.arange(28), np.arange(28)).astype(np.uint8) * 4
    pixels = np.stack([ramp, ramp[::-1], np.full_like(ramp, 90)], -1)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    off = read_one(tmp_path / f"a.{suffix}").astype(int) - pixels
    assert np.abs(off).mean() < most


@pytest.mark.parametrize("name, width, height", [("wide", 61, 40), ("high", 40, 61)])
def test_the_central_square_is_resized_by_lanczos(tmp_path, name, width, height):
    pixels = random_images(height, width, 3)
    Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    square = pixels[:, 10:50] if width > height else pixels[10:50]
    expected = Image.fromarray(square).resize((28, 28), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(read_one(tmp_path / f"{name}.png"), np.asarray(expected))


def test_colour_becomes_grey_by_its_luma_and_grey_becomes_colour(tmp_path):
    Image.new("RGB", (28, 28), (200, 100, 50)).save(tmp_path / "colour.png")
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)  # ITU-R BT.601
    assert set(np.unique(read_one(tmp_path / "colour.png", channels=1))) == {luma}
    Image.new("L", (28, 28), 77).save(tmp_path / "grey.png")
    assert set(np.unique(read_one(tmp_path / "grey.png"))) == {77}


def test_transparency_is_composed_on_white(tmp_path):
    half = Image.new("RGBA", (28, 28), (100, 0, 0, 51))  # a fifth of it, four fifths of white
    half.save(tmp_path / "rgba.png")
    palette = Image.new("P", (28, 28), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((3, 2), 1)
    palette.save(tmp_path / "palette.png", transparency=1)
    assert read_one(tmp_path / "rgba.png")[0, 0].tolist() == [224, 204, 204]
    image = read_one(tmp_path / "palette.png")
    assert image[2, 3].tolist() == [255, 255, 255] and image[0, 0].tolist() == [10, 20, 30]


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    values = np.array([0, 257, 257 * 100, 65535], np.uint16)
    Image.fromarray(np.resize(values, (28, 28))).save(tmp_path / "deep.png")
    expected = np.resize([0, 1, 100, 255], (28, 28))
    np.testing.assert_array_equal(read_one(tmp_path / "deep.png", 1)[..., 0], expected)


def test_other_depths_are_refused(tmp_path):
    Image.fromarray(np.zeros((28, 28), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match="unknown range"):
        read_one(tmp_path / "a.tiff")


def test_exif_orientation_is_respected(tmp_path):
    pixels = random_images(28, 28, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by a quarter to see it upright
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_one(tmp_path / "turned.png"), np.rot90(pixels, -1))


@pytest.mark.parametrize("channels, value_range", [(1, "unit"), (3, "symmetric")])
def test_a_prepared_folder_describes_itself(tmp_path, channels, value_range):
    fill(tmp_path, 20, side=40)
    images = prepared(tmp_path, side=32, channels=channels, title="My own", shown=False)
    meta = images.meta
    assert images.train_images.shape == (18, 32, 32, channels) == (18, *meta["image_shape"])
    assert images.value_range == meta["value_range"] == value_range
    assert meta["title"] == "My own" and meta["shown"] is False and meta["synthetic"] is False
    assert meta["counts"] == {"train": 18, "test": 2} and meta["official_counts"] is None
    assert meta["labels"] is False and meta["note"] == "" and not images.test_labels.any()


def test_split_and_order_do_not_depend_on_the_file_system(tmp_path, monkeypatch):
    fill(tmp_path, 50)
    first = prepared(tmp_path, test_share=0.3)
    listed = Path.rglob

    def shuffled(self, pattern):
        return random.Random(1).sample(found := list(listed(self, pattern)), len(found))

    monkeypatch.setattr(Path, "rglob", shuffled)
    tmp_path.rename(moved := tmp_path.with_name("moved"))
    again = prepared(moved, test_share=0.3)
    assert len(first.test_images) == 15
    assert len({*contents(first.train_images), *contents(first.test_images)}) == 50
    for name in store.ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.meta["digest"] == again.meta["digest"]
    other = prepared(moved, test_share=0.3, seed=1)
    assert set(contents(other.test_images)) != set(contents(first.test_images))


def test_limits_take_the_first_images(tmp_path):
    fill(tmp_path, 20)
    whole, part = prepared(tmp_path), prepared(tmp_path, train=5, test=1)
    np.testing.assert_array_equal(part.train_images, whole.train_images[:5])
    np.testing.assert_array_equal(part.test_images, whole.test_images[:1])
    with pytest.raises(ValueError, match="19 train images wanted.*has 18"):
        prepared(tmp_path, train=19)


def test_class_folders_give_labels_and_every_class_is_in_both_splits(tmp_path):
    counts = {"cat": 30, "dog": 10, "ant": 5}
    for name, count in counts.items():
        fill(tmp_path / name / "deeper", count)
    images = prepared(tmp_path, classes=True, test_share=0.2)
    assert images.meta["labels"] is True
    # In the order of their names: ant, cat, dog.
    assert np.bincount(images.test_labels).tolist() == [1, 6, 2]
    assert np.bincount(images.train_labels).tolist() == [4, 24, 8]
    assert set(images.train_labels[:10]) != {0}  # mixed, so that the first n are of many classes
    ants = {path.read_bytes() for path in (tmp_path / "ant").rglob("*.png")}
    pixels = {folder.decode(encoded, 28, 1).tobytes() for encoded in ants}
    found = itertools.chain(
        *(
            contents(getattr(images, f"{split}_images")[getattr(images, f"{split}_labels") == 0])
            for split in ("train", "test")
        )
    )
    assert set(found) == pixels
    params = {"path": str(tmp_path), "side": 28, "channels": 1, "classes": True}
    assert dataset("own", params).classes == 3


def test_train_and_test_folders_are_kept(tmp_path):
    train, test = fill(tmp_path / "train" / "a", 6), fill(tmp_path / "test" / "a", 3)
    train += fill(tmp_path / "train" / "b", 2)
    fill(tmp_path / "valid", 3)
    images = prepared(tmp_path, classes=True)
    for split, files in (("train", train), ("test", test)):
        expected = {folder.decode(file.read_bytes(), 28, 1).tobytes() for file in files}
        assert set(contents(getattr(images, f"{split}_images"))) == expected
    assert sorted(images.train_labels) == [0] * 6 + [1] * 2 and not images.test_labels.any()


def test_what_is_no_image_is_passed_over(tmp_path):
    fill(tmp_path, 4)
    fill(tmp_path / ".thumbnails", 3)
    (tmp_path / "README.txt").write_text("about these images")
    (tmp_path / "._000.png").write_bytes(b"left by a file manager")
    (tmp_path / "folder.png").mkdir()
    assert prepared(tmp_path).meta["counts"] == {"train": 3, "test": 1}


def test_linked_folders_are_entered_once(tmp_path):
    fill(tmp_path / "elsewhere" / "dogs", 5)
    fill(tmp_path / "in" / "cat", 4)
    (tmp_path / "in" / "dog").symlink_to(tmp_path / "elsewhere" / "dogs")
    (tmp_path / "in" / "dog" / "round").symlink_to(tmp_path / "in")
    assert len(list(folder.images_below(tmp_path / "in"))) == 9
    images = prepared(tmp_path / "in", classes=True, test_share=0.5)
    assert images.meta["counts"] == {"train": 5, "test": 4}


@pytest.mark.parametrize("link", ["b", "z/loop", "0"])
def test_a_folder_with_two_names_counts_once(tmp_path, link):
    """Else its images would be in both splits."""
    fill(tmp_path / "a", 6)
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "a")
    found = [path.relative_to(tmp_path).parts[0] for path in folder.images_below(tmp_path)]
    assert found == [min("a", link)] * 6


def test_few_unreadable_files_are_left_out_counted_and_named(tmp_path):
    files = fill(tmp_path, 200)
    files[7].write_bytes(b"no picture")
    files[8].write_bytes(files[8].read_bytes()[:300])  # truncated
    images = prepared(tmp_path)
    assert sum(images.meta["counts"].values()) == 198 and images.meta["unreadable"] == 2
    for part in ("2 of 200 files are unreadable", "007.png", "008.png"):
        assert part in images.meta["note"]


def test_many_unreadable_files_are_refused_and_ten_of_them_named(tmp_path):
    for file in fill(tmp_path, 100)[:20]:
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="20 of 100 files are unreadable.*at most 1%") as error:
        prepared(tmp_path)
    assert str(error.value).count(".png (") == 10


def test_decompression_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own limit, made small
    for side in (40, 60):  # over the limit, where Pillow warns; over twice the limit
        path = fill(tmp_path / str(side), 1, side)[0]
        with pytest.raises(Exception, match="decompression bomb"):
            read_one(path)
        with pytest.raises(ValueError, match="unreadable.*decompression bomb"):
            fill(tmp_path / str(side) / "more", 3)
            prepared(tmp_path / str(side))


def test_formats_that_run_other_programs_are_not_opened(tmp_path):
    Image.new("RGB", (28, 28)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(OSError, match="cannot identify"):
        read_one(tmp_path / "a.png")


def nothing(path):
    path.mkdir()


def one_class(path):
    fill(path / "only", 4)


def one_image_of_a_class(path):
    fill(path / "a", 4)
    fill(path / "b", 1)


def empty_class(path):
    fill(path / "a", 4)
    (path / "b").mkdir()


def beside_the_classes(path):
    for name in ("a", "b"):
        fill(path / name, 4)
    fill(path, 1)


def unknown_class_in_test(path):
    for name in ("train/a", "train/b", "test/c"):
        fill(path / name, 4)


def no_test_folder(path):
    fill(path / "train", 4)


def empty_test_folder(path):
    fill(path / "train", 4)
    (path / "test").mkdir()


@pytest.mark.parametrize(
    "make, entry, says",
    [
        (lambda path: None, {}, "no such folder; correct `path`"),
        (nothing, {}, "no images in it; put some there"),
        (one_class, {"classes": True}, "1 class folders.*Set `classes: false`"),
        (one_image_of_a_class, {"classes": True}, "b/000.png: the only image"),
        (empty_class, {"classes": True}, "b: a class without images"),
        (beside_the_classes, {"classes": True}, "000.png: lies in none of the class folders"),
        (unknown_class_in_test, {"classes": True}, "test/c/.*png: lies in none.*a, b"),
        (no_test_folder, {}, "has train/ but not the other"),
        (empty_test_folder, {}, "test: no images in it"),
        (one_class, {"test_share": 1.5}, "test_share is 1.5"),
        (one_class, {"side": 30}, "28, 32, 64"),
        (one_class, {"channels": 4}, "channels is 4"),
        (one_class, {"train": 0}, "train is 0"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(tmp_path, make, entry, says):
    make(tmp_path / "images")
    with pytest.raises(ValueError, match=says):
        prepared(tmp_path / "images", **entry)


def test_an_entry_without_its_keys_is_a_clear_error():
    with pytest.raises(ValueError, match="own: its entry lacks path, channels"):
        dataset("own", {"side": 28})


def test_command_line_prepares_a_folder(tmp_path, monkeypatch):
    fill(tmp_path / "images", 10)
    out = tmp_path / "own.npz"
    params = (
        f'{{"source": "folder", "path": "{tmp_path / "images"}", "side": 28, "channels": 1, '
        '"like": "mnist", "train": null, "test": null}'
    )
    monkeypatch.setattr("sys.argv", ["prepare", "own", "--params", params, "--out", str(out)])
    main()
    images = store.load(out)
    assert images.name == "own" and images.meta["counts"] == {"train": 9, "test": 1}
