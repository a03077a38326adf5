"""Tagger: a class for every step of a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.estimators.architecture import MODEL, RECURRENT, Recurrent
from rnnbp.estimators.base import FITTED, TRAINING
from rnnbp.estimators.labels import CLASSES, CROSS_ENTROPY, Labelled
from rnnbp.estimators.parameters import fits
from rnnbp.estimators.scikit import accuracy_score, check_is_fitted, column_or_1d
from rnnbp.runtime import naming

Array = np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceTagger(Labelled, Recurrent):
    __doc__ = f"""Recurrent network that gives each step of a sequence a class.

    Parameters
    ----------
    {RECURRENT}
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
    An X of two axes is scikit-learn's (n, features): each row is a sequence of one step, and y and the predictions are
    (n,). A step whose label is None, or -1 in a dataset, does not count.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(5, 15, 40)]
    >>> y = [np.where(np.cumsum(x) > 0, "high", "low") for x in X]
    >>> tagger = SequenceTagger(cell="elman", epochs=60, random_state=0).fit(X, y)
    >>> tagger.predict([np.array([[2.0], [-5.0], [1.0]])])[0].tolist()
    ['high', 'low', 'low']
    """

    per_step = True

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on sequences with a class for each step.

        Parameters
        ----------
        X
            Sequences, in any container that `rnnbp.estimators.containers` lists.
        y : list of array_like (T_i,), optional
            The classes of their steps. None: those that X has itself. A text: the column of a frame with a row
            a step; or one for each of its rows.
        sample_weight : array_like (N,), or list of array_like (T_i,), optional
            Weights in the loss, of sequences or of steps.

        Returns
        -------
        self
        """
        return super().fit(X, y, sample_weight)

    @fits
    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, reset: bool, epochs: int) -> Self:
        data, y = self._read(X, y, reset=reset)
        flat, counts = self._flat(X, data, y)
        labels = np.full(len(flat), -1)
        with naming("y", "classes"):
            labels[counts] = self._encode(_plain(flat[counts]), classes)
        ends, given = np.cumsum(data.lengths)[:-1], self._step_weights(sample_weight, data)
        counted, weights = self._class_weighted(labels[counts], None if given is None else given[counts]), None
        if counted is not None:
            steps = np.zeros(len(labels))
            steps[counts] = counted
            weights = np.split(steps, ends)
        names = list(map(str, self.classes_))
        train = self._targeted(data, np.split(labels, ends), weights, classes=names, per_step=True)
        return self._train(train, self._outputs_needed, reset=reset, epochs=epochs)

    def _flat(self, X: Any, data: SequenceDataset, y: Any) -> tuple[Array, Array]:
        """Return the labels of all steps in a row, and which of them count; raise unless there is one for each."""
        if self._container.is_table(X):
            flat: Array = column_or_1d(y, warn=True)
            return flat, np.ones(len(flat), bool)
        with naming("y"):
            items = [np.asarray(one) for one in y]
        _check_lengths("y", items, data.lengths)
        flat = np.concatenate(items)
        if y is data.targets:  # a dataset without names
            return flat, flat != -1
        return flat, ~np.asarray(pd.isna(flat))

    def _step_weights(self, sample_weight: Any, data: SequenceDataset) -> Array | None:
        """Return the weights of all steps in a row, by default the dataset's; None where it has none."""
        sample_weight = data.weights if sample_weight is None else sample_weight
        of_steps = isinstance(sample_weight, list | tuple) and len(sample_weight) and np.ndim(sample_weight[0])
        if not of_steps:
            weights = self._weights(sample_weight, data)
            return None if weights is None else np.repeat(weights, data.lengths)
        with naming("sample_weight"):
            items = [np.asarray(one, np.float64) for one in sample_weight]
        _check_lengths("sample_weight", items, data.lengths)
        return np.concatenate(items)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each step.

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.

        Returns
        -------
        list of ndarray (T_i,); or ndarray (n,) for an X of two axes
        """
        found = [self._labels_of(outputs) for outputs in self._outputs(X)]
        return np.concatenate(found) if self._container.is_table(X) else found

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class at each step, in the order of `classes_`.

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.

        Returns
        -------
        list of ndarray (T_i, K); or ndarray (n, K) for an X of two axes
        """
        found = [self._probabilities_of(outputs) for outputs in self._outputs(X)]
        return np.concatenate(found) if self._container.is_table(X) else found

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy over all steps that have a label.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.
        """
        check_is_fitted(self)
        data, y = self._read(X, y, reset=False)
        flat, counts = self._flat(X, data, y)
        weights = None if sample_weight is None else self._step_weights(sample_weight, data)
        counted = None if weights is None else weights[counts]
        predicted = np.concatenate([self._labels_of(outputs) for outputs in self._outputs(X)])
        return float(accuracy_score(_plain(flat[counts]), predicted[counts], sample_weight=counted))


def _check_lengths(name: str, items: Sequence[Array], lengths: Array) -> None:
    for i, (one, length) in enumerate(zip(items, lengths, strict=True)):
        if one.shape != (length,):
            advice = ": SequenceClassifier takes one a sequence" if name == "y" and not one.ndim else ""
            got = f"got {one.shape}{advice}"
            raise ValueError(f"{name} of sequence {i} must be one for each of its {length} steps, {got}")


def _plain(labels: Array) -> Array:
    """Return an array of texts in a dtype of texts."""
    return labels.astype(str) if labels.dtype == object and all(isinstance(one, str) for one in labels) else labels
