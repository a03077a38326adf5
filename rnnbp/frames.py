"""Sequences as a long pandas table, one row a step, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rnnbp._checks import did_you_mean

Array = np.ndarray


def to_frame(
    sequences: Sequence[Array], targets: Any, classes: Sequence[str] | None, ids: Sequence[Any]
) -> pd.DataFrame:
    """See `rnnbp.SequenceDataset.to_frame`."""
    lengths = [len(s) for s in sequences]
    wide = np.concatenate([s.reshape(len(s), -1) for s in sequences])
    columns: dict[str, Any] = {
        "sequence": np.repeat(np.array(ids), lengths),
        "step": np.concatenate([np.arange(n) for n in lengths]),
    }
    columns |= {f"x{f}": wide[:, f] for f in range(wide.shape[1])}
    if targets is not None:
        flat = np.repeat(targets, lengths, axis=0) if isinstance(targets, np.ndarray) else np.concatenate(targets)
        if classes is not None:
            named = np.array([*classes, None], object)  # label -1, none, takes the last place
            columns["target"] = named[flat]
        elif flat.ndim == 1:
            columns["target"] = flat
        else:
            columns |= {f"target{k}": flat[:, k] for k in range(flat.shape[1])}
    return pd.DataFrame(columns)


def from_frame(
    frame: pd.DataFrame,
    sequence: str,
    step: str,
    target: str | Sequence[str] | None,
    features: Sequence[str] | None,
) -> tuple[list[Array], Any, list[Any]]:
    """See `rnnbp.SequenceDataset.from_frame`: the sequences, their targets and their ids."""
    wanted = [target] if isinstance(target, str) else list(target or ())
    if wanted == ["target"] and "target" not in frame:
        wanted = []
    inputs = [c for c in frame if c not in (sequence, step, *wanted)] if features is None else list(features)
    for column in (sequence, step, *wanted, *inputs):
        if column not in frame:
            raise ValueError(f"frame has no column {column!r}.{did_you_mean(column, map(str, frame.columns))}")
    twice = frame.duplicated([sequence, step])
    if twice.any():
        row = frame.loc[twice].iloc[0]
        raise ValueError(f"frame has step {row[step]} of sequence {row[sequence]} twice")
    groups = [(key, group.sort_values(step)) for key, group in frame.groupby(sequence, sort=False)]
    sequences = [group[inputs].to_numpy() for _, group in groups]
    if not wanted:
        return sequences, None, [key for key, _ in groups]
    column = wanted[0] if len(wanted) == 1 else wanted
    per_step = [group[column].to_numpy() for _, group in groups]
    constant = all((t == t[:1]).all() for t in per_step)
    targets: Any = np.array([t[0] for t in per_step]) if constant else per_step
    return sequences, targets, [key for key, _ in groups]
