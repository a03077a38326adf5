"""Predictions from the outputs of a model: classes under their names, values, probabilities."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models.class_names import Classes
from rnnbp.models.feature_names import check_tokenizer, in_trained_order
from rnnbp.models.inference import Inference
from rnnbp.models.layer_stack import LayerStack
from rnnbp.models.layer_values import LayerValues
from rnnbp.runtime import positive_int

Outputs = Iterable[tuple[SequenceBatch, Array]]
BATCH_SIZE = 256
Data = SequenceDataset | SequenceBatch | Sequence[ArrayLike]


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
    model: Inference | LayerValues,
    data: Data,
    batch_size: int = BATCH_SIZE,
    stateful: bool = False,
    share: tuple[int, int] | None = None,
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
    share : (int, int), optional
        The share of one of several processes, see `rnnbp.SequenceDataset.batches`.

    Yields
    ------
    batch : SequenceBatch
    outputs : ndarray (T, B, K) or (B, K)

    Raises
    ------
    ValueError
        If `data` is none of these, or no layer has a state to be carried through a stream.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Dense(2, 3))
    >>> [outputs.shape for _, outputs in batch_outputs(model, [np.zeros((4, 1)), np.zeros((6, 1))], batch_size=1)]
    [(4, 1, 3), (6, 1, 3)]
    """
    positive_int("batch_size", batch_size)
    if isinstance(data, SequenceBatch):
        yield data, model.forward_from(data)[0]
        return
    data = in_trained_order("data", as_dataset(data, model.dtype), model.feature_names)
    check_tokenizer("data", data, model.tokenizer)
    rows = data.rows if stateful else None
    states = None
    for batch in data.batches(rows or batch_size, share=share):
        outputs, after = model.forward_from(batch, states)
        states = carried_states(after) if rows else None
        yield batch, outputs


def carried_states(states: list[State]) -> list[State]:
    """Return the final states of a batch, in which the next batch of a stream starts.

    Parameters
    ----------
    states : list
        The final state of each layer, None where it has none.

    Raises
    ------
    ValueError
        If no layer has a state.

    Examples
    --------
    >>> carried_states([np.ones((1, 2)), None])
    [array([[1., 1.]]), None]
    """
    if not any(map(_has_state, states)):
        raise ValueError("stateful=True has no effect on a model without state: leave it out, or add a recurrent layer")
    return states


def _has_state(state: State) -> bool:
    return any(map(_has_state, state)) if isinstance(state, list | tuple) else state is not None


def in_order(batches: Outputs, read: Callable[[Array], Any], model: LayerStack | LayerValues) -> Any:
    """Return ``read(outputs)`` of every sequence, in the caller's order.

    Parameters
    ----------
    batches : iterable of (SequenceBatch, ndarray)
        Batches with their outputs (T, B, K) or (B, K).
    read : callable
        Function of the outputs of a sequence, (T_i, K), or (1, K) where the model has one a sequence.
    model : Sequential
        Whose outputs these are.

    Returns
    -------
    ndarray (N, ...) where the model has one output a sequence, else a list of what `read` returns

    Examples
    --------
    >>> from rnnbp.layers import Window
    >>> batch = SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3])
    >>> in_order([(batch, 2 * batch.x)], lambda outputs: outputs[:, 0], LayerStack(Window(0, 0)))
    [array([2.]), array([2., 2., 2.])]
    """
    found: dict[int, Any] = {}
    for batch, outputs in batches:
        lengths = model.out_lengths(batch.lengths)
        for b, place in enumerate(batch.order):
            found[int(place)] = read(outputs[: lengths[b], b] if model.per_step else outputs[b : b + 1])
    ordered = [found[place] for place in sorted(found)]
    return ordered if model.per_step else np.concatenate(ordered)


def predictions(batches: Outputs, loss: Loss, classes: Classes | None, model: LayerStack) -> Any:
    """Return the predictions that outputs stand for, in the caller's order; see `rnnbp.Sequential.predict`.

    Parameters
    ----------
    batches : iterable of (SequenceBatch, ndarray)
    loss : Loss
        It defines how outputs are read.
    classes : tuple of str, optional
        Names of the outputs.
    model : Sequential
        Whose outputs these are.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Last(), rnnbp.Dense(2, 3))
    >>> batches = batch_outputs(model, [np.zeros((4, 1)), np.zeros((6, 1))])
    >>> predictions(batches, rnnbp.CrossEntropy(), ("a", "b", "c"), model).shape
    (2,)
    """

    def read(outputs: Array) -> Any:
        predicted = _one_value(loss.predict(outputs))
        return predicted if classes is None or predicted.dtype.kind not in "iu" else loss.named(predicted, classes)

    return in_order(batches, read, model)


def probabilities(batches: Outputs, loss: Loss, model: LayerStack) -> Any:
    """Return the probabilities that outputs stand for, in the caller's order; see `rnnbp.Sequential.predict_proba`.

    Parameters
    ----------
    batches, loss, model
        As `predictions` takes them.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Last(), rnnbp.Dense(2, 3))
    >>> batches = batch_outputs(model, [np.zeros((4, 1)), np.zeros((6, 1))])
    >>> probabilities(batches, rnnbp.CrossEntropy(), model).sum(axis=1).round(3).tolist()
    [1.0, 1.0]
    """
    return in_order(batches, lambda outputs: _one_value(loss.probabilities(outputs)), model)


def _one_value(predicted: Array) -> Array:
    """Return predictions (N, 1) as (N,), others unchanged."""
    return predicted[:, 0] if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted
