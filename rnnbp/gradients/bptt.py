"""Full backpropagation through time, with all residuals stored or with checkpointing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from rnnbp.data import SequenceBatch, part_of
from rnnbp.gradients.base import Gradient, GradientAlgorithm, check_targets, require_causal, whole_gradient
from rnnbp.gradients.checkpointing.budget import Plan, bytes_of, plan_within
from rnnbp.gradients.checkpointing.runner import Checkpointed, Segments
from rnnbp.kernels.blocks import BLOCK
from rnnbp.layers.base import State
from rnnbp.losses import Loss, check_loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class BPTT(GradientAlgorithm):
    """Compute the gradient of the mean loss by full backpropagation through time.

    A static model is differentiated by plain backpropagation. The backward pass needs residuals of the forward pass,
    whose memory grows with the number of steps. With `slots` or `memory` only some of them are stored, and the rest is
    computed again in segments of `block` steps by the optimal schedule (checkpointing).

    Parameters
    ----------
    slots : int, optional
        Number of segments whose residuals are stored at the same time (BPTT-ISM of Gruslys et al.). For n segments the
        forward evaluations are ``r (n + 1) - C(slots + r, slots + 1)``, r being the smallest with
        ``C(slots + r, slots) > n``: for 1,000 segments and 5 / 10 / 20 / 50 / 100 slots, 6.29 / 3.64 / 2.75 / 1.95 /
        1.90 per segment.
    memory : int or str, optional
        A budget instead: bytes, or a text such as ``"50 MB"`` (10^6 bytes) or ``"64 KiB"`` (2^10). The schedule of the
        fewest evaluations within it is chosen, storing residuals or states (the binomial schedule of Griewank &
        Walther), after one step has been run to measure both.
    block : int, optional
        Steps of a segment. Default with `slots`: 16; with `memory`: the best multiple of 16. With 1 a segment is a
        step, as in the papers, at the cost of a call of every layer for every step.

    Raises
    ------
    ValueError
        If an argument is not positive, `memory` cannot be read, or both `slots` and `memory` are given. When used:
        if the model has a non-causal layer, or `memory` is too small; the message says what suffices.

    Notes
    -----
    Memory counts what is stored for the backward pass and what is temporary in it: residuals, states, deltas. What any
    gradient needs is not counted: batch, outputs and their gradient, parameters and gradient. The residuals of a
    `FixedPoint` layer depend on its number of iterations, and are measured at the first step.

    The gradient equals that of ``BPTT()`` to rounding, and the same call gives the same bits. Random layers draw
    segment by segment: a single one in time draws what it draws in ``BPTT()``, several in one model draw other masks,
    of which the gradient is the exact one.

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
    >>> np.allclose(again.vector, g.vector), again.cost.steps, again.cost.peak_bytes < g.cost.peak_bytes / 2
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
        if self == BPTT():
            yield whole_gradient(model, batch, loss, state, rng)
            return
        require_causal(model, repr(self))
        check_targets(batch)
        check_loss(loss)
        segments = Segments(model, batch, state, rng)
        plan = self._plan(segments, len(batch.x))
        yield Checkpointed(segments, batch, loss, state, rng, plan.block).gradient(plan.actions())

    def _plan(self, segments: Segments, steps: int) -> Plan:
        """Return the plan within the budget, or with the given number of slots, or with all residuals stored."""
        if self.memory is not None:
            sizes = segments.sizes()
            if self.block is None and part_of(segments.generator) is not None and segments.draws():
                raise ValueError(
                    f"memory={self.memory!r} chooses the segments, in which random layers draw, by the batch, of which "
                    "each process has a part: give block too, say block=16"
                )
            return plan_within(bytes_of("memory", self.memory), steps, sizes, self.block)
        return Plan(steps, self.block or BLOCK, self.slots or steps)
