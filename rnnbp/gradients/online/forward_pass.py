"""A batch run forward in blocks of steps, and the loss of a block.

The parameters are constant within a block, so that the states of all its steps come from one call of the cell's kernel,
and the derivatives of all its steps and losses from a few array operations. A block ends where a gradient is yielded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rnnbp.cells import Cell, Stack
from rnnbp.cells.base import Array, Residuals
from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import check_targets, span_loss, total_weight
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.detached_layers import Detached
from rnnbp.gradients.online.layer_cells import AffineCell, StatelessCell
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.random_layers import SequenceRandomLayer
from rnnbp.kernels import kernel_of
from rnnbp.kernels.loop import Loop
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers import Last, Run
from rnnbp.layers.base import State
from rnnbp.losses import Loss

SHORT = 8  # steps, below which the loop over a cell's `step` takes less time than the call of a kernel
MOST_STEPS, MOST_NUMBERS = 128, 1 << 20  # of a block; numbers of one quantity


@dataclass(frozen=True)
class BlockLoss:
    """The loss of a block of steps and its derivatives.

    N is the number of real steps: for each step of the block, its active sequences.

    Attributes
    ----------
    loss : float
    due : ndarray of bool (h, B) or (B,)
        The outputs that have a target.
    outputs : ndarray (h, B, K) or (B, K)
    d_outputs : ndarray (N, K)
        The gradient with respect to the outputs that are computed from each state.
    d_state : ndarray (N, S)
        The gradient with respect to each state.
    d_readout : ndarray
        The gradient with respect to the parameters of the readout.
    """

    loss: float
    due: Array
    outputs: Array
    d_outputs: Array
    d_state: Array
    d_readout: Array


class ForwardPass:
    """A batch run forward block by block, each with the current values of the parameters.

    Parameters
    ----------
    parts : Decomposition
    batch, loss, state, rng
        See `GradientAlgorithm.gradients`.
    """

    def __init__(
        self,
        parts: Decomposition,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.parts, self.batch, self.loss, self.rng = parts, batch, loss, rng
        check_targets(batch)
        self.x = parts.model.cast(batch.x)
        self.preprocessing_states: Sequence[State] | None = None if state is None else state[: parts.first]
        self.cell, self.params, self.readout = parts.cell, parts.params, parts.readout
        self.preprocessing = parts.preprocessing
        self.state = parts.begin(state, batch.size).copy()
        self.active = Run(batch.lengths).active(batch.steps)
        self.per_step = parts.model.per_step
        self.total = total_weight(loss, batch, self.per_step)
        self.resets: dict[int, Array] = {}  # the sequences that are reset before a step
        if batch.reset is not None and batch.reset.any():
            parts.model.check_resets()
            self.resets = {int(t): batch.reset[t] for t in np.flatnonzero(batch.reset.any(axis=1))}

    def blocks(self, start: int, stop: int, steps: int) -> Iterator[tuple[Array | None, LinearizedSteps, BlockLoss]]:
        """Run steps `start` to `stop` - 1 in blocks of at most a number of steps, and none across a reset.

        Yields
        ------
        reset : ndarray (B,) of bool, or None
            The sequences that were reset before the block.
        steps : LinearizedSteps
        loss : BlockLoss
        """
        bounds = sorted({*range(start, stop, steps), *(t for t in self.resets if start <= t < stop), stop})
        for first, end in pairwise(bounds):
            reset = self.resets.get(first)
            if reset is not None:
                self.state[reset] = self.parts.begin(None, self.batch.size)[reset]
            block, outputs = self._steps(first, end)
            yield reset, block, self._loss(first, end, outputs)

    def _steps(self, start: int, stop: int) -> tuple[LinearizedSteps, Array]:
        """Run a block; return its steps, and the cell's outputs (h, B, O)."""
        run = Run.of(self.batch, self.rng, start, stop)
        x, _, self.preprocessing_states = self.preprocessing.unroll(
            self.preprocessing.params, self.x[start:stop], run, self.preprocessing_states
        )
        x = x if x.ndim == 3 else x[:, :, None]  # tokens have no feature axis
        active = self.active[start:stop].copy()  # not a view of the whole batch's
        ran = run_cell(self.cell, self.params, x, active, self.state)
        self.state = ran.after
        following = int(self.active[stop]) if stop < len(self.active) else 0
        given = self.cell, self.params, ran.states, pack(x, active), active, following, ran.residuals
        return LinearizedSteps(*given), ran.outputs

    def _loss(self, start: int, stop: int, cell_outputs: Array) -> BlockLoss:
        """Return the loss of a block.

        Raises
        ------
        ValueError
            If a layer of the readout has a state.
        """
        readout, active = self.readout, self.active[start:stop]
        lengths = np.clip(self.batch.lengths - start, 0, stop - start)
        outputs, residuals, after = readout.unroll(readout.params, cell_outputs, Run(lengths, self.rng))
        for layer, layer_state in zip(readout.layers, after, strict=True):
            if layer_state is not None and not isinstance(layer, Last | SequenceRandomLayer):
                raise ValueError(
                    f"an online algorithm takes layers without a state on top of the recurrent ones, got "
                    f"{type(layer).__name__}"
                )
        due = self.batch.due(start, stop, self.per_step)
        value, d_outputs = span_loss(self.loss, outputs, self.batch, start, stop, self.total)
        grad = readout.params.zeros()
        d_cell_outputs, _ = readout.backward(readout.params, residuals, d_outputs, grad)
        d_state = np.zeros((int(active.sum()), self.state.shape[1]), self.state.dtype)
        d_state[:, : self.cell.output_size] = pack(d_cell_outputs, active)
        if not self.per_step:
            d_outputs = _at_last_steps(d_outputs, lengths, stop - start)
        return BlockLoss(value, due, outputs, pack(d_outputs, active), d_state, grad.vector)


def _at_last_steps(d_outputs: Array, lengths: Array, steps: int) -> Array:
    """Return gradients (B, K) at each sequence's last step of a block, (h, B, K), zero at the others."""
    found = np.zeros((steps, *d_outputs.shape), d_outputs.dtype)
    ran = np.flatnonzero(lengths)
    found[lengths[ran] - 1, ran] = d_outputs[ran]
    return found


def block_steps(batch_size: int, numbers: int) -> int:
    """Return the number of steps of a block, given the largest number of numbers of a quantity of one sequence's step.

    It does not depend on the length of the sequences, so that memory does not grow with time.

    Examples
    --------
    >>> block_steps(1, 100), block_steps(16, 128 * 128), block_steps(100, 10**6)
    (128, 4, 1)
    """
    return min(MOST_STEPS, max(1, MOST_NUMBERS // max(1, batch_size * numbers)))


@dataclass(frozen=True)
class Ran:
    """What a cell has computed in a block of steps.

    Attributes
    ----------
    states : ndarray (N, S)
        Before each real step.
    residuals : ndarray (N, R), or nested
        Of the cell's `step`, at each real step.
    after : ndarray (B, S)
        After each sequence's own last step.
    outputs : ndarray (h, B, O)
        Zero past a sequence's end.
    """

    states: Array
    residuals: Residuals
    after: Array
    outputs: Array


def run_cell(cell: Cell, params: Parameters, x: Array, active: Array, state: Array) -> Ran:
    """Run a cell over a block of steps.

    Parameters
    ----------
    cell : Cell
    params : Parameters
    x : ndarray (h, B, F)
    active : ndarray (h,)
    state : ndarray (B, S)

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2)
    >>> ran = run_cell(cell, Parameters(cell.shapes()), np.ones((3, 1, 1)), np.ones(3, int), np.ones((1, 2)))
    >>> ran.states.tolist(), ran.outputs.shape
    ([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], (3, 1, 2))
    """
    if isinstance(cell, Stack):
        return _run_stack(cell, params, x, active, state)
    if isinstance(cell, Detached):
        return run_cell(cell.cell, params, x, active, state)
    if isinstance(cell, StatelessCell):
        return _run_stateless(cell, params, x, active, state)
    weights = dict(params.items())
    kernel = kernel_of(cell, state.dtype) if len(x) >= SHORT else Loop(cell)
    outputs, saved, after = kernel.forward(weights, x, active, state)
    states = kernel.previous_states(saved)
    if isinstance(kernel, Loop) and saved.steps is not None:  # which it is if there is no real step
        return Ran(states, saved.steps, after, outputs)
    return Ran(states, cell.step(weights, states, pack(x, active))[1], after, outputs)


def _run_stack(cell: Stack, params: Parameters, x: Array, active: Array, state: Array) -> Ran:
    """Run the cells of a stack one after the other, each over the whole block."""
    found, residuals = [], []
    for k, (one, own) in enumerate(zip(cell.cells, cell.split(state), strict=True)):
        found.append(run_cell(one, params.scope(f"{k}."), x, active, own))
        residuals.append((pack(x, active), found[-1].residuals))
        x = found[-1].outputs
    states = np.concatenate([ran.states for ran in found[::-1]], axis=1)
    after = np.concatenate([ran.after for ran in found[::-1]], axis=1)
    return Ran(states, tuple(residuals), after, x)


def _run_stateless(cell: StatelessCell, params: Parameters, x: Array, active: Array, state: Array) -> Ran:
    """Run all steps of a cell whose next state does not depend on its state, which is zero here, in one."""
    if isinstance(cell, AffineCell):
        cell.draw(active, x.shape[1], state.dtype)
    packed = pack(x, active)
    states = np.zeros((len(packed), cell.state_size), state.dtype)
    y, residuals = cell.step(dict(params.items()), states, packed)
    outputs, after = unpack(y, active, x.shape[1]), state.copy()
    lengths = (active[:, None] > np.arange(x.shape[1])).sum(axis=0)
    ran = np.flatnonzero(lengths)
    after[ran] = outputs[lengths[ran] - 1, ran]
    return Ran(states, residuals, after, outputs)
