"""The gradient of a cell's parameters as outer products of its delta and inputs; optional for a cell.

A cell may define ``outer_products(state, x, residuals)``, which returns a tuple of `Outer` in which each entry of each
parameter occurs exactly once. Algorithms that propagate the influence matrix forward in time use it for speed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.cells.base import Array, Cell, Delta


@dataclass(frozen=True)
class Outer:
    """Outer product: the gradient of ``params[name][rows]`` is the sum of ``delta[..., columns]`` outer `inputs`.

    Parameters
    ----------
    name : str
        Name of the parameter: (K, F), or (K,) for a bias.
    columns : ndarray of int (K,)
        Columns of delta; of a nested delta, of its arrays concatenated.
    inputs : ndarray (..., F), optional
        The factors of the weights. None: ones, for a bias.
    rows : slice, default all
        Rows of the parameter.
    units : slice, optional
        For recurrent weights: the inputs are these units of state[t-1], and the weight enters `step_vjp` only by
        ``d_state[..., units] += delta[..., columns] @ params[name][rows]``.
    transposed : bool, default False
        Whether the parameter is (F, K), as the table of an embedding.

    Examples
    --------
    >>> Outer("b_ih", np.arange(4)).inputs is None
    True
    """

    name: str
    columns: Array
    inputs: Array | None = None
    rows: slice = field(default_factory=lambda: slice(None))
    units: slice | None = None
    transposed: bool = False


def outer_method(cell: Cell) -> Callable[[Array, Array, Any], tuple[Outer, ...]] | None:
    """Return the cell's method `outer_products`, or None if it has none, or a superseded one.

    It is superseded in a subclass that overrides `step`, `step_vjp` or `param_vjp` without overriding it.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> class Changed(ElmanCell):
    ...     def param_vjp(self, state, x, residuals, delta, grad):
    ...         grad["w_ih"] += 1
    >>> outer_method(ElmanCell(1, 1)) is None, outer_method(Changed(1, 1)) is None
    (False, True)
    """
    for cls in type(cell).__mro__:
        if "outer_products" in vars(cls):
            method = getattr(cell, "outer_products")  # noqa: B009
            cells = getattr(cell, "cells", ())
            return method if all(outer_method(one) is not None for one in cells) else None
        if vars(cls).keys() & {"step", "step_vjp", "param_vjp"}:
            return None
    return None


def outer_rows(array: Array, outer: Outer) -> Array:
    """Return the rows of a parameter that an outer product belongs to, as a view (K, F); a bias has one column.

    Examples
    --------
    >>> outer_rows(np.zeros((5, 2)), Outer("w", np.arange(2), transposed=True)).shape
    (2, 5)
    """
    whole = array[:, None] if array.ndim == 1 else array.T if outer.transposed else array
    return whole[outer.rows]


def side_by_side(delta: Delta) -> Array:
    """Return the arrays of a nested delta, concatenated: (..., K).

    Examples
    --------
    >>> side_by_side((np.zeros((2, 3)), (np.zeros((2, 1)),))).shape
    (2, 4)
    """
    if not isinstance(delta, tuple):
        return delta
    return np.concatenate([side_by_side(item) for item in delta], axis=-1)


def width(cell: Cell) -> int:
    """Return K, the number of columns of a cell's delta.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> width(LSTMCell(3, 4))
    16
    """
    state, x = np.zeros((1, cell.state_size)), np.zeros((1, cell.input_size))
    weights = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    _, residuals = cell.step(weights, state, x)
    _, _, delta = cell.step_vjp(weights, state, x, residuals, state)
    return side_by_side(delta).shape[-1]
