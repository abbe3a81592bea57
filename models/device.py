"""Which device computes, and with how many threads."""

import os

import torch


def pick_device() -> torch.device:
    """The GPU where there is one, else the CPU; the variable VIMAE_DEVICE overrides."""
    wanted = os.environ.get("VIMAE_DEVICE")
    if wanted:
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """The device's name as a person would say it, for provenance."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{len(os.sched_getaffinity(0))}-core CPU, {torch.get_num_threads()} thread(s)"
