"""The datasets there are, found by name; only the one asked for is imported.

Nothing here, nor in `data.prepare` and `data.download`, imports a dataset's module by an `import`
statement. What a job depends on is read from those, so a change of one dataset's file concerns no
other's jobs; `modules` says which modules a job imports beyond them.
"""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

from data.dataset import Dataset
from data.sources import Source

DATASETS = Path(__file__).parent / "datasets"
PAPER = ("mnist", "omniglot", "cifar10", "celeba")  # the paper's order; others follow by name
INCEPTION = "inception"  # FID's network: downloaded like a dataset, but none


@cache
def names() -> tuple[str, ...]:
    """Names of the datasets: the modules of data/datasets that define DATASET."""
    found = {
        path.stem
        for path in DATASETS.glob("*.py")
        if re.search(r"^DATASET\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    return (*(name for name in PAPER if name in found), *sorted(found.difference(PAPER)))


def dataset(name: str, folder_entry: dict | None = None) -> Dataset:
    """The description of a dataset: of a module of data/datasets or, given its entry, of a folder.

    ValueError if there is no such dataset, or if a folder's entry is wrong.
    """
    if folder_entry is not None:
        if name in (*names(), INCEPTION):
            raise ValueError(f"folders: {name} is the name of something else; choose another")
        return import_module("data.folder").describe(name, folder_entry)
    if name not in names():
        raise ValueError(
            f"no dataset {name!r}; there are {', '.join(names())}, and what `folders` of "
            "params.yaml describes"
        )
    described = import_module(f"data.datasets.{name}").DATASET
    if described.name != name:
        raise ValueError(f"data/datasets/{name}.py: its DATASET is called {described.name!r}")
    return described


def source(name: str) -> Source:
    """Where a dataset, or FID's network ("inception"), is downloaded from."""
    return import_module("data.inception").SOURCE if name == INCEPTION else dataset(name).source


def standin(described: Dataset):
    """The module that draws images in place of a dataset's. ValueError if it has none."""
    if described.standin is None:
        raise ValueError(f"{described.name}: no synthetic stand-in; use source official")
    return import_module(f"data.datasets.{described.standin}")


def modules(name: str, kind: str) -> tuple[str, ...]:
    """Modules that jobs of dataset `name` import by name, `kind` being the `source` of its data.

    For "folder" the folder's reader; for "synthetic" the dataset's and its stand-in's; for
    "official" and "embedded" the dataset's alone. FID's network is "inception", "official".
    """
    if kind == "folder":
        return ("data.folder",)
    if name == INCEPTION:
        return ("data.inception",)
    own = f"data.datasets.{name}"
    if kind == "synthetic":
        return (own, standin(dataset(name)).__name__)
    return (own,)
