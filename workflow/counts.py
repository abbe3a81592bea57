"""How many images a dataset has and a preset takes, as far as that is known before preparing it."""

import json
from functools import cache

from data import folder
from data.dataset import Dataset
from workflow.declarations import ROOT

SPLITS = ("train", "test")
INDEX = ROOT / "data" / "embedded" / "index.json"


@cache
def embedded() -> dict[str, dict[str, int]]:
    """{dataset: {"train": n, "test": n}} of the images in data/embedded."""
    index = json.loads(INDEX.read_text(encoding="utf-8"))
    return {
        name: {split: entry[split]["shape"][0] for split in SPLITS}
        for name, entry in index.items()
        if set(SPLITS) <= set(entry)
    }


def available(described: Dataset, data: dict) -> dict[str, int] | None:
    """How many images the source of a dataset has in each split; None where that is not known.

    `data` are the settings of data.prepare. ValueError says what is wrong with a folder.
    """
    match data["source"]:
        case "embedded":
            return embedded().get(described.name)
        case "official":
            return described.counts
        case "folder":
            files = folder.find(folder.located(data["path"]), data)
            return {split: len(files[split]) for split in SPLITS}
    return None  # drawn: as many as one likes


def taken(described: Dataset, data: dict) -> dict[str, int] | None:
    """How many images of each split are prepared; None where that is not known."""
    there = available(described, data) or {}
    counts = {split: data[split] or there.get(split) for split in SPLITS}
    return counts if all(counts.values()) else None
