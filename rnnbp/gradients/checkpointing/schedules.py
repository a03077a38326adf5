"""Checkpointing schedules as plain data: what to run, store, free and backpropagate through, in which order.

A schedule is over segments 0 ... n - 1 of time, of one or more steps each; snapshot s is the state before segment s. It
is a sequence of these actions, which a test can replay and count:

==================  ===============================================================================
`Advance(a, b)`     run segments a ... b - 1 from snapshot a; only snapshot b remains, for the next action
`Store(s)`          store snapshot s
`Free(s)`           free it
`Record(s)`         run segment s from snapshot s; store its residuals, and snapshot s + 1
`Backward(s)`       backpropagate through segment s, and free its residuals
==================  ===============================================================================
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from rnnbp.gradients.checkpointing.binomial import advances, split


class Advance(NamedTuple):
    """Run segments `start` to before `stop`; only the snapshot after them remains, for the next action."""

    start: int
    stop: int


class Store(NamedTuple):
    """Store the snapshot before a segment."""

    segment: int


class Free(NamedTuple):
    """Free the snapshot before a segment."""

    segment: int


class Record(NamedTuple):
    """Run a segment; store its residuals, and the snapshot after it."""

    segment: int


class Backward(NamedTuple):
    """Backpropagate through a segment whose residuals are stored, and free them."""

    segment: int


class _Part(NamedTuple):
    """Segments to backpropagate through with a number of slots, from a snapshot that is stored or current."""

    start: int
    stop: int
    slots: int


Action = Advance | Store | Free | Record | Backward
Schedule = Iterable[Action]


def store_snapshots(segments: int, slots: int) -> Iterator[Action]:
    """Store snapshots, and the residuals of one segment: ``n + advances(n, slots)`` evaluations of n segments.

    The binomial schedule of Griewank & Walther (2000), which is BPTT-HSM of Gruslys et al. (2016, sec. 3.1).

    Parameters
    ----------
    segments : int
        At least 1.
    slots : int
        Snapshots stored at the same time, the first one included; at least 1.

    Examples
    --------
    >>> for action in store_snapshots(2, 2):
    ...     print(action)
    Store(segment=0)
    Advance(start=0, stop=1)
    Record(segment=1)
    Backward(segment=1)
    Record(segment=0)
    Backward(segment=0)
    Free(segment=0)
    """
    yield Store(0)
    yield from _expanded(_Part(0, segments, slots), _with_snapshots)
    yield Free(0)


def store_residuals(segments: int, slots: int) -> Iterator[Action]:
    """Store residuals, each with the snapshot after it: ``advances(n + 1, slots)`` evaluations of n segments.

    BPTT-ISM of Gruslys et al. (2016, sec. 3.2); with as many slots as segments it is plain BPTT.

    Parameters
    ----------
    segments : int
        At least 1.
    slots : int
        Segments whose residuals are stored at the same time; at least 1. Snapshot 0 is the caller's and takes none.

    Examples
    --------
    >>> for action in store_residuals(2, 1):
    ...     print(action)
    Advance(start=0, stop=1)
    Record(segment=1)
    Backward(segment=1)
    Record(segment=0)
    Backward(segment=0)
    """
    return _expanded(_Part(0, segments, slots), _with_residuals)


def snapshots_evaluations(segments: int, slots: int) -> int:
    """Count the segments that `store_snapshots` runs, repeated ones included.

    Parameters
    ----------
    segments : int
        Number of segments of the sequence.
    slots : int
        Number of segments, or of states, that are stored at the same time.

    Examples
    --------
    >>> snapshots_evaluations(1000, 50)
    2948
    """
    return segments + advances(segments, slots)


def residuals_evaluations(segments: int, slots: int) -> int:
    """Count the segments that `store_residuals` runs, repeated ones included.

    Parameters
    ----------
    segments : int
        Number of segments of the sequence.
    slots : int
        Number of segments, or of states, that are stored at the same time.

    Examples
    --------
    >>> [residuals_evaluations(1000, slots) for slots in (5, 10, 20, 50, 100)]
    [6292, 3640, 2750, 1950, 1900]
    """
    return advances(segments + 1, slots)


def _expanded(whole: _Part, expand: Callable[[_Part], list[Action | _Part]]) -> Iterator[Action]:
    """Yield the actions of nested parts: a recursion with a stack of its own, so without a limit to its depth."""
    stack: list[Action | _Part] = [whole]
    while stack:
        item = stack.pop()
        if isinstance(item, _Part):
            stack.extend(reversed(expand(item)))
        else:
            yield item


def _with_snapshots(part: _Part) -> list[Action | _Part]:
    start, stop, slots = part
    if stop - start == 1:
        return [Record(start), Backward(start)]
    middle = start + split(stop - start, slots)
    later: list[Action | _Part] = [_Part(middle, stop, slots - 1)]
    if stop - middle > 1:  # a single segment runs from the current snapshot
        later = [Store(middle), *later, Free(middle)]
    return [Advance(start, middle), *later, _Part(start, middle, slots)]


def _with_residuals(part: _Part) -> list[Action | _Part]:
    start, stop, slots = part
    if start == stop:
        return []
    segment = start + split(stop - start + 1, slots) - 1
    first: list[Action | _Part] = [Advance(start, segment)] if segment > start else []
    return [
        *first,
        Record(segment),
        _Part(segment + 1, stop, slots - 1),
        Backward(segment),
        _Part(start, segment, slots),
    ]
