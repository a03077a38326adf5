"""From a budget of bytes to the schedule that takes the fewest evaluations within it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnbp.gradients.checkpointing.schedules import (
    Action,
    residuals_evaluations,
    snapshots_evaluations,
    store_residuals,
    store_snapshots,
)
from rnnbp.kernels.blocks import BLOCK
from rnnbp.runtime import positive_int

UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
PASSING = 3  # temporary states: the current one, the next one, and the gradient with respect to it
WORKING = 2.1  # temporary memory in a segment, in its residuals: 2.05 (Elman, compiled), 1.84 (GRU, NumPy) measured


def bytes_of(name: str, value: Any) -> int:
    """Return a number of bytes, or a text such as "50 MB" (10^6) or "64 KiB" (2^10), as an int.

    Parameters
    ----------
    name : str
        The name of the argument, for the message.
    value : int or str

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
    """A schedule for a number of steps.

    Attributes
    ----------
    steps, block : int
        T, and the steps of a segment; the last segment may be shorter.
    slots : int
        Snapshots, or segments' residuals, that are stored at the same time.
    schedule : function
        `store_snapshots` or `store_residuals`.
    """

    steps: int
    block: int
    slots: int
    schedule: Callable[[int, int], Iterator[Action]] = store_residuals

    @property
    def segments(self) -> int:
        """Number of segments."""
        return -(-self.steps // self.block)

    @property
    def evaluations(self) -> int:
        """Segments that are run, repeated ones included."""
        count = snapshots_evaluations if self.schedule is store_snapshots else residuals_evaluations
        return count(self.segments, self.slots)

    def actions(self) -> Iterator[Action]:
        """Return the schedule's actions."""
        return self.schedule(self.segments, self.slots)


@dataclass(frozen=True)
class Sizes:
    """Bytes that a batch takes.

    Attributes
    ----------
    residuals : int
        Of one step.
    state : int
        Of the layers' states.
    """

    residuals: int
    state: int

    def bytes(self, plan: Plan) -> int:
        """Return the peak of a plan, temporary memory in a segment included: deltas, input gradients, partial sums."""
        residuals = min(plan.block, plan.steps) * self.residuals
        stored = (plan.slots - 1) * self.state + residuals  # the first state is the caller's
        if plan.schedule is store_residuals:
            stored = min(plan.slots, plan.segments) * (residuals + self.state)
        return stored + int(WORKING * residuals) + PASSING * self.state


def plan_within(budget: int, steps: int, sizes: Sizes, block: int | None = None) -> Plan:
    """Return the plan of the fewest evaluations within a budget of bytes.

    Both schedules are tried, with as many slots as fit, over segments of one block, of two, and so on: longer
    segments leave room for fewer snapshots but need fewer. The result is within a tenth of the best mixture of
    snapshots and residuals (BPTT-MSM of Gruslys et al., sec. 3.3), whose dynamic programme over T and bytes has no
    closed form and takes longer than it saves.

    Parameters
    ----------
    budget : int
        Bytes.
    steps : int
        T.
    sizes : Sizes
    block : int, optional
        Steps of a segment. Default: any multiple of 16.

    Raises
    ------
    ValueError
        If nothing fits, with the smallest budget that does.

    Examples
    --------
    >>> plan = plan_within(10_000, 1000, Sizes(residuals=80, state=16))
    >>> plan.block, plan.slots, plan.schedule.__name__, plan.evaluations / plan.segments
    (16, 63, 'store_snapshots', 1.9841269841269842)
    >>> plan_within(1_000, 1000, Sizes(residuals=80, state=16))
    Traceback (most recent call last):
    ValueError: memory must be at least 4016 bytes for this model and batch, got 1000
    """
    lengths = [block] if block else range(BLOCK, steps + BLOCK, BLOCK)
    plans = [
        plan
        for length in lengths
        for schedule in (store_snapshots, store_residuals)
        if (plan := _filled(budget, Plan(steps, length, 1, schedule), sizes))
    ]
    if not plans:
        smallest = min(sizes.bytes(Plan(steps, length, 1, store_snapshots)) for length in lengths)
        raise ValueError(f"memory must be at least {smallest} bytes for this model and batch, got {budget}")
    return min(plans, key=lambda plan: (plan.evaluations * plan.block, sizes.bytes(plan)))


def _filled(budget: int, one: Plan, sizes: Sizes) -> Plan | None:
    """Return the plan with as many slots as fit and are of use; None if not even one fits."""
    room = budget - sizes.bytes(one)
    if room < 0:
        return None
    two = Plan(one.steps, one.block, 2, one.schedule)
    slot = sizes.bytes(two) - sizes.bytes(one)
    more = one.segments if slot <= 0 else room // slot
    return Plan(one.steps, one.block, min(1 + more, one.segments), one.schedule)
