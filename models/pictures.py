"""Images and codes in one's own files: folders of pictures, single pictures, array files.

An array file is `.npy`, or `.npz`, of which the array that is asked for is taken, else the only
one; `FILE.npz:NAME` names another. Images in it are uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from data.arrays import check_array, open_arrays, write_arrays
from data.files import atomic_write, read_file, reading
from data.folder import LARGEST, SUFFIXES, images_below

ARRAYS = (".npy", ".npz")


def is_array_file(path: Path | str) -> bool:
    """Whether `path` names an array file, with or without the name of an array."""
    return split_name(path)[0].suffix.lower() in ARRAYS


def split_name(path: Path | str) -> tuple[Path, str | None]:
    """FILE.npz:NAME -> the file and the array's name, None if it has none."""
    found = re.fullmatch(r"(.+\.npz):([^:]*)", str(path), re.IGNORECASE)
    return (Path(found[1]), found[2]) if found else (Path(path), None)


def read_array(path: Path | str, name: str) -> np.ndarray:
    """One array of an array file, `name` by default. ValueError names the file and the remedy."""
    file, wanted = split_name(path)
    if not file.is_file():
        raise ValueError(f"{file}: no such file; correct its path")
    if file.suffix.lower() == ".npy":
        with reading(file, "store it again with numpy.save"), open(file, "rb") as stored:
            check_array(stored, file.stat().st_size, file.name)
            stored.seek(0)
            return np.lib.format.read_array(stored, allow_pickle=False)
    with open_arrays(file, "store it again with numpy.savez") as stored:
        names = stored.files
        if not names:
            raise ValueError(f"{file}: holds no array; store some with numpy.savez")
        chosen = wanted or (name if name in names or len(names) != 1 else names[0])
        if chosen not in names:
            raise ValueError(f"{file}: holds {', '.join(names)}; say which, as {file}:{names[-1]}")
        return stored[chosen]


def as_images(array: np.ndarray, what: Path | str) -> np.ndarray:
    """`array` as uint8 (n, h, w, 1 or 3). ValueError if it is anything else."""
    images = array[..., None] if array.ndim == 3 and array.shape[-1] not in (1, 3) else array
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(
            f"{what}: {array.dtype} {array.shape} are no images; store them as uint8 from 0 to "
            "255, of shape (n, height, width, 1 or 3)"
        )
    if not len(images):
        raise ValueError(f"{what}: holds no image")
    return images


def image_files(path: Path | str) -> list[Path]:
    """The picture that `path` is, or all in the folder, at any depth, sorted by name.

    Names that begin with a dot are passed over. ValueError if there are none.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path}: no such file or folder; correct its path")
    found = sorted(images_below(path))
    if not found:
        raise ValueError(f"{path}: no images in it; put some there ({', '.join(SUFFIXES)})")
    return found


def decoded(
    files: list[Path], decode: Callable[[bytes], np.ndarray]
) -> Iterator[tuple[Path, np.ndarray]]:
    """Each file with its image, uint8 (h, w, c). ValueError names a file that is none."""
    for file in files:
        with reading(file, "repair or remove it"):
            image = decode(read_file(file, LARGEST))
        yield file, image


def write_images(path: Path, images: np.ndarray, names: list[str] | None = None) -> None:
    """Write uint8 images (n, h, w, c) as `path` asks for by its suffix.

    .npz: arrays `images` and, where there are names, `names`. .png: one sheet, about square, rows
    first. None: a folder of PNG files, called by the names, else 00000.png and so on; other files
    in it are left alone.
    """
    match path.suffix.lower():
        case ".npz":
            write_arrays(path, {"images": images} | named(names))
        case ".png":
            with atomic_write(path) as temporary:
                picture(sheet(images)).save(temporary)
        case "":
            called = [Path(name).with_suffix(".png") for name in names or ()]
            called = called or [Path(f"{index:05d}.png") for index in range(len(images))]
            if twice := {str(name) for name, count in Counter(called).items() if count > 1}:
                raise ValueError(f"{path}: two images would be called {min(twice)}; rename one")
            for name, image in zip(called, images, strict=True):
                with atomic_write(path / name) as temporary:
                    picture(image).save(temporary)
        case other:
            raise ValueError(
                f"{path}: {other} is not written; use .npz, .png, or the name of a folder, which has no dot"
            )


def named(names: list[str] | None) -> dict[str, np.ndarray]:
    """The array that tells which picture is which, where they have names."""
    return {} if names is None else {"names": np.array(names)}


def sheet(images: np.ndarray) -> np.ndarray:
    """All images side by side, (rows h, columns w, c); fields without an image are white."""
    n, height, width, channels = images.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    full = np.full((rows * columns, height, width, channels), 255, np.uint8)
    full[:n] = images
    grid = full.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def picture(image: np.ndarray) -> Image.Image:
    """uint8 (h, w, 1 or 3) as Pillow has it."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
