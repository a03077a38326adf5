"""Predictions of a trained model: labels under their names, values, probabilities."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data import SequenceBatch, SequenceDataset, checked_classes, listed
from rnnbp.losses import Loss
from rnnbp.runtime import positive_int

Array = np.ndarray
Classes = tuple[str, ...]
Outputs = Iterable[tuple[SequenceBatch, Array]]
BATCH_SIZE = 256
Data = SequenceDataset | SequenceBatch | Sequence[ArrayLike]


class Forward(Protocol):
    """Protocol of the models that predictions are computed with."""

    dtype: np.dtype

    def forward_from(self, batch: SequenceBatch, states: Any = None) -> tuple[Array, Any]:
        """Return the outputs (T, B, K) or (B, K) of a batch and the final states."""
        ...


class Predictor:
    """Base of `rnnbp.Sequential`: predictions from the classes and the loss that it was trained with.

    Attributes
    ----------
    classes : tuple of str, or None
        Names of the outputs, from the training data; None where these had none.
    loss : Loss, or None
        The loss it was trained with, which defines how outputs are read; None before any training.
    stateful : bool
        Whether the state was carried through streams in training, and so is in prediction.
    """

    loss: Loss | None = None
    stateful: bool = False
    _classes: Classes | None = None

    @property
    def classes(self) -> Classes | None:
        """Names of the outputs, from the training data; None where these had none."""
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[str] | None) -> None:
        self._classes = checked_classes(names)

    def as_trained(self, name: str, data: SequenceDataset) -> SequenceDataset:
        """Return `data` with its labels renumbered by name as indices into the model's classes.

        Parameters
        ----------
        name : str
            Name of the dataset in error messages.
        data : SequenceDataset
            Integer classes without names are unchanged.

        Raises
        ------
        ValueError
            If it has classes that the model was not trained on; the message lists them.
        """
        never_trained = self.loss is None and self.classes is None
        return data if never_trained else matched(name, data, self.classes)

    def predict(self: Any, data: Data, batch_size: int = 256) -> Any:
        """Predict the classes or values of each sequence, in the order of `data`.

        Parameters
        ----------
        data : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
            Targets are ignored. The state is carried through a stream (`SequenceDataset.from_stream`) if it was
            in training.
        batch_size : int, default 256
            Sequences per batch; does not affect the result.

        Returns
        -------
        ndarray (N,) or (N, K), or list
            Class names, integers where there are no names, or values: (N,) for one a sequence, (N, K) for several.
            Where each step has its own, a list of N arrays (T_i,) or (T_i, K). With
            `rnnbp.CTC`, the labels of each sequence by greedy decoding: N lists of names, or arrays (L_i,) of integers.

        Raises
        ------
        ValueError
            If the model was never trained, or `data` is none of these.

        Examples
        --------
        >>> import rnnbp
        >>> data = rnnbp.SequenceDataset([np.ones((3, 1)), -np.ones((4, 1))] * 4, targets=["up", "down"] * 4)
        >>> model = rnnbp.Sequential(rnnbp.Elman(1, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
        >>> trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.1))
        >>> history = trainer.fit(data, epochs=10, progress=False)
        >>> model.predict([np.ones((5, 1)), -np.ones((2, 1))])
        array(['up', 'down'], dtype='<U4')
        """
        parts = batch_outputs(self, data, batch_size, self.stateful)
        return predictions(parts, _known(self.loss), self.classes, self.per_step)

    def predict_proba(self: Any, data: Data, batch_size: int = 256) -> Any:
        """Predict the probability of each class for each sequence, in the order of `data`.

        Parameters
        ----------
        data, batch_size
            See `predict`.

        Returns
        -------
        ndarray (N, K), or list of ndarray (T_i, K)
            In the order of `classes`. With `rnnbp.BinaryCrossEntropy` the probability that each of K binary labels is
            1, (N,) where there is one.

        Raises
        ------
        ValueError
            If the model was never trained, or predicts values, which have no probabilities.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 2))
        >>> model.params.vector[:] = 0
        >>> model.loss = rnnbp.CrossEntropy()  # as a training sets it
        >>> model.predict_proba([np.zeros((5, 1))])
        array([[0.5, 0.5]], dtype=float32)
        """
        loss: Loss = _known(self.loss)
        parts = batch_outputs(self, data, batch_size, self.stateful)
        return in_order(parts, lambda outputs: _one_value(loss.probabilities(outputs)), self.per_step)


def matched(name: str, data: SequenceDataset, classes: Classes | None) -> SequenceDataset:
    """Return `data` with its labels renumbered by name as indices into `classes`, those a model was trained on.

    Parameters
    ----------
    name : str
        Name of the dataset in error messages.
    data : SequenceDataset
        Integer classes without names are unchanged.
    classes : tuple of str, or None

    Raises
    ------
    ValueError
        If `data` has names that are not among them, or they are None and `data` has names; the message lists them.

    Examples
    --------
    >>> data = SequenceDataset([np.ones((3, 1))], targets=["no"])
    >>> matched("validation", data, ("a", "b"))
    Traceback (most recent call last):
    ValueError: validation: the classes 'no' are not among 'a', 'b'. These are the model's, ...
    """
    if data.classes is None or data.classes == classes:
        return data
    if classes is None:
        raise ValueError(
            f"{name} has the classes {listed(data.classes)}, and the model is trained on integers without names, so "
            "that the labels cannot be matched: give the training data the same names by classes=[...]"
        )
    try:
        return data.with_classes(classes)
    except ValueError as error:
        raise ValueError(
            f"{name}: {error} These are the model's, from the data that it was trained on; model.classes = None lets "
            "it be trained on others"
        ) from None


def as_dataset(data: Any, dtype: DTypeLike) -> SequenceDataset:
    """Return the argument of a prediction as a dataset.

    Parameters
    ----------
    data : SequenceDataset, or list of array_like (T_i, F) or integers (T_i,)
    dtype : dtype
        Of the dataset that is made of a list.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> as_dataset([np.ones((3, 2))], np.float32)
    SequenceDataset: 1 sequence of 3 steps, 2 features; no targets
    >>> as_dataset(np.ones((3, 2)), np.float32)
    Traceback (most recent call last):
    ValueError: data must be a SequenceDataset, a SequenceBatch or a list of arrays (T_i, F), got an array ... (3, 2)...
    """
    if isinstance(data, SequenceDataset):
        return data
    if isinstance(data, list | tuple) and data:
        return SequenceDataset(data, dtype=dtype)
    got, advice = repr(data), ""
    if isinstance(data, np.ndarray):
        got = f"an array of shape {data.shape}"
        one = ": give one sequence as [x]"
        padded = ": SequenceDataset.from_padded(x) takes (N, T, F), SequenceBatch.from_array(x) (T, B, F)"
        advice = one if data.ndim < 3 else padded
    if isinstance(data, str | Path):
        advice = f": read it by rnnbp.datasets.read_ts({str(data)!r})"
    raise ValueError(f"data must be a SequenceDataset, a SequenceBatch or a list of arrays (T_i, F), got {got}{advice}")


def batch_outputs(
    model: Forward, data: Data, batch_size: int = BATCH_SIZE, stateful: bool = False
) -> Iterator[tuple[SequenceBatch, Array]]:
    """Yield each batch with the model's outputs in evaluation mode.

    Parameters
    ----------
    model : Sequential
    data : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
    batch_size : int, default 256
    stateful : bool, default False
        Start each batch of a stream, which has as many sequences as the stream has rows, in the final state of the
        batch before; the first one in the initial state.

    Yields
    ------
    batch : SequenceBatch
    outputs : ndarray (T, B, K) or (B, K)
    """
    positive_int("batch_size", batch_size)
    if isinstance(data, SequenceBatch):
        yield data, model.forward_from(data)[0]
        return
    data = as_dataset(data, model.dtype)
    rows = data.rows if stateful else None
    states = None
    for batch in data.batches(rows or batch_size):
        outputs, after = model.forward_from(batch, states)
        states = after if rows else None
        yield batch, outputs


def in_order(parts: Outputs, read: Callable[[Array], Any], per_step: bool) -> Any:
    """Return ``read(outputs)`` of every sequence, in the caller's order.

    Parameters
    ----------
    parts : iterable of (SequenceBatch, ndarray)
        Batches with their outputs (T, B, K) or (B, K).
    read : callable
        Function of the outputs of a sequence, (T_i, K), or (1, K) where the model has one a sequence.
    per_step : bool
        Whether the model has an output for each step.

    Returns
    -------
    ndarray (N, ...) where the model has one output a sequence, else a list of what `read` returns

    Examples
    --------
    >>> batch = SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3])
    >>> in_order([(batch, 2 * batch.x)], lambda outputs: outputs[:, 0], per_step=True)
    [array([2.]), array([2., 2., 2.])]
    """
    found: dict[int, Any] = {}
    for batch, outputs in parts:
        for b, place in enumerate(batch.order):
            found[int(place)] = read(outputs[: batch.lengths[b], b] if per_step else outputs[b : b + 1])
    ordered = [found[place] for place in sorted(found)]
    return ordered if per_step else np.concatenate(ordered)


def predictions(parts: Outputs, loss: Loss, classes: Classes | None, per_step: bool) -> Any:
    """Return the predictions that outputs stand for, in the caller's order; see `Predictor.predict`.

    Parameters
    ----------
    parts : iterable of (SequenceBatch, ndarray)
    loss : Loss
        It defines how outputs are read.
    classes : tuple of str, optional
        Names of the outputs.
    per_step : bool
        Whether the model has an output for each step.
    """

    def read(outputs: Array) -> Any:
        predicted = _one_value(loss.predict(outputs))
        return predicted if classes is None or predicted.dtype.kind not in "iu" else loss.named(predicted, classes)

    return in_order(parts, read, per_step)


def _one_value(predicted: Array) -> Array:
    """Return predictions (N, 1) as (N,), others unchanged."""
    return predicted[:, 0] if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted


def _known(loss: Loss | None) -> Loss:
    if loss is None:
        raise ValueError(
            "the model was never trained, so it does not know what its outputs mean: train it by "
            "rnnbp.Trainer(model, loss).fit(data), or set it by model.loss = rnnbp.CrossEntropy() and model.classes"
        )
    return loss
