"""What this machine has, and what jobs on it get of it."""

import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path

from data.files import atomic_write

KEPT_BYTES = 256 << 20  # more than the largest tensor of a full network's batch on a CPU


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
        devices = [device.strip() for device in visible.split(",")]
        return len(list(takewhile(lambda device: device and not device.startswith("-"), devices)))
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


def use_this_interpreter(engine: Path = Path(".snakemake")) -> None:
    """Let `python` in a job be the one we run under, also where no environment is activated."""
    folder = str(Path(sys.executable).parent)
    if shutil.which("python", path=folder) is None:  # it is called python3 alone
        called = engine.absolute() / "bin" / "python"
        with atomic_write(called) as temporary:
            temporary.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        called.chmod(0o755)  # no link: Python would not find its environment
        folder = str(called.parent)
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
