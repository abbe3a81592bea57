"""Is it the decoder, or the codes that it is given? FID without the prior.

    python -m eval.fitted.score --run results/quick/runs/cifar10/vae/seed0 \\
        --data results/quick/data/cifar10.npz --out fitted.json --units fitted.npz \\
        --fid_reference results/quick/references/fid/cifar10.npz \\
        --params '{"dims": 64, "count": 300, "groups": 10, "batch": null}'

Settings: dims, groups and batch are those of `eval.fid.reference`; count is of generated images.

A model generates from z ~ p(z). Where the codes of real images, z ~ q(z|x), are not distributed as the
prior, its decoder is given codes that it never saw. Here z ~ N(m, S), with mean m and covariance S of

    q(z) = E_x q(z|x),    S = Cov_x(mean of q(z|x)) + E_x(diag(variance of q(z|x))),

over all training images x. What FID becomes lower by, against that of `eval.fid.score`, is due to the
prior's first two moments not being those of the codes. A Gaussian is no model of q(z) in full, so that
not all of the mismatch goes. (Ghosh et al. 2020, arXiv 1903.12436, fit densities to codes, too.)
"""

from collections.abc import Iterator

import torch

from eval.codes import encode
from eval.fid.score import distances
from eval.job import Result, ScoreInputs, score_main
from eval.subset import load
from models.sample import BATCH, decode_images
from models.seeds import torch_generator

NEEDS = ("fid_reference", "inception")
FITS = {"channels": 3}
SETTINGS = {
    "dims": {"enum": [64, 192, 2048]},
    "count": {"type": "integer", "minimum": 4, "at_least": "dims"},
    "groups": {"type": "integer", "minimum": 2, "at_most": "count // 2"},
    "batch": {"type": ["integer", "null"], "minimum": 1},
}


def code_moments(inputs: ScoreInputs) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) and covariance (d, d) of the training images' codes, float64 on the CPU."""
    means, noise = [], 0.0
    images = inputs.data.train_images
    for start in range(0, len(images), BATCH):
        rows = range(start, min(start + BATCH, len(images)))
        x = load(images, rows, inputs.data.value_range, inputs.device)
        mean, log_variance = encode(inputs.run.model, x, BATCH)
        means.append(mean.cpu().double())
        if log_variance is not None:
            noise = noise + log_variance.cpu().double().exp().sum(0)
    codes = torch.cat(means)
    spread = torch.zeros(codes.shape[1], dtype=torch.float64) + noise / len(codes)
    return codes.mean(0), codes.T.cov() + spread.diag()


def gaussian_draws(
    mean: torch.Tensor, covariance: torch.Tensor, count: int, generator: torch.Generator
) -> Iterator[torch.Tensor]:
    """`count` draws of N(mean, covariance), float32 (n, d) in blocks of at most BATCH."""
    variances, directions = torch.linalg.eigh(covariance)  # also where some variance is zero
    root = directions * variances.clamp(min=0).sqrt()
    for start in range(0, count, BATCH):
        noise = torch.randn(BATCH, len(mean), generator=generator, dtype=torch.float64)
        yield (mean + noise @ root.T).float()[: count - start]


def score(inputs: ScoreInputs) -> Result:
    """FID and KID as `eval.fid.score` has them, of images whose codes are drawn from N(m, S)."""
    generator = torch_generator(inputs.seed, "samples")  # on the CPU: alike on any device
    codes = gaussian_draws(*code_moments(inputs), inputs.params["count"], generator)
    images = decode_images(inputs.run, codes, inputs.device)
    found = distances(images, inputs, inputs.files["fid_reference"])
    drawn = {"codes": "Gaussian of the training codes' mean and covariance"}
    return Result(found.values, found.protocol | drawn)


if __name__ == "__main__":
    score_main("fitted", score, NEEDS)
