"""Draw images from a trained run: z ~ p(z), x = the decoder's mean image.

    python -m models.sample --run results/quick/runs/mnist/vae/seed0 --out samples.npz \\
        --data results/quick/data/mnist.npz --params '{"count": 100}'

The one setting, count, says how many. Writes uint8 arrays in one file, quantised once, so that
every score sees what a saved picture would show: `images` (count, h, w, c), the samples, and for
the figures SHOWN pictures each of `originals` (test images), their `reconstructions`, and
`interpolation`, on a straight line between two draws from the prior. Originals and reconstructions
are left out where the dataset's terms forbid to show them. A diverged run gives no pictures at all:
zero images.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from data import store
from data.arguments import options, takes_settings
from data.arrays import write_arrays
from models.device import pick_device
from models.pixels import to_float, to_uint8
from models.run import Run, load_run, require_dataset
from models.seeds import torch_generator

BATCH = 500
SHOWN = 8  # pictures of a row in the figures


def prior_draws(run: Run, count: int, seed: int) -> Iterator[torch.Tensor]:
    """`count` codes z ~ p(z) on the CPU, float32 (n, d) in blocks of at most BATCH.

    The first n are the same for any count: a whole block is drawn, then cut.
    """
    generator = torch_generator(seed, "samples")  # on the CPU: alike on any device
    for start in range(0, count, BATCH):
        yield run.prior.sample((BATCH, run.model.latent_dim), generator)[: count - start]


@torch.inference_mode()
def decode_images(run: Run, codes: Iterable[torch.Tensor], device: torch.device) -> np.ndarray:
    """The decoder's images of blocks of codes (n, d), uint8 (all n, h, w, c)."""
    images = []
    for z in codes:
        x = run.model.decode(z.to(device))
        images.append(to_uint8(x, run.info["value_range"]).cpu().numpy())
    return np.concatenate(images)


def sample_images(run: Run, count: int, device: torch.device) -> np.ndarray:
    """`count` generated images, uint8 (count, h, w, c); the first n are the same for any count."""
    if run.model is None:
        side, channels = run.info["image_size"], run.info["channels"]
        return np.zeros((0, side, side, channels), np.uint8)
    return decode_images(run, prior_draws(run, count, run.info["seed"]), device)


@torch.inference_mode()
def shown_pictures(run: Run, data: store.ImageSet, device: torch.device) -> dict[str, np.ndarray]:
    """What the figures show of a run beside its samples, by name, uint8 (SHOWN, h, w, c) each.

    The test images are spread evenly over the split, whose order may be by class; the two draws
    that are interpolated depend on nothing but the prior. All methods therefore show the same.
    """
    if run.model is None:
        return {}
    ends = run.prior.sample((2, run.model.latent_dim), torch_generator(0, "interpolation"))
    places = torch.linspace(0, 1, SHOWN)[:, None]
    between = ends[:1].lerp(ends[1:], places)
    found = {"interpolation": decode_images(run, [between], device)}
    if data.meta["shown"]:
        spread = np.linspace(0, len(data.test_images) - 1, SHOWN).astype(int)
        originals = data.test_images[spread]
        x = to_float(torch.from_numpy(originals).to(device), data.value_range)
        reconstructions = decode_images(run, [run.model.encode(x)[0]], device)
        found |= {"originals": originals, "reconstructions": reconstructions}
    return found


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run's folder, of models.train")
    parser.add_argument("--data", type=Path, required=True, help="the dataset it was trained on")
    takes_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="the pictures to write (.npz)")
    args = parser.parse_args()
    device = pick_device()
    run = load_run(args.run, device)
    data = store.load(args.data)
    require_dataset(run, data)
    images = sample_images(run, args.params["count"], device)
    pictures = shown_pictures(run, data, device)
    write_arrays(args.out, {"images": images} | pictures)
    print(f"{len(images)} images -> {args.out}")


if __name__ == "__main__":
    main()
