"""Validation of reset flags, the steps before which a state is set back to the initial state."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.data.batch_fields import as_flags

Array = np.ndarray


def checked_resets(name: str, given: Sequence[Any], lengths: Sequence[int] | Array) -> list[Array]:
    """Return the reset flags of sequences as bool (T_i,), one array a sequence.

    Raises
    ------
    ValueError
        If there is not one array of flags for each sequence, of its length; the message names the sequence.

    Examples
    --------
    >>> checked_resets("resets", [[0, 1, 0], [0, 0]], [3, 2])
    [array([False,  True, False]), array([False, False])]
    >>> checked_resets("resets", [[0, 1, 0], [0]], [3, 2])
    Traceback (most recent call last):
    ValueError: resets of sequence 1 must have shape (T_i,) = (2,), got (1,)
    """
    if len(given) != len(lengths):
        raise ValueError(
            f"{name} must be one array of flags for each of the {len(lengths)} sequences, got {len(given)}"
        )
    flags = [np.asarray(one) for one in given]
    for i, (one, steps) in enumerate(zip(flags, lengths, strict=True)):
        if one.shape != (steps,):
            raise ValueError(f"{name} of sequence {i} must have shape (T_i,) = ({steps},), got {one.shape}")
    return [as_flags(f"{name} of sequence {i}", one) for i, one in enumerate(flags)]


def stream_resets(given: Any, N: int, rows: int, steps: int) -> list[Array]:
    """Return the reset flags of one long sequence, cut as `rnnbp.data.batch.stream_batches` cuts its steps.

    Examples
    --------
    >>> [flags.astype(int).tolist() for flags in stream_resets([0, 0, 1, 0, 1, 0, 0, 0], 8, rows=2, steps=3)]
    [[0, 0, 1], [1, 0, 0], [0], [0]]
    """
    (flags,) = checked_resets("reset", [given], [N])
    length = N // rows
    wide = flags[: rows * length].reshape(rows, length)
    return [row[t : t + steps] for t in range(0, length, steps) for row in wide]
