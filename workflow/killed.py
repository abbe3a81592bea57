"""What a killed run left behind on this machine, and how a run shows that it is alive."""

import atexit
import base64
import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from models.locks import BUSY

LOCK_HANDLES = []  # kept open: the system drops a lock when its file is closed
SIGN_OF_LIFE, DEAD_AFTER = 30, 300  # seconds: how often a run gives one, and after how long without


def running_elsewhere(path: Path) -> str:
    """Which other host says in `path` that it runs here, in words; "" if none that is alive.

    Same host or same kernel: the lock on the file knows better. Ages are by the clock of the file
    system, which may differ from ours.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        ours = record["host"] == os.uname().nodename or record["boot"] == boot()
        with tempfile.NamedTemporaryFile(dir=path.parent) as now:
            silent = os.stat(now.name).st_mtime - path.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):  # none, or the run before ended by itself
        return ""
    if ours or silent > DEAD_AFTER:
        return ""
    return (
        f"{record['host']} runs here (process {record['pid']}, last sign of life {silent:.0f} s ago):"
        " what it makes is locked, other targets are not. If it is dead, wait"
        f" {DEAD_AFTER // 60} minutes or remove {path}"
    )


def at_work(path: Path) -> str:
    """That a run of this machine is alive, in words. The engine itself would advise to force it."""
    try:
        process = json.loads(path.read_text(encoding="utf-8"))["pid"]
    except (OSError, ValueError, KeyError, TypeError):  # it has just begun
        process = "?"
    return (
        f"another run is at work here (process {process} or one begun beside it): what it makes is"
        " locked, or called incomplete, until it ends. Give the command again then; --unlock and"
        " --rerun-incomplete are not needed"
    )


def boot() -> str:
    """Names this start of this kernel; containers share it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return os.uname().nodename


def say_alive(handle: IO) -> None:
    """Renew the age of the file while we run, and empty it when we end as the last one."""

    def renew():
        while True:
            time.sleep(SIGN_OF_LIFE)
            with contextlib.suppress(OSError):
                os.utime(handle.name)

    def end():
        with contextlib.suppress(OSError, ValueError):  # others are alive, or it is closed
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            handle.truncate(0)

    threading.Thread(target=renew, daemon=True).start()
    atexit.register(end)


def share(handle: IO) -> None:
    """Be counted among those alive, beside one that may still be looking whether it is alone."""
    for _ in range(100):  # it takes a moment; a run of an earlier version of this file, its life
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        time.sleep(0.05)


def noted(notes: Path) -> Iterator[tuple[Path, Path]]:
    """The engine's notes on outputs in a folder of its own, each with the output that it is on."""
    for note in [path for path in notes.rglob("*") if path.is_file()]:
        # Named after the output: base64, cut into folders that begin with @.
        encoded = "".join(note.relative_to(notes).parts).replace("@", "")
        try:
            output = Path(base64.urlsafe_b64decode(encoded).decode())
        except ValueError:
            continue  # not a note
        yield note, output


def clear_killed_run(engine: Path = Path(".snakemake")) -> bool:
    """Remove what a SIGKILLed run left: its lock, and outputs that it had begun and not finished.

    True if so; False if another run is alive, or may be.
    Without this the engine would ask for --unlock and then for --rerun-incomplete. Whoever runs
    shares a lock of the system's on a file in `engine`, which dies with it. If we get it for us alone,
    no run of this machine is alive. Locks of most network file systems do not reach across hosts, so
    the file also says who runs, and is as old as its last sign of life. If nobody is alive, what is
    found is stale; if somebody is, the engine's own error stands. On a file system that has no locks
    at all nothing is removed, and the engine asks as it always does.
    """
    engine.mkdir(exist_ok=True)
    path = engine / "running"
    if elsewhere := running_elsewhere(path):
        print(elsewhere, file=sys.stderr, flush=True)
        return False
    handle = open(path, "a", encoding="utf-8")  # noqa: SIM115
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in BUSY:
            print(at_work(path), file=sys.stderr, flush=True)
            LOCK_HANDLES.append(handle)
            share(handle)
            say_alive(handle)
        else:
            handle.close()
        return False
    LOCK_HANDLES.append(handle)
    handle.truncate(0)
    handle.write(json.dumps({"host": os.uname().nodename, "boot": boot(), "pid": os.getpid()}))
    handle.flush()
    say_alive(handle)
    shutil.rmtree(engine / "locks", ignore_errors=True)
    for marker, output in noted(engine / "incomplete"):
        if output.is_dir():
            shutil.rmtree(output)
        else:
            output.unlink(missing_ok=True)
        marker.unlink()
    fcntl.flock(handle, fcntl.LOCK_SH)
    return True
