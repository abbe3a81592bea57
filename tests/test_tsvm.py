"""The transductive SVM: against oracles, exhaustive search, other solvers, scikit-learn checks.

The printed deviations (`pytest -rP`) are the ones in docs/tsvm.md.
"""

import doctest
import itertools
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import eval.tsvm.classifier
from benchmarks.tsvm import mixture
from eval.tsvm.classifier import TransductiveSVC
from eval.tsvm.solver import BinaryProblem


def machine_objective(X, y, weights):
    """Independent minimum of |w|^2/2 + sum_i weights_i max(0, 1 - y_i f_i)^2; labels all given."""

    def value_and_gradient(v):
        slack = np.maximum(0, 1 - y * (X @ v[:-1] + v[-1]))
        pull = -2 * weights * slack * y
        value = 0.5 * v[:-1] @ v[:-1] + weights @ slack**2
        return value, np.append(v[:-1] + pull @ X, pull.sum())

    start = np.zeros(X.shape[1] + 1)
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 20_000}
    return minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)


def hide(y, keep):
    """y with -1 everywhere but at the indices `keep`."""
    hidden = np.full(len(y), -1)
    hidden[keep] = y[keep]
    return hidden


def clusters(seed, *, n=400, d=20, distance=4.0, labels=2):
    """Two Gaussian clusters `distance` apart; `labels` of each class known. Bayes: sign of x_0."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = random.normal(size=(n, d))
    X[:, 0] += distance * (y - 0.5)
    return X, y, hide(y, np.arange(2 * labels))


@parametrize_with_checks(
    [
        TransductiveSVC(),
        TransductiveSVC(kernel="rbf"),
        TransductiveSVC(annealing="temperature"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_docstring_example_runs():
    assert doctest.testmod(eval.tsvm.classifier).failed == 0
    assert doctest.testmod(eval.tsvm.classifier).attempted > 0


# Without unlabelled samples: the ordinary squared-hinge SVM.


@pytest.mark.parametrize("C", [0.1, 10.0])
def test_supervised_limit_is_the_squared_hinge_svm(C):
    X, y, _ = clusters(0, n=80, d=5, distance=2.0)
    machine = TransductiveSVC(C=C, tol=0).fit(X, y)
    reference = machine_objective(X, 2 * y - 1, np.full(len(y), C))
    print(f"C={C}: {machine.objective_[0] / reference.fun - 1:.1e} of the objective,", end=" ")
    print(f"{np.abs(machine.coef_[0] - reference.x[:-1]).max():.1e} in a coefficient")
    np.testing.assert_allclose(machine.objective_, reference.fun, rtol=1e-8)
    np.testing.assert_allclose(machine.coef_[0], reference.x[:-1], atol=1e-4)
    np.testing.assert_allclose(machine.intercept_, reference.x[-1], atol=1e-4)


def test_supervised_limit_is_linear_svc_for_many_classes():
    random = np.random.default_rng(0)
    y = np.arange(120) % 4
    X = random.normal(size=(120, 3)) + 2 * np.eye(4, 3)[y]
    ours = TransductiveSVC(tol=0).fit(X, y)
    theirs = LinearSVC(dual=False, tol=1e-10, intercept_scaling=1e3, max_iter=10_000).fit(X, y)
    print(f"{np.abs(ours.coef_ - theirs.coef_).max():.1e} in a coefficient")
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)


# With unlabelled samples: the optimum.


def test_two_moons_with_two_labels():
    """The known optimum: the moons' own labels, which the supervised SVM misses by far."""
    for seed in range(5):
        X, y = make_moons(200, noise=0.05, random_state=seed)
        random = np.random.default_rng(seed)
        given = [random.choice(np.flatnonzero(y == k)) for k in (0, 1)]
        settings = {"kernel": "rbf", "gamma": 5.0}
        supervised = TransductiveSVC(**settings).fit(X[given], y[given])
        machine = TransductiveSVC(**settings, unlabelled_weight=10.0, annealing="temperature")
        machine.fit(X, hide(y, given))
        assert supervised.score(X, y) < 0.9
        np.testing.assert_array_equal(machine.transduction_, y)

        weights = np.where(np.isin(np.arange(200), given), 1.0, 10 * 2 / 198)
        mapped = machine.feature_map_.transform(X)
        truth = machine_objective(mapped, 2 * y - 1, weights).fun
        gap = machine.objective_[0] / truth - 1
        print(f"supervised {supervised.score(X, y):.3f}; objective {gap:+.1e} from the truth's")
        assert abs(gap) < 1e-5


@pytest.mark.parametrize("annealing", ["weight", "temperature"])
def test_gaussian_clusters_reach_the_bayes_rule(annealing):
    """Four labels and 396 without: within two points of the Bayes rule, on every seed."""
    for seed in range(5):
        X, _, hidden = clusters(seed)
        T, truth, _ = clusters(100 + seed, n=2000)
        machine = TransductiveSVC(C=0.01, unlabelled_weight=10.0, annealing=annealing)
        bayes = np.mean((T[:, 0] > 0) == truth)
        deviation = machine.fit(X, hidden).score(T, truth) - bayes
        print(f"{annealing}: {100 * deviation:+.2f} points from the Bayes rule's {100 * bayes:.2f}")
        assert deviation > -0.02


def test_never_below_the_supervised_machine_on_the_reference_mixtures():
    for seed, distance in itertools.product(range(4), (4.0, 5.0, 6.0)):
        _, (X, y), (U, _), (T, truth) = mixture(seed, 2000, features=32, distance=distance)
        supervised = TransductiveSVC(C=0.1).fit(X, y).score(T, truth)
        both, hidden = np.vstack([X, U]), np.append(y, np.full(len(U), -1))
        gain = TransductiveSVC(C=0.1).fit(both, hidden).score(T, truth) - supervised
        print(f"distance {distance}: {100 * gain:+.1f} points over {100 * supervised:.1f}")
        assert gain >= 0


def exhaustive(X, s, C, C_U, n_positive):
    """The global minimum of J over all labellings of the rows after the labelled ones."""
    n = len(X) - len(s)
    weights = np.append(np.full(len(s), C), np.full(n, C_U))
    best = np.inf
    for positive in itertools.combinations(range(n), n_positive):
        labels = np.full(n, -1.0)
        labels[list(positive)] = 1
        best = min(best, machine_objective(X, np.append(s, labels), weights).fun)
    return best


def test_tiny_problems_against_exhaustive_search():
    """Eight unknown labels, 70 labellings: never below the global minimum, mostly at it.

    Both annealings are heuristics: each misses a few, by gaps that docs/tsvm.md states.
    """
    gaps = {"weight": [], "temperature": []}
    for seed in range(12):
        random = np.random.default_rng(seed)
        y = np.append([0, 1, 0, 1], random.permutation(8) % 2)
        X = random.normal(size=(12, 2)) + 1.5 * (2 * y[:, None] - 1) * [1, 0]
        optimum = exhaustive(X, 2 * y[:4] - 1, C=1.0, C_U=0.5, n_positive=4)
        for annealing, gap in gaps.items():
            machine = TransductiveSVC(annealing=annealing).fit(X, hide(y, np.arange(4)))
            gap.append(machine.objective_[0] / optimum - 1)
    for annealing, gap in gaps.items():
        print(annealing, "gaps to the global minimum:", np.abs(np.round(gap, 3)).tolist())
    assert min(gaps["weight"] + gaps["temperature"]) > -1e-6
    assert np.mean(np.array(gaps["weight"]) < 1e-5) >= 2 / 3
    assert np.mean(np.array(gaps["temperature"]) < 1e-5) >= 5 / 6


@pytest.mark.parametrize("annealing", ["weight", "temperature"])
def test_fit_is_a_local_minimum(annealing):
    """No gradient in (w, b) at the assigned labels, and no pair of labels worth exchanging."""
    for seed in range(5):
        X, _, hidden = clusters(seed, n=100, d=4, distance=1.0)
        machine = TransductiveSVC(annealing=annealing, tol=0).fit(X, hidden)
        unknown = hidden == -1
        s, f = 2 * machine.transduction_ - 1, machine.decision_function(X)
        assert f[unknown & (s > 0)].min() >= f[unknown & (s < 0)].max()
        pull = -2 * np.where(unknown, 4 / 96, 1.0) * np.maximum(0, 1 - s * f) * s
        np.testing.assert_allclose(machine.coef_[0] + pull @ X, 0, atol=1e-7)
        assert pull.sum() == pytest.approx(0, abs=1e-7)


# Class proportions.


@pytest.mark.parametrize("annealing", ["weight", "temperature"])
@pytest.mark.parametrize("prior", [None, [0.2, 0.8], [1.0, 0.0]])
def test_class_proportions_hold_exactly(annealing, prior):
    X, _, hidden = clusters(1, n=104, d=3)
    machine = TransductiveSVC(annealing=annealing, class_prior=prior).fit(X, hidden)
    expected = round(100 * (0.5 if prior is None else prior[1]))
    assert np.sum(machine.transduction_[hidden == -1] == 1) == expected


def test_soft_labels_keep_the_proportion():
    X, y, hidden = clusters(2, n=103, d=3)
    features = np.column_stack([X, np.ones(len(X))])
    given = hidden != -1
    problem = BinaryProblem(features[given], 2.0 * y[given] - 1, features[~given], 0.3, 1.0)
    problem.minimise([(0.1, 0.05)], 100, 1e-9)
    assert problem.p.sum() == pytest.approx(problem.n_positive, abs=1e-5)
    assert np.sum((problem.p > 0.01) & (problem.p < 0.99)) > 10  # soft indeed


def test_labels_given_are_kept_and_others_assigned():
    random = np.random.default_rng(3)
    y = np.arange(90) % 3
    X = random.normal(scale=0.2, size=(90, 2)) + np.array([[0, 2], [2, -1], [-2, -1]])[y]
    machine = TransductiveSVC().fit(X, hide(y, np.arange(6)))
    np.testing.assert_array_equal(machine.transduction_, y)
    assert machine.coef_.shape == (3, 2) and machine.objective_.shape == (3,)


# Invariances.


def test_objective_does_not_depend_on_order_or_on_which_class_is_positive():
    X, _, hidden = clusters(4, n=84, d=3, distance=2.0)
    order = np.random.default_rng(0).permutation(84)
    swapped = np.where(hidden == -1, -1, 1 - hidden)
    objective = TransductiveSVC().fit(X, hidden).objective_
    np.testing.assert_allclose(
        TransductiveSVC().fit(X[order], hidden[order]).objective_, objective, rtol=1e-5
    )
    np.testing.assert_allclose(TransductiveSVC().fit(X, swapped).objective_, objective, rtol=1e-5)


def test_kernel_map_is_exact_for_few_samples():
    X, _, hidden = clusters(5, n=60, d=3)
    mapped = TransductiveSVC(kernel="rbf", gamma=0.3).fit(X, hidden).feature_map_.transform(X)
    np.testing.assert_allclose(mapped @ mapped.T, rbf_kernel(X, gamma=0.3), atol=1e-8)


def test_kernel_map_is_nystroem_for_many_samples_and_repeats():
    X, _, hidden = clusters(6, n=200, d=3)
    first, second = (TransductiveSVC(kernel="rbf", n_components=20) for _ in range(2))
    assert first.fit(X, hidden).coef_.shape == (1, 20)
    np.testing.assert_array_equal(first.coef_, second.fit(X, hidden).coef_)


# Labels and errors.


def test_object_labels_with_minus_one():
    X, y, hidden = clusters(7, n=60, d=3, distance=6.0)
    names = np.where(hidden == -1, -1, np.array(["cat", "dog"], dtype=object)[y])
    machine = TransductiveSVC().fit(X, names)
    np.testing.assert_array_equal(machine.classes_, ["cat", "dog"])
    np.testing.assert_array_equal(machine.transduction_, np.array(["cat", "dog"])[y])


def test_string_minus_one_is_refused():
    with pytest.raises(ValueError, match="dtype object"):
        TransductiveSVC().fit([[0.0], [1.0], [2.0]], np.array(["a", "b", "-1"]))


def test_minus_one_and_one_class_is_an_ordinary_problem_with_a_warning():
    with pytest.warns(UserWarning, match="nothing is unlabelled"):
        machine = TransductiveSVC().fit([[0.0], [1.0], [5.0], [6.0]], [-1, -1, 1, 1])
    np.testing.assert_array_equal(machine.classes_, [-1, 1])


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        TransductiveSVC().fit([[0.0], [1.0]], [1, 1])


@pytest.mark.parametrize("prior", [[0.5, 0.6], [1.0], [-0.5, 1.5]])
def test_bad_class_prior_is_refused(prior):
    X, _, hidden = clusters(8, n=20, d=2)
    with pytest.raises(ValueError, match="class_prior must be 2 proportions"):
        TransductiveSVC(class_prior=prior).fit(X, hidden)


def test_features_beyond_double_precision_are_refused():
    X, _, hidden = clusters(9, n=60, d=3)
    with pytest.raises(ValueError, match="standardise"):
        TransductiveSVC().fit(1e10 * X, hidden)


@pytest.mark.parametrize("annealing", ["weight", "temperature"])
@pytest.mark.parametrize("stages", [1, 3])
def test_the_last_stage_is_the_problem_that_is_asked_for(annealing, stages):
    machine = TransductiveSVC(C=2.0, unlabelled_weight=0.5, annealing=annealing, n_stages=stages)
    weight, temperature = machine._stages(10, 40)[-1]
    assert weight == pytest.approx(2.0 * 0.5 * 10 / 40) and temperature == 0


def test_too_few_steps_warn():
    X, _, hidden = clusters(9, n=60, d=3, distance=1.0)
    with pytest.warns(ConvergenceWarning, match="increase max_iter"):
        TransductiveSVC(max_iter=1, n_stages=1).fit(X, hidden)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TransductiveSVC().fit(X, hidden)
