"""A side checkpoint: how training survives any interruption.

It is not an output of the pipeline (an engine would delete it when a job restarts). A file lock
beside it keeps two trainers from one run; the system releases the lock when its holder dies.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import torch

from data.files import atomic_write


def save_checkpoint(path: Path, state: dict) -> None:
    """Write atomically: a kill while writing leaves the previous checkpoint."""
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path, fingerprint: str) -> dict | None:
    """The saved state, or None if there is none or it belongs to other settings or data."""
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["fingerprint"] != fingerprint:
        print(f"{path}: made with other settings, data or versions; starting from the beginning")
        return None
    return state


@contextlib.contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Hold the run's lock; wait, and say so, while another trainer has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{path}: another trainer has this run; waiting for it to stop", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
