"""Reading the tables of a page, to compare what they quote with where it comes from."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workflow.settings import Settings, load
from workflow.studies.robustness import gather

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Table:
    """The heading above a table, its first row, and the others as {first cell: its other cells}."""

    heading: str
    head: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


def tables(page: str) -> list[Table]:
    """Every table of a page, named from the repository's root."""
    found: list[Table] = []
    heading, inside = "", False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        heading = line if line.startswith("#") else heading
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif not inside:
            inside = True
            found.append(Table(heading, cells[0], cells[1:], []))
        elif set(line) - set("|:- "):
            found[-1].rows.append((cells[0], cells[1:]))
    return found


def numbers(text: str) -> list[str]:
    """The numbers in a text, as they are written but for the minus sign."""
    return NUMBER.findall(text.replace("−", "-"))


def agrees(text: str, value: float) -> bool:
    """Whether `text` is the value, rounded to as many decimals as it has, a tie to either side."""
    unit = 10.0 ** -len(text.partition(".")[2])
    return abs(float(text) - value) <= unit / 2 + 1e-9


def quotes(cell: str, by_seed: list[float]) -> bool:
    """Whether a cell says these: each seed's, their mean, or mean ± standard error."""
    quoted, n = numbers(cell), len(by_seed)
    if "±" in cell:
        right = [np.mean(by_seed), np.std(by_seed, ddof=1) / np.sqrt(n)]
    else:
        right = by_seed if len(quoted) > 1 else [np.mean(by_seed)]
    return len(quoted) == len(right) and all(map(agrees, quoted, right))


def said_seeds(text: str) -> list[int] | None:
    """The seeds of "CIFAR10, seeds 1 and 2"; None where it names none."""
    _, found, after = text.partition("seeds ")
    return [int(seed) for seed in numbers(after)] if found else None


def by_seed(metrics: dict) -> dict:
    """{dataset: {method: {name: {seed: value}}}} of a metrics.json."""
    found: dict = {}
    for dataset, entry in metrics["datasets"].items():
        for method, of in entry["methods"].items():
            values = found.setdefault(dataset, {}).setdefault(method, {})
            for name, summary in of.items():
                pairs = zip(metrics["seeds"], summary["values"], strict=True)
                values[name] = {seed: value for seed, value in pairs if value is not None}
    return found


def cells(preset: str) -> dict:
    """The same of what study 1 measured of a preset's networks; names begin with the reading."""
    return by_seed(gather(Settings(load() | {"preset": preset}), ROOT / "results"))


def merged(*sources: dict) -> dict:
    """Values of several sources by dataset and method."""
    found: dict = {}
    for source in sources:
        for dataset, methods in source.items():
            for method, values in methods.items():
                found.setdefault(dataset, {}).setdefault(method, {}).update(values)
    return found
