"""Transcriber: a sequence of labels for each sequence, not aligned with its steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np

from rnnbp.data import LabelSequences
from rnnbp.estimators.architecture import MODEL, RECURRENT, Recurrent
from rnnbp.estimators.base import FITTED, TRAINING, SequenceEstimator
from rnnbp.estimators.labels import ClassEstimator
from rnnbp.estimators.nested import Names
from rnnbp.estimators.parameters import fits
from rnnbp.estimators.scikit import check_is_fitted
from rnnbp.losses import CTC
from rnnbp.metrics import token_error_rate
from rnnbp.runtime import naming

Array = np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceTranscriber(ClassEstimator, Recurrent):
    __doc__ = f"""Recurrent network that transcribes sequences to labels by connectionist temporal classification.

    Parameters
    ----------
    {RECURRENT}
    {MODEL}
    {TRAINING.format(loss="Default: CTC().")}

    Attributes
    ----------
    classes_ : ndarray
        The labels, sorted; the blank is not among them.
    {FITTED}

    Examples
    --------
    >>> import numpy as np
    >>> tones = np.eye(3)
    >>> words = ["ab", "ba", "b", "a"] * 8
    >>> X = [np.concatenate([tones[["-ab".index(c), 0]].repeat(2, axis=0) for c in word]) for word in words]
    >>> transcriber = SequenceTranscriber(cell="elman", epochs=60, random_state=0).fit(X, words)
    >>> ["".join(labels) for labels in transcriber.predict(X[:3])]
    ['ab', 'ba', 'b']
    """

    per_step = True
    names: ClassVar[Names] = {**SequenceEstimator.names, "loss": {None: CTC, "ctc": CTC}}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # a sequence of one step has no transcription
        tags.target_tags.required = True
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on sequences with label sequences.

        Parameters
        ----------
        X
            Sequences, in any container that `rnnbp.estimators.containers` lists.
        y : LabelSequences, or list of sequences of int or of str, optional
            The labels of each sequence; a text is read by characters. None: those that X has itself.
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
        with naming("y"):
            labels = read_labels(y)
        if classes is None:
            classes = np.concatenate(labels) if any(map(len, labels)) else []
        with naming("classes", "y"):
            self.classes_ = np.unique(classes)
        loss = self.component("loss")
        if not isinstance(loss, CTC):
            raise ValueError(f"loss must be a CTC or 'ctc', got {loss!r}")
        blank = loss.blank
        number_of = {label: k + (k >= blank) for k, label in enumerate(self.classes_.tolist())}
        try:
            numbers = [[number_of[label] for label in one.tolist()] for one in labels]
        except KeyError as error:
            raise ValueError(f"y has the label {error}, which is not one of {self.classes_.tolist()}") from None
        train = self._targeted(data, LabelSequences(numbers), self._weights(sample_weight, data))
        return self._train(train, len(self.classes_) + 1, reset=reset, epochs=epochs)

    def predict(self, X: Any) -> list[Array]:
        """Return the labels of each sequence, by greedy decoding.

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.

        Returns
        -------
        list of ndarray (L_i,)
        """
        outputs, ctc = self._outputs(X), cast(CTC, self.trainer_.loss)
        decoded = [ctc.predict(one) for one in outputs]
        return [self.classes_[one - (one > ctc.blank)] for one in decoded]

    def predict_proba(self, X: Any) -> list[Array]:
        """Return the probabilities of the labels and the blank at each step, (T_i, K + 1).

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.

        Returns
        -------
        list of ndarray (T_i, K + 1)
            The blank's place is that of the loss, the first by default; the labels are in the order of `classes_`.
        """
        return [self.trainer_.loss.probabilities(outputs) for outputs in self._outputs(X)]

    def score(self, X: Any, y: Any = None) -> float:
        """Return 1 minus the label error rate: the edits of all predictions over the number of all labels.

        Parameters
        ----------
        X, y
            As `fit` takes them.
        """
        check_is_fitted(self)
        _, y = self._read(X, y, reset=False)
        return 1.0 - token_error_rate(read_labels(y), self.predict(X)).rate


def read_labels(y: LabelSequences | Sequence[Any]) -> list[Array]:
    """Return label sequences as arrays (L_i,) of names or integers.

    Examples
    --------
    >>> read_labels(["ab", [3, 1]])
    [array(['a', 'b'], dtype='<U1'), array([3, 1])]
    """
    if isinstance(y, LabelSequences):
        return y.labels if y.classes is None else [np.array(y.classes)[one] for one in y.labels]
    return [np.array(list(one)) for one in y]
