"""What the algorithms without a way back through time share: the walk through time, and what each does at a step.

At step t, with the state s[t] of a model's cell (see `chain`) and the loss L[t] of what is due then,

    dL/dp = sum over t of  dL[t]/ds[t] . M[t],     M[t] = J[t] M[t-1] + I[t],

M being the influence ds[t]/dp of the parameters on the state, J[t] the Jacobian ds[t]/ds[t-1] and I[t] the parameters'
direct action at step t (Williams & Zipser 1989). The algorithms differ in what they hold of M.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, check_targets, held_bytes, total_weight
from rnnbp.gradients.online.chain import Chain, chain
from rnnbp.gradients.online.draws import Draws
from rnnbp.gradients.online.linear import Linear
from rnnbp.gradients.online.stages import AffineStage
from rnnbp.layers import Last, Run
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int


class Influence(Protocol):
    """What an algorithm holds of ds[t]/dp, of every sequence of a batch."""

    def advance(self, step: Linear) -> None:
        """From s[t-1] to s[t]; the running sequences are the first ``step.size``."""
        ...

    def gradient(self, d_state: Array) -> Array:
        """An error by the state of the running sequences, (n, S), as one by the parameters, (P,)."""
        ...


@dataclass(frozen=True)
class Online:
    """Base of the online algorithms: they carry something forwards from step to step, and take each loss where it is.

    Parameters
    ----------
    every : int, optional
        Steps between gradients: with 1 the parameters may change at every step, in the middle of a sequence. What is
        carried stays as it is when they do; it then mixes the parameters' past values, as in all online learning.
        Default: one gradient a batch, the parameters being still.

    Raises
    ------
    ValueError
        If `every` is not a positive integer; when used on a model that looks ahead in time, that is static, or whose
        layers below the last recurrent one look at several steps.
    """

    every: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.every is not None:
            positive_int("every", self.every)

    def prepared(self, parts: Chain) -> Chain:
        """The model as the algorithm takes it: here as it is."""
        return parts

    def influence(self, parts: Chain, batch_size: int, rng: np.random.Generator | None) -> Influence:
        """What is carried, before the first step. `rng` is the trainer's, or None; layers draw from it afterwards."""
        raise NotImplementedError(f"{type(self).__name__} does not define influence")

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """One gradient a batch, or one every `every` steps."""
        draws = None if rng is None else Draws(batch.steps, batch.size, batch.x.shape[2:])
        parts = self.prepared(chain(model, type(self).__name__, draws))
        walk = Walk(parts, batch, loss, state, rng)
        carried = self.influence(parts, batch.size, rng)
        if draws is not None and rng is not None:
            draws.begin(rng)
        every = batch.steps if self.every is None else self.every
        for start in range(0, batch.steps, every):
            span = Span(model, start, min(start + every, batch.steps))
            held = self.through(span, walk, carried)
            yield span.total(walk, held)

    def through(self, span: "Span", walk: "Walk", carried: Influence) -> int:
        """Walk through a span, adding to it; -> bytes held, at the most."""
        for t, step in walk.steps(span.start, span.stop):
            carried.advance(step)
            due = walk.loss_at(t)
            span.add(due, carried.gradient(self.signal(due, walk)))
        return held_bytes(carried)

    def signal(self, due: "Due", walk: "Walk") -> Array:
        """What the influence is multiplied with at a step, (n, S): the loss's derivative by the state."""
        return due.d_state


@dataclass(frozen=True)
class Due:
    """The loss of what is due at one step.

    Attributes
    ----------
    loss : float
    counts : ndarray of bool (1, B) or (B,)
        Of which sequences something is due.
    outputs : ndarray (1, B, K) or (B, K)
    d_outputs : ndarray, as the outputs
    d_state : ndarray (n, S)
        The derivative by the state of the running sequences.
    tail : ndarray
        The derivative by the parameters of the layers on top.
    """

    loss: float
    counts: Array
    outputs: Array
    d_outputs: Array
    d_state: Array
    tail: Array


class Walk:
    """A batch, step by step, the parameters being taken as they are at each step.

    Parameters
    ----------
    parts : Chain
    batch, loss, state, rng
        As a gradient algorithm is given them.
    """

    def __init__(
        self,
        parts: Chain,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.parts, self.batch, self.loss, self.rng = parts, batch, loss, rng
        self.targets = check_targets(batch)
        self.x = parts.model.cast(batch.x)
        self.below: Sequence[State] | None = None if state is None else state[: parts.first]
        self.cell, self.params, self.tail = parts.cell, parts.params, parts.tail
        self.drawn = [stage for stage in self.cell.cells if isinstance(stage, AffineStage)]
        self.state = parts.begin(state, batch.size).copy()
        self.active = Run(batch.lengths).active(batch.steps)
        self.per_step = parts.model.per_step
        self.total = total_weight(loss, batch, self.per_step)

    def running(self, t: int) -> int:
        """How many sequences run at step t."""
        return int(self.active[t]) if t < len(self.active) else 0

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, Linear]]:
        """Go on from s[start - 1] to s[stop - 1], step by step."""
        ahead = self.parts.ahead
        run = Run(np.clip(self.batch.lengths - start, 0, stop - start), self.rng)
        x, _, self.below = ahead.unroll(ahead.params, self.x[start:stop], run, self.below)
        for t in range(start, stop):
            n = self.active[t]
            for stage in self.drawn:
                stage.draw(self.batch.size, self.state.dtype)
            inputs = x[t - start, :n] if x.ndim == 3 else x[t - start, :n, None]  # tokens have no axis of features
            step = Linear(self.cell, self.params, self.state[:n].copy(), inputs.copy())
            self.state[:n] = step.next_state
            yield t, step

    def loss_at(self, t: int) -> Due:
        """The loss due at step t, with the state there.

        Raises
        ------
        ValueError
            If a layer on top carries something from step to step.
        """
        n, tail = self.active[t], self.tail
        shown = self.state[None, :, : self.cell.output_size]
        here = np.minimum(np.maximum(self.batch.lengths - t, 0), 1)
        outputs, residuals, after = tail.unroll(tail.params, shown, Run(here, self.rng))
        for layer, carried in zip(tail.layers, after, strict=True):
            if carried is not None and not isinstance(layer, Last):
                raise ValueError(
                    f"an online algorithm takes layers without a state on top of the recurrent ones, got "
                    f"{type(layer).__name__}"
                )
        targets = self.targets[t : t + 1] if self.per_step else self.targets
        due = self.batch.due(t, t + 1, self.per_step)
        value, d_outputs = self.loss.masked(outputs, targets, due, self.total)
        grad = tail.params.zeros()
        d_shown, _ = tail.backward(tail.params, residuals, d_outputs, grad)
        d_state = np.zeros((n, self.state.shape[1]), self.state.dtype)
        d_state[:, : self.cell.output_size] = d_shown[0, :n]
        return Due(value, due, outputs, d_outputs, d_state, grad.vector)


class Span:
    """What the steps of one gradient add up to.

    Parameters
    ----------
    model : Sequential
    start, stop : int
    """

    def __init__(self, model: Sequential, start: int, stop: int) -> None:
        self.start, self.stop, self.per_step = start, stop, model.per_step
        self.vector = np.zeros_like(model.params.vector)
        self.loss: Any = 0.0
        self.outputs: list[Array] = []

    def add(self, due: Due, cell: Array) -> None:
        """A step's loss, and its derivative by the cell's parameters."""
        self.vector[: len(cell)] += cell
        self.vector[len(cell) :] += due.tail
        self.loss += due.loss
        if self.outputs and not self.per_step:  # one output a sequence, at the step when it is due
            np.copyto(self.outputs[0], due.outputs, where=due.counts[:, None])
        else:
            self.outputs.append(due.outputs.copy())  # without layers on top it is the state itself, which moves on

    def total(self, walk: Walk, held: int) -> Gradient:
        """The gradient of the span."""
        lengths = walk.batch.lengths
        outputs = np.concatenate(self.outputs)
        steps = int(np.clip(lengths - self.start, 0, self.stop - self.start).sum())
        after = walk.parts.end(walk.below or [], walk.state)
        vector = walk.parts.model.params.masked(self.vector)
        return Gradient(self.loss, vector, outputs, after, Cost(steps, held), (self.start, self.stop))
