"""What this machine has, and what a killed run left behind on it."""

import atexit
import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO

from models.locks import BUSY

LOCK_HANDLES = []  # kept open: the system drops a lock when its file is closed
KEPT_BYTES = 256 << 20  # more than the largest tensor of a full network's batch on a CPU
SIGN_OF_LIFE, DEAD_AFTER = 30, 300  # seconds: how often a run gives one, and after how long without


def processors() -> int:
    """Processors this process may really use: affinity, and the container's quota if any.

    `--cores` does not tell: 8 is the documented value on a 2-core machine too, and four torch
    processes on two cores were measured to be 70 times slower than one. VIMAE_PROCESSORS overrides.
    """
    if os.environ.get("VIMAE_PROCESSORS"):
        return int(os.environ["VIMAE_PROCESSORS"])
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return count


@cache
def gpus() -> int:
    """Number of NVIDIA GPUs, 0 where there is none. Does not import torch: it costs seconds."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip()])
    if os.environ.get("VIMAE_DEVICE") == "cpu" or not shutil.which("nvidia-smi"):
        return 0
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return listing.stdout.count("GPU ") if listing.returncode == 0 else 0


def gpus_of_a_job(remote: bool) -> int:
    """GPUs that training, sampling and scores ask for, each: 1, or 0 where they run on processors.

    VIMAE_DEVICE decides where it is set. Otherwise a cluster's job (`remote`) asks for one, whatever
    the machine that submits it has, and a job here gets one if there is one.
    """
    device = os.environ.get("VIMAE_DEVICE")
    if device:
        return int(device.startswith("cuda"))
    return int(remote or gpus() > 0)


def without_gpu(full_size: int) -> str:
    """What to say before training `full_size` runs of the reference networks here; "" if all is well.

    RuntimeError if VIMAE_DEVICE asks for a GPU and there is none.
    """
    device = os.environ.get("VIMAE_DEVICE", "")
    if gpus() or (device and not device.startswith("cuda")):
        return ""
    if device:
        raise RuntimeError(f"VIMAE_DEVICE={device}, but there is no GPU here (`nvidia-smi -L`)")
    if not full_size:
        return ""
    return (
        f"warning: no GPU here, and {full_size} networks of full size to train on processors;"
        " `make estimate` says how long that takes. VIMAE_DEVICE=cuda makes this an error,"
        " VIMAE_DEVICE=cpu silences it"
    )


def use_this_interpreter() -> None:
    """Let `python` in a job be the one we run under, also where no environment is activated."""
    folder = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if path.split(os.pathsep)[0] != folder:
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"


def keep_freed_memory() -> None:
    """Let jobs keep memory that they free for their next step, as far as it is not set otherwise.

    Linux's malloc gives blocks of some MB back at once, and the system clears each anew: up to 17 % of
    a training's processor time, for a tenth less memory (docs/speed.md). Other systems ignore this.
    """
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
        os.environ.setdefault(name, str(KEPT_BYTES))


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
        f"another run is at work here (process {process}): what it makes is locked, or called"
        " incomplete, until it ends. Give the command again then; --unlock and --rerun-incomplete are"
        " not needed"
    )


def boot() -> str:
    """Names this start of this kernel; containers share it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return os.uname().nodename


def say_alive(handle: IO) -> None:
    """Write into the file who we are, renew its age while we run, and empty it when we end."""
    record = {"host": os.uname().nodename, "boot": boot(), "pid": os.getpid()}
    handle.truncate(0)
    handle.write(json.dumps(record))
    handle.flush()

    def renew():
        while True:
            time.sleep(SIGN_OF_LIFE)
            with contextlib.suppress(OSError):
                os.utime(handle.name)

    threading.Thread(target=renew, daemon=True).start()
    atexit.register(handle.truncate, 0)


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
    holds a lock of the system's on a file in `engine`, which dies with it. If we get that one, no
    run of this machine is alive. Locks of most network file systems do not reach across hosts, so
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
        handle.close()
        if error.errno in BUSY:
            print(at_work(path), file=sys.stderr, flush=True)
        return False
    LOCK_HANDLES.append(handle)
    say_alive(handle)
    shutil.rmtree(engine / "locks", ignore_errors=True)
    for marker, output in noted(engine / "incomplete"):
        if output.is_dir():
            shutil.rmtree(output)
        else:
            output.unlink(missing_ok=True)
        marker.unlink()
    return True
