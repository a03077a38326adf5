"""Layers detached from each other: no gradient is propagated from a layer to the one below (broadcast feedback).

A layer here is a cell with parameters, together with the cells without parameters directly above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnbp.cells import Cell, Outer
from rnnbp.cells.base import Array, Delta, Residuals, Weights
from rnnbp.cells.outer import outer_method
from rnnbp.cells.wrapped import WrappedCell
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.layer_cells import InputAndMeanCell, RunningMeanCell


@dataclass(frozen=True)
class Detached(WrappedCell):
    """A cell whose input is treated as a constant: the gradient with respect to x is zero.

    Parameters
    ----------
    cell : Cell

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = Detached(ElmanCell(2, 1))
    >>> weights = {name: np.ones(shape) for name, shape in cell.shapes().items()}
    >>> next_state, residuals = cell.step(weights, np.zeros(1), np.zeros(2))
    >>> cell.step_vjp(weights, np.zeros(1), np.zeros(2), residuals, np.ones(1))[1]
    array([0., 0.])
    """

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cell inside, whose `outer_products` are used."""
        return (self.cell,)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Delta]:
        d_state, d_x, delta = self.cell.step_vjp(params, state, x, residuals, d_next)
        return d_state, np.zeros_like(d_x), delta

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        method = outer_method(self.cell)
        assert method is not None  # `outer_method` has checked `cells`
        return method(state, x, residuals)


def detached(parts: Decomposition) -> Decomposition:
    """Return the decomposition with its layers detached; those below a mean over time also average their outputs.

    Parameters
    ----------
    parts : Decomposition

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp.gradients.online.decomposition import decompose
    >>> model = rnnbp.Sequential(rnnbp.LIF(2, 3), rnnbp.LeakyElman(3, 1, activation="linear"))
    >>> [type(cell).__name__ for cell in detached(decompose(model, "EProp")).cell.cells]
    ['LIFCell', 'Detached']
    """
    cells = parts.cell.cells
    layers = layers_of(cells)
    lower_tops = {layer.stop - 1 for layer in layers[:-1]} if isinstance(cells[-1], RunningMeanCell) else set()
    starts = {layer.start for layer in layers[1:]}
    detached_cells, k = [], 0
    for own in parts.cells_by_layer:
        made: list[Any] = []
        for cell in own:
            made.append(Detached(cell) if k in starts else cell)
            if k in lower_tops:
                made.append(InputAndMeanCell(cell.output_size))
            k += 1
        detached_cells.append(tuple(made))
    return replace(parts, cells_by_layer=tuple(detached_cells))


def layers_of(cells: Sequence[Cell]) -> list[slice]:
    """Return the cells of each layer: one with parameters, and those without above it.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell, LIFCell
    >>> layers_of((LIFCell(1, 2), InputAndMeanCell(2), ElmanCell(2, 3), RunningMeanCell(3)))
    [slice(0, 2, None), slice(2, 4, None)]
    """
    starts = [k for k, cell in enumerate(cells) if cell.shapes()]
    return [slice(start, stop) for start, stop in zip([0, *starts[1:]], [*starts[1:], len(cells)], strict=True)]


def layer_outputs(cells: Sequence[Cell]) -> list[slice]:
    """Return where each layer's outputs, or their means, are in the state of a stack of cells, the lowest layer first.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell, LIFCell
    >>> layer_outputs((LIFCell(1, 2), ElmanCell(2, 3)))  # the state is [h | spike and potential]
    [slice(3, 5, None), slice(0, 3, None)]
    """
    found = []
    for layer in layers_of(cells):
        top = cells[layer.stop - 1]
        begin = sum(cell.state_size for cell in cells[layer.stop :])
        begin += top.output_size if isinstance(top, InputAndMeanCell) else 0
        found.append(slice(begin, begin + top.output_size))
    return found
