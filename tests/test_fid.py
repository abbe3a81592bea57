"""Fréchet distance and its error, against closed forms, pytorch-fid and other draws."""

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.fid.frechet import Statistics, frechet_distance, jackknife_error, statistics


def rotation(dimensions: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]


@settings(max_examples=50, deadline=None)
@given(dimensions=st.integers(1, 12), zeros=st.integers(0, 11), seed=st.integers(0, 2**32 - 1))
def test_commuting_covariances_have_a_closed_form(dimensions, zeros, seed):
    """|m1 - m2|^2 + sum (sqrt(a) - sqrt(b))^2 for eigenvalues a, b on common axes, some zero."""
    rng = np.random.default_rng(seed)
    axes, means = rotation(dimensions, rng), rng.normal(size=(2, dimensions))
    spectra = rng.uniform(0.1, 5, size=(2, dimensions))
    spectra[0, :zeros] = 0
    a, b = (
        Statistics(mean, (axes * values) @ axes.T, count)
        for mean, values, count in zip(means, spectra, (dimensions - zeros + 1, 100), strict=True)
    )
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum(np.diff(np.sqrt(spectra), axis=0) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("case", ["full rank", "fewer vectors than dimensions", "constant feature"])
def test_distance_to_itself_is_zero(case):
    rng = np.random.default_rng(0)
    count = 20 if case == "fewer vectors than dimensions" else 500
    features = rng.gamma(1.0, size=(count, 64)) @ rng.normal(size=(64, 64))
    if case == "constant feature":
        features[:, 7] = 3.0
    of = statistics(features)
    assert abs(frechet_distance(of, of)) < 1e-9 * np.trace(of.covariance)


def feature_pair(count: int = 300, dimensions: int = 40):
    """Statistics of two correlated, skewed sets, scaled like Inception's features."""
    rng = np.random.default_rng(2)
    mixing = rng.normal(size=(2, dimensions, dimensions)) / 20
    return [statistics(rng.gamma(0.5, size=(count, dimensions)) @ m) for m in mixing]


def test_distance_equals_general_eigenvalues():
    """An independent route: sum of the roots of the eigenvalues of the unsymmetric product."""
    a, b = feature_pair()
    roots = np.sqrt(np.linalg.eigvals(a.covariance @ b.covariance).astype(complex)).real.sum()
    expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance) - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.skipif(
    tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 18),
    reason="pytorch-fid's distance needs sqrtm(disp=), which SciPy 1.18 removed",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_distance_equals_that_of_pytorch_fid():
    from pytorch_fid.fid_score import calculate_frechet_distance

    a, b = feature_pair()
    expected = calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_statistics_are_those_of_numpy():
    features = np.random.default_rng(3).normal(5.0, 2.0, size=(5000, 6))  # more than one block
    found = statistics(features)
    np.testing.assert_allclose(found.mean, features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(features.T), rtol=1e-10, atol=1e-12)


def test_unusable_statistics_are_refused():
    a, b = feature_pair()
    with pytest.raises(ValueError, match="different dimensions"):
        frechet_distance(a, Statistics(b.mean[1:], b.covariance[1:, 1:], b.count))
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(a, Statistics(b.mean * np.nan, b.covariance, b.count))
    with pytest.raises(ValueError, match="two feature vectors"):
        statistics(np.ones((1, 3)))
    with pytest.raises(ValueError, match="groups: 10 for 12 samples"):
        jackknife_error(np.ones((12, 3)), a, groups=10)


@pytest.mark.parametrize("count", [30, 203])  # below and above the 40 dimensions; unequal groups
def test_jackknife_error_is_that_of_distances_without_each_group(count):
    reference, _ = feature_pair()
    features = np.random.default_rng(6).gamma(2.0, size=(count, 40))
    distances = [
        frechet_distance(statistics(np.delete(features, slice(g, None, 5), axis=0)), reference)
        for g in range(5)
    ]
    expected = np.sqrt(4 / 5 * np.sum((distances - np.mean(distances)) ** 2))
    assert jackknife_error(features, reference, groups=5) == pytest.approx(expected, rel=1e-6)


def test_jackknife_error_is_the_spread_over_samples():
    """Against the standard deviation over 300 independent samples; both known to about 5 %."""
    rng = np.random.default_rng(4)
    reference = Statistics(np.zeros(3), np.diag([1.0, 2.0, 3.0]), 10**6)
    samples = rng.normal(0.3, 1.0, size=(300, 400, 3))
    spread = np.std([frechet_distance(statistics(x), reference) for x in samples])
    errors = [jackknife_error(x, reference, groups=10) for x in samples]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.2)
