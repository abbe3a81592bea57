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

from dataclasses import replace

import torch

from eval.fid.score import distances
from eval.job import Result, ScoreInputs, score_main
from models.pixels import to_float
from models.sample import BATCH, sample_images

NEEDS = ("fid_reference", "inception")
FITS = {"channels": 3}
SETTINGS = {
    "dims": {"enum": [64, 192, 2048]},
    "count": {"type": "integer", "minimum": 4, "at_least": "dims"},
    "groups": {"type": "integer", "minimum": 2, "at_most": "count // 2"},
    "batch": {"type": ["integer", "null"], "minimum": 1},
}


class Gaussian:
    """N(mean (d,), covariance (d, d)), float64 on the CPU, where a run has its prior."""

    def __init__(self, mean: torch.Tensor, covariance: torch.Tensor):
        variances, directions = torch.linalg.eigh(covariance)  # also where some variance is zero
        self.mean, self.root = mean, directions * variances.clamp(min=0).sqrt()

    def sample(self, shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """Draws (n, d), float32."""
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        return (self.mean + noise @ self.root.T).float()


def code_moments(inputs: ScoreInputs) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) and covariance (d, d) of the training images' codes, float64 on the CPU."""
    model, means = inputs.run.model, []
    noise = torch.zeros(model.latent_dim, dtype=torch.float64)
    for images in torch.from_numpy(inputs.data.train_images).split(BATCH):
        x = to_float(images.to(inputs.device), inputs.data.value_range)
        mean, log_variance = model.encode(x)
        means.append(mean.cpu().double())
        if log_variance is not None:
            noise += log_variance.cpu().double().exp().sum(0)
    codes = torch.cat(means)
    if len(codes) < 2:
        raise ValueError(f"{inputs.data.name}: one training image has no covariance; take more")
    return codes.mean(0), codes.T.cov() + (noise / len(codes)).diag()


def score(inputs: ScoreInputs) -> Result:
    """FID and KID as `eval.fid.score` has them, of images whose codes are drawn from N(m, S)."""
    run = replace(inputs.run, prior=Gaussian(*code_moments(inputs)))
    images = sample_images(run, inputs.params["count"], inputs.device)
    found = distances(images, inputs, inputs.files["fid_reference"])
    drawn = {"codes": "Gaussian of the training codes' mean and covariance"}
    return Result(found.values, found.protocol | drawn)


if __name__ == "__main__":
    score_main("fitted", score, NEEDS)
