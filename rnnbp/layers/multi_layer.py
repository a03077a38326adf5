"""Several recurrent layers in a stack, as one layer."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, as_cells
from rnnbp.core import Parameters
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, in_a_row
from rnnbp.layers.bidirectional import Bidirectional
from rnnbp.layers.dropout import Dropout, drop_rate
from rnnbp.layers.recurrent import Recurrent
from rnnbp.runtime import flag


@dataclass(frozen=True)
class MultiLayer(Layer):
    """Multi-layer recurrent network as one layer: (T, B, F) -> (T, B, O), or 2 O if bidirectional.

    Parameters are named as in PyTorch: ``w_ih_l0``, ``w_ih_l0_reverse``, ``w_ih_l1``, ... The state is a list, one
    entry for each layer. Each layer runs over all steps before the next one starts; a `Stack` of cells, which computes
    the same, runs all cells within each step.

    Parameters
    ----------
    cells : tuple of Cell
        The cell of each layer, lowest layer first.
    bidirectional : bool, default False
        Whether every layer has a second cell that runs backward in time.
    dropout : float, default 0
        Probability of dropout, in training, on the outputs of every layer but the last, in [0, 1).

    Raises
    ------
    ValueError
        If the size of a cell's input is not that of the output below it, or `dropout` is outside [0, 1) or given for a
        single layer.

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
        check_dropout_between(self.dropout, len(self.cells))
        make = Bidirectional if self.bidirectional else Recurrent
        object.__setattr__(self, "layers", tuple(make(cell) for cell in self.cells))
        self.out_shape(("T", "B", self.cells[0].input_size))

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether no output depends on later inputs: unless bidirectional."""
        return not self.bidirectional

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            _numbered(name, k): shape for k, layer in enumerate(self.layers) for name, shape in layer.shapes().items()
        }

    def scopes(self, params: Parameters) -> list[Parameters]:
        """Return the parameters of each layer, under the names that the layer itself uses."""
        scopes, start = [], 0
        for layer in self.layers:
            scopes.append(params.renamed(layer.shapes(), start))
            start += scopes[-1].size
        return scopes

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for layer, scope in zip(self.layers, self.scopes(params), strict=True):
            layer.initialize(scope, rng)

    def out_shape(self, shape: Shape) -> Shape:
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        residuals, states, dropout = [], [], Dropout(self.dropout)
        for k, (layer, scope) in enumerate(zip(self.layers, self.scopes(params), strict=True)):
            mask = None
            if k > 0:
                x, mask, _ = dropout.forward(scope, x, run)
            x, own, last = layer.forward(scope, x, run, None if state is None else state[k])
            residuals.append((mask, own))
            states.append(last)
        return x, residuals, states

    def prepare(self, params: Parameters) -> Evaluate:
        return in_a_row(self.layers, self.scopes(params))

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        lowest, d_states = self._backward_upper(params, residuals, dy, grad, d_state)
        dx, d_first = self.layers[0].backward(*lowest)
        return dx, [d_first, *d_states]

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        lowest, d_states = self._backward_upper(params, residuals, dy, grad, d_state)
        return [self.layers[0].backward_params(*lowest), *d_states]

    def _backward_upper(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State
    ) -> tuple[tuple, list[State]]:
        """Backpropagate through all layers but the lowest: the arguments of its backward pass, and their d_states."""
        scopes, grads = self.scopes(params), self.scopes(grad)
        d_last = [None] * len(self.layers) if d_state is None else d_state
        d_states: list[State] = []
        for k in reversed(range(1, len(self.layers))):
            mask, own = residuals[k]
            dy, before = self.layers[k].backward(scopes[k], own, dy, grads[k], d_last[k])
            dy, _ = Dropout(self.dropout).backward(scopes[k], mask, dy, grads[k])
            d_states.insert(0, before)
        return (scopes[0], residuals[0][1], dy, grads[0], d_last[0]), d_states


def check_dropout_between(rate: float, num_layers: int) -> None:
    """Raise unless `rate` is a dropout rate, and 0 for a single layer.

    Examples
    --------
    >>> check_dropout_between(0.5, 1)
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
