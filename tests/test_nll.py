"""Log-likelihood bounds against a linear-Gaussian model, whose marginal is known exactly."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.distributions import MultivariateNormal
from torch.nn import functional as F

from eval.job import ScoreInputs
from eval.nll.importance import effective_sample_size, log_marginal, log_weights
from eval.nll.proposals import (
    PRIOR_SHARE,
    Defended,
    Proposal,
    encoder_proposal,
    laplace_proposal,
)
from eval.nll.score import CLIP, prior_cross_entropy, score
from models.priors import Logistic, Normal
from tests.linear_gaussian import LinearGaussian
from tests.tiny import tiny_data, tiny_run

PIXELS, LATENT, NOISE = 12, 3, 0.7
SETTINGS = {
    "images": 6,
    "samples": 20,
    "proposal": "laplace",
    "proposal_scales": [1.0, 1.3],
    "tuning_images": 4,
    "laplace_iterations": 3,
    "prior_samples": 50,
    "ais": None,
    "batch": 64,
}


@pytest.fixture(scope="module")
def linear():
    return linear_gaussian(PIXELS, LATENT, NOISE)


def linear_gaussian(pixels, latent, noise):
    """x = A z + noise: images, likelihood, exact ln p(x) and the exact posterior as a Proposal."""
    model = LinearGaussian(pixels, latent, noise, images=40)
    a, x = model.a, model.x
    covariance = torch.linalg.inv(torch.eye(latent) + a.T @ a / noise**2)
    factor = torch.linalg.cholesky(covariance).expand(len(x), -1, -1)
    model.posterior = Proposal(x @ a @ covariance / noise**2, factor)
    return model


def weigh(linear, proposal, samples, batch=4096, seed=1):
    return log_weights(
        linear.x,
        proposal,
        Normal(),
        linear.likelihood,
        samples,
        batch=batch,
        generator=torch.Generator().manual_seed(seed),
    )


def test_the_exact_posterior_as_proposal_gives_the_exact_marginal(linear):
    weights = weigh(linear, linear.posterior, samples=10)
    torch.testing.assert_close(log_marginal(weights), linear.exact, atol=1e-3, rtol=0)
    assert effective_sample_size(weights).min() > 9.999


def test_a_wrong_proposal_comes_within_a_twentieth_of_a_nat(linear):
    shifted = Proposal(linear.posterior.mean + 0.1, linear.posterior.factor)
    bounds = log_marginal(weigh(linear, shifted.widened(1.4), samples=2000))
    assert (bounds - linear.exact).mean().abs() < 0.05


def test_bounds_are_ordered_as_theory_says(linear):
    weights = weigh(linear, linear.posterior.widened(2.0), samples=4096)
    # Mean over images and over disjoint groups of k draws: the bound with K = k.
    means = [
        log_marginal(weights.reshape(-1, k)).mean().item() for k in (1, 4, 16, 64, 256, 1024, 4096)
    ]
    assert all(lower < higher for lower, higher in itertools.pairwise(means))
    assert means[0] == pytest.approx(weights.mean().item())  # K = 1 is the ELBO of the proposal
    assert means[0] < linear.exact.mean() - 0.5
    assert means[-1] < linear.exact.mean() + 0.02


def test_the_batch_does_not_change_the_result(linear):
    whole, pieces = (weigh(linear, linear.posterior, 30, batch) for batch in (10_000, 7))
    torch.testing.assert_close(whole, pieces, atol=1e-4, rtol=0)


def test_effective_sample_size_of_equal_and_of_collapsed_weights():
    weights = torch.stack([torch.full((50,), -1000.0), -1000.0 * torch.arange(50)]).double()
    np.testing.assert_allclose(effective_sample_size(weights), [50, 1], rtol=1e-10)
    halves = torch.tensor([[0.0, 0.0, -800.0, -800.0]]).double()
    assert effective_sample_size(halves).item() == pytest.approx(2)


def test_proposal_density_is_that_of_the_gaussian_it_draws_from():
    factor = torch.tensor([[[0.5, 0.0], [0.3, 2.0]], [[1.0, 0.0], [-0.4, 0.1]]])
    proposal = Proposal(torch.tensor([[1.0, 2.0], [0.0, -1.0]]), factor).widened(1.5)
    z, log_r = proposal.sample(20_000, torch.Generator().manual_seed(0))
    for i in range(2):
        expected = MultivariateNormal(proposal.mean[i], scale_tril=1.5 * factor[i])
        torch.testing.assert_close(log_r[i], expected.log_prob(z[i]), atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(z[i].mean(0), proposal.mean[i], atol=0.1, rtol=0)
        torch.testing.assert_close(z[i].T.cov(), expected.covariance_matrix, atol=0.3, rtol=0)


def test_a_defended_proposal_is_unbiased_where_its_gaussian_is_not_enough(linear):
    """E w / p(x) = 1 for any proposal that covers the posterior, if its spread is finite.

    Beside the posterior and too narrow the Gaussian alone misses nearly all of it; the mixture does
    not. With the exact posterior as its Gaussian it loses little more than its share of draws.
    """
    blurred = linear_gaussian(4, 2, 2.0)  # a posterior that the prior's draws meet often enough
    beside = Proposal(blurred.posterior.mean + 1.5, 0.2 * blurred.posterior.factor)
    alone, defended = (
        (weigh(blurred, proposal, 20_000) - blurred.exact[:, None]).exp().flatten()
        for proposal in (beside, Defended(beside, Normal()))
    )
    assert alone.mean() < 0.3
    error = defended.std() / math.sqrt(len(defended))
    assert error < 0.02
    assert (defended.mean() - 1).abs() < 5 * error
    weights = weigh(linear, Defended(linear.posterior, Normal()), 2000)
    assert (log_marginal(weights) - linear.exact).mean().abs() < 0.01
    assert (effective_sample_size(weights) / 2000).mean() > 0.9


def test_weights_of_a_defended_proposal_are_bounded(linear):
    """p(x|z) p(z) / density is at most p(x|z) / PRIOR_SHARE."""
    far = Defended(Proposal(linear.posterior.mean + 3, 0.2 * linear.posterior.factor), Normal())
    peak = -0.5 * PIXELS * math.log(2 * math.pi * NOISE**2)  # the largest p(x|z) there can be
    assert weigh(linear, far, 2000).max() <= peak - math.log(PRIOR_SHARE) + 1e-4


@pytest.mark.parametrize("prior", [Normal(1.3), Logistic(0.7)])
def test_density_of_a_defended_proposal_is_that_of_the_mixture(prior):
    factor = torch.tensor([[[0.5, 0.0], [0.3, 2.0]], [[1.0, 0.0], [-0.4, 0.1]]])
    proposal = Proposal(torch.tensor([[1.0, 2.0], [0.0, -1.0]]), factor)
    z, log_r = Defended(proposal, prior).sample(20_000, torch.Generator().manual_seed(0))
    for i in range(2):
        gaussian = MultivariateNormal(proposal.mean[i], scale_tril=factor[i])
        parts = (1 - PRIOR_SHARE) * gaussian.log_prob(z[i]).exp()
        expected = (parts + PRIOR_SHARE * prior.log_prob(z[i]).exp()).log()
        torch.testing.assert_close(log_r[i], expected.double(), atol=1e-3, rtol=1e-4)
        mean = (1 - PRIOR_SHARE) * proposal.mean[i]
        torch.testing.assert_close(z[i].mean(0), mean, atol=0.1, rtol=0)


class LinearLogits:
    """A decoder with logits B z + b on 2 x 2 images, where the Laplace approximation is exact."""

    latent_dim, value_range = 3, "unit"

    def __init__(self, sharpness=1.0):
        generator = torch.Generator().manual_seed(2)
        self.b = sharpness * torch.randn(4, 3, generator=generator)
        self.offset = torch.randn(4, generator=generator)

    def encode(self, x):
        return torch.zeros(len(x), 3), torch.full((len(x), 3), math.log(0.25))

    def decode_logits(self, z):
        return (z @ self.b.T + self.offset).view(-1, 1, 2, 2)


def test_laplace_proposal_finds_the_mode_and_its_curvature():
    model, scale = LinearLogits(3.0), 1.5
    x = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(3))
    found = laplace_proposal(model, x, scale, iterations=30, batch=8)
    b, offset = model.b.double().numpy(), model.offset.double().numpy()
    for i, pixels in enumerate(x.flatten(1).double().numpy()):

        def energy(z, pixels=pixels):
            logits = b @ z + offset
            return np.logaddexp(0, logits).sum() - pixels @ logits + 0.5 * z @ z / scale**2

        mode = minimize(energy, np.zeros(3), method="BFGS", options={"gtol": 1e-9}).x
        mean = 1 / (1 + np.exp(-b @ mode - offset))
        hessian = b.T @ np.diag(mean * (1 - mean)) @ b + np.eye(3) / scale**2
        np.testing.assert_allclose(found.mean[i], mode, atol=2e-3)
        covariance = (found.factor[i] @ found.factor[i].T).numpy()
        np.testing.assert_allclose(covariance, np.linalg.inv(hessian), rtol=0.02, atol=1e-3)


def test_encoder_proposal_takes_the_posterior_or_a_unit_ball():
    model, x = LinearLogits(), torch.zeros(2, 1, 2, 2)
    torch.testing.assert_close(encoder_proposal(model, x).factor[0], 0.5 * torch.eye(3))
    model.encode = lambda x: (torch.ones(len(x), 3), None)
    torch.testing.assert_close(encoder_proposal(model, x).factor[1], torch.eye(3))


@pytest.mark.parametrize("sharpness", [1.0, 30.0])  # the second one meets the clip
def test_cross_entropy_is_the_mean_over_all_pairs(sharpness):
    model, generator = LinearLogits(sharpness), torch.Generator().manual_seed(4)
    x, z = torch.rand(6, 1, 2, 2, generator=generator), torch.randn(40, 3, generator=generator)
    found, error = prior_cross_entropy(model, x, z, batch=7)
    p = torch.sigmoid(model.decode_logits(z).double()).clamp(CLIP, 1 - CLIP)
    pairs = torch.stack(
        [
            F.binary_cross_entropy(p, image.double().expand_as(p), reduction="none").sum((1, 2, 3))
            for image in x
        ]
    )
    torch.testing.assert_close(found, pairs.mean(1), atol=1e-4, rtol=1e-6)
    assert error == pytest.approx(pairs.mean(0).std().item() / math.sqrt(40), rel=1e-4)


def inputs(method="vimae_l", channels=1, **settings):
    """An untrained run whose decoder's weights are enlarged, so that the code matters."""
    run = tiny_run(method, channels=channels)
    with torch.no_grad():
        for weight in run.model.decoder.parameters():
            weight.mul_(10)
    data = tiny_data(channels=channels)
    return ScoreInputs(run, data, SETTINGS | settings, {}, torch.device("cpu"))


def test_score_reports_both_numbers_and_repeats():
    ais = {"seeds": None, "images": 3, "chains": 2, "temperatures": 5, "leapfrog": 2}
    once, again = inputs(ais=ais), inputs(ais=ais)
    with torch.inference_mode():  # as the command line does, after the run was loaded
        first, second = score(once), score(again)
    assert first.values == second.values and first.protocol == second.protocol
    values = {name: of["value"] for name, of in first.values.items()}
    assert all(math.isfinite(value) for value in values.values())
    assert values["nll"] < values["cross_entropy"]
    assert 1 <= values["ess_min"] <= values["ess_median"] <= 20
    assert first.values["ais_gap"]["se"] > 0
    assert first.protocol["samples"] == 20
    assert set(first.units) == {"nll", "cross_entropy"}
    for name, units in first.units.items():
        assert values[name] == pytest.approx(units.mean()) and units.shape == (6,)
    np.testing.assert_array_equal(first.units["nll"], second.units["nll"])
    assert len(set(first.indices)) == 6


def test_of_one_image_and_of_more_than_there_are():
    ais = {"seeds": None, "images": 3, "chains": 2, "temperatures": 2, "leapfrog": 1}
    one = inputs(images=1, ais=ais)
    with torch.inference_mode():
        found = score(one)
    assert found.values["nll"]["se"] is None and found.values["cross_entropy"]["se"] is None
    assert found.protocol["images"] == found.protocol["ais"]["images"] == 1


def test_the_width_is_chosen_by_the_bound_and_a_collapse_is_flagged():
    with torch.inference_mode():
        tuned = score(inputs(proposal="encoder", proposal_scales=[1e-6, 0.1, 30.0]))
        wide = score(inputs(proposal="encoder", proposal_scales=[30.0]))
    assert tuned.protocol["proposal_scale"] == 0.1
    assert tuned.values["nll"]["value"] < wide.values["nll"]["value"]
    assert wide.values["nll"]["doubtful"] is True


def test_colour_images_are_refused():
    with pytest.raises(ValueError, match=r"images in \[0, 1\], not for tiny"):
        score(inputs(channels=3))
