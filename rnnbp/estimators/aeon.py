"""Adapters for aeon: the estimators as aeon's classifiers and regressors of collections of series.

``from rnnbp.estimators.aeon import AeonClassifier`` needs aeon, which is not among the package's extras.
"""

from typing import Any, ClassVar, Self

import numpy as np
from aeon.classification.base import BaseClassifier
from aeon.regression.base import BaseRegressor

from rnnbp.estimators.classification import SequenceClassifier
from rnnbp.estimators.regression import SequenceRegressor
from rnnbp.estimators.scikit import clone

Array = np.ndarray

TAGS = {
    "X_inner_type": ["np-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
}


class AeonClassifier(BaseClassifier):
    """A classifier of this package as one of aeon's, for series of several channels and different lengths.

    Parameters
    ----------
    classifier : SequenceClassifier or MLPClassifier, default SequenceClassifier()
        Fitted as a clone.
    random_state : int, RandomState or None, default None
        Replaces that of the classifier, unless None.

    Attributes
    ----------
    classifier_ : SequenceClassifier or MLPClassifier

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 9))  # (n_cases, n_channels, n_timepoints)
    >>> X[::2, 0] += 3
    >>> y = np.array(["high", "low"] * 10)
    >>> AeonClassifier(random_state=0).fit(X, y).predict(X)[:2].tolist()
    ['high', 'low']
    """

    _tags: ClassVar = TAGS

    def __init__(self, classifier: Any = None, random_state: Any = None) -> None:
        self.classifier, self.random_state = classifier, random_state
        super().__init__()

    def _fit(self, X: Any, y: Array) -> Self:
        self.classifier_ = configured(self.classifier, SequenceClassifier, self.random_state).fit(X, y)
        return self

    def _predict(self, X: Any) -> Array:
        return self.classifier_.predict(X)

    def _predict_proba(self, X: Any) -> Array:
        return self.classifier_.predict_proba(X)

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return {"classifier": SequenceClassifier(cell="elman", hidden_size=4, epochs=2)}


class AeonRegressor(BaseRegressor):
    """A regressor of this package as one of aeon's, for series of several channels and different lengths.

    Parameters
    ----------
    regressor : SequenceRegressor or MLPRegressor, default SequenceRegressor()
        Fitted as a clone.
    random_state : int, RandomState or None, default None
        Replaces that of the regressor, unless None.

    Attributes
    ----------
    regressor_ : SequenceRegressor or MLPRegressor

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 9))
    >>> AeonRegressor(random_state=0).fit(X, X[:, 0, -1]).predict(X[:2]).shape
    (2,)
    """

    _tags: ClassVar = TAGS

    def __init__(self, regressor: Any = None, random_state: Any = None) -> None:
        self.regressor, self.random_state = regressor, random_state
        super().__init__()

    def _fit(self, X: Any, y: Array) -> Self:
        self.regressor_ = configured(self.regressor, SequenceRegressor, self.random_state).fit(X, y)
        return self

    def _predict(self, X: Any) -> Array:
        return self.regressor_.predict(X)

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return {"regressor": SequenceRegressor(cell="elman", hidden_size=4, epochs=2)}


def configured(estimator: Any, default: type, random_state: Any) -> Any:
    """Return a clone of an estimator that takes aeon's axes.

    Examples
    --------
    >>> configured(None, SequenceClassifier, 3)
    SequenceClassifier(axes='nft', random_state=3)
    """
    found = default() if estimator is None else clone(estimator)
    return found.set_params(axes="nft", **({} if random_state is None else {"random_state": random_state}))
