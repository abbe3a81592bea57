"""Cut the subsets of preset `quick` from the original datasets, bit for bit.

    python -m data.cut --mirror mirror --to cut

A mirror is a folder as data.download takes it. Without --to, data/embedded is rewritten.

    MNIST     the first 5,000 training and 1,000 test images, in the official order
    CIFAR10   the first 3,000 training and 1,000 test images, in the official order
    Omniglot  all 20 drawings, 105x105 as published, of the first 200 background and the first 50
              evaluation characters, counted in turn: the first of each alphabet, then the second
              of each, and so on, so that the first n drawings are of many alphabets
"""

from pathlib import Path

import numpy as np

from data import sheets
from data.arguments import options
from data.datasets import omniglot
from data.download import find_local
from data.registry import dataset
from data.sources import Splits

FIRST = {"mnist": {"train": 5000, "test": 1000}, "cifar10": {"train": 3000, "test": 1000}}
CHARACTERS = {"train": 200, "test": 50}


def cut(name: str, splits: Splits) -> Splits:
    """The subset of one dataset, from the whole of it as its reader returns it."""
    if name == "omniglot":
        return {split: characters(split, *splits[split]) for split in splits}
    return {
        split: tuple(array[:count] for array in splits[split])
        for split, count in FIRST[name].items()
    }


def characters(split: str, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """The drawings of the first characters in turn; labels stay those of the whole split."""
    sizes = omniglot.CHARACTERS[split]
    alphabet = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.concatenate([np.arange(size) for size in sizes])
    chosen = np.lexsort((alphabet, rank))[: CHARACTERS[split]]
    drawings = np.concatenate([np.flatnonzero(labels == character) for character in chosen])
    return images[drawings], labels[drawings]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--mirror", type=Path, required=True, help="folder with the originals")
    parser.add_argument("--to", type=Path, default=sheets.EMBEDDED, help="folder to write to")
    arguments = parser.parse_args()
    for name in ("mnist", "omniglot", "cifar10"):
        attempts: list[str] = []
        source = dataset(name).source
        found = find_local(source, [arguments.mirror / name, arguments.mirror], attempts)
        if found is None:
            raise SystemExit(f"{name}: not in {arguments.mirror}\n" + "\n".join(attempts))
        form, paths, _ = found
        sheets.save(name, cut(name, form.read(source, paths)), arguments.to)
        print(f"{name}: written to {arguments.to}")


if __name__ == "__main__":
    main()
