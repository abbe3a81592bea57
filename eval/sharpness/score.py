"""How sharp generated images are beside real ones: the blurriness measure of tolstikhin/wae.

    python -m eval.sharpness.score --run results/quick/runs/mnist/vae/seed0 \\
        --data results/quick/data/mnist.npz --out sharpness.json --units sharpness.npz \\
        --samples results/quick/samples/mnist/vae/seed0.npz \\
        --params '{"count": 500}'

Settings: count, how many generated and how many test images (null for all).

    sharpness(x) = Var over pixels of (grey(x) * [[0, 1, 0], [1, -4, 1], [0, 1, 0]])

averaged over images; higher is sharper. As `compute_blurriness` there: grey by TensorFlow's
`rgb_to_grayscale`, the filter only where it fits whole (VALID), values in the range that the
networks see (so that the same picture counts four times as much on [-1, 1] as on [0, 1]). That code
logs the smallest value of a sheet of pictures; the article of its authors (WAE) averages over
images, and so does this. Generated images are the stored ones, rounded to 8 bits as real ones are.
"""

import numpy as np
import torch
from torch.nn import functional as F

from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_units
from eval.samples import load_samples
from eval.subset import choose_rows
from models.pixels import to_float

NEEDS = ("samples",)
FITS = {}
SETTINGS = {"count": {"type": ["integer", "null"], "minimum": 2, "at_most": "samples"}}

LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
GREY = torch.tensor([0.2989, 0.587, 0.114])  # of red, green, blue, as TensorFlow weighs them
BATCH = 500


def sharpness(images: np.ndarray, value_range: str) -> np.ndarray:
    """Variance of the Laplacian's response, (n,), of uint8 images (n, h, w, c)."""
    found = []
    for batch in torch.from_numpy(images).split(BATCH):
        x = to_float(batch, value_range)
        grey = torch.einsum("c,nchw->nhw", GREY, x)[:, None] if x.shape[1] == 3 else x
        response = F.conv2d(grey, LAPLACIAN[None, None])
        found.append(response.flatten(1).var(1, correction=0))
    return torch.cat(found).numpy()


def score(inputs: ScoreInputs) -> Result:
    """Sharpness of generated images (`samples.value`) and of real test images (`real.value`)."""
    data, count = inputs.data, inputs.params["count"]
    images = {
        "samples": load_samples(inputs.files["samples"], data.image_shape, count),
        "real": data.test_images[choose_rows(len(data.test_images), count, "sharpness/real")],
    }
    found = {name: sharpness(of, data.value_range) for name, of in images.items()}
    return Result(
        values={f"{name}.value": from_units(of) for name, of in found.items()},
        protocol={
            "counts": {name: len(of) for name, of in images.items()},
            "measure": "variance over pixels of the Laplacian of the grey image; higher is sharper",
        },
    )


if __name__ == "__main__":
    score_main("sharpness", score, NEEDS)
