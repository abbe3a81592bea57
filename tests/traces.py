"""What is to be seen of a run in a copy of the repository, from outside, while and after it runs."""

import os
import time
from pathlib import Path

from data.files import UNFINISHED
from workflow import killed


def outputs(folder: Path, notes: str) -> set[str]:
    """Outputs of which the engine has noted that they are finished ("metadata") or "incomplete"."""
    return {str(output) for _, output in killed.noted(folder / ".snakemake" / notes)}


def made(folder: Path) -> dict[str, int]:
    """When each finished output was made, by the clock of the file system."""
    found = {}
    for name in outputs(folder, "metadata") - outputs(folder, "incomplete"):
        path = folder / name
        # A folder's own time changes with every file in it; the engine goes by this one.
        path = path / ".snakemake_timestamp" if path.is_dir() else path
        if path.exists():
            found[name] = path.stat().st_mtime_ns
    return found


def job(output: str) -> str:
    """What makes an output: "runs/mnist/vae", "scores/nll/mnist/vae", "data", "tables.md"."""
    *folders, name = Path(output).parts[1:]
    return "/".join(part for part in folders[1:] if part != "seed0") or name


def processes(folder: Path) -> list[int]:
    """Processes at work in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or another user's
    return found


def wait_for_the_rest(folder: Path, seconds: float) -> None:
    """Until nothing works in `folder` any more."""
    end = time.time() + seconds
    while processes(folder) and time.time() < end:
        time.sleep(0.2)


def half_written(folder: Path) -> list[Path]:
    """What killed jobs were writing. It stays for an hour (workflow/broken.py)."""
    return list((folder / "results").rglob(UNFINISHED))


def left_over(folder: Path, seconds: float = 120) -> list[str]:
    """What no run leaves that ends by itself: processes, locks, states, hidden files."""
    wait_for_the_rest(folder, seconds)
    found = [f"process {number} is alive" for number in processes(folder)]
    results, engine = folder / "results", folder / ".snakemake"
    named = {".snakemake_timestamp", *(path.name for path in half_written(folder))}
    paths = [path for path in results.rglob(".*") if path.name not in named]
    paths += results.glob("*/checkpoints/**/*.pt")
    paths += (engine / "locks").glob("*")
    paths += [note for note, _ in killed.noted(engine / "incomplete")]
    return found + [f"left over: {path}" for path in paths]


def size(folder: Path) -> str:
    """Of a folder's files, in words."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB"
