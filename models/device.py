"""Which device computes, and with what arithmetic."""

import os
import sys
import tempfile
from pathlib import Path

import torch

from data.threads import limit_threads
from models.locks import lock

NO_DRIVER = (
    "this job was given a GPU (CUDA_VISIBLE_DEVICES), but torch sees none: no driver here, or a torch"
    " without CUDA. It computes on the processor; VIMAE_DEVICE=cuda makes that an error"
)
HELD = []  # the lock files of this process's GPU; the system drops a lock when its file is closed


def pick_device() -> torch.device:
    """The GPU where there is one, else the CPU; VIMAE_DEVICE (cpu, cuda, cuda:1) overrides.

    ValueError if that wants a GPU and there is none, or is no device.
    Of several GPUs the first that no other job holds, else one by turns. float32 is float32:
    convolutions do not fall back to TF32 (torch's default) unless a setting asks for it.
    As every command line does, it limits the threads; torch's are its own.
    """
    if limit_threads():
        torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    wanted = os.environ.get("VIMAE_DEVICE")
    try:
        chosen = torch.device(wanted) if wanted else None
    except RuntimeError as error:
        raise ValueError(f"VIMAE_DEVICE={wanted}: no device; say cpu, cuda or cuda:1") from error
    if chosen and chosen.type != "cuda":
        return chosen
    if not torch.cuda.is_available():
        if wanted:
            raise ValueError(f"VIMAE_DEVICE={wanted}: torch sees no GPU on {os.uname().nodename}")
        given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        if given and not given.startswith("-"):  # a cluster gave us one; -1 is none
            print(f"warning: {NO_DRIVER}", file=sys.stderr, flush=True)
        return torch.device("cpu")
    if chosen and chosen.index is not None:
        return chosen
    identities = [
        str(torch.cuda.get_device_properties(index).uuid)
        for index in range(torch.cuda.device_count())
    ]
    torch.cuda.set_device(free_index(identities, Path(tempfile.gettempdir())))
    return torch.device("cuda")


def free_index(identities: list[str], folder: Path) -> int:
    """Index of the first GPU whose lock file in `folder` nobody holds; we hold it to our end.

    If all are held (more jobs than GPUs were asked for), one is shared, chosen by process number.
    Identities are the driver's, so that jobs which see different subsets agree.
    """
    for index, identity in enumerate(identities):
        handle = open(folder / f"vimae-{os.getuid()}-{identity}.lock", "w")  # noqa: SIM115
        if lock(handle):
            HELD.append(handle)
            return index
        handle.close()
    return os.getpid() % len(identities)


def supported_precision(wanted: str, device: torch.device) -> str:
    """`wanted` ("fp32", "tf32", "bf16") on a GPU, or if the processor computes so, else "fp32".

    A processor without bf16 instructions emulates them: a product took 76 times as long as in fp32.
    """
    if device.type == "cuda":
        return wanted
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    has_bf16 = not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())
    return "bf16" if wanted == "bf16" and has_bf16 else "fp32"


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe(device: torch.device) -> str:
    """The device's name as a person would say it, for provenance."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{len(os.sched_getaffinity(0))}-core CPU, {torch.get_num_threads()} thread(s)"
