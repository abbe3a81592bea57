"""A folder of images as a dataset: an entry of `folders` in params.yaml, and no code.

    folders:
      pets: {path: /data/pets, side: 64, channels: 3}

    path        the folder; a relative one is taken from where the pipeline runs
    side        28, 32 or 64: images become squares of this side
    channels    1 is grey, on [0, 1]; 3 is colour, on [-1, 1]
    title       what tables call it (the name)
    classes     whether each folder in it is a class (false: labels mean nothing)
    test_share  the share of images that tests, unless there are folders train/ and test/ (0.1)
    seed        of the order of images and of the split (0)
    shown       whether figures may show its images (true)

An image is turned as its EXIF orientation says, cut to its central square, composed on white where
it is transparent, converted to grey or RGB and resized by Lanczos' filter. Of an animation the
first frame counts. The order of images depends on the seed and on their names below the folder
alone; the first ones of each class test. Names that begin with a dot are passed over.
"""

import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from data.dataset import Dataset
from data.files import read_file
from data.sources import SPLITS, Source, Splits

DEFAULTS = {"title": None, "classes": False, "test_share": 0.1, "seed": 0, "shown": True}
# Pillow reads more, but some of that by starting other programs (EPS), and none of it is usual.
FORMATS = {
    "AVIF": (".avif",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg"),
    "JPEG2000": (".jp2",),
    "PNG": (".png",),
    "PPM": (".pbm", ".pgm", ".ppm"),
    "TGA": (".tga",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
UNREADABLE_SHARE = 0.01  # of the files; with more of them unreadable, the folder is refused
NAMED = 10  # unreadable files that are named
LARGEST = 1 << 28  # bytes of an image's file

Files = list[tuple[Path, int]]  # with labels


def describe(name: str, entry: dict) -> Dataset:
    """The description that a folder's entry gives. ValueError names the key that is wrong."""
    if missing := [key for key in ("path", "side", "channels") if key not in entry]:
        raise ValueError(f"{name}: its entry lacks {', '.join(missing)}")
    entry = DEFAULTS | entry
    if not 0 < entry["test_share"] < 1:
        raise ValueError(f"{name}: test_share is {entry['test_share']}; it lies between 0 and 1")
    folder, side = located(entry["path"]), entry["side"]
    return Dataset(
        Source(name=name, title=entry["title"] or name, licence="that of the folder's images"),
        image_shape=(side, side, entry["channels"]),
        value_range="unit" if entry["channels"] == 1 else "symmetric",
        # An entry may be read where its folder is not, to make a report for instance.
        classes=len(class_names(training(folder))) if entry["classes"] else None,
        shown=entry["shown"],
    )


def located(path: str) -> Path:
    """The folder that `path` names, whether or not it exists. ValueError if it can name none."""
    try:
        folder = Path(path).expanduser()
        folder.is_dir()
    except (OSError, RuntimeError) as error:  # too long a name, ~ of a user who does not exist
        raise ValueError(f"{path[:200]}: {error}; correct `path` in params.yaml") from error
    return folder


def training(folder: Path) -> Path:
    """Where the training images lie."""
    return folder / "train" if (folder / "train").is_dir() else folder


def class_names(folder: Path) -> list[str]:
    """Names of the folders in `folder`, sorted; none if it does not exist."""
    inside = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in inside if path.is_dir() and path.name[0] != ".")


def read(dataset: Dataset, params: dict) -> tuple[Splits, dict]:
    """Read a folder's images, in each split no more than `params` asks for.

    Returns the splits and what to record of them. Memory holds the result and one image besides.
    ValueError says what is wrong with the folder: it or its images are missing, or classes are, or
    too many files are unreadable.
    """
    params = DEFAULTS | params
    folder = located(params["path"])
    splits, content, unreadable, tried = {}, hashlib.sha256(), [], 0
    for split, files in find(folder, params).items():
        limit = len(files) if params[split] is None else min(params[split], len(files))
        images, labels = np.empty((limit, *dataset.image_shape), np.uint8), []
        for path, label in files:
            if len(labels) == limit:
                break
            tried += 1
            try:
                encoded = read_file(path, LARGEST)
                images[len(labels)] = decode(encoded, *dataset.image_shape[1:])
            except MemoryError as error:  # not the file's fault: it must not go missing in silence
                raise ValueError(f"{path}: not enough memory to read it; remove it") from error
            except Exception as error:  # noqa: BLE001 (decoders raise anything on damaged files)
                name = repr(path.relative_to(folder).as_posix())[1:-1]  # may hold any bytes
                # Pillow's message ends with an address in memory, which differs from run to run.
                why = str(error).partition("<")[0].strip() or type(error).__name__
                unreadable.append(f"{name} ({why})")
                continue
            content.update(encoded)
            labels.append(label)
        if not labels:
            raise ValueError(f"{folder}: no {split} image is readable; {unreadable[-1]}")
        splits[split] = images[: len(labels)], np.array(labels, np.int64)
    named = ", ".join(unreadable[:NAMED]) + (", ..." if len(unreadable) > NAMED else "")
    note = f"{len(unreadable):,} of {tried:,} files are unreadable: {named}" if unreadable else ""
    if len(unreadable) > UNREADABLE_SHARE * tried:
        raise ValueError(
            f"{folder}: {note}; at most {UNREADABLE_SHARE:.0%} may be. Repair or remove them"
        )
    meta = {"synthetic": False, "source": f"{dataset.title}, a folder of images", "note": note}
    return splits, meta | {"digest": content.hexdigest(), "unreadable": len(unreadable)}


def find(folder: Path, params: dict) -> dict[str, Files]:
    """The image files of each split, in the seeded order, with their labels."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; correct `path` of its entry in params.yaml")
    given = [split for split in SPLITS if (folder / split).is_dir()]
    if len(given) == 1:
        raise ValueError(
            f"{folder}: has {given[0]}/ but not the other of train/ and test/; "
            "add it, or move the images up to have them split"
        )
    names = class_names(training(folder)) if params["classes"] else None
    if names is not None and len(names) < 2:
        raise ValueError(
            f"{training(folder)}: {len(names)} class folders; classes need at least two. "
            "Set `classes: false` if labels mean nothing"
        )
    seed, share = params["seed"], params["test_share"]
    if given:
        splits = {split: labelled(folder / split, folder, names, seed) for split in given}
    else:
        splits = divide(labelled(folder, folder, names, seed), share)
    for label in set(range(len(names or ()))) - {label for _, label in splits["train"]}:
        raise ValueError(f"{training(folder) / names[label]}: a class without images; remove it")
    return splits


def labelled(part: Path, folder: Path, names: list[str] | None, seed: int) -> Files:
    """The image files at any depth below `part`, sorted by a hash of seed and name, with labels."""
    files = []
    for path in images_below(part):
        inside = path.relative_to(part).parts
        if names and (len(inside) == 1 or inside[0] not in names):
            raise ValueError(
                f"{path}: lies in none of the class folders of {training(folder)} "
                f"({', '.join(names[:NAMED])}); move it, or set `classes: false`"
            )
        files.append((path, names.index(inside[0]) if names else 0))
    if not files:
        raise ValueError(f"{part}: no images in it; put some there ({', '.join(SUFFIXES)})")

    def place(file: tuple[Path, int]) -> bytes:
        name = f"{seed} {file[0].relative_to(folder).as_posix()}"
        return hashlib.sha256(name.encode(errors="surrogateescape")).digest()  # any bytes

    return sorted(files, key=place)


def images_below(folder: Path) -> Iterator[Path]:
    """The image files at any depth below `folder`, in no order; a name tells that a file is one.

    Names that begin with a dot are passed over, and so is what is no file, whatever its name.
    """
    for parent, names in folders_below(folder):
        for path in (parent / name for name in names if name[0] != "."):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield path


def folders_below(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """`folder` and every folder at any depth below it, each with the names of what it holds beside.

    Names that begin with a dot are passed over. Links are followed, but no folder is entered twice: of
    two ways to it the first by name counts.
    """
    entered = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(parent)
        if place in entered:
            folders.clear()
            continue
        entered.add(place)
        folders[:] = sorted(name for name in folders if name[0] != ".")  # which of two ways counts
        yield Path(parent), names


def divide(files: Files, share: float) -> dict[str, Files]:
    """Test on the first `share` of each class (at least one image), train on the others."""
    sizes, seen = Counter(label for _, label in files), Counter()
    splits: dict[str, Files] = {split: [] for split in SPLITS}
    for path, label in files:
        if sizes[label] < 2:
            raise ValueError(f"{path}: the only image of its kind; one to train and one to test")
        tests = min(max(round(share * sizes[label]), 1), sizes[label] - 1)
        splits["test" if seen[label] < tests else "train"].append((path, label))
        seen[label] += 1
    return splits


def decode(
    encoded: bytes, side: int, channels: int, square: Callable[[tuple[int, int]], int] = min
) -> np.ndarray:
    """One image file -> uint8 (side, side, channels). A file too large to be one is an error.

    `square` says of (width, height) how long the side of the central square is that is kept.
    """
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]  # AVIF and others can be left out
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(encoded), formats=known) as image:
            upright = ImageOps.exif_transpose(image)
    length = square(upright.size)
    left, top = (upright.width - length) // 2, (upright.height - length) // 2
    square = flatten(upright.crop((left, top, left + length, top + length)))
    square = square.convert("L" if channels == 1 else "RGB")
    small = square.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small).reshape(side, side, channels)


def flatten(image: Image.Image) -> Image.Image:
    """An image of 8 bits a channel and without transparency, which is composed on white."""
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips at 255
        return Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("values of an unknown range; store it as a PNG of 8 or 16 bits")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image
