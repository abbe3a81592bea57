"""Kernel distance and its error, against its definition and other draws."""

import itertools

import numpy as np
import pytest

from eval.fid.kid import kernel_distance


def unbiased_mmd(x, y) -> float:
    """The definition, pair by pair."""

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def mean(values):
        return sum(values) / len(values)

    def off_diagonal(v):
        return mean([kernel(a, b) for i, a in enumerate(v) for j, b in enumerate(v) if i != j])

    return off_diagonal(x) + off_diagonal(y) - 2 * mean([kernel(a, b) for a in x for b in y])


def test_kernel_distance_is_the_definition_and_its_error_that_without_each_group():
    rng = np.random.default_rng(7)
    x, y = rng.gamma(2.0, size=(23, 6)), rng.gamma(1.5, size=(17, 6))
    found, error = kernel_distance(x, y, groups=4)
    assert found == pytest.approx(unbiased_mmd(x, y), rel=1e-10)
    left_out = [unbiased_mmd(np.delete(x, slice(g, None, 4), axis=0), y) for g in range(4)]
    expected = np.sqrt(3 / 4 * np.sum((left_out - np.mean(left_out)) ** 2))
    assert error == pytest.approx(expected, rel=1e-8)


def test_kernel_distance_is_the_mean_over_all_subsets():
    """torch-fidelity and torchmetrics average the same estimate over random subsets of both sets:
    degree 3, gamma 1/d, coefficient 1, within terms without the diagonal. All subsets give ours.
    """
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(5, 3)), rng.normal(0.5, size=(5, 3))
    subsets = [list(chosen) for chosen in itertools.combinations(range(5), 3)]
    mean = np.mean([unbiased_mmd(x[a], y[b]) for a in subsets for b in subsets])
    assert kernel_distance(x, y, groups=2)[0] == pytest.approx(mean, rel=1e-10)


def test_kernel_distance_is_unbiased_and_its_error_the_spread_over_samples():
    """300 samples of 40, against one large sample. Where the distributions are equal, the linear
    part of the estimate vanishes and the jackknife is too large by a factor of root two.
    """
    rng = np.random.default_rng(9)
    reference = rng.normal(size=(300, 3))
    for shift, factor in ((0.0, 2**0.5), (0.6, 1.0)):
        found, errors = np.transpose(
            [kernel_distance(rng.normal(shift, size=(40, 3)), reference, 10) for _ in range(300)]
        )
        large, _ = kernel_distance(rng.normal(shift, size=(4000, 3)), reference, 10)
        assert found.mean() == pytest.approx(large, abs=4 * found.std() / 300**0.5 + 0.02)
        error = np.sqrt(np.mean(errors**2))
        print(f"shift {shift}: error {error / found.std():.2f} of the spread")
        assert error == pytest.approx(factor * found.std(), rel=0.2)


def test_too_few_images_for_the_groups_are_refused():
    with pytest.raises(ValueError, match="groups: 10 for 12 samples"):
        kernel_distance(np.ones((12, 3)), np.ones((12, 3)), groups=10)
