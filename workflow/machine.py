"""What this machine has, and what a killed run left behind on it."""

import base64
import fcntl
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

LOCK_HANDLES = []  # kept open: the system drops a lock when its file is closed


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


def use_this_interpreter() -> None:
    """Let `python` in a job be the one we run under, also where no environment is activated."""
    folder = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if path.split(os.pathsep)[0] != folder:
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"


def clear_killed_run(engine: Path = Path(".snakemake")) -> None:
    """Remove what a SIGKILLed run left: its lock, and outputs that it had begun and not finished.

    Without this the engine would ask for --unlock and then for --rerun-incomplete. Whoever runs
    holds a lock of the system's on a file in `engine`, which dies with it. If we get that one,
    nobody else runs here and what is found is stale; if not, the engine's own error stands.
    Holds on one machine: locks of most network file systems do not reach across hosts. On one that
    has no locks at all nothing is removed, and the engine asks as it always does.
    """
    engine.mkdir(exist_ok=True)
    handle = open(engine / "running", "w")  # noqa: SIM115
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by a run that is alive, or a file system without locks
        handle.close()
        return
    LOCK_HANDLES.append(handle)
    shutil.rmtree(engine / "locks", ignore_errors=True)
    for marker in [path for path in (engine / "incomplete").rglob("*") if path.is_file()]:
        # The engine names a marker after its output: base64, cut into folders that begin with @.
        encoded = "".join(marker.relative_to(engine / "incomplete").parts).replace("@", "")
        try:
            output = Path(base64.urlsafe_b64decode(encoded).decode())
        except ValueError:
            continue  # not a marker
        if output.is_dir():
            shutil.rmtree(output)
        else:
            output.unlink(missing_ok=True)
        marker.unlink()
