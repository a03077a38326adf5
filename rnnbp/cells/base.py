"""What a cell is, and what every algorithm may ask of one."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from rnnbp.cells.trial import try_step
from rnnbp.core import Parameters

Array = np.ndarray
Weights = Mapping[str, Array]
Residuals = Any  # an array (..., R), or a tuple of such, nested as the cell likes
Delta = Any  # an array (..., K), or nested likewise


@runtime_checkable
class Cell(Protocol):
    """state[t] = f(params, state[t-1], x[t]), and its two vector-Jacobian products.

    Leading axes ``...`` are any: a batch (B,), a window of time (T, B), or none. What a cell shows to the
    layer above is ``state[..., :output_size]``.

    Attributes
    ----------
    input_size, output_size, state_size : int
        F, the number of features that come in; how many of the state's leading units are shown; S.
    """

    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...
    @property
    def state_size(self) -> int: ...

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' names and shapes."""

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Fill `params` in place."""

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """(..., S), (..., F) -> next_state (..., S) and what the way back needs. Pure, and safe for complex
        numbers.
        """

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Delta]:
        """-> d_state (..., S), d_x (..., F) and delta (..., K), the error at the pre-activations."""

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Delta, grad: Parameters) -> None:
        """Add the parameters' gradient to `grad`, summed over all leading axes."""


def check_cell(name: str, cell: Any) -> None:
    """Raise unless `cell` has all that a cell must have, and one step of it returns what a cell's step returns.

    Raises
    ------
    ValueError
        Naming what it lacks, or the method that returns something else.

    Examples
    --------
    >>> check_cell("cell", 3)
    Traceback (most recent call last):
    ValueError: cell must be a cell (rnnbp.cells.Cell), got 3, which has no input_size, ...
    """
    parts = (
        *("input_size", "output_size", "state_size"),
        *("shapes", "initialize", "step", "step_vjp", "param_vjp"),
    )
    if isinstance(cell, type):
        raise ValueError(f"{name} must be a cell, got the class {cell.__name__} itself: make one of it, with its sizes")
    missing = [part for part in parts if not hasattr(cell, part)]
    if missing:
        raise ValueError(f"{name} must be a cell (rnnbp.cells.Cell), got {cell!r}, which has no {', '.join(missing)}")
    try_step(name, cell)


def as_cells(cells: Iterable[Cell], owner: str) -> tuple[Cell, ...]:
    """`cells` as a tuple of at least one.

    Raises
    ------
    ValueError
        If there is none, or something else is among them.

    Examples
    --------
    >>> as_cells([], "stack")
    Traceback (most recent call last):
    ValueError: cells must hold at least one cell, got none
    """
    if not isinstance(cells, Iterable):
        raise ValueError(f"cells must be a sequence of cells, got {cells!r}")
    taken = tuple(cells)
    if not taken:
        raise ValueError("cells must hold at least one cell, got none")
    for k, cell in enumerate(taken):
        check_cell(f"cell {k} of the {owner}", cell)
    return taken


def rows_of(a: Array) -> Array:
    """All leading axes as one: (..., K) -> (n, K).

    Examples
    --------
    >>> rows_of(np.ones((5, 2, 3))).shape
    (10, 3)
    """
    return a.reshape(-1, a.shape[-1])


def outer_sum(delta: Array, inputs: Array) -> Array:
    """sum over all leading axes of delta (..., K) outer inputs (..., F): (K, F), as one matrix product.

    Examples
    --------
    >>> outer_sum(np.ones((5, 2, 3)), np.ones((5, 2, 4))).shape
    (3, 4)
    """
    return rows_of(delta).T @ rows_of(inputs)


def total(delta: Array) -> Array:
    """sum over all leading axes: (..., K) -> (K,).

    Examples
    --------
    >>> total(np.ones((5, 2, 3)))
    array([10., 10., 10.])
    """
    return rows_of(delta).sum(axis=0)


def map_nested(function: Any, *residuals: Residuals) -> Residuals:
    """Apply `function` to the arrays of equally nested residuals or deltas.

    Examples
    --------
    >>> map_nested(len, (np.zeros(3), (np.zeros(2),)))
    (3, (2,))
    """
    if isinstance(residuals[0], tuple):
        return tuple(map_nested(function, *parts) for parts in zip(*residuals, strict=True))
    return function(*residuals)


def zero_state(cell: Cell, batch_size: int, dtype: Any) -> Array:
    """The state every sequence begins with: zeros (B, S)."""
    return np.zeros((batch_size, cell.state_size), dtype)


def state_jacobian(cell: Cell, params: Weights, state: Array, x: Array) -> Array:
    """d next_state / d state of one step.

    A cell with a method `state_jacobian(params, state, x)` of its own is asked; otherwise `step_vjp` is
    called on the S basis vectors at once.

    Parameters
    ----------
    cell : Cell
    params : mapping of str to ndarray
    state : ndarray (..., S)
    x : ndarray (..., F)

    Returns
    -------
    ndarray (..., S, S)
        ``J[..., i, j]`` is the derivative of next state i by state j.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2)
    >>> params = Parameters(cell.shapes())
    >>> params["w_hh"] = [[1, 2], [3, 4]]
    >>> state_jacobian(cell, params, np.zeros(2), np.zeros(1))
    array([[1., 2.],
           [3., 4.]])
    """
    own = getattr(cell, "state_jacobian", None)
    if own is not None:
        return own(params, state, x)
    _, residuals = cell.step(params, state, x)
    rows, _ = basis_vjp(cell, params, state, x, residuals)
    return np.moveaxis(rows, 0, -2)


def basis_vjp(cell: Cell, params: Weights, state: Array, x: Array, residuals: Residuals) -> tuple[Array, Delta]:
    """`step_vjp` on the S basis vectors at once: the rows of the state's Jacobian (S, ..., S), and the delta of
    each of the next state's units (S, ..., K).

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2)
    >>> params = Parameters(cell.shapes())
    >>> _, residuals = cell.step(params, np.zeros((5, 2)), np.zeros((5, 1)))
    >>> rows, delta = basis_vjp(cell, params, np.zeros((5, 2)), np.zeros((5, 1)), residuals)
    >>> rows.shape, delta.shape
    ((2, 5, 2), (2, 5, 2))
    """
    return seeded_vjp(cell, params, state, x, residuals, np.eye(cell.state_size, dtype=state.dtype))


def seeded_vjp(
    cell: Cell, params: Weights, state: Array, x: Array, residuals: Residuals, seeds: Array
) -> tuple[Array, Delta]:
    """`step_vjp` on several errors at once, each the same for all of the batch.

    Parameters
    ----------
    cell, params, state, x, residuals
        As `step_vjp` is given them.
    seeds : ndarray (C, S)

    Returns
    -------
    d_state : ndarray (C, ..., S)
    delta : ndarray (C, ..., K), or nested
    """
    count, width = seeds.shape

    def spread(a: Array) -> Array:
        return np.broadcast_to(a, (count, *a.shape))

    d_next = np.broadcast_to(seeds.reshape(count, *[1] * (state.ndim - 1), width), (count, *state.shape))
    d_state, _, delta = cell.step_vjp(params, spread(state), spread(x), map_nested(spread, residuals), d_next)
    return d_state, delta
