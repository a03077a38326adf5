"""Carry out a checkpointing schedule on a model."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, repeated_steps, residual_bytes, whole_loss
from rnnbp.gradients.checkpointing.budget import Sizes
from rnnbp.gradients.checkpointing.schedules import Advance, Backward, Free, Record, Schedule, Store
from rnnbp.layers import Run
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential

OBJECTS = 600  # bytes of the Python objects of a stored state, beside its numbers


class Snapshot(NamedTuple):
    """All that a segment starts from: the layers' states with their bytes, and the state of the generator of masks."""

    states: list[State] | None
    nbytes: int = 0
    generator: Any = None


class Recorded(NamedTuple):
    """A segment that was run: outputs, residuals with their bytes, and the snapshot after it."""

    outputs: Array
    residuals: list[Any]
    residual_bytes: int
    after: Snapshot

    @property
    def nbytes(self) -> int:
        """Bytes of the residuals and of the snapshot."""
        return self.residual_bytes + self.after.nbytes


class Segments:
    """The layers of a model that run over time, a segment of steps at a time.

    A segment that is run again from the same snapshot draws the same masks.

    Parameters
    ----------
    model, batch, state, rng
        As a gradient algorithm is given them.
    """

    def __init__(
        self,
        model: Sequential,
        batch: SequenceBatch,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
    ) -> None:
        if state is not None and len(state) != len(model.layers):
            raise ValueError(f"states must be one for each of the {len(model.layers)} layers, got {len(state)}")
        self.model, self.x, self.batch = model, model.cast(batch.x), batch
        self.generator = copy.deepcopy(rng)
        self.first = Snapshot(None if state is None else list(state[model.in_time]), generator=self._generator())
        self.steps = 0  # of sequences, repeated ones included

    def run(self, start: int, stop: int, before: Snapshot) -> Recorded:
        """Run the steps from `start` to before `stop`."""
        if self.generator is not None:
            self.generator.bit_generator.state = before.generator
        run = Run.of(self.batch, self.generator, start, stop)
        outputs, residuals, states = self.model.unroll(
            self.model.params, self.x[start:stop], run, before.states, self.model.in_time
        )
        self.steps += int(run.lengths.sum()) + repeated_steps(residuals)
        after = Snapshot(states, residual_bytes(states), self._generator())
        return Recorded(outputs, residuals, residual_bytes(residuals, given=self.x), after)

    def sizes(self) -> Sizes:
        """Measure the bytes of a step's residuals and of the states by running the first step."""
        step = self.run(0, 1, self.first)
        return Sizes(step.residual_bytes, step.after.nbytes + OBJECTS)

    def draws(self) -> bool:
        """Return whether the step that was run last drew random numbers."""
        return self.generator is not None and self._generator() != self.first.generator

    def _generator(self) -> Any:
        return None if self.generator is None else self.generator.bit_generator.state


class Checkpointed:
    """The gradient of a batch by checkpointed BPTT.

    The layers that remove the time axis, and those above them, run once, after all segments; so does the loss, which
    sees all outputs together as in plain BPTT.

    Parameters
    ----------
    segments : Segments
    batch, loss, state, rng
        As a gradient algorithm is given them.
    block : int
        Steps of a segment; the last one has what is left.
    """

    def __init__(
        self,
        segments: Segments,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
        block: int,
    ) -> None:
        self.segments, self.model, self.batch, self.loss, self.rng = segments, segments.model, batch, loss, rng
        self.block, self.steps = block, len(batch.x)
        self.upper = slice(self.model.in_time.stop, None)
        self.upper_states = None if state is None else list(state[self.upper])
        self.current = (0, segments.first)  # the segment to run next without a restore, and its snapshot
        self.snapshots: dict[int, Snapshot] = {}
        self.recorded: dict[int, Recorded] = {}
        self.first_time = 0  # the first segment that has not been run yet
        self.outputs: list[Array] = []  # of the layers in time, a segment each
        self.grad = self.model.params.zeros()
        self.d_outputs: Array | None = None  # known once all segments have been run
        self.d_states: list[State] | None = None
        self.stored_bytes = self.peak_bytes = 0

    def gradient(self, schedule: Schedule) -> Gradient:
        """Carry out a schedule."""
        found: tuple[float, Array, list[State]] | None = None
        for action in schedule:
            match action:
                case Advance(start, stop):
                    self.current = stop, self.advance(start, stop)
                case Store(segment):
                    self.snapshots[segment] = self.restore(segment)
                    self.stored_bytes += self.snapshots[segment].nbytes
                case Free(segment):
                    self.stored_bytes -= self.snapshots.pop(segment).nbytes
                case Record(segment):
                    self.recorded[segment] = self.forward(segment, self.restore(segment))
                    self.stored_bytes += self.recorded[segment].nbytes
                case Backward(segment):
                    if found is None:
                        found = self.top(self.recorded[segment].after)
                    self.d_states = self.backward(segment, self.recorded.pop(segment))
        assert found is not None, "a schedule ends with the backward pass of every segment"
        value, outputs, states = found
        cost = Cost(self.segments.steps, self.peak_bytes)
        gradient = self.model.params.trainable(self.grad.vector)
        return Gradient(value, gradient, outputs, states, cost, (0, self.steps))

    def restore(self, segment: int) -> Snapshot:
        """Return the snapshot before a segment, from wherever it is."""
        if self.current[0] == segment:
            return self.current[1]
        if segment in self.snapshots:
            return self.snapshots[segment]
        return self.recorded[segment - 1].after if segment else self.segments.first

    def advance(self, start: int, stop: int) -> Snapshot:
        """Run segments `start` to before `stop` and return the snapshot after them."""
        snapshot = self.restore(start)
        for segment in range(start, stop):
            snapshot = self.forward(segment, snapshot).after
        return snapshot

    def forward(self, segment: int, before: Snapshot) -> Recorded:
        """Run a segment; its outputs are collected the first time."""
        start, stop = self._span(segment)
        run = self.segments.run(start, stop, before)
        in_use = before.nbytes + run.nbytes + residual_bytes(self.d_states)
        self.peak_bytes = max(self.peak_bytes, self.stored_bytes + in_use)
        if segment == self.first_time:
            self.first_time += 1
            if not self.model.per_step:
                self.outputs.clear()  # without a time axis only those after the last step count
            self.outputs.append(run.outputs)
        return run

    def top(self, last: Snapshot) -> tuple[float, Array, list[State]]:
        """Run what follows the last step, forward and backward; return the loss, the outputs and all final states."""
        model, lengths = self.model, self.batch.lengths
        if self.rng is not None:
            self.rng.bit_generator.state = last.generator
        in_time = np.concatenate(self.outputs) if model.per_step else self.outputs[-1]
        outputs, residuals, states = model.unroll(
            model.params, in_time, Run(lengths, self.rng), self.upper_states, self.upper
        )
        value, d_outputs = whole_loss(model, self.loss, outputs, self.batch)
        self.d_outputs, _ = model.backward(model.params, residuals, d_outputs, self.grad, None, self.upper)
        assert last.states is not None
        return value, outputs, [*last.states, *states]

    def backward(self, segment: int, run: Recorded) -> list[State]:
        """Backpropagate through a segment; return the gradient with respect to the states before it."""
        (start, stop), dy = self._span(segment), self.d_outputs
        assert dy is not None
        if self.model.per_step:
            dy = dy[start:stop]
        elif stop < self.steps:  # outputs without a time axis are those after the last step
            dy = np.zeros_like(dy)
        before = self.model.backward_params(
            self.model.params, run.residuals, dy, self.grad, self.d_states, self.model.in_time
        )
        self.stored_bytes -= run.nbytes
        return before

    def _span(self, segment: int) -> tuple[int, int]:
        return segment * self.block, min((segment + 1) * self.block, self.steps)
