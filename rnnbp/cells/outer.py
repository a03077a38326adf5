"""How a cell's parameters act: by outer products of its delta and some inputs. Optional for a cell to say.

A cell that has ``outer_products(state, x, residuals)``, a tuple of `Outer` in which each entry of each parameter
occurs exactly once, is spared the slow way by the algorithms that carry the parameters' influence forwards in time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.cells.base import Array, Cell, Delta


@dataclass(frozen=True)
class Outer:
    """The gradient of ``params[name][rows]`` is ``delta[..., columns]`` outer `inputs`, as `param_vjp` adds it up.

    Parameters
    ----------
    name : str
        Of the parameter: (K, F), or (K,) for a bias.
    columns : ndarray of int (K,)
        Of delta; where delta is nested, of its arrays side by side.
    inputs : ndarray (..., F), optional
        What the weights are multiplied with. None: ones, for a bias.
    rows : slice, default all
    units : slice, optional
        Where the inputs are these units of state[t-1] themselves, and the weight enters `step_vjp` in no other way than
        ``d_state[..., units] += delta[..., columns] @ params[name][rows]``.
    transposed : bool, default False
        Whether the array lies the other way, (F, K), as an embedding's table does.

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
    """The cell's `outer_products`, or None where it has none that holds.

    A subclass that changes the step or one of its products, and does not say how its parameters act now, has none.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> class Changed(ElmanCell):
    ...     def param_vjp(self, state, x, residuals, delta, grad):
    ...         grad["w_ih"] += 1
    >>> outer_method(ElmanCell(1, 1)) is None, outer_method(Changed(1, 1)) is None
    (False, True)
    """
    for kind in type(cell).__mro__:
        if "outer_products" in vars(kind):
            method = getattr(cell, "outer_products")  # noqa: B009
            parts = getattr(cell, "cells", ())
            return method if all(outer_method(part) is not None for part in parts) else None
        if vars(kind).keys() & {"step", "step_vjp", "param_vjp"}:
            return None
    return None


def rows_of(array: Array, outer: Outer) -> Array:
    """The rows of a parameter that an outer product speaks of, as a view (K, F); a bias has one column.

    Examples
    --------
    >>> rows_of(np.zeros((5, 2)), Outer("w", np.arange(2), transposed=True)).shape
    (2, 5)
    """
    whole = array[:, None] if array.ndim == 1 else array.T if outer.transposed else array
    return whole[outer.rows]


def side_by_side(delta: Delta) -> Array:
    """A nested delta's arrays next to each other, (..., K); an array as it is.

    Examples
    --------
    >>> side_by_side((np.zeros((2, 3)), (np.zeros((2, 1)),))).shape
    (2, 4)
    """
    if not isinstance(delta, tuple):
        return delta
    return np.concatenate([side_by_side(part) for part in delta], axis=-1)


def width(cell: Cell) -> int:
    """K, how many columns a cell's delta has, its arrays side by side.

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
