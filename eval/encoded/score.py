"""Is it how codes are distributed, or what the decoder makes of codes as it was trained on?

    python -m eval.encoded.score --run results/quick/runs/cifar10/vae/seed0 \\
        --data results/quick/data/cifar10.npz --out encoded.json --units encoded.npz \\
        --fid_reference results/quick/references/fid/cifar10.npz \\
        --params '{"dims": 64, "count": 300, "groups": 10, "batch": null}'

Settings: dims, groups and batch are those of `eval.fid.reference`; count is of generated images.

FID where no density of codes is asked for: z ~ q(z|x), once for each of `count` training images x, the
same of every method. The reference is of other images, those of the test split, as FID's is. What this
is lower by than FID with codes of the prior (`eval.fid.score`) is due to codes that are not distributed
as the prior; what it is lower by than with codes of a Gaussian (`eval.fitted.score`), to their not being
Gaussian, or to a decoder that fails between the codes it knows. What is left is the decoder's.
"""

from collections.abc import Iterator

import torch

from eval.fid.score import distances
from eval.job import Result, ScoreInputs, score_main
from eval.subset import choose_rows, load
from models.objectives import sample_posterior
from models.sample import BATCH, decode_images
from models.seeds import torch_generator

NEEDS = ("fid_reference", "inception")
FITS = {"channels": 3}
SETTINGS = {
    "dims": {"enum": [64, 192, 2048]},
    "count": {"type": "integer", "minimum": 4, "at_most": "train", "at_least": "dims"},
    "groups": {"type": "integer", "minimum": 2, "at_most": "count // 2"},
    "batch": {"type": ["integer", "null"], "minimum": 1},
}


def training_codes(inputs: ScoreInputs) -> Iterator[torch.Tensor]:
    """One z ~ q(z|x) of each chosen training image, float32 (n, d) in blocks of at most BATCH."""
    data = inputs.data
    rows = choose_rows(len(data.train_images), inputs.params["count"], "encoded")
    generator = torch_generator(inputs.seed, "encoded", inputs.device)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        x = load(data.train_images, part, data.value_range, inputs.device)
        yield sample_posterior(*inputs.run.model.encode(x), generator)


def score(inputs: ScoreInputs) -> Result:
    """FID and KID as `eval.fid.score` has them, of training images encoded and decoded."""
    images = decode_images(inputs.run, training_codes(inputs), inputs.device)
    found = distances(images, inputs, inputs.files["fid_reference"])
    return Result(found.values, found.protocol | {"codes": "z ~ q(z|x) of training images"})


if __name__ == "__main__":
    score_main("encoded", score, NEEDS)
