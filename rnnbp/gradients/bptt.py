"""Full backpropagation through time, with all tapes held or with checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from rnnbp._checks import positive_int
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, refuse_look_ahead, whole_gradient
from rnnbp.gradients.checkpointing import Checkpointed, Plan, bytes_of, plan_within
from rnnbp.kernels.blocks import BLOCK
from rnnbp.layers.base import State
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential


@dataclass(frozen=True)
class BPTT:
    """The error propagated back through every step of the sequence: the exact gradient. Also of a static
    model.

    The way back needs what was computed on the way there, the tape, whose memory grows with the number of steps.
    With `slots` or `memory` only some of it is held, and the rest computed again by the optimal schedule. Time
    is cut into units of `block` steps; the gradient is that of ``BPTT()`` to the last bit.

    Parameters
    ----------
    slots : int, optional
        How many units' tapes are held at once (BPTT-ISM of Gruslys et al.). For n units the forward evaluations are
        ``r (n + 1) - C(slots + r, slots + 1)``, r being the smallest with ``C(slots + r, slots) > n``: for 1,000
        units and 5 / 10 / 20 / 50 / 100 slots, 6.29 / 3.64 / 2.75 / 1.95 / 1.90 per unit.
    memory : int or str, optional
        A budget instead: bytes, or a text such as ``"50 MB"`` (10^6 bytes) or ``"64 KiB"`` (2^10). The schedule that
        takes the fewest evaluations within it is found, over tapes or over states (the binomial schedule of Griewank &
        Walther), after one step has been run to measure both.
    block : int, optional
        Steps of a unit. Default with `slots`: 16; with `memory`: the best multiple of 16. With 1 a unit is a step, as
        in the papers, at the price of a call of every layer for every step.

    Raises
    ------
    ValueError
        If an argument is not positive, `memory` cannot be read, or both `slots` and `memory` are given. When used:
        if the model has a layer that looks ahead in time, or `memory` is too small, with the smallest that will do.

    Notes
    -----
    What counts as memory is what is held for the way back and what passes through a unit on it: tapes, states, deltas.
    What any gradient needs is not counted: the batch, outputs and the loss's derivative by them, parameters and
    gradient. The tape of a `FixedPoint` layer depends on how long it takes to settle, and is measured at the first
    step.

    The bits are those of ``BPTT()`` where `block` is a multiple of 16 (`rnnbp.kernels.blocks`), and those of
    ``BPTT(block=block)`` for any `block`. Where they are not, the gradient is equal up to rounding: with a
    `FixedPoint` layer that has no warm start, whose steps settle together, and with layers of one's own that
    add up over time in another way. Random layers draw unit by unit: a single one in time draws what it
    draws in ``BPTT()``, several in one model draw other masks, of which the gradient is the exact one.

    References
    ----------
    P. J. Werbos (1990), "Backpropagation through time: what it does and how to do it", Proc. IEEE 78(10),
    1550-1560, doi:10.1109/5.58337. A. Griewank & A. Walther (2000), "Algorithm 799: revolve", ACM Trans. Math.
    Software 26(1), 19-45, doi:10.1145/347837.347846. A. Gruslys, R. Munos, I. Danihelka, M. Lanctot & A. Graves
    (2016), "Memory-efficient backpropagation through time", NeurIPS 29, arXiv:1606.03401

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((90, 2)), np.zeros((60, 2))], targets=[0, 1]).batch()
    >>> (g,) = BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> g.vector.shape, g.cost.steps
    ((29,), 150)
    >>> (again,) = BPTT(slots=2).gradients(model, batch, rnnbp.CrossEntropy())
    >>> np.array_equal(again.vector, g.vector), again.cost.steps, again.cost.peak_bytes < g.cost.peak_bytes / 2
    (True, 286, True)
    """

    slots: int | None = None
    memory: int | str | None = None
    block: int | None = None

    def __post_init__(self) -> None:
        if self.slots is not None and self.memory is not None:
            raise ValueError(f"slots or memory must be given, not both: got {self.slots!r} and {self.memory!r}")
        for name in ("slots", "block"):
            if getattr(self, name) is not None:
                positive_int(name, getattr(self, name))
        if self.memory is not None:
            bytes_of("memory", self.memory)

    def __repr__(self) -> str:
        given = [f"{f.name}={value!r}" for f in fields(self) if (value := getattr(self, f.name)) is not None]
        return f"BPTT({', '.join(given)})"

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """One gradient a batch."""
        if self == BPTT():
            yield whole_gradient(model, batch, loss, state, rng)
            return
        refuse_look_ahead(model, repr(self))
        run = Checkpointed(model, batch, loss, state, rng)
        plan = self._plan(run, len(batch.x))
        yield run.gradient(plan.actions(), plan.block)

    def _plan(self, run: Checkpointed, steps: int) -> Plan:
        """The schedule that was asked for: of so many slots, within a budget, or with all tapes held."""
        if self.memory is not None:
            return plan_within(bytes_of("memory", self.memory), steps, run.sizes(), self.block)
        return Plan(steps, self.block or BLOCK, self.slots or steps)
