"""Zoneout: units of a recurrent layer that keep their state by chance."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnbp.cells.base import Array, Delta, Weights, check_cell
from rnnbp.cells.base import Residuals as StepResiduals
from rnnbp.cells.declared import DeclaredCell, with_carried_state
from rnnbp.cells.wrapped import WrappedCell
from rnnbp.core import Parameters
from rnnbp.layers.base import Evaluate, Residuals, Run, State
from rnnbp.layers.one_cell import OneCellLayer
from rnnbp.layers.recurrent import Recurrent
from rnnbp.runtime import number


@dataclass(frozen=True)
class CarryingCell(WrappedCell):
    """Cell of which a share of each unit's state is carried over: s[t] = k s[t-1] + (1 - k) f(s[t-1], x[t]).

    The input is [x | k], (F + S): k is a constant, of which there is no gradient.

    Parameters
    ----------
    cell : Cell
        f.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = CarryingCell(ElmanCell(1, 2))
    >>> weights = {name: np.ones(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(weights, np.array([5.0, 5.0]), np.array([0.0, 1.0, 0.0]))[0].round(3)
    array([5., 1.])
    """

    @property
    def input_size(self) -> int:
        return self.cell.input_size + self.cell.state_size

    def _split(self, x: Array) -> tuple[Array, Array]:
        return x[..., : self.cell.input_size], x[..., self.cell.input_size :]

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, StepResiduals]:
        x, k = self._split(x)
        following, residuals = self.cell.step(params, state, x)
        return following + k * (state - following), residuals

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: StepResiduals, d_next: Array
    ) -> tuple[Array, Array, Delta]:
        x, k = self._split(x)
        d_state, d_x, delta = self.cell.step_vjp(params, state, x, residuals, (1 - k) * d_next)
        return d_state + k * d_next, np.concatenate([d_x, np.zeros_like(d_next)], axis=-1), delta

    def param_vjp(self, state: Array, x: Array, residuals: StepResiduals, delta: Delta, grad: Parameters) -> None:
        self.cell.param_vjp(state, self._split(x)[0], residuals, delta, grad)


@dataclass(frozen=True)
class Zoneout(OneCellLayer):
    """Recurrent layer with zoneout, a cell unrolled over time: (T, B, F) -> (T, B, O).

    In training, each unit keeps its state at a step with probability `rate`, and takes the cell's next one otherwise;
    in evaluation it takes the expectation, ``rate s[t-1] + (1 - rate) f(s[t-1], x[t])``. The state is that of the cell,
    and so are the parameters.

    Parameters
    ----------
    cell : Cell
    rate : float or sequence of float, default 0.1
        In [0, 1]; several are those of the parts of the state, which have equal sizes: of an LSTM, (h, c).

    Raises
    ------
    ValueError
        If `cell` is not a cell, or `rate` is outside [0, 1] or does not divide the state.

    Notes
    -----
    The masks are inputs. Of a cell that is declared by its equation, the cell that takes them is derived and compiled
    as well (`rnnbp.cells.declared.with_carried_state`); any other is run by the loop over its steps.

    References
    ----------
    D. Krueger et al. (2017), "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR,
    arXiv:1606.01305

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> Zoneout(LSTMCell(3, 8), rate=(0.05, 0.5)).out_shape(("T", "B", 3))
    ('T', 'B', 8)
    """

    rate: float | tuple[float, ...] = 0.1

    def __post_init__(self) -> None:
        check_cell("cell", self.cell)
        several = isinstance(self.rate, tuple | list)
        rates = tuple(number("rate", one, 0, 1) for one in (self.rate if several else (self.rate,)))  # type: ignore[union-attr]
        if not rates or self.cell.state_size % len(rates):
            raise ValueError(
                f"rate must be one number, or one for each of the equal parts of the state of {self.cell.state_size} "
                f"units, got {self.rate!r}"
            )
        object.__setattr__(self, "rate", rates if several else rates[0])

    @cached_property
    def _layer(self) -> Recurrent:
        """The layer of the cell that takes [x | k]."""
        if isinstance(self.cell, DeclaredCell) and self.cell.is_derived:
            return Recurrent(with_carried_state(self.cell))
        return Recurrent(CarryingCell(self.cell))

    @cached_property
    def _rows(self) -> tuple[Array, Array] | None:
        """The rows of the wider ``w_ih`` that are the cell's, and those that take k to the units; None without it."""
        cell: Any = self._layer.cell
        if isinstance(cell, CarryingCell):
            return None
        block_of = {block.gate: block.row for block in cell.layout.blocks if block.suffix == "ih"}
        rows = np.arange(len(block_of) * cell.hidden_size).reshape(len(block_of), -1)
        carried = [block_of[f"carried_{name}"] for name in cell.state.split()]
        return np.delete(rows, carried, axis=0).ravel(), rows[carried].ravel()

    def _weights(self, params: Parameters) -> Parameters:
        """Return the weights of the cell that takes [x | k]."""
        if self._rows is None:
            return params
        wide = Parameters(self._layer.shapes(), dtype=params.dtype)
        for name in params:
            if name != "w_ih":
                wide[name] = params[name]
        own, carried = self._rows
        wide["w_ih"][own, : self.cell.input_size] = params["w_ih"]
        wide["w_ih"][carried, self.cell.input_size + np.arange(self.cell.state_size)] = 1
        return wide

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        weights = self._weights(params)
        y, own, after = self._layer.forward(weights, self._with_carried(x, run), run, state)
        return y, (weights, own), after

    def prepare(self, params: Parameters) -> Evaluate:
        evaluate = self._layer.prepare(self._weights(params))
        return lambda x, run, state: evaluate(self._with_carried(x, run), run, state)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        weights, own = residuals
        wide = grad if self._rows is None else Parameters(weights.shapes, dtype=grad.dtype)
        dx, before = self._layer.backward(weights, own, dy, wide, d_state)
        if self._rows is not None:
            for name in grad:
                grad[name] += wide[name] if name != "w_ih" else wide[name][self._rows[0], : self.cell.input_size]
        return dx[..., : self.cell.input_size], before

    def _with_carried(self, x: Array, run: Run) -> Array:
        """Return [x | k]: k is 1 where a unit keeps its state, in evaluation the probability that it does."""
        rates = np.atleast_1d(self.rate)
        expected = np.repeat(rates, self.cell.state_size // len(rates))
        shape = (*x.shape[:2], self.cell.state_size)
        k = np.broadcast_to(expected, shape) if run.rng is None else run.rng.random(shape) < expected
        return np.concatenate([x, k.astype(x.real.dtype)], axis=-1)
