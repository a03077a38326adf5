"""What a trained model says of data: labels under their names, values, probabilities."""

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
    """A model, as far as predictions need it."""

    dtype: np.dtype

    def forward_from(self, batch: SequenceBatch, states: Any = None) -> tuple[Array, Any]:
        """The outputs (T, B, K) or (B, K) of a batch, and the states after it."""
        ...


class Predictor:
    """What `rnnbp.Sequential` is once it is trained: it knows its classes and its loss, and says what data are.

    Attributes
    ----------
    classes : tuple of str, or None
        The names of the outputs, from the data that it was trained on; None where these had none.
    loss : Loss, or None
        What it was trained for, which says how outputs are read; None before any training.
    stateful : bool
        Whether it was trained with the state carried through streams, and so is asked about them.
    """

    loss: Loss | None = None
    stateful: bool = False
    _classes: Classes | None = None

    @property
    def classes(self) -> Classes | None:
        """The names of the outputs; see above."""
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[str] | None) -> None:
        self._classes = checked_classes(names)

    def as_trained(self, name: str, data: SequenceDataset) -> SequenceDataset:
        """`data` with labels that are places in the model's classes, mapped by their names.

        Parameters
        ----------
        name : str
            Of the dataset, for messages.
        data : SequenceDataset
            Classes without names stay as they are.

        Raises
        ------
        ValueError
            If it has classes that the model was not trained on, which are listed.
        """
        never_trained = self.loss is None and self.classes is None
        return data if never_trained else matched(name, data, self.classes)

    def predict(self: Any, data: Data, batch_size: int = 256) -> Any:
        """What the model says of each sequence, in the order of `data`.

        Parameters
        ----------
        data : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
            Targets are not looked at. The state is carried through a stream (`SequenceDataset.from_stream`) if it was
            in training.
        batch_size : int, default 256
            Without influence on the result.

        Returns
        -------
        ndarray (N,) or (N, K), or list
            Classes by their names, integers where they have none, or values: (N,) where there is one a sequence, (N, K)
            where there are several. Where each step has its own, a list of N arrays (T_i,) or (T_i, K). With
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
        """How probable each class is, by what the model says of each sequence, in the order of `data`.

        Parameters
        ----------
        data, batch_size
            As `predict` takes them.

        Returns
        -------
        ndarray (N, K), or list of ndarray (T_i, K)
            In the order of `classes`. With `rnnbp.BinaryCrossEntropy` the probability that each of K questions has the
            answer 1, (N,) where there is one.

        Raises
        ------
        ValueError
            If the model was never trained, or for values, which have no probabilities.

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
    """`data` with labels that are places in `classes`, those a model is trained on.

    Parameters
    ----------
    name : str
        Of the dataset, for messages.
    data : SequenceDataset
        Classes without names stay as they are.
    classes : tuple of str, or None

    Raises
    ------
    ValueError
        If `data` has names that are not among them, which are listed, or they are None and `data` has names.

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
            "that it is not known which is which: give the training data the same names by classes=[...]"
        )
    try:
        return data.with_classes(classes)
    except ValueError as error:
        raise ValueError(
            f"{name}: {error} These are the model's, from the data that it was trained on; model.classes = None lets "
            "it be trained on others"
        ) from None


def as_dataset(data: Any, dtype: DTypeLike) -> SequenceDataset:
    """What a model is asked about, as a dataset.

    Parameters
    ----------
    data : SequenceDataset, or list of array_like (T_i, F) or integers (T_i,)
    dtype : dtype
        Of sequences that are no dataset yet.

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
    """Each batch with the model's outputs, dropout off.

    Parameters
    ----------
    model : Sequential
    data : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
    batch_size : int, default 256
    stateful : bool, default False
        Begin each batch of a stream, which has as many sequences as the stream has rows, with the state the last one
        ended in; the first one with zeros.

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
    """``read(outputs)`` of every sequence, in the caller's order.

    Parameters
    ----------
    parts : iterable of (SequenceBatch, ndarray)
        Batches with their outputs (T, B, K) or (B, K).
    read : callable
        From outputs (T_i, K), or (1, K) where the model has one a sequence.
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
    """What outputs say, in the caller's order; see `Predictor.predict`.

    Parameters
    ----------
    parts : iterable of (SequenceBatch, ndarray)
    loss : Loss
        Which says how outputs are read.
    classes : tuple of str, optional
        The names of the outputs.
    per_step : bool
        Whether the model has an output for each step.
    """

    def read(outputs: Array) -> Any:
        said = _one_value(loss.predict(outputs))
        return said if classes is None or said.dtype.kind not in "iu" else loss.named(said, classes)

    return in_order(parts, read, per_step)


def _one_value(said: Array) -> Array:
    """(N, 1) as (N,)."""
    return said[:, 0] if said.ndim == 2 and said.shape[1] == 1 else said


def _known(loss: Loss | None) -> Loss:
    if loss is None:
        raise ValueError(
            "the model was never trained, so it does not know what its outputs mean: train it by "
            "rnnbp.Trainer(model, loss).fit(data), or say it by model.loss = rnnbp.CrossEntropy() and model.classes"
        )
    return loss
