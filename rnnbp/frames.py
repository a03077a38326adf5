"""Sequences as pandas tables: one row a step and back, and descriptions of a dataset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rnnbp._checks import did_you_mean
from rnnbp.class_names import named
from rnnbp.label_sequences import LabelSequences

Array = np.ndarray
Targets = Array | list[Array] | LabelSequences


def feature_names(sequence: Array) -> list[str]:
    """The columns of a dataset's features in a table.

    Examples
    --------
    >>> feature_names(np.zeros((5, 2))), feature_names(np.zeros(5, int))
    (['x0', 'x1'], ['token'])
    """
    return ["token"] if sequence.ndim == 1 else [f"x{f}" for f in range(sequence.shape[1])]


def to_frame(
    sequences: Sequence[Array], targets: Targets | None, classes: Sequence[str] | None, ids: Sequence[Any]
) -> pd.DataFrame:
    """See `rnnbp.SequenceDataset.to_frame`."""
    if isinstance(targets, LabelSequences):
        raise ValueError("targets are label sequences of lengths of their own: a table with a row a step has no place")
    lengths = [len(s) for s in sequences]
    wide = np.concatenate([s.reshape(len(s), -1) for s in sequences])
    columns: dict[str, Any] = {
        "sequence": pd.Series(list(ids)).repeat(lengths).to_numpy(),
        "step": np.concatenate([np.arange(n) for n in lengths]),
    }
    columns |= dict(zip(feature_names(sequences[0]), wide.T, strict=True))
    if targets is not None:
        flat = np.repeat(targets, lengths, axis=0) if isinstance(targets, np.ndarray) else np.concatenate(targets)
        columns |= _target_columns(flat, classes)
    return pd.DataFrame(columns)


def _target_columns(flat: Array, classes: Sequence[str] | None) -> dict[str, Array]:
    if classes is not None:
        return {"target": named(flat, classes)}
    if flat.ndim == 1 or flat.shape[1] == 1:
        return {"target": flat.reshape(-1)}
    return {f"target{k}": flat[:, k] for k in range(flat.shape[1])}


def from_frame(
    frame: pd.DataFrame,
    sequence: str,
    step: str,
    target: str | Sequence[str] | None,
    features: Sequence[str] | None,
    per_step: bool | None,
) -> tuple[list[Array], Any, list[Any]]:
    """See `rnnbp.SequenceDataset.from_frame`: the sequences, their targets and their ids."""
    wanted = _wanted(frame, target)
    inputs: list[Any] = [c for c in frame if c not in (sequence, step, *wanted)]
    inputs = inputs if features is None else list(features)
    _check_columns(frame, sequence, step, inputs, wanted)
    codes, names = pd.factorize(frame[sequence])
    rows = frame.iloc[np.lexsort((pd.factorize(frame[step], sort=True)[0], codes))]
    ends = np.cumsum(np.bincount(codes))[:-1]
    tokens = inputs == ["token"] and frame["token"].dtype.kind in "iu"
    sequences = np.split(rows[inputs[0] if tokens else inputs].to_numpy(), ends)
    ids: list[Any] = pd.Index(names).tolist()
    if not wanted:
        return sequences, None, ids
    steps = np.split(rows[wanted[0] if len(wanted) == 1 else wanted].to_numpy(), ends)
    if per_step is None:
        per_step = not all((t == t[:1]).all() for t in steps)
    return sequences, steps if per_step else np.array([t[0] for t in steps]), ids


def _wanted(frame: pd.DataFrame, target: str | Sequence[str] | None) -> list[str]:
    """The columns that hold targets."""
    if target != "target" or "target" in frame:
        return [target] if isinstance(target, str) else list(target or ())
    wanted: list[str] = []
    while f"target{len(wanted)}" in frame:
        wanted.append(f"target{len(wanted)}")
    return wanted


def _check_columns(frame: pd.DataFrame, sequence: str, step: str, inputs: list[str], wanted: list[str]) -> None:
    for column in (sequence, step, *wanted, *inputs):
        if column not in frame:
            raise ValueError(f"frame has no column {column!r}.{did_you_mean(column, map(str, frame.columns))}")
    if not inputs:
        raise ValueError("frame has no column of features")
    if not len(frame):
        raise ValueError("frame has no rows")
    for column in inputs:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise ValueError(f"column {column!r} must hold numbers, got {frame[column].dtype}: name it in target=?")
    for column in (sequence, step):
        if frame[column].isna().any():
            row = frame.index[frame[column].isna()][0]
            raise ValueError(f"column {column!r} is empty in row {row}")
    twice = frame.duplicated([sequence, step])
    if twice.any():
        first = frame.loc[twice].iloc[0]
        raise ValueError(f"frame has step {first[step]} of sequence {first[sequence]} twice")


def describe(lengths: Array, labels: Targets | None, classes: Sequence[str] | None) -> pd.DataFrame:
    """See `rnnbp.SequenceDataset.describe`; `labels` are None where targets are not classes."""
    rows = {"all": _row(lengths, int(lengths.sum()))}
    if labels is not None:
        K = len(classes) if classes else 1 + max(int(np.max(t, initial=-1)) for t in labels)
        for k in range(K):
            steps = np.array([n if np.ndim(t) == 0 else 1 for t, n in zip(labels, lengths)])
            counts = np.array([np.sum(t == k) for t in labels]) * steps
            rows[classes[k] if classes else str(k)] = _row(lengths[counts > 0], int(counts.sum()))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["sequences", "steps", "shortest", "median", "longest"])


def _row(lengths: Array, steps: int) -> tuple[int, int, int, float, int]:
    if not len(lengths):
        return 0, 0, 0, 0.0, 0
    return len(lengths), steps, int(lengths.min()), float(np.median(lengths)), int(lengths.max())
