"""Recurrent layer: a cell unrolled over time."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, check_cell, zero_state
from rnnbp.core import Parameters
from rnnbp.kernels import kernel_of
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, State
from rnnbp.layers.one_cell import OneCellLayer
from rnnbp.layers.sparse_recurrence import sparse_evaluation


@dataclass(frozen=True)
class Recurrent(OneCellLayer):
    """Recurrent layer, a cell unrolled over time: (T, B, F) -> (T, B, O).

    Parameters have the names that the cell gives them. The state is that of the cell, (B, S).

    Parameters
    ----------
    cell : Cell

    Raises
    ------
    ValueError
        If `cell` is not a cell; when run, if the state does not have its shape.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> Recurrent(LSTMCell(12, 64)).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    def __post_init__(self) -> None:
        check_cell("cell", self.cell)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        dtype = np.result_type(params.vector, x)
        kernel, start = kernel_of(self.cell, dtype), self._start(state, x.shape[1], dtype)
        y, own, last = kernel.forward(dict(params.items()), x, run.active(len(x)), start)
        return y, (kernel, own), last  # the backward pass uses the same kernel

    def prepare(self, params: Parameters) -> Evaluate:
        kernel = kernel_of(self.cell, params.dtype)
        prepared = kernel.prepare(dict(params.items()))
        sparse = sparse_evaluation(self.cell, params)

        def evaluate(x: Array, run: Run, state: State) -> tuple[Array, State]:
            if x.dtype != params.dtype:
                return Layer.prepare(self, params)(x, run, state)
            start = self._start(state, x.shape[1], x.dtype)
            if sparse is not None and x.shape[1] == 1 and run.lengths[0] == len(x):
                y, last = sparse(x[:, 0], start[0])
                return y[:, None], last[None]
            return kernel.evaluate(prepared, x, run.active(len(x)), start)

        return evaluate

    def _start(self, state: State, batch_size: int, dtype: np.dtype) -> Array:
        """Return the state before the first step in a dtype, checked; zeros where there is none."""
        if state is None:
            return zero_state(self.cell, batch_size, dtype)
        start, wanted = np.asarray(state, dtype), (batch_size, self.cell.state_size)
        if start.shape != wanted:
            raise ValueError(f"the state of {self.cell!r} must have shape (B, S) = {wanted}, got {start.shape}")
        return start

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        kernel, own = residuals
        return kernel.backward(dict(params.items()), own, dy, grad, self._d_last(dy, d_state))

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        kernel, own = residuals
        return kernel.backward_params(dict(params.items()), own, dy, grad, self._d_last(dy, d_state))

    def _d_last(self, dy: Array, d_state: State) -> Array:
        return zero_state(self.cell, dy.shape[1], dy.dtype) if d_state is None else d_state
