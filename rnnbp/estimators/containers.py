"""Containers of sequences: what the estimators take as X, told apart by type and explicit argument, never by sizes.

================================  ==================================================================================
X                                 sequences
================================  ==================================================================================
`rnnbp.SequenceDataset`           its own, with its targets where y is None
list, or object array             arrays (T_i, F), integer tokens (T_i,), frames, or series of one feature, one a
                                  sequence; with ``axes="nft"`` arrays (F, T_i), as aeon's; or pairs (sequence, target),
                                  as a dataset yields them
array of three axes               ``axes="ntf"``: (n, time, features), as tslearn's; ``axes="nft"``: (n, features,
                                  time), as aeon's and sktime's. Steps at the end that are all NaN are padding
DataFrame of two index levels     sktime's: sequence and time; or any with such an index
DataFrame whose cells are series  sktime's nested frame: one row a sequence, one column a feature
DataFrame with ``sequence="id"``  long: one row a step; ``time="t"`` names the column that orders the steps
anything else of two axes         scikit-learn's (n, features): n sequences of one step each
================================  ==================================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from pandas.api.types import is_numeric_dtype

from rnnbp.data import SequenceDataset
from rnnbp.runtime import choice, flag, text_or_none

Array = np.ndarray
AXES = {"ntf": "(n, time, features)", "nft": "(n, features, time)"}


def read_sequences(
    X: Any,
    *,
    axes: str | None = None,
    sequence: str | None = None,
    time: str | None = None,
    target: str | None = None,
    per_step: bool = False,
    dtype: DTypeLike = np.float32,
) -> SequenceDataset:
    """Return the sequences of a container as a dataset.

    scikit-learn's cross-validation cuts X by rows, and the rows of frames are steps: give it the `sequences` of this
    dataset and its `named_targets`.

    Parameters
    ----------
    X
        See the table of `rnnbp.estimators.containers`.
    axes : {'ntf', 'nft'}, optional
        Order of the axes of arrays: n sequences, time, features.
    sequence, time : str, optional
        Columns of a long frame: the sequence of a row, and what orders its steps.
    target : str, optional
        Column of a long frame that holds the targets.
    per_step : bool, default False
        Whether these are one a step.
    dtype : dtype, default float32

    Raises
    ------
    ValueError
        If X is a table (n, features), the axes of an array are not said, or what `rnnbp.SequenceDataset` finds.

    Examples
    --------
    >>> frame = pd.DataFrame({"who": ["a", "a", "b"], "t": [0, 1, 0], "pitch": [1.0, 2, 3], "label": ["x", "x", "y"]})
    >>> data = read_sequences(frame, sequence="who", time="t", target="label")
    >>> [s.tolist() for s in data.sequences], data.named_targets.tolist()
    ([[[1.0], [2.0]], [[3.0]]], ['x', 'y'])
    """
    container = Container(axes, sequence, time)
    text_or_none("target", target)
    flag("per_step", per_step)
    if target is not None and not container.has_steps_in_rows(X):
        raise ValueError(f"target={target!r} is the name of a column, but X is no frame with a row for each step")
    if container.is_table(X):
        raise ValueError("X must hold sequences, got a table: name the column of a long frame that tells them apart")
    return container.read(X, dtype, None, target, per_step)


@dataclass(frozen=True)
class Container:
    """How the sequences are stored in X; see the table of this file.

    Parameters
    ----------
    axes : {'ntf', 'nft', None}
        Order of the axes of arrays: n sequences, time, features.
    sequence, time : str, optional
        Columns of a long frame: the sequence of a row, and what orders its steps.
    """

    axes: str | None = None
    sequence: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        if self.axes is not None:
            choice("axes", self.axes, AXES)
        text_or_none("sequence", self.sequence)
        text_or_none("time", self.time)

    def is_table(self, X: Any) -> bool:
        """Return whether X is scikit-learn's (n, features), of which each row is a sequence of one step.

        Examples
        --------
        >>> Container().is_table([[1.0, 2.0], [3.0, 4.0]]), Container().is_table([np.ones((3, 2)), np.ones((5, 2))])
        (True, False)
        """
        if isinstance(X, pd.DataFrame):
            return not (self.sequence is not None or X.index.nlevels > 1 or _is_nested(X))
        if isinstance(X, SequenceDataset):
            return False
        if isinstance(X, list | tuple):
            table = not (len(X) and _is_sequence(X[0]))
            if table and len({len(row) for row in X if isinstance(row, list | tuple)}) > 1:
                raise ValueError("X holds lists of different lengths: a sequence of one feature is an array (T_i, 1)")
            return table
        if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
            return not (len(X) and _is_sequence(X[0]))
        return _axes(X) != 3

    def has_steps_in_rows(self, X: Any) -> bool:
        """Return whether X is a frame with a row a step."""
        return isinstance(X, pd.DataFrame) and (self.sequence is not None or X.index.nlevels > 1)

    def read(
        self,
        X: Any,
        dtype: DTypeLike = np.float64,
        features: Sequence[str] | None = None,
        target: str | None = None,
        per_step: bool = False,
    ) -> SequenceDataset:
        """Return the sequences of X, which is no table, as a dataset; a dataset unchanged.

        Parameters
        ----------
        X
            See the table of this file.
        dtype : dtype, default float64
        features : sequence of str, optional
            The columns of a frame to take; default: all columns of numbers.
        target : str, optional
            The column of a long frame that holds the targets, which is no feature.
        per_step : bool, default False
            Whether these are one a step.

        Raises
        ------
        ValueError
            If the order of the axes of an array is needed and not given, or what `rnnbp.SequenceDataset` finds.
        """
        if target is not None and not self.has_steps_in_rows(X):
            raise ValueError(f"y={target!r} is the name of a column, but X is no frame with a row for each step")
        if isinstance(X, SequenceDataset):
            return X
        if isinstance(X, pd.DataFrame):
            return self._read_frame(X, dtype, features, target, per_step)
        if not isinstance(X, list | tuple) and _axes(X) == 3:
            return self._read_array(np.asarray(X), dtype)
        return self._read_list(list(X), dtype)

    def _read_array(self, X: Array, dtype: DTypeLike) -> SequenceDataset:
        if self.axes is None:
            raise ValueError(
                f"X has shape {X.shape}, of which no one can tell time from features: say axes='ntf' if it is "
                f"{AXES['ntf']}, as tslearn's, or axes='nft' if it is {AXES['nft']}, as aeon's and sktime's"
            )
        by_step = X if self.axes == "ntf" else X.swapaxes(1, 2)
        if by_step.dtype.kind not in "iufb":
            raise ValueError(f"X must hold numbers, got {X.dtype}")
        return SequenceDataset([s[: _end(s)] for s in by_step], dtype=dtype)

    def _read_list(self, X: list[Any], dtype: DTypeLike) -> SequenceDataset:
        targets: Any = None
        if isinstance(X[0], tuple):
            X, targets = [x for x, _ in X], [y for _, y in X]
        names = list(map(str, X[0].columns)) if isinstance(X[0], pd.DataFrame) else None
        arrays = [x.to_numpy()[:, None] if isinstance(x, pd.Series) else np.asarray(x) for x in X]
        if self.axes == "nft":
            arrays = [x.T for x in arrays]
        if targets is not None and np.ndim(targets[0]) == 0:
            targets = np.asarray(targets)
        return SequenceDataset(arrays, targets, feature_names=names, dtype=dtype)

    def _read_frame(
        self,
        X: pd.DataFrame,
        dtype: DTypeLike,
        features: Sequence[str] | None,
        target: str | None,
        per_step: bool,
    ) -> SequenceDataset:
        if X.index.nlevels > 1:
            return self._read_levels(X, dtype, features, target, per_step)
        if self.sequence is None:
            return _read_nested(X if features is None else X[list(features)], dtype)
        keys = {self.sequence, self.time, target}
        names = [str(c) for c in X if c not in keys and is_numeric_dtype(X[c])] if features is None else list(features)
        return _from_steps(X, self.sequence, self.time, names, target, per_step, dtype)

    def _read_levels(
        self, X: pd.DataFrame, dtype: DTypeLike, features: Sequence[str] | None, target: str | None, per_step: bool
    ) -> SequenceDataset:
        if X.index.nlevels != 2:
            raise ValueError(f"X must have two index levels, sequence and time, got {X.index.nlevels}")
        names = [c for c in X.columns if c != target] if features is None else list(features)
        who, when = "sequence index", "time index"
        return _from_steps(X.reset_index(names=[who, when]), who, when, names, target, per_step, dtype)


def _from_steps(
    X: pd.DataFrame,
    sequence: str,
    time: str | None,
    features: list[str],
    target: str | None,
    per_step: bool,
    dtype: DTypeLike,
) -> SequenceDataset:
    """Return the sequences of a frame with a row a step."""
    return SequenceDataset.from_frame(
        X,
        sequence=sequence,
        step=time,
        target=target,
        features=features,
        per_step=None if target is None else per_step,
        dtype=dtype,
    )


def _axes(X: Any) -> int:
    """Return the number of axes of an array, or of what NumPy makes an array of."""
    return X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim


def _is_sequence(item: Any) -> bool:
    """Return whether an element of a list is a sequence, and not a row of numbers."""
    if isinstance(item, tuple):  # (sequence, target)
        return len(item) == 2 and _is_sequence(item[0])
    if isinstance(item, pd.Series):
        return True
    if isinstance(item, np.ndarray | pd.DataFrame):
        return item.ndim >= 2 or item.dtype.kind in "iuf"
    return isinstance(item, list) and bool(item) and isinstance(item[0], list | np.ndarray)


def _is_nested(X: pd.DataFrame) -> bool:
    return X.size > 0 and isinstance(X.iloc[0, 0], pd.Series | np.ndarray)


def _read_nested(X: pd.DataFrame, dtype: DTypeLike) -> SequenceDataset:
    """Return the sequences of a frame whose cells are series."""
    rows = []
    for i, (_, row) in enumerate(X.iterrows()):
        columns = [np.asarray(cell, np.float64) for cell in row]
        if len({len(c) for c in columns}) > 1:
            lengths = ", ".join(str(len(c)) for c in columns)
            raise ValueError(f"the features of sequence {i} must have as many steps each, got {lengths}")
        rows.append(np.stack(columns, axis=1))
    return SequenceDataset(rows, feature_names=list(map(str, X.columns)), dtype=dtype)


def _end(s: Array) -> int:
    """Return the number of steps of a sequence (T, F) before those at the end that are all NaN; at least one."""
    if s.dtype.kind != "f":
        return len(s)
    real = np.flatnonzero(~np.isnan(s).all(axis=1))
    return int(real[-1]) + 1 if real.size else 1


def check_feature_size(estimator: Any, data: SequenceDataset) -> None:
    """Raise unless sequences have as many features as those that an estimator was fitted on."""
    if data.feature_size != estimator.n_features_in_:
        raise ValueError(
            f"X has {data.feature_size} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
