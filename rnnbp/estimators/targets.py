"""Targets in the order of the sequences: those of a container itself, of the rows of a frame, and of its ids."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from rnnbp.data import SequenceDataset

TARGETS = "y, a value a row"  # a column that no frame has


def with_targets(frame: pd.DataFrame, y: Any) -> pd.DataFrame | None:
    """Return a frame with a row a step and, as the column `TARGETS`, a y of one value for each row; None for another y.

    Examples
    --------
    >>> long = pd.DataFrame({"who": ["a", "a", "b"], "pitch": [1.0, 2, 3]})
    >>> with_targets(long, ["x", "x", "y"])[TARGETS].tolist()
    ['x', 'x', 'y']
    >>> with_targets(long, ["x", "y"]) is None
    True
    """
    if isinstance(y, str) or not isinstance(y, Sequence | np.ndarray | pd.Series) or len(y) != len(frame):
        return None
    if any(np.ndim(one) for one in y):
        return None
    return frame.assign(**{TARGETS: np.asarray(y)})


def check_one_a_sequence(y: Any) -> None:
    """Raise if y is a list of labels of steps.

    Examples
    --------
    >>> check_one_a_sequence([np.array(["a", "b"]), np.array(["b"])])
    Traceback (most recent call last):
    ValueError: y must be one class a sequence, got (2,) for sequence 0: SequenceTagger takes one a step
    """
    if isinstance(y, list | tuple) and len(y) and isinstance(y[0], np.ndarray | list | tuple | pd.Series):
        shape = np.shape(y[0])
        if len(shape) == 1 and shape != (1,):
            raise ValueError(
                f"y must be one class a sequence, got {shape} for sequence 0: SequenceTagger takes one a step"
            )


def check_each(y: Any, sequences: int, estimator: Any) -> None:
    """Raise unless y has an entry for each of a number of sequences, which an estimator reads.

    Examples
    --------
    >>> from rnnbp.estimators import SequenceClassifier
    >>> check_each([1, 2], 3, SequenceClassifier())
    Traceback (most recent call last):
    ValueError: y must be one a sequence of X, 3, got 2
    """
    if y is None:
        kind = type(estimator).__name__
        raise ValueError(f"This {kind} estimator requires y to be passed, but the target y is None.")
    each = "the labels of each sequence of X" if estimator.per_step else "one a sequence of X"
    try:
        found = str(len(y if hasattr(y, "__len__") else np.asarray(y)))
    except TypeError:
        found = repr(y)
    if found != str(sequences):
        raise ValueError(f"y must be {each}, {sequences}, got {found}")


def check_table(estimator: str, X: Any, column: str | None = None) -> None:
    """Raise where a frame that is read as scikit-learn's table (n, features) must be one with a row a step.

    Parameters
    ----------
    estimator : str
        Its class, for the message.
    X
        A table.
    column : str, optional
        A column that was named as the target.

    Raises
    ------
    ValueError
        If it has a column that holds no numbers, or its target is named.

    Examples
    --------
    >>> check_table("SequenceClassifier", pd.DataFrame({"who": ["a", "b"], "pitch": [1.0, 2.0]}))
    Traceback (most recent call last):
    ValueError: X is a frame without sequence=, so that each row is a sequence of one step, but column 'who' ...
    """
    if not isinstance(X, pd.DataFrame):
        return
    others = [name for name in X if not is_numeric_dtype(X[name])]
    why = f"column {others[0]!r} holds no numbers" if others else f"y={column!r} names a column"
    if others or column is not None:
        raise ValueError(
            f"X is a frame without sequence=, so that each row is a sequence of one step, but {why}: of a frame with a "
            f"row a step, name the column that says which sequence a row is of, as {estimator}(sequence='id', time='t')"
        )


def own_targets(data: SequenceDataset) -> Any:
    """Return the targets that a dataset has itself, under the names of its classes; one value a sequence as (N,).

    Examples
    --------
    >>> own_targets(SequenceDataset([np.ones((2, 1))], targets=[0.5]))
    array([0.5])
    """
    targets = data.named_targets
    single = isinstance(targets, np.ndarray) and targets.ndim == 2 and targets.shape[1] == 1
    return targets[:, 0] if single else targets


def in_order_of_ids(y: Any, data: SequenceDataset) -> Any:
    """Return a series with an entry for each id of a dataset in the order of its sequences; all else unchanged.

    ``frame.groupby("who").label.first()`` is sorted by id, the sequences of a frame by their first rows. Without ids,
    that is, where they are 0, 1, ..., an index says nothing of the sequences.

    Examples
    --------
    >>> data = SequenceDataset([np.ones((2, 1)), np.zeros((3, 1))], ids=["b", "a"])
    >>> in_order_of_ids(pd.Series(["x", "y"], index=["a", "b"]), data).tolist()
    ['y', 'x']
    """
    if not isinstance(y, pd.Series) or data.ids == list(range(len(data))) or not y.index.is_unique:
        return y
    return y.reindex(data.ids) if set(y.index) == set(data.ids) else y
