"""How a code answers to ink: does it measure how much there is, or note that there is some?

    python -m eval.response.score --run results/quick/runs/mnist/vae/seed0 \\
        --data results/quick/data/mnist.npz --out response.json --units response.npz \\
        --params '{"count": 500, "contrasts": [0.2, 0.5], "batch": 250}'

Settings: count (test images, null for all), contrasts (shares of an image's distance from black),
batch (images at a time).

With z(x) the mean code of an image, 0 a black image, x' another image, and the brighter of two
images taken pixel by pixel:

    share(c)    = sum <z(c x) - z(0), z(x) - z(0)> / sum |z(x) - z(0)|^2
    surprise(c) = sum |z(max(x, c x')) - z(x)| / sum |z(max(x, x')) - z(x)|

the sums over test images: how far a code is on its way from black to the image at contrast c, and
how much of what a second image does to a code one c times as bright does. A linear encoder has
share(c) = c, and so surprise(c) wherever x is black; one that notes faint ink as ink has more.
"""

import numpy as np
import torch

from eval.codes import encode
from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_units, measured
from eval.robustness.corruption import contrast
from eval.subset import choose_rows, load
from models.pixels import BLACK

NEEDS = ()
FITS = {}
SETTINGS = {
    "count": {"type": ["integer", "null"], "minimum": 2, "at_most": "test"},
    "contrasts": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    },
    "batch": {"type": "integer", "minimum": 1},
}


def ratio(parts: torch.Tensor, wholes: torch.Tensor) -> np.ndarray | None:
    """Units (n,) whose mean is sum(parts) / sum(wholes) and whose spread is the ratio's, to first
    order; None if all wholes are 0, as where no image moves a collapsed code.
    """
    parts, wholes = parts.double().cpu().numpy(), wholes.double().cpu().numpy()
    if not wholes.any():
        return None
    found = parts.sum() / wholes.sum()
    return found + (parts - found * wholes) / wholes.mean()


def score(inputs: ScoreInputs) -> Result:
    """`share.<contrast>` and `surprise.<contrast>` of one run's encoder, without a unit."""
    data, params, device = inputs.data, inputs.params, inputs.device
    rows = choose_rows(len(data.test_images), params["count"], "response")
    x = load(data.test_images, rows, data.value_range, device)

    def code(images: torch.Tensor) -> torch.Tensor:
        return encode(inputs.run.model, images, params["batch"])[0]

    def fainter(images: torch.Tensor, c: float) -> torch.Tensor:
        return contrast(images, 1 - c, data.value_range, None)

    own, blank = code(x), code(torch.full_like(x[:1], BLACK[data.value_range]))
    other = x.roll(1, dims=0)  # rows are in random order: another image of each
    way, moved = own - blank, (code(torch.maximum(x, other)) - own).norm(dim=1)
    units = {}
    for c in params["contrasts"]:
        gone = ((code(fainter(x, c)) - blank) * way).sum(1)
        units[f"share.{c:g}"] = ratio(gone, way.square().sum(1))
        faint = code(torch.maximum(x, fainter(other, c)))
        units[f"surprise.{c:g}"] = ratio((faint - own).norm(dim=1), moved)
    return Result(
        values={
            name: measured(None) if of is None else from_units(of) for name, of in units.items()
        },
        protocol={"count": len(x), "codes": "mean of q(z|x)", "none": "the code never moves"},
    )


if __name__ == "__main__":
    score_main("response", score, NEEDS)
