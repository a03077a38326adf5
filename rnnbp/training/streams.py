"""Validation of streams for stateful training and evaluation, whose batches continue one another."""

from typing import Any

from rnnbp.data import SequenceDataset
from rnnbp.layers import Run
from rnnbp.models import Sequential


def check_stream(name: str, data: SequenceDataset, model: Sequential, batch_size: int) -> None:
    """Raise unless the hidden state can be carried from each of the dataset's batches to the next.

    Parameters
    ----------
    name : str
        Name of the dataset in messages.
    data : SequenceDataset
    model : Sequential
    batch_size : int

    Raises
    ------
    ValueError
        If the dataset is no stream, the batch size is not its number of rows, or the model cannot start from a state.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> stream = SequenceDataset.from_stream(np.zeros((40, 1)), np.zeros((40, 1)), batch_size=4, steps=5)
    >>> check_stream("train", stream, Sequential(rnnbp.Elman(1, 2), rnnbp.Dense(2, 1)), batch_size=2)
    Traceback (most recent call last):
    ValueError: batch_size must be 4, the number of rows of the stream in train, got 2
    """
    if data.rows is None:
        raise ValueError(
            f"stateful=True carries the state from batch to batch, and {name} is no stream whose batches go on from "
            "one another: make it by SequenceDataset.from_stream(x, targets, batch_size=..., steps=...), and cut it "
            "only in whole batches"
        )
    if batch_size != data.rows:
        raise ValueError(
            f"batch_size must be {data.rows}, the number of rows of the stream in {name}, got {batch_size}"
        )
    for i, layer in enumerate(model.layers):
        if not layer.causal:
            raise ValueError(
                f"stateful=True needs causal layers, but layer {i} ({type(layer).__name__}) sees a sequence as a whole "
                "and has no state to go on from"
            )
    batch = data.subset([0]).batch()
    _, _, states = model.unroll(model.params, model.cast(batch.x), Run(batch.lengths))
    if not any(map(_carries, states)):
        raise ValueError("stateful=True has no effect on a model without state: leave it out, or add a recurrent layer")


def _carries(state: Any) -> bool:
    return any(map(_carries, state)) if isinstance(state, list | tuple) else state is not None
