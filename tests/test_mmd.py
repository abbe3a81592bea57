"""MMD against a float64 double loop, and its statistical properties."""

import pytest
import torch

from models.mmd import SCALES, mmd


def double_loop(q, p, prior_scale, scales):
    """The estimator as models/mmd.py states it, one pair at a time."""
    n, d = len(q), len(q[0])
    q, p = q.double().tolist(), p.double().tolist()

    def k(a, b):
        squared = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
        constants = [s * 2 * d * prior_scale**2 for s in scales]
        return sum(c / (c + squared) for c in constants)

    total = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += (k(q[i], q[j]) + k(p[i], p[j])) / (n * (n - 1))
            total -= 2 * k(q[i], p[j]) / n**2
    return total


@pytest.mark.parametrize("kernel", SCALES)
@pytest.mark.parametrize("prior_scale", [1.0, 2.0**0.5])
@pytest.mark.parametrize("dimensions", [2, 8])
def test_equals_the_double_loop(kernel, prior_scale, dimensions):
    generator = torch.Generator().manual_seed(dimensions)
    q = 1.5 * torch.randn(17, dimensions, generator=generator) + 0.3
    p = torch.randn(17, dimensions, generator=generator)
    expected = double_loop(q, p, prior_scale, SCALES[kernel])
    assert mmd(q, p, prior_scale, kernel).item() == pytest.approx(expected, rel=2e-5, abs=2e-6)
    exact = mmd(q.double(), p.double(), prior_scale, kernel).item()
    assert exact == pytest.approx(expected, rel=1e-12)


def test_unbiased_at_equality_and_positive_away_from_it():
    generator = torch.Generator().manual_seed(0)

    def draws(shift):
        pairs = [torch.randn(2, 50, 8, generator=generator) for _ in range(300)]
        return torch.stack([mmd(a + shift, b) for a, b in pairs])

    same = draws(0.0)
    # The diagonal of the cross term is kept, as in tolstikhin/wae: independent, so no bias at q = p.
    assert abs(same.mean()) < 4 * same.std() / 300**0.5
    assert (same < 0).any()
    shifted = draws(0.5)
    assert shifted.mean() > 20 * same.std() / 300**0.5


def test_bfloat16_codes_are_computed_in_float32():
    q, p = torch.randn(2, 20, 4).bfloat16()
    assert mmd(q, p).dtype == torch.float32
    torch.testing.assert_close(mmd(q, p), mmd(q.float(), p.float()))


def test_needs_two_equal_samples():
    with pytest.raises(ValueError, match="equal samples"):
        mmd(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="equal samples"):
        mmd(torch.zeros(4, 3), torch.zeros(5, 3))


@pytest.mark.parametrize("kernel", SCALES)
@pytest.mark.parametrize("c", [0.5, 2.0, 1.8137994, 1e-3, 1e3])
def test_the_priors_scale_changes_nothing(c, kernel):
    """MMD(c z, c p; scale c) = MMD(z, p; scale 1): a code of another scale costs what it did.

    So for a deterministic encoder, which can rescale its last layer, a prior of another entropy
    poses the same problem.
    """
    generator = torch.Generator().manual_seed(0)
    z = 1.3 * torch.randn(50, 8, generator=generator, dtype=torch.float64) + 0.2
    p = torch.randn(50, 8, generator=generator, dtype=torch.float64)
    expected = mmd(z, p, 1.0, kernel).item()
    assert mmd(c * z, c * p, c, kernel).item() == pytest.approx(expected, rel=1e-12, abs=1e-13)
