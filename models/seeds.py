"""Every random stream is a function of (seed, role) and of nothing else.

So the numbers do not depend on the order of jobs, on `--cores` or on which subset is run.
"""

import hashlib

import numpy as np
import torch


def derive(seed: int, role: str) -> int:
    """A 63-bit seed for one role ("weights", "batches", "noise", ...) of one run.

    Of it torch takes the lower 32 bits on a CPU.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{role}".encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, role: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator on `device` for one role."""
    return torch.Generator(device).manual_seed(derive(seed, role))


def numpy_generator(seed: int, role: str) -> np.random.Generator:
    """A numpy generator for one role."""
    return np.random.default_rng(derive(seed, role))
