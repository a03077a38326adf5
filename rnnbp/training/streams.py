"""Validation of streams for stateful training and evaluation, whose batches continue one another."""

from rnnbp.data import SequenceDataset
from rnnbp.models import BATCH_SIZE, Sequential
from rnnbp.runtime import positive_int


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
        If the dataset is no stream, the batch size is not its number of rows, or a layer is not causal.

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
            f"stateful=True carries the state from batch to batch, and {name} is no stream whose batches continue "
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
                "and has no state to continue from"
            )


def evaluation_batch_size(
    name: str, data: SequenceDataset, model: Sequential, stateful: bool, asked: int | None
) -> int:
    """Return the batch size of an evaluation: of a stream with carried state its number of rows, else `asked` or 256.

    Raises
    ------
    ValueError
        If `asked` is no positive integer, or not the number of rows of the stream.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> stream = SequenceDataset.from_stream(np.zeros((40, 1)), np.zeros((40, 1)), batch_size=4, steps=5)
    >>> model = Sequential(rnnbp.Elman(1, 2), rnnbp.Dense(2, 1))
    >>> [evaluation_batch_size("dataset", stream, model, stateful, None) for stateful in (True, False)]
    [4, 256]
    """
    size = None if asked is None else positive_int("batch_size", asked)
    if not stateful or data.rows is None:
        return size or BATCH_SIZE
    check_stream(name, data, model, size or data.rows)
    return data.rows
