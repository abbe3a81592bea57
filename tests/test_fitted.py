"""Codes from a fitted Gaussian: moments known in closed form, and a model whose prior is wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eval.fid import reference as fid_reference
from eval.fid.inception import load_network
from eval.fid.score import distances
from eval.fitted.score import Gaussian, code_moments, score
from eval.job import ScoreInputs
from models.priors import Normal
from models.run import Run
from models.sample import BATCH, prior_draws, sample_images
from tests.tiny import tiny_data

SIDE, LATENT = 32, 3
SETTINGS = {"dims": 64, "count": 200, "groups": 4, "batch": None}
INFO = {"seed": 0, "image_size": SIDE, "channels": 3, "value_range": "symmetric"}


class Linear:
    """x = sum of z_k times pattern k, and the encoder that undoes it; q(z|x) has a known noise."""

    latent_dim = LATENT

    def __init__(self, log_variance=None):
        generator = torch.Generator().manual_seed(0)
        patterns = torch.randn(LATENT, 3, SIDE, SIDE, generator=generator)
        self.patterns = torch.linalg.qr(patterns.flatten(1).T)[0].T * 5
        self.log_variance = log_variance

    def encode(self, x):
        mean = x.flatten(1) @ self.patterns.T / 25
        return mean, None if self.log_variance is None else self.log_variance.expand(mean.shape)

    def decode(self, z):
        return (z @ self.patterns).view(-1, 3, SIDE, SIDE)


def inputs_of(model, data, count=SETTINGS["count"], **files) -> ScoreInputs:
    run = Run(INFO, model, Normal())
    return ScoreInputs(run, data, SETTINGS | {"count": count}, files, torch.device("cpu"))


def save_reference(path, data) -> None:
    """FID's reference of all test images, at SETTINGS."""
    params = SETTINGS | {"references": {"test": None}, "allow_small": False}
    network = load_network(SETTINGS["dims"])
    references = fid_reference.build(data, network, params)
    fid_reference.save(path, references, fid_reference.key(network, data))


def test_one_training_image_has_no_covariance():
    with pytest.raises(ValueError, match="tiny: one training image has no covariance"):
        code_moments(inputs_of(Linear(), tiny_data(train=1, side=SIDE, channels=3)))


@pytest.mark.parametrize("noise", [None, torch.tensor([-1.0, 0.0, 1.5])])
def test_moments_are_those_of_all_codes_and_of_the_encoders_noise(noise):
    data = tiny_data(train=BATCH + 7, side=SIDE, channels=3)  # more than a block
    mean, covariance = code_moments(inputs_of(Linear(noise), data))
    pixels = data.train_images.transpose(0, 3, 1, 2).reshape(BATCH + 7, -1) / 127.5 - 1
    codes = pixels @ Linear().patterns.double().numpy().T / 25
    np.testing.assert_allclose(mean, codes.mean(0), atol=1e-5)
    added = np.zeros(LATENT) if noise is None else noise.exp().numpy()
    np.testing.assert_allclose(covariance, np.cov(codes.T) + np.diag(added), atol=1e-5)


def test_draws_have_the_moments_and_do_not_depend_on_their_count():
    mean = torch.tensor([1.0, -2.0, 0.0], dtype=torch.float64)
    root = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 0.5]], dtype=torch.float64)
    covariance = root @ root.T  # singular

    def draws(count):
        run = Run(INFO, Linear(), Gaussian(mean, covariance))
        return torch.cat(list(prior_draws(run, count, seed=1)))

    many = draws(200_000).double()
    assert torch.equal(draws(BATCH + 3), draws(2 * BATCH)[: BATCH + 3])
    np.testing.assert_allclose(many.mean(0), mean, atol=5 * 2.3 / 200_000**0.5)
    np.testing.assert_allclose(many.T.cov(), covariance, atol=0.06)  # 5 errors of a variance of 5
    # The direction without variance has none, but for single precision.
    null = torch.linalg.svd(root.T)[2][-1]
    assert ((many - mean) @ null).abs().max() < 1e-5


def test_a_wrong_prior_costs_fid_what_a_fitted_gaussian_does_not(tmp_path):
    """Images are decoded from N((2, 1, 0), 0.2^2): draws from N(0, 1) are not like them."""
    model = Linear()
    identity = torch.eye(LATENT, dtype=torch.float64)
    codes = Gaussian(torch.tensor([2.0, 1.0, 0.0]), 0.2**2 * identity)

    def images(seed):
        return sample_images(Run(INFO | {"seed": seed}, model, codes), 300, torch.device("cpu"))

    data = tiny_data(train=300, test=300, side=SIDE, channels=3)
    data = replace(data, train_images=images(2), test_images=images(3))
    path = tmp_path / "reference.npz"
    save_reference(path, data)
    inputs = inputs_of(model, data, fid_reference=path)
    found = score(inputs)
    fitted, floor = (found.values[f"{name}.test"]["value"] for name in ("fid", "floor"))
    drawn = sample_images(inputs.run, 200, inputs.device)
    prior = distances(drawn, inputs, path).values["fid.test"]["value"]
    assert 0 < fitted < 3 * floor and prior > 50 * fitted
    assert found.protocol["generated"] == 200 and "Gaussian" in found.protocol["codes"]
