"""Classifiers of whole sequences: recurrent, and their static twin."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rnnbp.estimators.architecture import MODEL, POOLED, RECURRENT, STATIC, Pooled, Static
from rnnbp.estimators.base import FITTED, TRAINING
from rnnbp.estimators.labels import CLASSES, CROSS_ENTROPY, Labelled
from rnnbp.estimators.parameters import fits
from rnnbp.estimators.scikit import column_or_1d
from rnnbp.estimators.targets import check_one_a_sequence
from rnnbp.runtime import naming

Array = np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class Classification(Labelled):
    """Base class of the classifiers of whole sequences."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on sequences with a class each.

        Parameters
        ----------
        X
            Sequences, in any container that `rnnbp.estimators.containers` lists.
        y : array_like (N,), optional
            Their classes. None: those that X has itself. A text: the column of a frame with a row a step; or
            one for each of its rows. A Series is matched by the ids of the sequences where these are its index.
        sample_weight : array_like (N,), optional
            Weights of the sequences in the loss.

        Returns
        -------
        self
        """
        return super().fit(X, y, sample_weight)

    @fits
    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, reset: bool, epochs: int) -> Self:
        data, y = self._read(X, y, reset=reset)
        check_one_a_sequence(y)
        with naming("y", "classes"):
            labels = self._encode(column_or_1d(y, warn=True), classes)
        weights = self._class_weighted(labels, self._weights(sample_weight, data))
        train = self._targeted(data, labels, weights, classes=list(map(str, self.classes_)))
        return self._train(train, self._outputs_needed, reset=reset, epochs=epochs)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sequence (N,).

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.
        """
        return self._labels_of(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for each sequence (N, K), in the order of `classes_`.

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.
        """
        return self._probabilities_of(self._outputs(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.
        """
        return super().score(X, *self._scored(X, y, sample_weight))


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceClassifier(Classification, Pooled):
    __doc__ = f"""Recurrent network that classifies sequences of different lengths.

    Parameters
    ----------
    {RECURRENT}
    {POOLED}
    {MODEL}
    {TRAINING.format(loss=CROSS_ENTROPY)}
    {CLASSES}

    Attributes
    ----------
    classes_ : ndarray (K,)
        Labels, sorted.
    {FITTED}

    Notes
    -----
    An X of two axes is scikit-learn's (n, features): each row is a sequence of one step.

    Examples
    --------
    >>> import numpy as np
    >>> X = [np.full((n, 1), n % 2) for n in range(3, 23)]
    >>> y = ["odd" if len(x) % 2 else "even" for x in X]
    >>> classifier = SequenceClassifier(cell="gru", hidden_size=8, random_state=0).fit(X, y)
    >>> classifier.predict([np.ones((5, 1)), np.zeros((6, 1))])
    array(['odd', 'even'], dtype='<U4')
    """


@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(Classification, Static):
    __doc__ = f"""Feedforward network that classifies sequences by a fixed view of each: the static twin.

    Parameters
    ----------
    {STATIC}
    {MODEL}
    {TRAINING.format(loss=CROSS_ENTROPY)}
    {CLASSES}

    Attributes
    ----------
    classes_ : ndarray (K,)
        Labels, sorted.
    {FITTED}

    Notes
    -----
    An X of two axes is scikit-learn's (n, features): a row is what the network sees.

    Examples
    --------
    >>> import numpy as np
    >>> X = [np.full((n, 1), n % 2) for n in range(3, 23)]
    >>> y = ["odd" if len(x) % 2 else "even" for x in X]
    >>> MLPClassifier(view="resampled", random_state=0).fit(X, y).score(X, y)
    1.0
    """
