"""Draw images from a trained run: z ~ p(z), x = the decoder's mean image.

    python -m models.sample --run DIR --params '{"count": 10000}' --out NPZ

Writes `images`, uint8 (count, h, w, c), in one file: quantised once, so that every score sees
what a saved picture would show. A diverged run gives zero images.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from data.files import atomic_write
from data.store import to_uint8
from models.device import pick_device
from models.run import Run, load_run
from models.seeds import torch_generator

BATCH = 500


@torch.inference_mode()
def sample_images(run: Run, count: int, device: torch.device) -> np.ndarray:
    """`count` generated images, uint8 (count, h, w, c); the first n are the same for any count."""
    side, channels = run.info["image_size"], run.info["channels"]
    if run.model is None:
        return np.zeros((0, side, side, channels), np.uint8)
    generator = torch_generator(run.info["seed"], "samples")  # on the CPU: alike on any device
    images = []
    for start in range(0, count, BATCH):
        z = run.prior.sample((BATCH, run.model.latent_dim), generator).to(device)
        x = run.model.decode(z[: count - start])
        images.append(to_uint8(x, run.info["value_range"]).cpu().numpy())
    return np.concatenate(images)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--params", type=json.loads, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    device = pick_device()
    images = sample_images(load_run(args.run, device), args.params["count"], device)
    with atomic_write(args.out) as temporary:
        np.savez_compressed(temporary, images=images)
    print(f"{len(images)} images -> {args.out}")


if __name__ == "__main__":
    main()
