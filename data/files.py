"""Whole files or none: atomic writing, JSON, digests, and reading what may be damaged or hostile."""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

# Names, as a pattern, of what `atomic_write` has not finished, or was killed over.
UNFINISHED = ".*-????????*"


@contextlib.contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` only if the block succeeds.

    A reader therefore sees the old file or the whole new one, whenever the writer is killed.
    The temporary name keeps the suffix, because numpy and matplotlib choose formats by it.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp's private mode is not what a result should have
        temporary.replace(path)
    except OSError as error:
        raise OSError(f"{path}: not written ({error}); free space or rights missing?") from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def write_json(path: Path | str, value: object) -> None:
    """Write `value` as sorted, indented JSON. NaN and infinity raise ValueError: they hide errors."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(
    path: Path | str, keys: tuple[str, ...] = (), remedy: str = "delete it and run again"
):
    """Read a JSON file; given `keys`, a mapping that has them. ValueError: the file, the remedy."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON ({error}); {remedy}") from error
    missing = [key for key in keys if not isinstance(value, dict) or key not in value]
    if missing:
        raise ValueError(f"{path}: lacks {', '.join(missing)}; {remedy}")
    return value


def digest(path: Path | str, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes ("md5" or "sha256")."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextlib.contextmanager
def reading(what: Path | str, remedy: str = "delete it and fetch it again") -> Iterator[None]:
    """Turn whatever a decoder raises on damaged input into a ValueError: the file, what to do.

    A file that is not there need not be deleted first; a lack of memory stays one.
    """
    try:
        yield
    except MemoryError:
        raise
    except FileNotFoundError as error:
        raise ValueError(
            f"{what}: no such file; {remedy.removeprefix('delete it and ')}"
        ) from error
    except Exception as error:
        if isinstance(error, ValueError) and str(what) in str(error):
            raise ValueError(str(error)) from error  # it says the file, and what is wrong
        detail = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(f"{what}: cannot be read ({detail}); {remedy}") from error


def regular_file(path: Path | str) -> int:
    """Size of a file. ValueError if it is anything else: a pipe or a device may never end."""
    path = Path(path)
    size = path.stat().st_size
    if not path.is_file():
        raise ValueError(f"{path}: not a regular file; put the file itself there")
    return size


def read_file(path: Path | str, most: int) -> bytes:
    """The bytes of a regular file. ValueError if there are more than `most`."""
    size = regular_file(path)
    if size > most:
        raise ValueError(f"{path}: {size:,} bytes, more than such a file can have ({most:,})")
    with open(path, "rb") as file:
        return file.read(size)


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """One file of a zip, unpacked in memory. ValueError if it is larger than `most` bytes.

    No more is unpacked than the archive says of its size, whatever is packed in it.
    """
    info = archive.getinfo(name)
    if info.file_size > most:
        raise ValueError(
            f"{archive.filename}: {name} has {info.file_size:,} bytes; at most {most:,} fit"
        )
    with archive.open(info) as member:
        content = member.read(info.file_size)
    if len(content) < info.file_size:
        raise ValueError(f"{archive.filename}: {name} ends early")
    return content
