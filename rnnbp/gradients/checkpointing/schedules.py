"""What to run, store, drop and take back, in which order: schedules as plain data.

A schedule is over units of time 0 ... n - 1, a step or a block of steps each; state u is the one before unit u. It is a
sequence of these actions, which a replay can check and count:

=================  ===================================================================================
`Advance(a, b)`    run units a ... b - 1 from state a, and keep nothing but state b, for the next action
`Store(u)`         hold state u
`Drop(u)`          hold it no longer
`Tape(u)`          run unit u from state u; hold its tape, and state u + 1
`Back(u)`          backpropagate through unit u, and hold its tape no longer
=================  ===================================================================================
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from rnnbp.gradients.checkpointing.binomial import advances, split


class Advance(NamedTuple):
    """Run units `start` to before `stop`, and keep only the state at the end, until the next action."""

    start: int
    stop: int


class Store(NamedTuple):
    """Hold the state before a unit."""

    unit: int


class Drop(NamedTuple):
    """Hold it no longer."""

    unit: int


class Tape(NamedTuple):
    """Run a unit; hold what its way back needs, and the state after it."""

    unit: int


class Back(NamedTuple):
    """Backpropagate through a unit whose tape is held, and let go of the tape."""

    unit: int


class _Part(NamedTuple):
    """Units to be taken back with so many slots, from a state that is held or at hand."""

    start: int
    stop: int
    slots: int


Action = Advance | Store | Drop | Tape | Back
Schedule = Iterable[Action]


def hold_states(units: int, slots: int) -> Iterator[Action]:
    """Hold states, and a single tape: ``units + advances(units, slots)`` evaluations.

    The binomial schedule of Griewank & Walther (2000), which is BPTT-HSM of Gruslys et al. (2016, sec. 3.1).

    Parameters
    ----------
    units : int
        At least 1.
    slots : int
        States held at once, the first one included; at least 1.

    Examples
    --------
    >>> [str(action) for action in hold_states(2, 2)]
    ['Store(unit=0)', 'Advance(start=0, stop=1)', 'Tape(unit=1)', 'Back(unit=1)', 'Tape(unit=0)', 'Back(unit=0)',
     'Drop(unit=0)']
    """
    yield Store(0)
    yield from _unfold(_Part(0, units, slots), _with_states)
    yield Drop(0)


def hold_tapes(units: int, slots: int) -> Iterator[Action]:
    """Hold tapes, each with the state after it: ``advances(units + 1, slots)`` evaluations.

    BPTT-ISM of Gruslys et al. (2016, sec. 3.2); with as many slots as units it is plain BPTT.

    Parameters
    ----------
    units : int
        At least 1.
    slots : int
        Tapes held at once; at least 1. The state before unit 0 is the caller's and takes none.

    Examples
    --------
    >>> [str(action) for action in hold_tapes(2, 1)]
    ['Advance(start=0, stop=1)', 'Tape(unit=1)', 'Back(unit=1)', 'Tape(unit=0)', 'Back(unit=0)']
    """
    return _unfold(_Part(0, units, slots), _with_tapes)


def states_evaluations(units: int, slots: int) -> int:
    """How many units `hold_states` runs, each time it runs one.

    Examples
    --------
    >>> states_evaluations(1000, 50)
    2948
    """
    return units + advances(units, slots)


def tapes_evaluations(units: int, slots: int) -> int:
    """How many units `hold_tapes` runs, each time it runs one.

    Examples
    --------
    >>> [tapes_evaluations(1000, slots) for slots in (5, 10, 20, 50, 100)]
    [6292, 3640, 2750, 1950, 1900]
    """
    return advances(units + 1, slots)


def _unfold(first: _Part, taken_back: Callable[[_Part], list[Action | _Part]]) -> Iterator[Action]:
    """Actions, parts within parts taken apart: a recursion without its depth."""
    waiting: list[Action | _Part] = [first]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Part):
            waiting.extend(reversed(taken_back(item)))
        else:
            yield item


def _with_states(part: _Part) -> list[Action | _Part]:
    start, stop, slots = part
    if stop - start == 1:
        return [Tape(start), Back(start)]
    middle = start + split(stop - start, slots)
    behind: list[Action | _Part] = [_Part(middle, stop, slots - 1)]
    if stop - middle > 1:  # a single unit is run at once from the state at hand
        behind = [Store(middle), *behind, Drop(middle)]
    return [Advance(start, middle), *behind, _Part(start, middle, slots)]


def _with_tapes(part: _Part) -> list[Action | _Part]:
    start, stop, slots = part
    if start == stop:
        return []
    unit = start + split(stop - start + 1, slots) - 1
    ahead: list[Action | _Part] = [Advance(start, unit)] if unit > start else []
    return [*ahead, Tape(unit), _Part(unit + 1, stop, slots - 1), Back(unit), _Part(start, unit, slots)]
