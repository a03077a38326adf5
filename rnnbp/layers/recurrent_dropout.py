"""Recurrent layer with dropout of what it reads of its state."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.declared import DeclaredCell, with_recurrent_mask
from rnnbp.core import Parameters
from rnnbp.layers.base import Evaluate, Residuals, Run, State
from rnnbp.layers.dropout import drop_rate, dropout_mask
from rnnbp.layers.one_cell import OneCellLayer
from rnnbp.layers.recurrent import Recurrent


@dataclass(frozen=True)
class RecurrentDropout(OneCellLayer):
    """Recurrent layer with recurrent dropout, a cell unrolled over time: (T, B, F) -> (T, B, O).

    In training, what enters a step by recurrent weights is multiplied by a mask, one for all steps of a sequence:
    ``W x[t] + R (mask h[t-1]) + b``. A unit is dropped with probability `rate`, and the others are divided by 1 - rate.
    What is carried from step to step without weights, as an LSTM's c, is not. In evaluation there is no mask. Masks on
    the inputs are a `VariationalDropout` layer below.

    The parameters are those of the cell, and so is the state; in training it is [state | mask], so that spans of a
    sequence have the same mask.

    Parameters
    ----------
    cell : DeclaredCell
        A cell that is declared by its equation, as `rnnbp.cells.LSTMCell`, which tells where its recurrent weights are:
        the cell with the mask is derived from it and compiled.
    rate : float, default 0.25
        In [0, 1).

    Raises
    ------
    ValueError
        If `cell` is not a declared one or has no recurrent weights, or `rate` is outside [0, 1).

    References
    ----------
    Y. Gal & Z. Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks",
    NeurIPS 29, arXiv:1512.05287

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> RecurrentDropout(LSTMCell(3, 8), 0.25).out_shape(("T", "B", 3))
    ('T', 'B', 8)
    """

    cell: DeclaredCell
    rate: float = 0.25

    def __post_init__(self) -> None:
        if not isinstance(self.cell, DeclaredCell) or not self.cell.is_derived:
            raise ValueError(
                f"cell must be declared by its equation, as LSTMCell or GRUCell, which tells where its recurrent "
                f"weights are, got {self.cell!r}"
            )
        if "w_hh" not in self.cell.shapes():
            raise ValueError(f"cell must have recurrent weights, on which dropout has an effect, got {self.cell!r}")
        drop_rate("rate", self.rate)

    @cached_property
    def _masked(self) -> Recurrent:
        """The layer of the cell with the mask."""
        return Recurrent(with_recurrent_mask(self.cell))

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        if run.rng is None or self.rate == 0:
            layer = Recurrent(self.cell)
            return _with(layer, layer.forward(params, x, run, self._without_mask(state)))
        return _with(self._masked, self._masked.forward(params, x, run, self._with_mask(state, x, run.rng)))

    def prepare(self, params: Parameters) -> Evaluate:
        evaluate = Recurrent(self.cell).prepare(params)
        return lambda x, run, state: evaluate(x, run, self._without_mask(state))

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        layer, own = residuals
        return layer.backward(params, own, dy, grad, d_state)

    def _with_mask(self, state: State, x: Array, rng: np.random.Generator) -> Array:
        """Return [state | mask], with a new mask unless the state has one."""
        B, S = x.shape[1], self.cell.state_size
        if state is not None and state.shape[1] > S:
            return state
        mask = dropout_mask(rng, (B, self.cell.output_size), self.rate, x.real.dtype)
        return np.concatenate([np.zeros((B, S), mask.dtype) if state is None else state, mask], axis=1)

    def _without_mask(self, state: State) -> State:
        return None if state is None else state[:, : self.cell.state_size]


def _with(layer: Recurrent, passed: tuple[Array, Residuals, State]) -> tuple[Array, Residuals, State]:
    """Return what a layer's forward pass returned, with the layer among the residuals."""
    y, own, after = passed
    return y, (layer, own), after
