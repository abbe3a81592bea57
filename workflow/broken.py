"""Earlier results that are truncated, and half-written files: found before planning and removed.

Our programs write results whole or not at all. But disks fill while files are copied, downloads end
early, machines lose power; and an engine looks at a result's age alone. What is looked at here is
whether a file ends where it says that it ends: that costs little, however large the file is. What
lies within is checked when it is read (checksums in .npz, the digest of weights in run.json).

What is removed is made again where it is needed: by a job that reads it, or a target that names it.
What was made from it while it was whole stays as right as it was.
"""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from data.files import UNFINISHED

# Below results/<preset>. Not the downloads, which a manifest guards, nor checkpoints, which training
# replaces by itself.
FOLDERS = ("data", "runs", "samples", "references", "scores")
FORGOTTEN_AFTER = 3600  # seconds without a byte; writers, alive on whatever host, take less


def broken_json(path: Path) -> str:
    """What is wrong with a JSON file, or ""."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        return str(error)
    return "" if isinstance(value, dict) else "holds no record"


def broken_arrays(path: Path) -> str:
    """What is wrong with the directory of an .npz, or ""."""
    try:
        with zipfile.ZipFile(path):
            return ""
    except (zipfile.BadZipFile, ValueError) as error:
        return str(error)


def broken_tensors(path: Path) -> str:
    """What is wrong with the header of a safetensors file, or ""."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length + 8 > size:
            return f"its header has {length:,} bytes, the file {size:,}"
        try:
            header = json.loads(file.read(length))
            ends = [of["data_offsets"][1] for name, of in header.items() if name[:2] != "__"]
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError, IndexError):
            return "its header cannot be read"
    expected = 8 + length + max(ends, default=0)
    return "" if expected == size else f"{size:,} bytes instead of {expected:,}"


CHECKS: dict[str, Callable[[Path], str]] = {
    ".json": broken_json,
    ".npz": broken_arrays,
    ".safetensors": broken_tensors,
}


def remove_broken(root: Path | str, dry: bool = False) -> list[str]:
    """Remove the truncated results below `root` (results/<preset>) and say which, a line each.

    `dry` only says so. Only what is certain: a file that cannot be opened at all stays, its reader
    will say why. Jobs that run meanwhile are not disturbed: theirs are hidden files until they are whole.
    """
    root, lines = Path(root), []
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*.*")]
    for path in sorted([root / "metrics.json", *paths]):
        if path.suffix in CHECKS and path.name[0] != "." and path.is_file():
            try:
                wrong = CHECKS[path.suffix](path)
            except OSError:
                continue
            if wrong:
                if not dry:
                    path.unlink()
                what = "would be removed" if dry else "removed"
                lines.append(f"{path}: truncated ({wrong}); {what}, made again where needed")
    return lines


def remove_forgotten(root: Path | str) -> None:
    """Remove what killed jobs were writing, below `root` (results/<preset>) and beside it."""
    root = Path(root)
    for path in [*root.rglob(UNFINISHED), *root.parent.glob(UNFINISHED)]:
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > FORGOTTEN_AFTER:
                path.unlink()
        except OSError:
            continue  # its writer lives, and has just finished
