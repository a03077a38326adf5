"""Conversion between sequences and pandas tables with one row per step, and tables that describe a dataset."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from rnnbp.data.class_names import named
from rnnbp.data.labels import LabelSequences
from rnnbp.data.weights import Weights
from rnnbp.runtime import did_you_mean, repeated

Array = np.ndarray
Targets = Array | list[Array] | LabelSequences
Columns = str | Sequence[str] | None
WEIGHT = "sample_weight"  # the column of weights
RESET = "reset"  # the column of reset flags


def default_names(sequence: Array) -> tuple[str, ...]:
    """Return default names of features.

    Parameters
    ----------
    sequence : ndarray (T, F), or integer tokens (T,)

    Examples
    --------
    >>> default_names(np.zeros((5, 2))), default_names(np.zeros(5, int))
    (('x0', 'x1'), ('token',))
    """
    return ("token",) if sequence.ndim == 1 else tuple(f"x{f}" for f in range(sequence.shape[1]))


def checked_names(names: Sequence[str] | None, sequence: Array) -> tuple[str, ...]:
    """Return the validated names of the features of `sequence`; the default names where none are given.

    Examples
    --------
    >>> checked_names(["pitch"], np.zeros((5, 2)))
    Traceback (most recent call last):
    ValueError: feature_names must be 2, one a feature, got 1
    """
    default = default_names(sequence)
    found = default if names is None else tuple(map(str, names))
    if sequence.ndim == 1 and found != default:
        raise ValueError(f"feature_names of tokens must be ['token'], got {list(found)}")
    if len(found) != len(default):
        raise ValueError(f"feature_names must be {len(default)}, one a feature, got {len(found)}")
    if (twice := repeated(found)) is not None:
        raise ValueError(f"feature_names must be different, got {twice!r} twice")
    return found


def to_frame(
    sequences: Sequence[Array],
    targets: Targets | None,
    classes: Sequence[str] | None,
    ids: Sequence[Any],
    names: Sequence[str],
    info: pd.DataFrame | None,
    weights: Weights | None = None,
    resets: Sequence[Array] | None = None,
) -> pd.DataFrame:
    """Return the table of `rnnbp.SequenceDataset.to_frame`; `info` has the columns to include."""
    if isinstance(targets, LabelSequences):
        raise ValueError(
            "targets are label sequences of lengths of their own: a table with a row a step has no place for them"
        )
    lengths = [len(s) for s in sequences]
    wide = np.concatenate([s.reshape(len(s), -1) for s in sequences])
    columns: list[tuple[str, Any]] = [
        ("sequence", pd.Series(list(ids)).repeat(lengths).to_numpy()),
        ("step", np.concatenate([np.arange(n) for n in lengths])),
    ]
    if info is not None:
        columns += [(str(name), info[name].repeat(lengths).array) for name in info]
    columns += zip(names, wide.T, strict=True)
    if targets is not None:
        flat = np.repeat(targets, lengths, axis=0) if isinstance(targets, np.ndarray) else np.concatenate(targets)
        columns += _target_columns(flat, classes)
    if weights is not None:
        flat = np.repeat(weights, lengths) if isinstance(weights, np.ndarray) else np.concatenate(weights)
        columns.append((WEIGHT, flat))
    if resets is not None:
        columns.append((RESET, np.concatenate(resets)))
    if (twice := repeated(name for name, _ in columns)) is not None:
        raise ValueError(f"the table would have two columns {twice!r}: give the dataset other feature_names")
    return pd.DataFrame(dict(columns))


def _target_columns(flat: Array, classes: Sequence[str] | None) -> list[tuple[str, Any]]:
    if classes is not None:
        return [("target", named(flat, classes))]
    if flat.ndim == 1 or flat.shape[1] == 1:
        return [("target", flat.reshape(-1))]
    return [(f"target{k}", flat[:, k]) for k in range(flat.shape[1])]


@dataclass(frozen=True)
class Table:
    """Contents of a table, by sequence: the arguments of `rnnbp.SequenceDataset`."""

    sequences: list[Array]
    targets: Any
    ids: list[Any]
    names: list[str]
    info: pd.DataFrame | None
    per_step: bool | None
    weights: Weights | None
    resets: list[Array] | None


def from_frame(
    frame: pd.DataFrame,
    sequence: str,
    step: str | None,
    target: Columns,
    features: Columns,
    info: Columns,
    per_step: bool | None,
    weight: str | None,
    reset: str | None,
) -> Table:
    """Return the contents of a table; the arguments are those of `rnnbp.SequenceDataset.from_frame`."""
    wanted, keys = _wanted(frame, target), [sequence] if step is None else [sequence, step]
    weighted = [] if weight is None or (weight == WEIGHT and WEIGHT not in frame) else [weight]
    _check_keys(frame, sequence, step)
    named = (*wanted, *_listed(features), *_listed(info))
    flags = [] if reset is None or (reset == RESET and (reset in named or not _is_flags(frame, reset))) else [reset]
    given = {"features": _listed(features), "info": _listed(info), "weight": weighted, "reset": flags}
    _check_named(frame, keys, target=wanted, **given)
    left: list[Any] = [c for c in frame if c not in (*keys, *wanted, *_listed(info), *weighted, *flags)]
    dtypes = dict(frame.dtypes.items())  # a column of a wide table takes long to be looked up
    inputs = [c for c in left if is_numeric_dtype(dtypes[c])] if features is None else _listed(features)
    _check_inputs(frame, inputs)
    codes, names = pd.factorize(frame[sequence])
    order = np.argsort(codes, kind="stable")
    if step is not None:
        order = np.lexsort((pd.factorize(frame[step], sort=True)[0], codes))
    rows, lengths = frame.iloc[order], np.bincount(codes)
    ends = np.cumsum(lengths)
    about, others = _listed(info), [c for c in left if c not in {*inputs}]
    if features is None:
        about += others
    elif info is None:  # a column that changes within a sequence was left out on purpose
        about += [c for c in others if _changing(rows[c], lengths) is None]
    for column in about:
        _check_constant(rows, column, sequence, lengths)
    tokens = inputs == ["token"] and frame["token"].dtype.kind in "iu"
    numbers = rows["token"].to_numpy() if tokens else rows[inputs].to_numpy(np.float64)
    known = rows.iloc[ends - lengths][about].reset_index(drop=True) if about else None
    targets, per_step = _targets(rows, wanted, lengths, per_step)
    return Table(
        np.split(numbers, ends[:-1]),
        targets,
        pd.Index(names).tolist(),
        [str(c) for c in inputs],
        known,
        per_step,
        _weights(rows[weighted[0]], lengths) if weighted else None,
        np.split(rows[flags[0]].to_numpy(), ends[:-1]) if flags else None,
    )


def _is_flags(frame: pd.DataFrame, column: str) -> bool:
    """Return whether a table has a column of True and False of this name."""
    return column in frame and frame[column].dtype.kind == "b"


def _weights(column: pd.Series, lengths: Array) -> Weights:
    """Return the weights of sequences from rows that are sorted by sequence; of steps if they change within one."""
    if not is_numeric_dtype(column):
        raise ValueError(f"column {column.name!r}, named in weight=, must hold numbers, got {column.dtype}")
    ends, values = np.cumsum(lengths), column.to_numpy(np.float64)
    return values[ends - lengths] if _changing(column, lengths) is None else np.split(values, ends[:-1])


def _listed(columns: Columns) -> list[Any]:
    return [columns] if isinstance(columns, str) else list(columns or ())


def _wanted(frame: pd.DataFrame, target: Columns) -> list[str]:
    """Return the columns of targets."""
    if target != "target" or "target" in frame:
        return _listed(target)
    wanted: list[str] = []
    while f"target{len(wanted)}" in frame:
        wanted.append(f"target{len(wanted)}")
    return wanted


def _targets(rows: pd.DataFrame, wanted: list[str], lengths: Array, per_step: bool | None) -> tuple[Any, bool | None]:
    """Return the targets of rows that are sorted by sequence, and whether they are one a step."""
    if not wanted:
        return None, per_step
    ends = np.cumsum(lengths)
    starts = ends - lengths
    if per_step is None:
        per_step = any(rows[c].isna().any() or _changing(rows[c], lengths) is not None for c in wanted)
    values = rows[wanted[0]].array if len(wanted) == 1 else rows[wanted].to_numpy()
    if not per_step:
        return values[starts], False
    return [values[a:b] for a, b in zip(starts, ends, strict=True)], True


def _changing(column: pd.Series, lengths: Array) -> int | None:
    """Return the first sequence within which a column of rows sorted by sequence changes, or None."""
    codes = pd.factorize(column)[0]
    starts = np.cumsum(lengths) - lengths
    other = codes != codes[starts].repeat(lengths)
    return int(np.arange(len(lengths)).repeat(lengths)[np.argmax(other)]) if other.any() else None


def _check_constant(rows: pd.DataFrame, column: str, sequence: str, lengths: Array) -> None:
    """Raise if a column of `info` changes within a sequence."""
    i = _changing(rows[column], lengths)
    if i is not None:
        name = rows[sequence].iloc[[int(lengths[:i].sum())]].tolist()[0]
        raise ValueError(
            f"column {column!r} ({rows[column].dtype}) changes within sequence {name!r}, so it is not information on "
            "whole sequences: name it in target= if it holds targets, or the columns of numbers to learn from in "
            "features= to leave it out"
        )


def _texts_of_numbers(column: pd.Series) -> bool:
    """Return whether a column holds texts, each of which is a number."""
    texts = column.map(lambda value: isinstance(value, str)).all() and not isinstance(column.dtype, pd.CategoricalDtype)
    return bool(texts) and bool(pd.to_numeric(column, errors="coerce").notna().all())


def _misordered_texts(column: pd.Series) -> tuple[str, str] | None:
    """Return two neighbours among sorted texts that are not in the order of the numbers or dates in them, or None."""
    texts = sorted(set(column)) if column.map(lambda value: isinstance(value, str)).all() else []
    if isinstance(column.dtype, pd.CategoricalDtype) or not texts:
        return None
    if pd.to_datetime(pd.Series(texts), format="ISO8601", errors="coerce", utc=True).notna().all():
        return None
    keys: list[Any] = [[_natural_order(text) for text in texts]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the day, or the month, cannot be first
        dates = [pd.to_datetime(pd.Series(texts), format="mixed", errors="coerce", dayfirst=d) for d in (True, False)]
    keys += [given.tolist() for given in dates if given.notna().all()]
    return next(((a, b) for key in keys for a, b, x, y in zip(texts, texts[1:], key, key[1:]) if x > y), None)


def _natural_order(text: str) -> list[tuple[int, str]]:
    """Return a key by which numbers within texts are sorted as numbers."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", text)]


def _check_keys(frame: pd.DataFrame, sequence: str, step: str | None) -> None:
    """Raise unless each row has a sequence, and a step that occurs once in it."""
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"frame has two columns {twice!r}")
    others = {
        "sequence": "name the column that says which sequence a row is of (frame.assign(sequence=0) is one)",
        "step": "name the column that says which step of its sequence a row is; step=None to take rows in order",
    }
    keys = {"sequence": sequence} if step is None else {"sequence": sequence, "step": step}
    for argument, column in keys.items():
        if column not in frame:
            raise ValueError(f"{_no_column(frame, column)} {argument}= must {others[argument]}")
        if frame[column].isna().any():
            row = frame.index[frame[column].isna()][0]
            raise ValueError(f"column {column!r} is empty in row {row}: {argument}= must have a value in every row")
    if not len(frame):
        raise ValueError("frame has no rows")
    if step is not None and _texts_of_numbers(frame[step]):
        raise ValueError(
            f"column {step!r} holds numbers as texts, which would be sorted as texts, '10' before '2': make numbers of "
            f"them, frame.assign({step}=pd.to_numeric(frame[{step!r}])), or step=None to take rows in order"
        )
    if step is not None and (pair := _misordered_texts(frame[step])):
        raise ValueError(
            f"column {step!r} holds texts, which would be sorted as texts, {pair[0]!r} before {pair[1]!r}: make "
            "numbers or dates of them (pandas.to_datetime), dates as 2024-01-31, or step=None to take rows in order"
        )
    if step is not None and (again := frame.duplicated([sequence, step])).any():
        at, of = (frame[column].iloc[int(np.argmax(again))] for column in (step, sequence))
        raise ValueError(
            f"frame has step {at} of sequence {of} twice: name another column in step=, or step=None to take rows in "
            "order"
        )


def _no_column(frame: pd.DataFrame, column: str) -> str:
    return f"frame has no column {column!r}.{did_you_mean(column, map(str, frame.columns))}"


def _check_named(frame: pd.DataFrame, keys: list[str], **arguments: list[str]) -> None:
    """Raise unless each argument names columns of the frame, and no column is named twice."""
    roles = dict(zip(keys, ("sequence", "step"), strict=False))
    for argument, columns in arguments.items():
        for column in columns:
            if column not in frame:
                raise ValueError(f"{_no_column(frame, column)} {argument}= must name columns of the frame")
            if column in roles:
                raise ValueError(f"column {column!r} is named in {roles[column]}= and in {argument}=: name it in one")
            roles[column] = argument


def _check_inputs(frame: pd.DataFrame, inputs: list[str]) -> None:
    if not inputs:
        raise ValueError("frame has no column of features: features= must name columns of numbers")
    dtypes = dict(frame.dtypes.items())
    for column in inputs:
        if not is_numeric_dtype(dtypes[column]):
            raise ValueError(f"column {column!r} must hold numbers, got {dtypes[column]}: leave it out of features=")


def describe(lengths: Array, labels: Targets | None, classes: Sequence[str] | None) -> pd.DataFrame:
    """Return the table of `rnnbp.SequenceDataset.describe`; `labels` are None where targets are not classes."""
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
