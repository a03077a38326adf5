"""Recurrent layers on top of each other, as one layer."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, as_cells
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State
from rnnbp.layers.bidirectional import Bidirectional
from rnnbp.layers.recurrent import Recurrent
from rnnbp.layers.simple import Dropout, drop_rate
from rnnbp.runtime import flag


@dataclass(frozen=True)
class MultiLayer(Layer):
    """Recurrent layers on top of each other, with parameters named as PyTorch names them: ``w_ih_l0``,
    ``w_ih_l0_reverse``, ``w_ih_l1``, ...

    Each layer runs over all of time before the next begins (a `Stack` of cells runs all of them within a
    step; both compute the same).

    Parameters
    ----------
    cells : tuple of Cell
        One a layer, from the input upwards.
    bidirectional : bool, default False
        Every layer runs both ways.
    dropout : float, default 0
        The probability with which each output of a layer is dropped, in training, before the next layer.

    Raises
    ------
    ValueError
        If the cells do not fit on each other, `dropout` is not in [0, 1), or there is dropout but no second layer.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> layer = MultiLayer((ElmanCell(3, 4), ElmanCell(4, 4)))
    >>> list(layer.shapes())[:2], list(layer.shapes())[-1]
    (['w_ih_l0', 'w_hh_l0'], 'b_hh_l1')
    """

    cells: tuple[Cell, ...]
    bidirectional: bool = False
    dropout: float = 0.0
    layers: tuple[Layer, ...] = field(init=False, repr=False)

    recurrent = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", as_cells(self.cells, "layer"))
        flag("bidirectional", self.bidirectional)
        dropout_between(self.dropout, len(self.cells))
        make = Bidirectional if self.bidirectional else Recurrent
        object.__setattr__(self, "layers", tuple(make(cell) for cell in self.cells))
        self.out_shape(("T", "B", self.cells[0].input_size))

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Not where it is bidirectional."""
        return not self.bidirectional

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Each layer's, with ``_l0``, ``_l1``, ... behind the name and before ``_reverse``."""
        return {
            _numbered(name, k): shape for k, layer in enumerate(self.layers) for name, shape in layer.shapes().items()
        }

    def scopes(self, params: Parameters) -> list[Parameters]:
        """Each layer's own parameters under its own names."""
        scopes, start = [], 0
        for layer in self.layers:
            scopes.append(params.renamed(layer.shapes(), start))
            start += scopes[-1].size
        return scopes

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Each cell's way."""
        for layer, scope in zip(self.layers, self.scopes(params), strict=True):
            layer.initialize(scope, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, what the last layer shows)."""
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """The state is a list, one a layer."""
        residuals, states, dropout = [], [], Dropout(self.dropout)
        for k, (layer, scope) in enumerate(zip(self.layers, self.scopes(params), strict=True)):
            mask = None
            if k > 0:
                x, mask, _ = dropout.forward(scope, x, run)
            x, own, last = layer.forward(scope, x, run, None if state is None else state[k])
            residuals.append((mask, own))
            states.append(last)
        return x, residuals, states

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """From the last layer down."""
        lowest, d_states = self._upper_back(params, residuals, dy, grad, d_state)
        dx, d_first = self.layers[0].backward(*lowest)
        return dx, [d_first, *d_states]

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """Without the lowest layer's dx."""
        lowest, d_states = self._upper_back(params, residuals, dy, grad, d_state)
        return [self.layers[0].backward_params(*lowest), *d_states]

    def _upper_back(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State
    ) -> tuple[tuple, list[State]]:
        """Back through all layers but the lowest: what its own way back is given, and the others' d_state."""
        scopes, grads = self.scopes(params), self.scopes(grad)
        d_last = [None] * len(self.layers) if d_state is None else d_state
        d_states: list[State] = []
        for k in reversed(range(1, len(self.layers))):
            mask, inner = residuals[k]
            dy, before = self.layers[k].backward(scopes[k], inner, dy, grads[k], d_last[k])
            dy, _ = Dropout(self.dropout).backward(scopes[k], mask, dy, grads[k])
            d_states.insert(0, before)
        return (scopes[0], residuals[0][1], dy, grads[0], d_last[0]), d_states


def dropout_between(rate: float, num_layers: int) -> None:
    """Raise unless `rate` may be the dropout between that many layers.

    Examples
    --------
    >>> dropout_between(0.5, 1)
    Traceback (most recent call last):
    ValueError: dropout is applied between layers, and here is one layer, got dropout=0.5: ...
    """
    if drop_rate("dropout", rate) and num_layers == 1:
        raise ValueError(
            f"dropout is applied between layers, and here is one layer, got dropout={rate}: use two or more layers, or "
            f"put rnnbp.Dropout({rate}) before or after this one"
        )


def _numbered(name: str, k: int) -> str:
    stem, reverse = (name[: -len("_reverse")], "_reverse") if name.endswith("_reverse") else (name, "")
    return f"{stem}_l{k}{reverse}"
