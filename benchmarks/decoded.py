"""What sets decoded training images apart from these: each by itself, or all of them alike?

    python -m benchmarks.decoded --runs results/narrow/runs/celeba/*/seed2 \\
        --data results/narrow/data/celeba.npz --inception results/narrow/data/inception.safetensors

Of colour images x, their codes z ~ q(z|x) (--mean: the mean of z) and decoded images y, in the features
f of FID (of the stem network without --inception):

    error       0.05 |x - y|^2, mean over images
    each        |f(y) - f(x)|^2, mean over images
    all alike   |E f(y) - E f(x)|^2, less what a mean over so many images has by chance
    spread      trace of the covariance of f(y), of f(x) in brackets

FID is of the last two kinds: a distance of the means, and one of the covariances. An error is in pixels
and knows of neither, so that images of one error can have quite different FIDs. --batch_statistics: the
decoder's batch norm takes mean and variance of --batch images at a time, as in training.
"""

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from data import store
from data.arguments import options
from eval.fid.inception import FeatureNetwork, features, load_network
from eval.normalisation import batch_statistics
from eval.subset import choose_rows, load
from models.device import pick_device
from models.objectives import sample_posterior, squared_error
from models.pixels import to_uint8
from models.run import Run, load_trained
from models.seeds import torch_generator


def apart(drawn: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """`each`, `all alike` and `spread` of features float64 (n, d), row for row of the same images.

    `all alike` is free of bias: E |mean of n differences|^2 is that of their mean and a share 1 / n
    of their variance.
    """
    between = drawn - real
    by_chance = between.var(0, ddof=1).sum() / len(between)
    return {
        "each": (between**2).sum(1).mean(),
        "all alike": (between.mean(0) ** 2).sum() - by_chance,
        "spread": drawn.var(0, ddof=1).sum(),
    }


@torch.inference_mode()
def decoded(run: Run, x: torch.Tensor, batch: int, mean: bool, by_batch: bool) -> torch.Tensor:
    """Encoded and decoded images of x, float32 (n, c, h, w), `batch` at a time."""
    generator = torch_generator(run.info["seed"], "decoded", x.device)
    norm = batch_statistics(run.model.decoder) if by_batch else contextlib.nullcontext()
    parts = []
    with norm:
        for part in x.split(batch):
            mu, log_variance = run.model.encode(part)
            z = mu if mean else sample_posterior(mu, log_variance, generator)
            parts.append(run.model.decode(z))
    return torch.cat(parts)


def row(run: Run, x: torch.Tensor, real: np.ndarray, network: FeatureNetwork, args) -> dict:
    """One run's row of the table."""
    y = decoded(run, x, args.batch, args.mean, args.batch_statistics)
    images = to_uint8(y, run.info["value_range"]).cpu().numpy()
    name, error = "{method}, seed {seed}".format(**run.info), float(squared_error(x, y).mean())
    found = apart(features(network, images), real)
    spread = f"{found['spread']:.1f} ({real.var(0, ddof=1).sum():.1f})"
    return {"run": name, "error": error, **found, "spread": spread}


def main() -> None:
    """Print a row a run."""
    parser = options(__doc__)
    parser.add_argument(
        "--runs", nargs="+", type=Path, required=True, help="finished runs' folders"
    )
    parser.add_argument("--data", type=Path, required=True, help="prepared data that they are of")
    parser.add_argument("--inception", type=Path, help="FID's weights; without: the stem network's")
    parser.add_argument("--count", type=int, default=400, help="of training images")
    parser.add_argument("--batch", type=int, default=100, help="images that are decoded at a time")
    parser.add_argument("--mean", action="store_true", help="the mean of z, not a sample")
    parser.add_argument("--batch_statistics", action="store_true", help="see above")
    args = parser.parse_args()
    device = pick_device()
    data = store.load(args.data)
    network = load_network(2048 if args.inception else 64, args.inception, device)
    rows = choose_rows(len(data.train_images), args.count, "encoded")
    real = features(network, data.train_images[rows])
    x = load(data.train_images, rows, data.value_range, device)
    table = [row(load_trained(path, device), x, real, network, args) for path in args.runs]
    print(pd.DataFrame(table).to_markdown(index=False, floatfmt=".1f"))


if __name__ == "__main__":
    main()
