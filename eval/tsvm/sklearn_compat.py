"""The private parts of scikit-learn that an estimator of its form needs, in one place.

They check parameters and decorate `fit` as scikit-learn's own estimators do; `pyproject.toml`
bounds the release, and a release that moves them needs a change here only.
"""

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = ["Interval", "StrOptions", "fit_context", "safe_indexing"]
