"""The loop over a cell's `step`: the definition that every faster kernel must equal.

Sequences are sorted longest first, so the active ones at step t are the first ``active[t]``. Only their steps are
computed, and the residuals are packed, step after step, in arrays (N, ...), N being the number of real steps: the
weight gradient is then one product over many steps, with no work on padding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Delta, Weights, map_nested
from rnnbp.cells.base import Residuals as StepResiduals
from rnnbp.core import Parameters
from rnnbp.kernels.base import Kernel
from rnnbp.kernels.blocks import packed_blocks
from rnnbp.kernels.packing import pack, unpack
from rnnbp.runtime import blas_threads, threads_for


@dataclass
class Residuals:
    """What the forward pass saves for the backward pass.

    Attributes
    ----------
    active : ndarray (T,)
        The number of active sequences at each step.
    states : ndarray (N, S)
        The state before each step.
    x : ndarray (N, F)
        The input of each step.
    steps : ndarray (N, R) or nested
        The residuals that the cell's step returned.
    """

    active: Array
    states: Array
    x: Array
    steps: StepResiduals

    def rows_by_step(self) -> Iterator[tuple[int, slice]]:
        """Yield each step t and the rows of its active sequences, in order of time."""
        ends = np.cumsum(self.active)
        return ((t, slice(end - n, end)) for t, (n, end) in enumerate(zip(self.active, ends, strict=True)))


def run_cell(cell: Cell, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
    """Run a cell over time.

    Parameters
    ----------
    cell : Cell
    params : mapping of str to ndarray
    x : ndarray (T, B, F)
    active : ndarray (T,)
        The number of active sequences at each step, which are the first ones; non-increasing.
    state : ndarray (B, S)
        Before the first step.

    Returns
    -------
    outputs : ndarray (T, B, O)
        Zero past a sequence's end.
    residuals : Residuals
    state : ndarray (B, S)
        After each sequence's own last step.
    """
    T, B = x.shape[:2]
    state = state.copy()
    outputs = np.zeros((T, B, cell.output_size), state.dtype)
    steps = int(active.sum())
    residuals = Residuals(active, np.empty((steps, cell.state_size), state.dtype), pack(x, active), None)
    for t, rows in residuals.rows_by_step():
        n = rows.stop - rows.start
        residuals.states[rows] = state[:n]
        next_state, of_step = cell.step(params, state[:n], residuals.x[rows])
        if residuals.steps is None:
            residuals.steps = map_nested(lambda r: np.empty((steps, *r.shape[1:]), r.dtype), of_step)
        _store(residuals.steps, of_step, rows)
        state[:n] = next_state
        outputs[t, :n] = next_state[:, : cell.output_size]
    return outputs, residuals, state


def _store(stored: Any, new: Any, rows: slice) -> None:
    def write(store: Array, value: Array) -> None:
        store[rows] = value

    map_nested(write, stored, new)


def run_cell_backward(
    cell: Cell, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
) -> tuple[Array, Array]:
    """Backpropagate through what `run_cell` did (Werbos 1990, "Backpropagation through time: what it does and
    how to do it", doi:10.1109/5.58337).

    Parameters
    ----------
    cell, params, residuals
        As `run_cell` was given and returned them.
    d_outputs : ndarray (T, B, O)
        The gradient with respect to the outputs.
    grad : Parameters
        The parameters' gradient is added to it.
    d_state : ndarray (B, S)
        The gradient with respect to the final state.

    Returns
    -------
    dx : ndarray (T, B, F)
    d_state : ndarray (B, S)
        With respect to the state before the first step.
    """
    dtype = np.result_type(d_outputs, d_state)
    d_state = d_state.astype(dtype)
    d_x = np.empty(residuals.x.shape, dtype)
    rows_by_step = list(residuals.rows_by_step())
    for steps, block in reversed(packed_blocks(residuals.active)):
        deltas: Delta = None
        for t, rows in reversed(rows_by_step[steps]):
            n = rows.stop - rows.start
            d_next = d_state[:n].copy()
            d_next[:, : cell.output_size] += d_outputs[t, :n]
            of_step = _take(residuals.steps, rows)
            d_state[:n], d_x[rows], delta = cell.step_vjp(
                params, residuals.states[rows], residuals.x[rows], of_step, d_next
            )
            if deltas is None:
                size = block.stop - block.start
                deltas = map_nested(lambda d, size=size: np.empty((size, *d.shape[1:]), d.dtype), delta)
            _store(deltas, delta, slice(rows.start - block.start, rows.stop - block.start))
        cell.param_vjp(residuals.states[block], residuals.x[block], _take(residuals.steps, block), deltas, grad)
    return unpack(d_x, residuals.active, len(d_state)), d_state


def _take(steps: StepResiduals, rows: slice) -> StepResiduals:
    return map_nested(lambda r: r[rows], steps)


@dataclass(frozen=True)
class Loop(Kernel):
    """The loop over `step`, for every cell and dtype.

    Parameters
    ----------
    cell : Cell
    """

    cell: Cell

    def run(self, prepared: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """Run the cell over time by `run_cell`."""
        with self.threads(prepared, state):
            return run_cell(self.cell, prepared, x, active, state)

    def previous_states(self, residuals: Residuals) -> Array:
        """Return the state before each step."""
        return residuals.states

    def backward(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate by `run_cell_backward`."""
        with self.threads(params, d_state):
            return run_cell_backward(self.cell, params, residuals, d_outputs, grad, d_state)

    def threads(self, params: Weights, state: Array) -> blas_threads:
        """Return the context in which the products of a step use as many threads as they are worth."""
        B = len(state)
        return blas_threads(threads_for(2.0 * B * sum([params[name].size for name in params]), B))
