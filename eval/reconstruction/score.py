"""Reconstruction error of test images, in the unit of the paper's Table II and in common ones.

    python -m eval.reconstruction.score --run DIR --data NPZ --params JSON --out JSON

Settings: count, the number of first test images (null for all), and batch.

    cost = 0.05 * sum over values of (x - x_hat)^2      Table II, code of [25]
    mse  = mean over values of (x - x_hat)^2            in the data's range, [0, 1] or [-1, 1]
    psnr = 10 log10(range^2 / mse)                      dB; range is 1 or 2, mse over all images

each for x_hat = decode(z) with one z ~ q(z|x) ("sampled") and with its mean ("mean"): the two
agree where the encoder is deterministic.
"""

import math

import torch

from data.store import to_float
from eval.job import ScoreInputs, score_main
from models.objectives import COST_SCALE, sample_posterior
from models.seeds import torch_generator

RANGE = {"unit": 1.0, "symmetric": 2.0}


def summarise(squared_errors: torch.Tensor, values_per_image: int, value_range: str) -> dict:
    """Scores from the summed squared error of each image, (n,) in float64."""
    count = len(squared_errors)
    mse = squared_errors.mean().item() / values_per_image
    spread = squared_errors.std().item() if count > 1 else 0.0
    return {
        "cost": COST_SCALE * squared_errors.mean().item(),
        "cost_se": COST_SCALE * spread / math.sqrt(count),
        "mse": mse,
        # An exact reconstruction has no finite ratio: it ends at 200 dB (206 on [-1, 1]).
        "psnr": 10 * math.log10(RANGE[value_range] ** 2 / max(mse, 1e-20)),
    }


def score(inputs: ScoreInputs) -> dict:
    """Reconstruction error of the test images with sampled codes and with posterior means."""
    model, value_range = inputs.run.model, inputs.data.value_range
    images = inputs.data.test_images[: inputs.params["count"]]
    generator = torch_generator(inputs.seed, "reconstruction", inputs.device)
    errors = {"sampled": [], "mean": []}
    for batch in torch.from_numpy(images).split(inputs.params["batch"]):
        x = to_float(batch.to(inputs.device), value_range)
        mean, log_variance = model.encode(x)
        codes = {
            "sampled": sample_posterior(mean, log_variance, generator),
            "mean": mean,
        }
        for name, code in codes.items():
            errors[name].append((x - model.decode(code)).double().square().flatten(1).sum(1))
    values_per_image = images[0].size
    return {
        "values": {
            name: summarise(torch.cat(parts), values_per_image, value_range)
            for name, parts in errors.items()
        },
        "protocol": {
            "split": "test",
            "count": len(images),
            "value_range": [0, 1] if value_range == "unit" else [-1, 1],
            "cost": f"{COST_SCALE} x summed squared error per image",
            "psnr": "of the mse over all images",
            "draws_of_z": 1,
        },
    }


if __name__ == "__main__":
    score_main("reconstruction", score)
