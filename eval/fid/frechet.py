"""The Fréchet distance of two Gaussians, by symmetric eigenvalues in float64.

    d^2 = |m_1 - m_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2)

With S_1 = A A^T, the product S_1 S_2 has the non-zero eigenvalues of the symmetric A^T S_2 A, so
the last trace is the sum of their square roots. That needs no matrix square root, leaves no
imaginary part and takes a tenth of the time of `scipy.linalg.sqrtm`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and unbiased covariance (d, d) of `count` feature vectors."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


def statistics(features: np.ndarray) -> Statistics:
    """Statistics of features (n, d). ValueError for fewer than two."""
    count = len(features)
    if count < 2:
        raise ValueError(f"a covariance needs two feature vectors or more, not {count}")
    mean = features.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, count, 4096):  # in blocks: no second copy of all features
        block = features[start : start + 4096] - mean
        scatter += block.T @ block
    return Statistics(mean, scatter / (count - 1), count)


def root(of: Statistics) -> np.ndarray:
    """A (d, r) with A A^T = S: Cholesky's factor, or that of the numerical rank r if S is singular.

    Truncation matters: an eigenvalue that is zero but for rounding, 1e-16 of the largest, would
    enter the distance with its square root, 1e-8.
    """
    if of.count > len(of.mean):
        try:
            return linalg.cholesky(of.covariance, lower=True, check_finite=False)
        except linalg.LinAlgError:
            pass  # a constant or repeated feature
    values, vectors = linalg.eigh(of.covariance)
    kept = values > len(values) * np.finfo(float).eps * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])


def trace_of_root(product: np.ndarray) -> float:
    """tr (S_1 S_2)^(1/2) from the symmetric A^T S_2 A; rounding below zero counts as zero."""
    return np.sqrt(linalg.eigvalsh(product, check_finite=False).clip(min=0)).sum()


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Squared Fréchet distance, as FID reports it: symmetric, zero for equal statistics.

    Works for singular covariances (fewer vectors than dimensions, constant features). ValueError
    if the dimensions differ or a statistic is not finite.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"features of different dimensions: {a.mean.shape} and {b.mean.shape}")
    if not all(np.isfinite(s.mean).all() and np.isfinite(s.covariance).all() for s in (a, b)):
        raise ValueError("features are not finite: the images or the network's weights are damaged")
    low, high = sorted((a, b), key=lambda s: s.count)  # the smaller sample has the lower rank
    factor = root(low)
    cross = trace_of_root(factor.T @ high.covariance @ factor)
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    return float(np.sum((a.mean - b.mean) ** 2) + traces - 2 * cross)


def jackknife_error(features: np.ndarray, reference: Statistics, groups: int) -> float:
    """Standard error of the distance of features (n, d) to a reference, by leaving out groups.

        se^2 = (k - 1)/k sum_g (F_g - mean F)^2,   F_g: distance without the g-th of k groups

    Every F_g has the same number of vectors, so the bias of the distance (about 1/n) cancels, which
    a bootstrap with its repeated vectors does not achieve. The reference is held fixed: this is the
    spread over new generated samples of one model, not over training seeds. With k groups the
    error itself is known to about 1/sqrt(2 (k - 1)), 24 % for 10.
    """
    if not 2 <= groups <= len(features) // 2:
        raise ValueError(f"groups: {groups} for {len(features)} samples; need 2 to half as many")
    centre, fixed = features.mean(axis=0), np.trace(reference.covariance)
    centred = features - centre
    projected = centred @ root(reference)  # its covariance is A^T S A
    squares, scatter = np.sum(centred**2), projected.T @ projected
    distances = []
    for group in range(groups):
        out, out_projected = centred[group::groups], projected[group::groups]
        rest = len(features) - len(out)
        # The mean of the rest, relative to that of all, about which the sums above were taken.
        shift, shift_projected = -out.sum(axis=0) / rest, -out_projected.sum(axis=0) / rest
        trace = squares - np.sum(out**2) - rest * np.sum(shift**2)
        product = scatter - out_projected.T @ out_projected
        product -= rest * np.outer(shift_projected, shift_projected)
        cross = trace_of_root(product / (rest - 1))
        apart = np.sum((centre + shift - reference.mean) ** 2)
        distances.append(apart + trace / (rest - 1) + fixed - 2 * cross)
    return float(np.sqrt((groups - 1) * np.var(distances)))
