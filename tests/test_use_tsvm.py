"""TransductiveSVC where others search and chain: pipelines, grid search, cross-validation."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eval.tsvm.classifier import TransductiveSVC
from tests.pages import blocks, execute

KNOWN = 5  # of each cluster


@pytest.fixture(scope="module")
def clusters():
    """Two clusters, cut by the sign of x_0, of which few labels are known."""
    random = np.random.default_rng(0)
    truth = np.arange(200) % 2
    X = random.normal(size=(200, 5))
    X[:, 0] += 5 * (truth - 0.5)
    y = np.full(200, -1)
    y[: 2 * KNOWN] = truth[: 2 * KNOWN]
    return X, y, truth


class Watched(TransductiveSVC):
    """Remembers how many unlabelled samples each fit and each scoring saw."""

    fits, scorings = [], []

    def fit(self, X, y):
        self.fits.append((int((y == -1).sum()), int((y != -1).sum())))
        return super().fit(X, y)

    def score(self, X, y, sample_weight=None):
        self.scorings.append((int((y == -1).sum()), int((y != -1).sum())))
        return super().score(X, y, sample_weight)


def test_unlabelled_samples_reach_every_fit_of_a_search_and_no_score_counts_them(clusters):
    X, y, truth = clusters
    Watched.fits, Watched.scorings = [], []
    machine = make_pipeline(StandardScaler(), Watched())
    search = GridSearchCV(machine, {"watched__C": [0.01, 1.0]}, cv=5, error_score="raise").fit(X, y)
    assert Watched.fits == [(152, 8)] * 10 + [(190, 10)]  # stratified: a fifth of each left out
    assert Watched.scorings == [(38, 2)] * 10
    assert search.best_score_ == 1.0  # with the unlabelled counted it could not exceed 0.05
    assert (search.predict(X) == truth).mean() > 0.97


def test_score_is_the_accuracy_on_labelled_samples(clusters):
    X, y, _ = clusters
    machine = TransductiveSVC().fit(X, y)
    wrong = y.copy()
    wrong[:2] = 1 - wrong[:2]  # two of ten
    assert machine.score(X, wrong) == pytest.approx(0.8)
    weights = np.ones(len(X))
    weights[:2] = 4
    assert machine.score(X, wrong, weights) == pytest.approx(0.5)
    assert cross_val_score(machine, X, y, scoring="accuracy").max() < 0.1  # counts -1 as a class
    with pytest.raises(ValueError, match="every sample is -1"):
        machine.score(X, np.full(len(X), -1))


def test_labels_may_be_words_and_minus_one(clusters):
    X, y, truth = clusters
    words = np.array(["low", "high"], dtype=object)[truth]
    words[y == -1] = -1
    machine = TransductiveSVC().fit(X, words)
    assert machine.score(X, words) == 1.0
    assert machine.score(X, list(words)) == 1.0  # numpy would make strings of a list


def test_minus_one_and_one_class_count_both(clusters):
    X, _, truth = clusters
    y = np.where(truth == 1, 1, -1)
    with pytest.warns(UserWarning, match="nothing is unlabelled"):
        machine = TransductiveSVC().fit(X, y)
    assert machine.score(X, y) == (machine.predict(X) == y).mean()


def test_the_example_of_the_page_runs(capsys):
    (example,) = blocks("docs/use.md", "python")
    execute(example, {})
    assert float(capsys.readouterr().out.split()[0]) > 80  # of ten classes
