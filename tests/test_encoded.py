"""Codes of training images: each image once, the encoder's noise, and no density assumed."""

from dataclasses import replace

import numpy as np
import torch

from eval.encoded.score import score, training_codes
from eval.fitted.score import score as fitted_score
from models.sample import BATCH, decode_images
from tests.test_fitted import LATENT, SIDE, Linear, inputs_of, save_reference
from tests.tiny import tiny_data

COUNT = BATCH + 20  # more than a block


def images_of(codes: np.ndarray) -> np.ndarray:
    """What the linear model makes of codes (n, d), uint8 (n, h, w, c)."""
    x = Linear().decode(torch.from_numpy(codes).float()).permute(0, 2, 3, 1)
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()


def codes_of(images: np.ndarray) -> np.ndarray:
    """Their codes (n, d), exact but for the rounding of pixels."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    return Linear().encode(x)[0].numpy()


def data_of(train, test=None):
    """A dataset of the images of these codes."""
    test = train if test is None else test
    data = tiny_data(train=len(train), test=len(test), side=SIDE, channels=3)
    return replace(data, train_images=images_of(train), test_images=images_of(test))


def decoded_codes(inputs) -> np.ndarray:
    """Codes of the decoded images, in which the rounding to uint8 is."""
    return codes_of(decode_images(inputs.run, training_codes(inputs), inputs.device))


def test_every_training_image_comes_back_once():
    codes = np.random.default_rng(0).uniform(-1, 1, (COUNT, LATENT))
    found = decoded_codes(inputs_of(Linear(), data_of(codes), COUNT))
    distances = np.linalg.norm(found[:, None] - codes[None], axis=2)
    assert sorted(distances.argmin(1)) == list(range(COUNT)) and distances.min(1).max() < 0.01


def test_codes_have_the_encoders_noise():
    variances = np.array([0.01, 0.04, 0.09])
    model = Linear(torch.from_numpy(np.log(variances)).float())
    data = data_of(np.full((COUNT, LATENT), 0.3))
    found = decoded_codes(inputs_of(model, data, COUNT))
    np.testing.assert_allclose(found.mean(0), 0.3, atol=5 * (variances.max() / COUNT) ** 0.5)
    np.testing.assert_allclose(found.var(0, ddof=1), variances, rtol=5 * (2 / COUNT) ** 0.5)


def test_codes_in_two_heaps_are_no_gaussian(tmp_path):
    rng = np.random.default_rng(0)

    def codes(count):
        heaps = np.where(np.arange(count) % 2, 1.5, -1.5)[:, None]
        return heaps + 0.1 * rng.standard_normal((count, LATENT))

    data = data_of(codes(400), codes(400))
    path = tmp_path / "reference.npz"
    save_reference(path, data)
    inputs = inputs_of(Linear(), data, count=400, fid_reference=path)
    own = score(inputs)
    fid, floor = (own.values[f"{name}.test"]["value"] for name in ("fid", "floor"))
    assert 0 < fid < 3 * floor
    assert fitted_score(inputs).values["fid.test"]["value"] > 1000 * fid
    assert own.protocol["generated"] == 400 and "training images" in own.protocol["codes"]
