"""Reconstruction scores against closed forms: a fixed error, and linear models on real images."""

import math

import numpy as np
import pytest
import torch

from data import store
from eval.job import Result, ScoreInputs
from eval.reconstruction.score import score
from models.pixels import to_float
from models.run import Run


class Linear:
    """x_hat = W z + m with q(z|x) = N(V (x - m), diag(variance)), or deterministic without it."""

    def __init__(self, encoder, decoder, mean, variance=None):
        self.encoder, self.decoder, self.mean, self.variance = encoder, decoder, mean, variance
        self.latent_dim = len(encoder)

    def encode(self, x):
        self.shape = x.shape[1:]
        code = ((x.flatten(1).double() - self.mean) @ self.encoder.T).float()
        return code, None if self.variance is None else self.variance.log().float().expand_as(code)

    def decode(self, z):
        return (z.double() @ self.decoder.T + self.mean).unflatten(1, self.shape)


def run_score(model, images: np.ndarray, value_range: str, train=None, **params) -> Result:
    labels = np.zeros(len(images), np.int64)
    train = images if train is None else train
    data = store.ImageSet("test", train, labels[: len(train)], images, labels, value_range, {})
    params = {"count": None, "batch": 7} | params
    run = Run({"seed": 0}, model, None)
    return score(ScoreInputs(run, data, params, {}, torch.device("cpu")))


def numbers(result: Result) -> dict[str, float]:
    return {name: of["value"] for name, of in result.values.items()}


@pytest.mark.parametrize("value_range, peak", [("unit", 1), ("symmetric", 2)])
def test_constant_error_has_a_closed_form(value_range, peak):
    """White images, answered by grey ones that are off by a quarter of the range in every value."""
    images = np.full((10, 4, 4, 3), 255, np.uint8)
    zeros = torch.zeros(2, 48).double()
    model = Linear(zeros, zeros.T, torch.full((48,), 1 - peak / 4).double())
    result = run_score(model, images, value_range, count=9)
    found = numbers(result)
    for name in ("sampled", "mean"):
        assert found[f"{name}.cost"] == pytest.approx(0.05 * 48 * (peak / 4) ** 2, rel=1e-6)
        assert result.values[f"{name}.cost"]["se"] == pytest.approx(0, abs=1e-9)
        assert found[f"{name}.mse"] == pytest.approx((peak / 4) ** 2, rel=1e-6)
        assert found[f"{name}.psnr"] == pytest.approx(20 * math.log10(4), rel=1e-6)
    assert found["gap.cost"] == pytest.approx(0, abs=1e-9)
    assert result.protocol["count"] == 9


def test_the_gap_is_what_test_images_cost_more():
    """Answered by black: white test images cost 0.05 a value, grey training images a quarter."""
    zeros, mean = torch.zeros(2, 48).double(), torch.zeros(48).double()
    white = np.full((10, 4, 4, 3), 255, np.uint8)
    grey = np.full((6, 4, 4, 3), 51, np.uint8)
    found = numbers(run_score(Linear(zeros, zeros.T, mean), white, "unit", train=grey))
    assert found["mean.cost"] == pytest.approx(0.05 * 48)
    assert found["train.cost"] == pytest.approx(0.05 * 48 / 25)
    assert found["gap.cost"] == pytest.approx(0.05 * 48 * 24 / 25)


def test_values_are_the_means_of_their_units_and_psnr_has_its_error():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (400, 2, 2, 3), dtype=np.uint8)
    zeros = torch.zeros(2, 12).double()
    result = run_score(Linear(zeros, zeros.T, torch.full((12,), 0.5).double()), images, "unit")
    assert set(result.units) == {"sampled.cost", "mean.cost"}
    for name, units in result.units.items():
        assert result.values[name]["value"] == pytest.approx(units.mean())
    np.testing.assert_array_equal(result.indices, np.arange(400))
    # Spread of the psnr over resampled test sets.
    errors = result.units["mean.cost"]
    again = [10 * np.log10(random.choice(errors, 400).mean()) for _ in range(2000)]
    assert result.values["mean.psnr"]["se"] == pytest.approx(np.std(again), rel=0.1)


def test_exact_reconstruction_stays_finite():
    identity = torch.eye(12).double()
    images = np.zeros((3, 2, 2, 3), np.uint8)
    found = numbers(run_score(Linear(identity, identity, torch.zeros(12).double()), images, "unit"))
    assert found["mean.cost"] == 0
    assert found["mean.psnr"] == pytest.approx(200)


def test_sampling_adds_the_decoded_posterior_variance():
    """E |W (z - mean)|^2 = sum_k variance_k |w_k|^2; and the draw depends on the seed alone."""
    images = np.random.default_rng(0).integers(0, 256, (2000, 2, 2, 3), dtype=np.uint8)
    identity, variance = torch.eye(12).double(), torch.linspace(0.01, 0.2, 12).double()
    model = Linear(identity, identity, torch.zeros(12).double(), variance)
    found = run_score(model, images, "symmetric", batch=500).values
    assert found["mean.cost"]["value"] == pytest.approx(0, abs=1e-12)
    # |noise|^2 has standard deviation sqrt(2 sum variance^2), so 2,000 images know it to 1 %.
    sampled = found["sampled.cost"]
    assert sampled["value"] == pytest.approx(0.05 * variance.sum().item(), rel=0.05)
    expected = 0.05 * math.sqrt(2 * variance.square().sum() / 2000)
    assert sampled["se"] == pytest.approx(expected, rel=0.15)
    for batch in (500, 7, 1):  # images at a time decide nothing
        assert run_score(model, images, "symmetric", batch=batch).values == found


@pytest.fixture(scope="module")
def cifar10(real_data) -> np.ndarray:
    """The 10,000 training images of the first batch file, as uint8 (n, 32, 32, 3)."""
    import pickle

    path = real_data / "cifar10" / "cifar-10-batches-py" / "data_batch_1"
    pixels = pickle.loads(path.read_bytes(), encoding="bytes")[b"data"]
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def test_linear_models_on_cifar10(cifar10):
    """The linear optimum at d = 64 on data_batch_1 in [-1, 1], fitted and scored on it.

    With eigenvalues l_k of the covariance: PCA leaves sum_{k>64} l_k. The Gaussian VAE with decoder
    variance 1 has W = U (L - 1)^(1/2) and posterior covariance 1/L, hence the mean leaves 1/l_k on
    top and sampling (l_k - 1)/l_k more. In units of 0.05: 5.10, 6.46 and 8.295.
    """
    x = to_float(torch.from_numpy(cifar10), "symmetric").flatten(1).double()
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    values, vectors = values.flip(0), vectors.flip(1)
    kept, axes = values[:64], vectors[:, :64]
    assert kept.min() > 1  # no dimension of the VAE collapses
    tail = values[64:].sum()
    expected = {
        "pca": 0.05 * tail.item(),
        "mean": 0.05 * (tail + (1 / kept).sum()).item(),
        "sampled": 0.05 * (tail + 64).item(),
    }
    assert expected["pca"] == pytest.approx(5.10, abs=0.01)
    assert expected["mean"] == pytest.approx(6.46, abs=0.01)
    assert expected["sampled"] == pytest.approx(8.295, abs=0.005)

    pca = run_score(Linear(axes.T, axes, mean), cifar10, "symmetric", batch=1000).values
    assert pca["sampled.cost"] == pca["mean.cost"]
    assert pca["mean.cost"]["value"] == pytest.approx(expected["pca"], rel=1e-5)
    scale = (kept - 1).sqrt()
    vae = Linear((axes * scale / kept).T, axes * scale, mean, 1 / kept)
    found = numbers(run_score(vae, cifar10, "symmetric", batch=1000))
    assert found["mean.cost"] == pytest.approx(expected["mean"], rel=1e-5)
    assert found["sampled.cost"] == pytest.approx(expected["sampled"], rel=1e-3)
