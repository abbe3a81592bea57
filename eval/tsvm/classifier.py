"""A multi-class transductive support vector machine in scikit-learn's form, trained in the primal.

One-vs-rest over `eval.tsvm.solver`, which has the equations and the algorithm.
"""

import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from eval.tsvm.sklearn_compat import Interval, StrOptions, fit_context, safe_indexing
from eval.tsvm.solver import BinaryProblem


class TransductiveSVC(ClassifierMixin, BaseEstimator):
    """Transductive support vector classifier (one-vs-rest, squared hinge loss).

    Learns from labelled and unlabelled samples together: it seeks the labelling of the unlabelled
    samples, in given class proportions, that the widest margin separates. Without unlabelled
    samples it is the ordinary squared-hinge SVM with an unpenalised intercept.

    Parameters
    ----------
    C : float, default=1.0
        Weight of a labelled sample's loss.

    unlabelled_weight : float, default=1.0
        Weight of all unlabelled samples together, relative to all labelled ones together:
        ``C_U = C * unlabelled_weight * n_labelled / n_unlabelled`` per unlabelled sample.

    kernel : {'linear', 'rbf'}, default='linear'
        The RBF kernel ``exp(-gamma |x - x'|^2)`` enters as an explicit map, which is exact for at
        most `n_components` samples and Nystroem's approximation for more.

    gamma : float or 'scale', default='scale'
        RBF width; 'scale' is ``1 / (n_features * X.var())``.

    n_components : int, default=300
        Landmarks of the RBF kernel map.

    class_prior : array-like of shape (n_classes,), default=None
        Class proportions that the unlabelled samples are to have, in the order of `classes_`; by
        default those of the labelled samples.

    annealing : {'weight', 'temperature'}, default='weight'
        'weight' raises C_U over a factor of 1000 with hard labels (label switching, fast);
        'temperature' lowers the temperature of soft labels over a factor of 1000 (deterministic
        annealing: slower, finds better minima where the supervised start is misleading).

    n_stages : int, default=None
        Stages of the annealing; by default 10 for 'weight' and 70 for 'temperature'.

    max_iter : int, default=100
        Newton steps per stage, at most.

    tol : float, default=1e-6
        A stage ends when a step lowers the objective by less than this fraction.

    random_state : int, RandomState instance or None, default=0
        Chooses the landmarks of the RBF kernel map; the linear kernel uses no randomness.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, without the -1 of unlabelled samples.

    coef_ : ndarray of shape (n_problems, n_mapped_features)
        Hyperplanes, one per class (one only for two classes), in the space of the kernel map.

    intercept_ : ndarray of shape (n_problems,)
        Their intercepts.

    transduction_ : ndarray of shape (n_samples,)
        Labels of all training samples: the given ones, and for unlabelled samples the labels that
        the fit assigned. Two classes: these meet the class proportions exactly. More classes: each
        one-vs-rest problem does, and the label is the class of the largest decision value.

    objective_ : ndarray of shape (n_problems,)
        The value of J that was reached; the lower of two fits is the better optimum.

    n_iter_ : int
        Newton steps of the problem that needed most.

    feature_map_ : Nystroem or None
        The fitted kernel map.

    n_features_in_ : int
        Number of features seen in `fit`.

    See Also
    --------
    sklearn.semi_supervised.SelfTrainingClassifier : Wraps a supervised classifier.
    sklearn.svm.LinearSVC : The supervised machine.

    Notes
    -----
    Each one-vs-rest problem minimises, over the hyperplane and the unknown labels,

        J = |w|^2 / 2 + C sum_L l(y_i f_i) + C_U sum_U l(y_j f_j),    f = w.x + b,
        l(t) = max(0, 1 - t)^2,    with a fixed number of y_j = +1.

    J has local minima: the fit is one, in which no exchange of two labels lowers J while the
    hyperplane stands, and no move of the hyperplane while the labels do. A Newton step solves one
    system of the size of the (mapped) features + 1. Its matrix is a Gram product over the samples
    inside the margin, which is updated by the rows that moved in or out.

    In a pipeline and in cross-validation -1 stays what it is: steps before this one pass `y` on, and
    scikit-learn's stratified folds take -1 for one more class, so that every fold has its share of
    unlabelled samples. The training folds' unlabelled samples are learnt from, and `score`, which
    `GridSearchCV` uses by default, leaves those of the test fold out. A named scorer such as
    ``scoring="accuracy"`` would count every one of them as an error.

    If `y` holds no values but -1 and one other, no transduction is possible; they are taken as the
    two classes of an ordinary problem, with a warning.

    References
    ----------
    T. Joachims, "Transductive inference for text classification using support vector machines",
    ICML 1999 (label switching, class proportions, annealed weight).

    V. Sindhwani and S. S. Keerthi, "Large scale semi-supervised linear SVMs", SIGIR 2006 (squared
    hinge, primal Newton, switching many labels at once, deterministic annealing).

    Examples
    --------
    >>> import numpy as np
    >>> from eval.tsvm.classifier import TransductiveSVC
    >>> X = np.array([[-2.0, 0.0], [-2.0, 2.0], [-2.0, 4.0], [2.0, 0.0], [2.0, -2.0], [2.0, -4.0]])
    >>> y = np.array([0, -1, -1, 1, -1, -1])
    >>> TransductiveSVC().fit(X, y).transduction_
    array([0, 0, 0, 1, 1, 1])

    A grid search over a pipeline, with one label in ten known:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, digits = load_digits(n_class=3, return_X_y=True)
    >>> y = np.where(np.arange(len(digits)) % 10 == 0, digits, -1)
    >>> machine = make_pipeline(StandardScaler(), TransductiveSVC())
    >>> search = GridSearchCV(machine, {"transductivesvc__C": [0.001, 0.1]}, cv=3).fit(X, y)
    >>> bool((search.predict(X) == digits).mean() > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "unlabelled_weight": [Interval(Real, 0, None, closed="neither")],
        "kernel": [StrOptions({"linear", "rbf"})],
        "gamma": [StrOptions({"scale"}), Interval(Real, 0, None, closed="neither")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "class_prior": ["array-like", None],
        "annealing": [StrOptions({"weight", "temperature"})],
        "n_stages": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        C=1.0,
        unlabelled_weight=1.0,
        kernel="linear",
        gamma="scale",
        n_components=300,
        class_prior=None,
        annealing="weight",
        n_stages=None,
        max_iter=100,
        tol=1e-6,
        random_state=0,
    ):
        self.C = C
        self.unlabelled_weight = unlabelled_weight
        self.kernel = kernel
        self.gamma = gamma
        self.n_components = n_components
        self.class_prior = class_prior
        self.annealing = annealing
        self.n_stages = n_stages
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Fit to labelled and unlabelled samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, labelled and unlabelled.

        y : array-like of shape (n_samples,)
            Class labels; -1 marks an unlabelled sample.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        labelled = ~_unlabelled(y)
        check_classification_targets(y[labelled])  # strings and -1 together cannot be sorted
        self.classes_, codes = np.unique(y[labelled], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{len(self.classes_)} class among the labelled samples; at least two are needed"
            )
        prior = self._proportions(codes)
        self.feature_map_ = self._kernel_map(X)
        features = self._with_intercept(X)
        given, unknown = features[labelled], features[~labelled]

        # With two classes the second one is the positive, as everywhere in scikit-learn.
        positives = range(len(self.classes_)) if len(self.classes_) > 2 else [1]
        problems = [
            BinaryProblem(given, np.where(codes == k, 1.0, -1.0), unknown, prior[k], self.C)
            for k in positives
        ]
        stages = self._stages(len(given), len(unknown))
        converged = [p.minimise(stages, self.max_iter, self.tol) for p in problems]
        if not all(converged):
            warnings.warn(
                f"{converged.count(False)} of {len(problems)} problems did not converge in "
                f"{self.max_iter} Newton steps a stage; increase max_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coef_ = np.array([p.w[:-1] for p in problems])
        self.intercept_ = np.array([p.w[-1] for p in problems])
        self.objective_ = np.array([p.objective for p in problems])
        self.n_iter_ = max(p.steps for p in problems)
        if len(problems) == 1:
            assigned = (problems[0].p > 0.5).astype(int)
        else:
            assigned = np.argmax([p.f_unknown for p in problems], axis=0)
        self.transduction_ = y.copy()
        self.transduction_[~labelled] = self.classes_[assigned]
        return self

    def decision_function(self, X):
        """Signed distances to the hyperplanes, in units of the margin.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One column per class; for two classes a vector, positive for ``classes_[1]``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        mapped = X if self.feature_map_ is None else self.feature_map_.transform(X)
        decision = mapped @ self.coef_.T + self.intercept_
        return decision if decision.shape[1] > 1 else decision[:, 0]

    def predict(self, X):
        """Class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted labels, never -1.
        """
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return self.classes_[(decision > 0).astype(int)]
        return self.classes_[decision.argmax(axis=1)]

    def score(self, X, y, sample_weight=None):
        """Accuracy on the labelled samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,)
            Their labels; samples marked -1 are left out.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        score : float
            Share of right predictions. ValueError if no sample is labelled.
        """
        check_is_fitted(self)
        if -1 in self.classes_:  # -1 and one other were taken as two classes
            return super().score(X, y, sample_weight)
        labelled = np.asarray(y, dtype=object) != -1  # a list of strings and -1 stays what it is
        if not labelled.any():
            raise ValueError("y: every sample is -1, unlabelled; there is nothing to score")
        weights = None if sample_weight is None else safe_indexing(sample_weight, labelled)
        return super().score(safe_indexing(X, labelled), safe_indexing(y, labelled), weights)

    def _proportions(self, codes):
        counts = np.bincount(codes)
        if self.class_prior is None:
            return counts / counts.sum()
        prior = np.asarray(self.class_prior, dtype=float)
        if prior.shape != counts.shape or (prior < 0).any() or not np.isclose(prior.sum(), 1):
            raise ValueError(
                f"class_prior must be {len(counts)} proportions that sum to 1, one for each of the "
                f"classes {list(self.classes_)}; got {self.class_prior!r}"
            )
        return prior

    def _kernel_map(self, X):
        if self.kernel == "linear":
            return None
        variance = X.var()
        scale = 1 / (X.shape[1] * variance) if variance > 0 else 1.0
        return Nystroem(
            kernel="rbf",
            gamma=scale if self.gamma == "scale" else self.gamma,
            n_components=min(self.n_components, len(X)),
            random_state=self.random_state,
        ).fit(X)

    def _with_intercept(self, X):
        mapped = X if self.feature_map_ is None else self.feature_map_.transform(X)
        return np.column_stack([mapped, np.ones(len(mapped))])

    def _stages(self, n_labelled, n_unlabelled):
        """The path of (C_U, temperature) that the annealing follows; it ends at (C_U, 0)."""
        if n_unlabelled == 0:
            return [(0.0, 0.0)]
        weight = self.C * self.unlabelled_weight * n_labelled / n_unlabelled
        if self.annealing == "weight":
            weights = weight * np.logspace(0, -3, self.n_stages or 10)[::-1]  # one stage: C_U
            return [(0.0, 0.0)] + [(c, 0.0) for c in weights]  # starts from the supervised SVM
        temperatures = weight * np.logspace(1, -2, self.n_stages or 70)
        return [(weight, t) for t in temperatures] + [(weight, 0.0)]


def _unlabelled(y):
    """Boolean mask of the samples marked -1 (see the class's Notes for y in {-1, one class})."""
    if y.dtype.kind in "US":
        if "-1" in y.astype(str):
            raise ValueError(
                "y is an array of strings that holds '-1'; to mark unlabelled samples among "
                "strings, use dtype object and the integer -1"
            )
        return np.zeros(len(y), dtype=bool)
    unlabelled = y == -1
    if unlabelled.any() and len(np.unique(y[~unlabelled])) == 1:
        warnings.warn(
            "y holds -1 and one other value only: taken as two classes, nothing is unlabelled",
            UserWarning,
            stacklevel=3,
        )
        return np.zeros(len(y), dtype=bool)
    return unlabelled
