"""How much of the machine a run used: counted operations against a measured peak."""

import resource
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.device import synchronize


def flops_per_image(model, image_shape: tuple[int, int, int], device: torch.device) -> int:
    """Floating-point operations to train on one image: forward and backward of the network.

    Counted by torch on a batch of two (a multiply-add is two); losses, MMD and the optimiser,
    well under 1 % of it, are left out. `image_shape` is (h, w, c).
    """
    height, width, channels = image_shape
    training = model.training
    model.eval()  # counting must not move the batch statistics
    x = torch.zeros(2, channels, height, width, device=device)
    with torch.enable_grad(), FlopCounterMode(display=False) as counter:
        model.decode(model.encode(x)[0]).sum().backward()
    model.zero_grad(set_to_none=True)
    model.train(training)
    return counter.get_total_flops() // 2


def matrix_peak(device: torch.device, precision: str) -> float:
    """Operations per second of a large matrix product on random data: the best of ten.

    `precision` is a training's: "fp32", "tf32" or "bf16".
    """
    side = 8192 if device.type == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a = torch.randn(side, side, device=device, dtype=dtype)
    best, before = float("inf"), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    for _ in range(10):
        synchronize(device)
        start = time.perf_counter()
        a @ a
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    torch.set_float32_matmul_precision(before)
    return 2 * side**3 / best


def peak_memory(device: torch.device) -> int:
    """Most bytes ever used: of the device's memory on a GPU, of the process's on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
