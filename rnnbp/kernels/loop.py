"""A cell over time: the loop over `step` that defines what every faster kernel must equal.

Sequences lie longest first, so those still running at step t are the first ``active[t]``. Only their steps
are computed, and what is kept of them lies packed, step after step, in (N, ...) arrays, N being the number of
real steps: the weight gradient is then one product over all those of a block, with nothing spent on padding
(`rnnbp.kernels.blocks` says why over a block and not over all).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Array, Cell, Delta, Residuals, Weights, map_nested
from rnnbp.kernels.base import Kernel
from rnnbp.kernels.blocks import packed_blocks
from rnnbp.kernels.packing import pack, unpack
from rnnbp.params import Parameters


@dataclass
class Trace:
    """What the way back needs of a forward pass.

    Attributes
    ----------
    active : ndarray (T,)
        How many sequences run at each step.
    states : ndarray (N, S)
        The state before each step.
    x : ndarray (N, F)
        The input of each step.
    residuals : ndarray (N, R) or nested
        As the cell's step returned them.
    """

    active: Array
    states: Array
    x: Array
    residuals: Residuals

    def spans(self) -> Iterator[tuple[int, slice]]:
        """(t, where step t lies), in time's order."""
        ends = np.cumsum(self.active)
        return ((t, slice(end - n, end)) for t, (n, end) in enumerate(zip(self.active, ends, strict=True)))


def run_cell(cell: Cell, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Trace, Array]:
    """Run a cell over time.

    Parameters
    ----------
    cell : Cell
    params : mapping of str to ndarray
    x : ndarray (T, B, F)
    active : ndarray (T,)
        How many sequences run at each step, the first ones; never rising.
    state : ndarray (B, S)
        Before the first step.

    Returns
    -------
    outputs : ndarray (T, B, O)
        What the cell shows; zero past a sequence's end.
    trace : Trace
    state : ndarray (B, S)
        After each sequence's own last step.
    """
    T, B = x.shape[:2]
    state = state.copy()
    outputs = np.zeros((T, B, cell.output_size), state.dtype)
    steps = int(active.sum())
    trace = Trace(active, np.empty((steps, cell.state_size), state.dtype), pack(x, active), None)
    for t, here in trace.spans():
        n = here.stop - here.start
        trace.states[here] = state[:n]
        next_state, residuals = cell.step(params, state[:n], trace.x[here])
        if trace.residuals is None:
            trace.residuals = map_nested(lambda r: np.empty((steps, *r.shape[1:]), r.dtype), residuals)
        _keep(trace.residuals, residuals, here)
        state[:n] = next_state
        outputs[t, :n] = next_state[:, : cell.output_size]
    return outputs, trace, state


def _keep(kept: Any, new: Any, here: slice) -> None:
    def write(store: Array, value: Array) -> None:
        store[here] = value

    map_nested(write, kept, new)


def run_cell_back(
    cell: Cell, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d_state: Array
) -> tuple[Array, Array]:
    """Backpropagate through what `run_cell` did (Werbos 1990, "Backpropagation through time: what it does and
    how to do it", doi:10.1109/5.58337).

    Parameters
    ----------
    cell, params, trace
        As `run_cell` was given and returned them.
    d_outputs : ndarray (T, B, O)
        The loss's derivative by the outputs.
    grad : Parameters
        The parameters' gradient is added to it.
    d_state : ndarray (B, S)
        The loss's derivative by the final state.

    Returns
    -------
    dx : ndarray (T, B, F)
    d_state : ndarray (B, S)
        By the state before the first step.
    """
    dtype = np.result_type(d_outputs, d_state)
    d_state = d_state.astype(dtype)
    d_x = np.empty(trace.x.shape, dtype)
    places = list(trace.spans())
    for steps, rows in reversed(packed_blocks(trace.active)):
        deltas: Delta = None
        for t, here in reversed(places[steps]):
            n = here.stop - here.start
            d_next = d_state[:n].copy()
            d_next[:, : cell.output_size] += d_outputs[t, :n]
            residuals = _rows(trace.residuals, here)
            d_state[:n], d_x[here], delta = cell.step_vjp(params, trace.states[here], trace.x[here], residuals, d_next)
            if deltas is None:
                size = rows.stop - rows.start
                deltas = map_nested(lambda d, size=size: np.empty((size, *d.shape[1:]), d.dtype), delta)
            _keep(deltas, delta, slice(here.start - rows.start, here.stop - rows.start))
        cell.param_vjp(trace.states[rows], trace.x[rows], _rows(trace.residuals, rows), deltas, grad)
    return unpack(d_x, trace.active, len(d_state)), d_state


def _rows(residuals: Residuals, here: slice) -> Residuals:
    return map_nested(lambda r: r[here], residuals)


@dataclass(frozen=True)
class Loop(Kernel):
    """The loop over `step`, for every cell and dtype.

    Parameters
    ----------
    cell : Cell
    """

    cell: Cell

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Trace, Array]:
        """As `run_cell`."""
        return run_cell(self.cell, params, x, active, state)

    def backward(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """As `run_cell_back`."""
        return run_cell_back(self.cell, params, trace, d_outputs, grad, d_state)
