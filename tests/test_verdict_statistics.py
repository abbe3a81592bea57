"""The statistics behind the verdicts: closed forms, reference implementations, false rates."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from workflow.report.verdict.blocks import (
    Estimate,
    Scale,
    across,
    conclude,
    correlation,
    over_seeds,
    over_units,
)

LOG = Scale("error", "log", "%", margin=2)
LOGIT = Scale("accuracy", "logit", "points", margin=1)
NATS = Scale("NLL", "identity", "nats", margin=1)


def pairs(*chosen: tuple[int, int], methods: int) -> np.ndarray:
    eye = np.eye(methods)
    return np.array([eye[a] - eye[b] for a, b in chosen])


def test_two_methods_give_the_paired_t_test():
    y = np.random.default_rng(0).normal(size=(2, 6))
    found = over_seeds(y, pairs((0, 1), methods=2))
    reference = stats.ttest_rel(y[0], y[1], alternative="greater")
    assert found.df == 5
    assert found.above()[0] == pytest.approx(reference.pvalue)
    interval = stats.ttest_rel(y[0], y[1]).confidence_interval()
    assert np.concatenate(found.interval()) == pytest.approx([interval.low, interval.high])


def test_one_method_against_zero_gives_the_one_sample_t_test():
    y = np.random.default_rng(1).normal(1, size=(1, 5))
    found = over_seeds(y, np.ones((1, 1)))
    assert found.above()[0] == pytest.approx(
        stats.ttest_1samp(y[0], 0, alternative="greater").pvalue
    )


@pytest.mark.parametrize("missing", [[], [(1, 2)], [(0, 0), (3, 1)]])
def test_every_pair_is_a_paired_t_test_on_the_seeds_that_both_have(missing):
    """Whatever the others' spread: here of one it is a hundred times larger."""
    y = np.random.default_rng(2).normal(size=(4, 5)) * np.array([[1.0], [2.0], [0.5], [100.0]])
    for cell in missing:
        y[cell] = np.nan
    chosen = [(a, b) for a in range(4) for b in range(a)]
    found = over_seeds(y, pairs(*chosen, methods=4))
    for k, (a, b) in enumerate(chosen):
        both = np.isfinite(y[a] - y[b])
        reference = stats.ttest_rel(y[a, both], y[b, both], alternative="greater")
        assert found.value[k] == pytest.approx((y[a] - y[b])[both].mean())
        assert found.above()[k] == pytest.approx(reference.pvalue) and found.df[k] == both.sum() - 1


def test_a_method_without_runs_leaves_the_others_alone():
    y = np.random.default_rng(3).normal(size=(4, 3))
    y[3] = np.nan
    found = over_seeds(y, pairs((0, 1), (0, 3), methods=4))
    alone = over_seeds(y[:3], pairs((0, 1), methods=3))
    assert (found.value[0], found.se[0]) == pytest.approx((alone.value[0], alone.se[0]))
    assert np.isnan(found.value[1]) and found.above()[1] == 1.0


def test_methods_that_share_no_seed_are_not_compared():
    y = np.array([[1.0, 2.5, np.nan, np.nan], [np.nan, 3.0, 7.0, 7.5], [np.nan, np.nan, 5.0, 6.0]])
    found = over_seeds(y, pairs((0, 1), (0, 2), (1, 2), methods=3))
    assert found.value[0] == -0.5 and np.isnan(found.se[0])  # one seed has no spread
    assert np.isnan(found.value[1])
    assert found.value[2] == pytest.approx(1.75)
    assert (found.above()[:2] == 1).all()


def test_no_run_at_all_says_nothing():
    for empty in (np.empty((2, 0)), np.full((2, 3), np.nan)):
        found = over_seeds(empty, pairs((0, 1), methods=2))
        assert np.isnan(found.value).all() and (found.above() == 1).all()


def test_equivalence_is_two_one_sided_tests():
    y = np.random.default_rng(4).normal(size=(2, 8))
    found = over_seeds(y, pairs((0, 1), methods=2))
    assert found.within(0.9)[0] == pytest.approx(ttost_paired(y[0], y[1], -0.9, 0.9)[0])


def test_equivalence_and_difference_are_what_the_interval_says():
    found = Estimate(np.linspace(-3, 3, 25), np.full(25, 0.4), 8)
    low, high = found.interval()
    assert ((2 * found.above() <= 0.05) == (low >= 0)).all()
    assert ((2 * found.within(1.5) <= 0.05) == ((low >= -1.5) & (high <= 1.5))).all()
    assert ((2 * found.outside(1.5) <= 0.05) == ((low >= 1.5) | (high <= -1.5))).all()


def test_one_seed_is_paired_over_units():
    images = np.random.default_rng(5).normal(size=(2, 50))
    found = over_units(images.mean(1), np.cov(images) / 50, pairs((0, 1), methods=2), 49)
    reference = stats.ttest_rel(images[0], images[1], alternative="greater").pvalue
    assert found.above()[0] == pytest.approx(reference)


def test_line_across_methods_is_ordinary_least_squares():
    x, y = np.array([1.0, 2, 4, 7, 9]), np.array([5.0, 4, 4, 2, 1])
    found = across(y, x)
    reference = sm.OLS(y, sm.add_constant(x)).fit()
    assert found.value[0] == pytest.approx(8 * reference.params[1])
    assert 2 * found.below()[0] == pytest.approx(reference.pvalues[1])


@given(y=st.lists(st.integers(-100, 0), min_size=3, max_size=6))
def test_correlation_stays_within_one_and_leaves_out_zero_where_the_test_rejects(y):
    x = np.array([0.0, 1, 4, 5, 7, 8])[: len(y)]
    found = across(np.array(y, float), x)
    r, low, high = (float(bound[0]) for bound in correlation(found, len(y)))
    if len(set(y)) == 1:
        assert np.isnan(r)
        return
    reference = stats.pearsonr(x, y)
    assert r == pytest.approx(reference.statistic, abs=1e-9)
    assert -1 <= low <= r <= high <= 1
    if abs(reference.pvalue - 0.05) > 1e-6:
        assert (low > 0 or high < 0) == (reference.pvalue < 0.05)


@pytest.mark.parametrize("methods", [3, 5])
@pytest.mark.parametrize("true", [-0.9, 0.0, 0.6])
def test_interval_of_a_correlation_covers_the_true_one_in_95_of_100(methods, true):
    """Effects on a line with normal residuals, whose own spread makes the true correlation."""
    random, x = np.random.default_rng(0), np.arange(methods, dtype=float)
    spread = x.std() * np.sqrt(1 / true**2 - 1) if true else 1.0
    trials = 2000
    covered = 0
    for _ in range(trials):
        y = np.sign(true) * x + random.normal(0, spread, methods)
        _, low, high = correlation(across(y, x), methods)
        covered += bool(low[0] <= true <= high[0])
    assert covered / trials == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / trials))


def test_a_statement_needs_every_comparison_and_one_is_enough_against_it():
    holds, against, alike = conclude(
        np.array([0.01, 0.2]), np.array([0.4, 0.01]), np.array([0.3, 0.02])
    )
    assert (holds, against, alike) == (0.2, 0.02, 0.3)


@given(value=st.floats(0.5, 99.5), other=st.floats(0.5, 99.5))
def test_differences_are_shown_as_what_they_are(value, other):
    log = LOG.forward(np.array([value, other]))
    assert LOG.shown(log[0] - log[1]) == pytest.approx(100 * (value / other - 1))
    logit = LOGIT.forward(np.array([value, other]))
    points = LOGIT.shown(logit[0] - logit[1], logit.mean())
    assert points == pytest.approx(value - other, abs=1e-9)
    assert NATS.shown(value - other) == value - other


@given(centre=st.floats(-7, 7), scale=st.sampled_from([LOG, LOGIT, NATS]))
def test_margin_is_shown_as_the_margin(centre, scale):
    assert scale.shown(scale.margin_at(centre), centre) == pytest.approx(scale.margin)


@given(value=st.floats(1, 99), scale=st.sampled_from([LOG, LOGIT, NATS]))
def test_slope_is_the_derivative(value, scale):
    step = 1e-5 * np.array([-1, 1])
    numeric = np.diff(scale.forward(value + step))[0] / 2e-5
    assert scale.slope(np.array([value]))[0] == pytest.approx(numeric, rel=1e-4)


def test_extreme_accuracies_stay_finite():
    assert np.isfinite(LOGIT.forward(np.array([0.0, 100.0]))).all()


# --- a small simulation; benchmarks/verdict.py is the large one -----------------------------------

TRIALS = 2000
BOUND = 0.025 + 3 * np.sqrt(0.025 * 0.975 / TRIALS)  # of 2.5 % either way; docs/verdict.md


@pytest.mark.parametrize("sides", [([0], [1]), ([0], [1, 2, 3, 4]), ([0, 1], [2, 3, 4])])
@pytest.mark.parametrize("noisy", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("seeds", [3, 5])
def test_false_verdicts_are_rare(sides, noisy, seeds):
    random = np.random.default_rng(6)
    y = np.array([noisy, 1, 1, 1, 1])[:, None] * random.normal(size=(TRIALS, 5, seeds))
    contrasts = pairs(*[(b, a) for a in sides[0] for b in sides[1]], methods=5)
    found = over_seeds(y, contrasts)
    p = 2 * np.stack(conclude(found.above(), found.below(), found.within(1.0)))
    assert (p[:2] <= 0.05).mean(1).max() <= BOUND
    shifted = y - 1.5 * np.eye(5)[sides[0][0]][:, None]  # beyond the margin of 1
    found = over_seeds(shifted, contrasts)
    assert (2 * found.within(1.0).max(-1) <= 0.05).mean() <= BOUND
