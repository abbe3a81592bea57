"""The real images embedded in the repository: one lossless sheet of tiles for each split.

`data/embedded/index.json` holds for every sheet its SHA-256, the tiles' shape, their labels and
their number. `python -m data.cut` makes the sheets from the original datasets.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from data.files import atomic_write, digest, read_json, reading, write_json
from data.sources import Splits

EMBEDDED = Path(__file__).parent / "embedded"
COLUMNS = 50
REMEDY = "check the file out again"  # git holds it


def save(name: str, splits: Splits, folder: Path = EMBEDDED) -> None:
    """Write the sheets of dataset `name` to `folder` and describe them in its index.json.

    Images are uint8 (n, h, w, c) with c of 1 or 3, n a multiple of 50. WebP in its lossless mode
    stores photographs in half the space of PNG.
    """
    index = read_json(folder / "index.json") if (folder / "index.json").exists() else {}
    index[name] = {}
    for split, (images, labels) in splits.items():
        n, height, width, channels = images.shape
        if n % COLUMNS:
            raise ValueError(f"{name} {split}: {n} images do not fill rows of {COLUMNS}")
        rows = images.reshape(n // COLUMNS, COLUMNS, height, width, channels)
        sheet = rows.transpose(0, 2, 1, 3, 4).reshape(-1, COLUMNS * width, channels)
        path = folder / f"{name}_{split}.webp"
        with atomic_write(path) as temporary:
            image = Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet)
            image.save(temporary, lossless=True, quality=100, method=6)
        index[name][split] = {
            "sha256": digest(path),
            "shape": [n, height, width, channels],
            "labels": " ".join(str(label) for label in labels),
        }
    write_json(folder / "index.json", index)


def load(name: str, folder: Path = EMBEDDED) -> Splits:
    """Read the sheets of dataset `name`; ValueError if they are not those of index.json."""
    index = read_json(folder / "index.json", remedy=REMEDY)
    if name not in index:
        raise ValueError(f"{name}: no embedded subset; {folder} has {', '.join(sorted(index))}")
    splits = {}
    for split, entry in index[name].items():
        path = folder / f"{name}_{split}.webp"
        with reading(path, REMEDY):
            if digest(path) != entry["sha256"]:
                raise ValueError(f"{path}: SHA-256 differs from index.json; {REMEDY}")
            n, height, width, channels = entry["shape"]
            sheet = np.asarray(Image.open(path).convert("RGB"))[..., :channels]
            rows = sheet.reshape(n // COLUMNS, height, COLUMNS, width, channels)
        images = rows.transpose(0, 2, 1, 3, 4).reshape(n, height, width, channels)
        splits[split] = images, np.array(entry["labels"].split(), np.int64)
    return splits
