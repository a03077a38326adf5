"""A schedule carried out on a model."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, check_targets, held_bytes
from rnnbp.gradients.checkpointing.budget import Sizes
from rnnbp.gradients.checkpointing.schedules import Action, Advance, Back, Drop, Schedule, Store, Tape
from rnnbp.layers.base import Array, Run, State
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential
from rnnbp.sums import Sums
from rnnbp.threads import part_of

OBJECTS = 600  # bytes that Python takes for the objects of a state that is held, beside its numbers


class Moment(NamedTuple):
    """All that a unit begins with: the layers' states, with their bytes, and where the generator of masks stands."""

    states: list[State] | None
    nbytes: int = 0
    draws: Any = None


class Kept(NamedTuple):
    """A unit that was run: its tapes, with their bytes, and the moment after it."""

    tapes: list[Any]
    tape_bytes: int
    after: Moment

    @property
    def nbytes(self) -> int:
        """Of both."""
        return self.tape_bytes + self.after.nbytes


class Checkpointed:
    """The whole gradient of a batch, its time run in units by a schedule.

    The layers that take time away, and those above them, are reached once, when all units have been run; so is
    the loss, which sees all outputs at once as it does in plain BPTT. A unit that is run again draws the same
    masks.

    Parameters
    ----------
    model, batch, loss, state, rng
        As a gradient algorithm is given them.
    """

    def __init__(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
    ) -> None:
        if state is not None and len(state) != len(model.layers):
            raise ValueError(f"states must be one for each of the {len(model.layers)} layers, got {len(state)}")
        self.model, self.batch, self.loss, self.rng = model, batch, loss, rng
        self.x, self.targets = model.cast(batch.x), check_targets(batch)
        self.timed = model.out_shape[0] == "T"  # whether the outputs are
        self.lower, self.upper = model.in_time, slice(model.in_time.stop, None)
        self.own = copy.deepcopy(rng)
        self.first = Moment(None if state is None else list(state[self.lower]), draws=self._draws())
        self.above = None if state is None else list(state[self.upper])
        self.grad = Sums(model.params)
        self.steps_in_all = int(batch.lengths.sum())
        self.steps = self.held = self.peak = 0

    def sizes(self) -> Sizes:
        """The bytes of a step's tape and of the states, by running the first step."""
        with part_of(self.steps_in_all):
            _, kept = self._run(0, 1, self.first)
        return Sizes(kept.tape_bytes, kept.after.nbytes + OBJECTS)

    def gradient(self, schedule: Schedule, block: int) -> Gradient:
        """The gradient, by a schedule whose units are `block` steps each, the last one what is left."""
        self.block = block
        self.new = 0  # the first unit that has not been run yet
        self.at_hand = (0, self.first)
        self.stored: dict[int, Moment] = {}
        self.kept: dict[int, Kept] = {}
        self.d_states: list[State] | None = None
        with part_of(self.steps_in_all):
            for action in schedule:
                self._act(action)
        cost = Cost(self.steps, self.peak)
        vector = self.model.params.masked(self.grad.vector)
        return Gradient(self.value, vector, self.outputs, self.after, cost, (0, len(self.x)))

    def _act(self, action: Action) -> None:
        match action:
            case Advance(start, stop):
                self.at_hand = (start, self._moment(start))
                for unit in range(start, stop):
                    self.at_hand = (unit + 1, self._forth(unit).after)
            case Store(unit):
                self.stored[unit] = self._moment(unit)
                self.held += self.stored[unit].nbytes
            case Drop(unit):
                self.held -= self.stored.pop(unit).nbytes
            case Tape(unit):
                self.at_hand = (unit, self._moment(unit))
                self.kept[unit] = self._forth(unit)
                self.held += self.kept[unit].nbytes
                self.at_hand = (unit + 1, self.kept[unit].after)
            case Back(unit):
                self._back(unit)

    def _span(self, unit: int) -> tuple[int, int]:
        return unit * self.block, min((unit + 1) * self.block, len(self.x))

    def _moment(self, unit: int) -> Moment:
        """The state before a unit, from where it is held."""
        if self.at_hand[0] == unit:
            return self.at_hand[1]
        if unit in self.stored:
            return self.stored[unit]
        return self.kept[unit - 1].after if unit else self.first

    def _forth(self, unit: int) -> Kept:
        """Run a unit from the state at hand; the first time its outputs are kept."""
        start, stop = self._span(unit)
        _, moment = self.at_hand
        outputs, kept = self._run(start, stop, moment)
        self.peak = max(self.peak, self.held + moment.nbytes + kept.nbytes + held_bytes(self.d_states))
        if unit == self.new:
            self.new += 1
            self._show(start, stop, outputs)
            if stop == len(self.x):
                self._top(kept.after)
        return kept

    def _run(self, start: int, stop: int, moment: Moment) -> tuple[Array, Kept]:
        lengths = np.clip(self.batch.lengths - start, 0, stop - start)
        if self.own is not None:
            self.own.bit_generator.state = moment.draws
        outputs, tapes, states = self.model.unroll(
            self.model.params, self.x[start:stop], Run(lengths, self.own), moment.states, self.lower
        )
        self.steps += int(lengths.sum()) + sum(getattr(tape, "repeated", 0) for tape in tapes)
        after = Moment(states, held_bytes(states), self._draws())
        return outputs, Kept(tapes, held_bytes(tapes, given=self.x), after)

    def _draws(self) -> Any:
        return None if self.own is None else self.own.bit_generator.state

    def _show(self, start: int, stop: int, outputs: Array) -> None:
        """Put a unit's outputs where those of all time are; without time, the last ones count."""
        if not self.timed:
            self.shown = outputs
            return
        if start == 0:
            self.shown = np.empty((len(self.x), *outputs.shape[1:]), outputs.dtype)
        self.shown[start:stop] = outputs

    def _top(self, last: Moment) -> None:
        """What comes after the last step: the layers without time, the loss, and the way back to time."""
        model, params, lengths = self.model, self.model.params, self.batch.lengths
        if self.rng is not None:
            self.rng.bit_generator.state = last.draws
        self.outputs, tapes, above = model.unroll(params, self.shown, Run(lengths, self.rng), self.above, self.upper)
        assert last.states is not None
        self.after = [*last.states, *above]
        self.value, d_outputs = self.loss(self.outputs, self.targets, lengths if self.timed else None)
        self.d_shown, _ = model.backward(params, tapes, d_outputs, self.grad, None, self.upper)

    def _back(self, unit: int) -> None:
        """Through one unit: an error at every step, or after the last one alone."""
        start, stop = self._span(unit)
        if self.timed:
            dy = self.d_shown[start:stop]
        else:
            dy = self.d_shown if stop == len(self.x) else np.zeros_like(self.d_shown)
        kept = self.kept.pop(unit)
        self.d_states = self.model.backward_params(
            self.model.params, kept.tapes, dy, self.grad, self.d_states, self.lower
        )
        self.held -= kept.nbytes
