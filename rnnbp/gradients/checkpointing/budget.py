"""From a budget of bytes to the schedule that takes the fewest evaluations within it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnbp._checks import positive_int
from rnnbp.gradients.checkpointing.schedules import (
    Action,
    hold_states,
    hold_tapes,
    states_evaluations,
    tapes_evaluations,
)
from rnnbp.kernels.blocks import BLOCK

UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
PASSING = 3  # states that come and go: the one at hand, the next one, and the error by it
WORKING = 2.1  # tapes' worth that comes and goes in a unit: 2.05 (Elman, compiled), 1.84 (GRU, NumPy) were measured


def bytes_of(name: str, value: Any) -> int:
    """A number of bytes, or a text such as "50 MB" (10^6) or "64 KiB" (2^10), as an int.

    Examples
    --------
    >>> bytes_of("memory", "1.5 KiB")
    1536
    >>> bytes_of("memory", "50 megs")
    Traceback (most recent call last):
    ValueError: memory must be bytes, as an integer or as text such as '50 MB' or '64 KiB', got '50 megs'
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kmgt]?i?b)\s*", value.lower())
        if match and float(match[1]) > 0 and match[2] in UNITS:
            return int(float(match[1]) * UNITS[match[2]])
        raise ValueError(f"{name} must be bytes, as an integer or as text such as '50 MB' or '64 KiB', got {value!r}")
    return positive_int(name, value)


@dataclass(frozen=True)
class Plan:
    """A schedule for so many steps.

    Attributes
    ----------
    steps, block : int
        T, and how many steps are a unit; the last unit may be shorter.
    slots : int
        What is held at once.
    hold : function
        `hold_states` or `hold_tapes`.
    """

    steps: int
    block: int
    slots: int
    hold: Callable[[int, int], Iterator[Action]] = hold_tapes

    @property
    def units(self) -> int:
        """How many there are."""
        return -(-self.steps // self.block)

    @property
    def evaluations(self) -> int:
        """Units that are run, repeated ones included."""
        count = states_evaluations if self.hold is hold_states else tapes_evaluations
        return count(self.units, self.slots)

    def actions(self) -> Iterator[Action]:
        """The schedule."""
        return self.hold(self.units, self.slots)


@dataclass(frozen=True)
class Sizes:
    """What a batch takes.

    Attributes
    ----------
    tape : int
        Bytes of one step's tape.
    state : int
        Bytes of the layers' states.
    """

    tape: int
    state: int

    def bytes(self, plan: Plan) -> int:
        """The most that is held at once, with twice a unit's tape for what passes on the way through it: deltas,
        errors by inputs, sums not yet kept.
        """
        tape = min(plan.block, plan.steps) * self.tape
        held = (plan.slots - 1) * self.state + tape  # the first state is the caller's
        if plan.hold is hold_tapes:
            held = min(plan.slots, plan.units) * (tape + self.state)
        return held + int(WORKING * tape) + PASSING * self.state


def plan_within(budget: int, steps: int, sizes: Sizes, block: int | None = None) -> Plan:
    """The plan of the fewest evaluations whose bytes stay within a budget.

    Both forms are tried, with as many slots as there is room for, over units of one block, of two, and so on: longer
    units leave room for fewer states but need fewer. It comes within a tenth of the best mixture of states and
    tapes (BPTT-MSM of Gruslys et al., sec. 3.3), whose dynamic programme over T and bytes has no closed form and takes
    longer than it saves. The last bits of the gradient are those of plain BPTT, whatever is chosen, unless another
    `block` is asked for.

    Parameters
    ----------
    budget : int
        Bytes.
    steps : int
        T.
    sizes : Sizes
    block : int, optional
        Steps of a unit. Default: any multiple of 16.

    Raises
    ------
    ValueError
        If nothing fits, with the smallest budget that does.

    Examples
    --------
    >>> plan = plan_within(10_000, 1000, Sizes(tape=80, state=16))
    >>> plan.block, plan.slots, plan.hold.__name__, plan.evaluations / plan.units
    (16, 63, 'hold_states', 1.9841269841269842)
    >>> plan_within(1_000, 1000, Sizes(tape=80, state=16))
    Traceback (most recent call last):
    ValueError: memory must be at least 4016 bytes for this model and batch, got 1000
    """
    lengths = [block] if block else range(BLOCK, steps + BLOCK, BLOCK)
    plans = [
        plan
        for length in lengths
        for hold in (hold_states, hold_tapes)
        if (plan := _filled(budget, Plan(steps, length, 1, hold), sizes))
    ]
    if not plans:
        smallest = min(sizes.bytes(Plan(steps, length, 1, hold_states)) for length in lengths)
        raise ValueError(f"memory must be at least {smallest} bytes for this model and batch, got {budget}")
    return min(plans, key=lambda plan: (plan.evaluations * plan.block, sizes.bytes(plan)))


def _filled(budget: int, one: Plan, sizes: Sizes) -> Plan | None:
    """The plan of one slot, with as many as there is room for and use of; None if there is room for none."""
    room = budget - sizes.bytes(one)
    if room < 0:
        return None
    two = Plan(one.steps, one.block, 2, one.hold)
    slot = sizes.bytes(two) - sizes.bytes(one)
    more = one.units if slot <= 0 else room // slot
    return Plan(one.steps, one.block, min(1 + more, one.units), one.hold)
