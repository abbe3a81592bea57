"""Reconstruction error of test images, in the unit of the paper's Table II and in common ones.

    python -m eval.reconstruction.score --run results/quick/runs/mnist/vae/seed0 \\
        --data results/quick/data/mnist.npz --out reconstruction.json --units reconstruction.npz \\
        --params '{"count": 1000, "batch": 500}'

Settings: count, how many test images, taken at random (null for all), and batch, images at a time.

    cost = 0.05 * sum over values of (x - x_hat)^2      Table II, code of tolstikhin/wae
    mse  = mean over values of (x - x_hat)^2            in the data's range, [0, 1] or [-1, 1]
    psnr = 10 log10(range^2 / mse)                      dB; range is 1 or 2, mse over all images

each for x_hat = decode(z) with one z ~ q(z|x) ("sampled") and with its mean ("mean"): the two
agree where the encoder is deterministic. `train.cost` is that of the mean on as many training
images, `gap.cost` what test images cost more: how much the network overfits.
"""

import math

import numpy as np
import torch

from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_error, from_units, measured
from eval.subset import choose_rows
from models.objectives import COST_SCALE, sample_posterior
from models.pixels import SPAN, to_float
from models.seeds import torch_generator

NEEDS = ()
FITS = {}
SETTINGS = {
    "count": {"type": ["integer", "null"], "minimum": 2, "at_most": "test"},
    "batch": {"type": "integer", "minimum": 1},
}


def squared_errors(inputs: ScoreInputs, images: np.ndarray, sampled: bool) -> dict:
    """Summed squared error of each image, (n,) in float64, by how the code was taken."""
    model, value_range = inputs.run.model, inputs.data.value_range
    generator = torch_generator(inputs.seed, "reconstruction", inputs.device)
    # Filled in place: small tensors kept between the large ones of each batch scatter memory, which
    # was measured to cost one more copy of the dataset.
    names = ("sampled", "mean") if sampled else ("mean",)
    errors = {name: torch.empty(len(images), dtype=torch.float64) for name in names}
    size = inputs.params["batch"]
    # Drawn for all at once: in parts their number would decide the draws.
    noise = torch.empty((len(images), model.latent_dim), device=inputs.device)
    noise.normal_(generator=generator)
    for start in range(0, len(images), size):
        batch = torch.from_numpy(images[start : start + size])
        x = to_float(batch.to(inputs.device), value_range)
        mean, log_variance = model.encode(x)
        codes = {"mean": mean}
        if sampled:
            part = noise[start : start + size]
            codes["sampled"] = sample_posterior(mean, log_variance, noise=part)
        for name, code in codes.items():
            error = (x - model.decode(code)).double().square().flatten(1).sum(1)
            errors[name][start : start + size] = error
    return {name: found.numpy() for name, found in errors.items()}


def mse_and_psnr(errors: np.ndarray, values_per_image: int, value_range: str) -> dict:
    """Both from the summed squared errors (n,); the error of the ratio by the delta method."""
    mse = from_units(errors / values_per_image)
    # An exact reconstruction has no finite ratio: it ends at 200 dB (206 on [-1, 1]).
    level = max(mse["value"], 1e-20)
    psnr = 10 * math.log10(SPAN[value_range] ** 2 / level)
    if mse["se"] is None:
        return {"mse": mse, "psnr": measured(psnr)}
    return {
        "mse": mse,
        "psnr": from_error(psnr, 10 / math.log(10) * mse["se"] / level, len(errors) - 1),
    }


def score(inputs: ScoreInputs) -> Result:
    """Reconstruction error of the test images with sampled codes and with posterior means."""
    data = inputs.data
    rows = np.sort(
        choose_rows(len(data.test_images), inputs.params["count"], "reconstruction/test")
    )
    images = data.test_images[rows]
    train = choose_rows(len(data.train_images), len(images), "reconstruction/train")
    errors = squared_errors(inputs, images, sampled=True)
    units = {f"{name}.cost": COST_SCALE * found for name, found in errors.items()}
    seen = squared_errors(inputs, data.train_images[np.sort(train)], sampled=False)["mean"]
    values = {name: from_units(found) for name, found in units.items()}
    for name, found in errors.items():
        for part, value in mse_and_psnr(found, images[0].size, data.value_range).items():
            values[f"{name}.{part}"] = value
    values["train.cost"] = from_units(COST_SCALE * seen)
    values["gap.cost"] = difference(
        values["mean.cost"], values["train.cost"], len(images) + len(seen) - 2
    )
    return Result(
        values=values,
        protocol={
            "split": "test",
            "count": len(images),
            "train_count": len(seen),
            "value_range": [0, 1] if data.value_range == "unit" else [-1, 1],
            "cost": f"{COST_SCALE} x summed squared error per image",
            "psnr": "of the mse over all images",
            "draws_of_z": 1,
        },
        units=units,
        indices=rows,
    )


def difference(test: dict, train: dict, degrees: int) -> dict:
    """The measured difference of two independent measured numbers."""
    value = test["value"] - train["value"]
    if test["se"] is None or train["se"] is None:
        return measured(value)
    return from_error(value, math.hypot(test["se"], train["se"]), degrees)


if __name__ == "__main__":
    score_main("reconstruction", score, NEEDS)
