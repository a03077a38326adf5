"""Splits of an order of sequences into batches or parts of a dataset, and of padded arrays into sequences."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.data.labels import LabelSequences
from rnnbp.data.targets import padded_per_step
from rnnbp.data.validation import one_feature
from rnnbp.runtime import as_array, flag, generator, natural_int, number, positive_int

Array = np.ndarray


def pieces(order: Array, size: int) -> list[Array]:
    """Split `order` into pieces of `size`; the last may be smaller.

    Examples
    --------
    >>> [piece.tolist() for piece in pieces(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    return [order[i : i + size] for i in range(0, len(order), size)]


def first_batch(
    size: int, batch_size: int, shuffle: bool, rng: np.random.Generator | None, bucket: int, start: int
) -> int:
    """Return the batch at which an iteration over `size` sequences begins, or raise where an argument of it is wrong.

    Examples
    --------
    >>> first_batch(6, 2, shuffle=False, rng=None, bucket=1, start=7)
    Traceback (most recent call last):
    ValueError: start must be at most 3, the number of batches, got 7
    """
    batches = -(-size // positive_int("batch_size", batch_size))
    positive_int("bucket", bucket)
    first = natural_int("start", start)
    if first > batches:
        raise ValueError(f"start must be at most {batches}, the number of batches, got {start}")
    if rng is not None:
        generator("rng", rng)
    if flag("shuffle", shuffle) and rng is None:
        raise ValueError("rng is needed to shuffle: numpy.random.default_rng(seed)")
    return first


def deal(order: Array, parts: float | Sequence[float] | Sequence[int]) -> list[Array]:
    """Split `order` into parts, each of which takes its items evenly along it.

    If the order is sorted by class, the split is stratified.

    Parameters
    ----------
    order : ndarray (N,)
    parts : float, or sequence of float or of int
        See `rnnbp.SequenceDataset.split`.

    Examples
    --------
    >>> [part.tolist() for part in deal(np.arange(6), (2, 4))]
    [[1, 4], [0, 2, 3, 5]]
    """
    dealt, left = [], 1.0
    for fraction in _fractions(parts, len(order))[:-1]:
        # Along the remaining items, the part takes the next one whenever it has fewer than its fraction so far.
        wanted = np.floor(np.arange(1, len(order) + 1) * min(fraction / left, 1.0) + 0.5)
        taken = np.diff(wanted, prepend=0) > 0
        dealt.append(order[taken])
        order, left = order[~taken], left - fraction
    dealt.append(order)
    return _none_empty(parts, dealt)


def _none_empty(parts: float | Sequence[float], dealt: list[Array]) -> list[Array]:
    """Return the parts, or raise if one is empty."""
    for k, part in enumerate(dealt):
        if not len(part):
            raise ValueError(f"parts = {parts!r} leave part {k} of {sum(map(len, dealt))} sequences empty")
    return dealt


def deal_groups(order: Array, parts: float | Sequence[float], groups: pd.Series, labels: Array | None) -> list[Array]:
    """Split `order` into parts such that each group is in one part.

    Greedy: from the largest group to the smallest, each goes to the part that needs its sequences most; with labels,
    its sequences of each class.

    Parameters
    ----------
    order : ndarray (N,)
        Breaks ties between groups of the same size.
    parts : float, or sequence of float
        Fractions, see `rnnbp.SequenceDataset.split`.
    groups : Series (N,)
    labels : ndarray (N,) of int, optional
        The classes whose proportions the parts should have.

    Examples
    --------
    >>> [part.tolist() for part in deal_groups(np.arange(5), 0.6, pd.Series(list("abbac")), None)]
    [[0, 3, 4], [1, 2]]
    """
    if isinstance(parts, Sequence) and all(isinstance(p, int | np.integer) for p in parts):
        raise ValueError(f"parts must be fractions where groups decide, got the sizes {tuple(parts)}")
    if groups.isna().any():
        raise ValueError(f"groups must have a value for each sequence, got none for {int(np.argmax(groups.isna()))}")
    codes = pd.factorize(groups.to_numpy()[order])[0]  # numbered by first occurrence
    classes = np.zeros(len(order), int) if labels is None else labels[order]
    counts = np.zeros((codes.max() + 1, classes.max() + 2))  # of each group: by class, and in all
    np.add.at(counts, (codes, classes), 1)
    counts[:, -1] = np.bincount(codes)
    missing = np.outer(_fractions(parts, len(order)), counts.sum(axis=0))  # of each part: by class, and in all
    part_of = np.empty(len(counts), int)
    for g in np.argsort(-counts[:, -1], kind="stable"):
        part_of[g] = np.argmax(missing @ counts[g])
        missing[part_of[g]] -= counts[g]
    return _none_empty(parts, [order[part_of[codes] == k] for k in range(len(missing))])


def _fractions(parts: float | Sequence[float] | Sequence[int], size: int) -> list[float]:
    """Return the fraction of each part."""
    if not isinstance(parts, Sequence | np.ndarray):
        first = number("parts", parts, 0, 1)
        return [first, 1 - first]
    if len(parts) < 1:
        raise ValueError("parts must be a fraction, or one or more fractions or sizes, got none")
    if all(isinstance(p, int | np.integer) for p in parts):
        if min(parts) < 1 or sum(parts) != size:
            raise ValueError(f"parts must be sizes of 1 or more that add up to {size}, got {tuple(parts)}")
        return [p / size for p in parts]
    fractions = [number(f"parts[{k}]", p, 0, 1, open_low=True) for k, p in enumerate(parts)]
    if abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"parts must be fractions that add up to 1, got {tuple(parts)}")
    return fractions


def bucketed(order: Array, lengths: Array, batch_size: int, bucket: int) -> list[Array]:
    """Split `order` into batches of similar lengths: the items of `bucket` batches are sorted together, longest first.

    Examples
    --------
    >>> [batch.tolist() for batch in bucketed(np.arange(4), np.array([2, 9, 3, 8]), 2, 2)]
    [[1, 3], [2, 0]]
    """
    groups = pieces(order, batch_size * bucket)
    return [part for g in groups for part in pieces(g[np.argsort(-lengths[g], kind="stable")], batch_size)]


def chosen_places(places: Sequence[int] | Array, size: int) -> Array:
    """Return the indices of a subset, 0 or more; `places` are indices or one bool for each of `size` items.

    Examples
    --------
    >>> chosen_places([True, False, True], 3), chosen_places([-1], 3)
    (array([0, 2]), array([2]))
    """
    chosen = as_array("places", places)
    if chosen.dtype == bool and chosen.shape != (size,):
        raise ValueError(f"places must be one bool a sequence, {size}, got shape {chosen.shape}")
    chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
    if not chosen.size:
        raise ValueError("places must hold at least one sequence, got none")
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise ValueError(f"places must be integers or one bool a sequence, got {chosen.dtype} of {chosen.shape}")
    if chosen.min() < -size or chosen.max() >= size:
        wrong = chosen.max() if chosen.max() >= size else chosen.min()
        raise ValueError(f"places must be below the number of sequences, {size}, got {wrong}")
    return chosen.astype(np.int64) % size


def unpadded(
    x: Array, lengths: ArrayLike | None, targets: Any, per_step: bool | None
) -> tuple[list[Array], Any, bool | None]:
    """Return the sequences and targets of padded arrays, batch first, and whether targets are one a step.

    Examples
    --------
    >>> unpadded(np.array([[1, 2], [3, 0]]), [2, 1], None, None)[0]
    [array([1, 2]), array([3])]
    """
    if x.ndim not in (2, 3) or (x.ndim == 2 and x.dtype.kind not in "iu"):
        raise ValueError(
            f"x must have shape (N, T, F), or (N, T) for integer tokens, got {x.dtype} of {x.shape}"
            f"{one_feature(x, '(N, T)')}"
        )
    N, T = x.shape[:2]
    ends = np.full(N, T) if lengths is None else as_array("lengths", lengths)
    if ends.shape != (N,) or ends.dtype.kind not in "iu":
        raise ValueError(f"lengths must be integers of shape (N,) = ({N},), got {ends.dtype} of {ends.shape}")
    wrong = (ends < 1) | (ends > T)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(f"lengths must be from 1 to T = {T}, got {ends[i]} for sequence {i}")
    sequences = [s[:n] for s, n in zip(x, ends, strict=True)]
    if targets is None or isinstance(targets, LabelSequences):
        return sequences, targets, per_step
    padded = np.asarray(targets)
    steps = padded_per_step(padded, per_step)
    if not steps:
        return sequences, targets, False
    if padded.shape[:2] != (N, T):
        other = "" if padded.ndim == 3 else ": (N, K) values a sequence need per_step=False"
        wanted = "(N, T)" if padded.ndim == 2 else "(N, T, K)"
        raise ValueError(f"targets must have shape {wanted} with N = {N} and T = {T}, got {padded.shape}{other}")
    return sequences, [t[:n] for t, n in zip(padded, ends, strict=True)], True
