"""How many images a dataset has and a preset takes, as far as that is known before preparing it."""

import json
from collections import Counter
from functools import cache

from data import folder
from data.dataset import Dataset
from workflow.declarations import ROOT

SPLITS = ("train", "test")
INDEX = ROOT / "data" / "embedded" / "index.json"


@cache
def index() -> dict[str, dict]:
    """What is in data/embedded, by dataset and split."""
    found = json.loads(INDEX.read_text(encoding="utf-8"))
    return {name: entry for name, entry in found.items() if set(SPLITS) <= set(entry)}


def labels(described: Dataset, data: dict) -> dict[str, list] | None:
    """The labels of a source's images in each split, in their order; None where they are not known.

    `data` are the settings of data.prepare. ValueError says what is wrong with a folder.
    """
    match data["source"]:
        case "embedded" if described.name in index():
            of = index()[described.name]
            return {split: of[split]["labels"].split() for split in SPLITS}
        case "official" if described.class_size and described.counts:
            size, counts = described.class_size, described.counts
            return {split: [n // size for n in range(counts[split])] for split in SPLITS}
        case "folder":
            where = folder.located(data["path"])
            files = folder.find(where, data)
            for below, _ in folder.folders_below(where):
                if {"{", "}"} & set(str(below)):
                    raise ValueError(
                        f"{below}: the engine takes braces for a pattern; rename the folder"
                    )
            return {split: [label for _, label in files[split]] for split in SPLITS}
    return None


def available(described: Dataset, data: dict) -> dict[str, int] | None:
    """How many images the source of a dataset has in each split; None where that is not known.

    `data` and ValueError as of `labels`. Images that are drawn are as many as one likes.
    """
    return _sizes(described, data, labels(described, data))


def _sizes(described: Dataset, data: dict, found: dict[str, list] | None) -> dict | None:
    """The same, of a source whose `labels` were found; official counts are known without them."""
    if data["source"] == "official":
        return described.counts
    return found and {split: len(found[split]) for split in SPLITS}


def taken(described: Dataset, data: dict) -> dict:
    """What is prepared of a dataset's images, by the names that declarations of scores have for it.

    train, test    how many
    classes        how many there should be
    balanced       training images, as many of each class as the smallest has
    test_sizes     [how many test images a class has], of classes with any

    Each is None where it is not known. `data` and ValueError as of `labels`.
    """
    found = labels(described, data)
    there = _sizes(described, data, found) or {}
    counts = {split: data[split] or there.get(split) for split in SPLITS}
    more = {"classes": described.classes, "balanced": counts["train"], "test_sizes": None}
    if found and described.classes is not None:
        train, test = (Counter(found[split][: data[split]]).values() for split in SPLITS)
        # A class without a training image cannot give a label.
        whole = len(train) == described.classes
        more["balanced"] = described.classes * min(train) if whole else 0
        more["test_sizes"] = list(test)
    return counts | more
