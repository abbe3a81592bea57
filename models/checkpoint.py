"""A side checkpoint: how training survives any interruption.

It is not an output of the pipeline (an engine would delete it when a job restarts). A file lock
beside it keeps two trainers from one run; the system releases the lock when its holder dies.
"""

import contextlib
import errno
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from data.files import atomic_write
from models.interruption import Interrupted, Interruption
from models.locks import lock

# What torch's errors say, which are all of one kind: of a file that could not be written, of memory.
FULL_DISK = re.compile("iostream error|PytorchStreamWriter|inline_container")
NO_MEMORY = re.compile("allocate memory|not enough memory|out of memory")
# Failures to read that say nothing of what is in the file.
UNSURE = {errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENOMEM}
POLL = 0.5  # seconds between two looks at a lock that another trainer has


def save_checkpoint(path: Path, state: dict) -> None:
    """Write atomically: a kill while writing leaves the previous checkpoint."""
    with atomic_write(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:
            if FULL_DISK.search(str(error)) is None:
                raise
            raise OSError(str(error)) from error


def may_be_good(error: Exception) -> bool:
    """Whether an error while a state is read or taken over says nothing of what is in the file."""
    lack = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return lack or bool(NO_MEMORY.search(str(error))) or getattr(error, "errno", None) in UNSURE


def load_checkpoint(path: Path, fingerprint: str) -> dict | None:
    """The saved state; None, which is said, if it is damaged or not of this fingerprint."""
    if not path.exists():
        return None
    try:
        state = read_checkpoint(path)
        found = state["fingerprint"]
    except Exception as error:
        if may_be_good(error):
            raise  # not to be replaced
        why = str(error).partition("\n")[0]
        print(f"{path}: damaged ({why}); starting from the beginning", flush=True)
        return None
    if found != fingerprint:
        what = "settings, data, code or versions"
        print(f"{path}: made with other {what}; starting from the beginning", flush=True)
        return None
    return state


def read_checkpoint(path: Path) -> dict:
    """What `save_checkpoint` wrote. torch.load does not look at the checksums that are in it."""
    with zipfile.ZipFile(path) as archive:
        if wrong := archive.testzip():
            raise ValueError(f"checksum of {wrong} is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


@contextlib.contextmanager
def run_lock(path: Path, interruption: Interruption | None = None) -> Iterator[None]:
    """Hold the run's lock; wait, and say so, while another trainer has it.

    Who waits asks `interruption` too, and raises Interrupted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        if not lock(file):
            print(f"{path}: another trainer has this run; waiting for it to stop", flush=True)
            while not lock(file):  # not flock's own wait, which a signal does not end
                if interruption and (reason := interruption.reason()):
                    raise Interrupted(f"{reason}: stopped before this run was free")
                time.sleep(POLL)
        yield
