"""The protocol of cells, and functions of any cell: Jacobians, products with several cotangents, initial states."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from rnnbp.cells.trial import try_step
from rnnbp.core import Parameters
from rnnbp.runtime import refuses_by_name

Array = np.ndarray
Weights = Mapping[str, Array]
Residuals = Any  # an array (..., R), or a tuple of such, nested as the cell likes
Delta = Any  # an array (..., K), or nested likewise


@runtime_checkable
class Cell(Protocol):
    """Recurrent cell: the update state[t] = f(params, state[t-1], x[t]) with its vector-Jacobian products.

    Leading axes ``...`` are arbitrary: a batch (B,), a window of time (T, B), or none. The output of a cell is
    ``state[..., :output_size]``.

    Attributes
    ----------
    input_size, output_size, state_size : int
        F, O and S: the number of features of the input, of leading entries of the state that are the output, and of
        entries of the state.
    """

    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...
    @property
    def state_size(self) -> int: ...

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place."""

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step.

        A pure function, also of complex arguments, so that the complex step can differentiate it.

        Parameters
        ----------
        params : mapping of str to ndarray
        state : ndarray (..., S)
        x : ndarray (..., F)

        Returns
        -------
        next_state : ndarray (..., S)
        residuals : ndarray (..., R), or nested tuple of such
            What the vector-Jacobian products need.
        """

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Delta]:
        """Compute the vector-Jacobian product of one step with respect to state and input.

        Parameters
        ----------
        params, state, x
            The arguments of `step`.
        residuals
            As returned by `step`.
        d_next : ndarray (..., S)
            The cotangent of the next state.

        Returns
        -------
        d_state : ndarray (..., S)
        d_x : ndarray (..., F)
        delta : ndarray (..., K), or nested tuple of such
            The gradient with respect to the pre-activations, for `param_vjp`.
        """

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Delta, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters, summed over all leading axes, to `grad`.

        Parameters
        ----------
        state, x
            The arguments of `step`.
        residuals
            As returned by `step`.
        delta
            As returned by `step_vjp`.
        grad : Parameters
        """


def check_cell(name: str, cell: Any) -> None:
    """Raise unless `cell` has all members of the `Cell` protocol, and one step of it returns the shapes of a cell's.

    Raises
    ------
    ValueError
        Naming the missing members, or the method that returns something else.

    Examples
    --------
    >>> check_cell("cell", 3)
    Traceback (most recent call last):
    ValueError: cell must be a cell (rnnbp.cells.Cell), got 3, which has no input_size, ...
    """
    members = (
        *("input_size", "output_size", "state_size"),
        *("shapes", "initialize", "step", "step_vjp", "param_vjp"),
    )
    if isinstance(cell, type):
        raise ValueError(f"{name} must be a cell, got the class {cell.__name__} itself: make one of it, with its sizes")
    missing = [member for member in members if not hasattr(cell, member)]
    if missing:
        raise ValueError(f"{name} must be a cell (rnnbp.cells.Cell), got {cell!r}, which has no {', '.join(missing)}")
    try_step(name, cell)


def as_cells(cells: Iterable[Cell], owner: str) -> tuple[Cell, ...]:
    """Return `cells` as a tuple of at least one cell.

    Raises
    ------
    ValueError
        If it is empty, or an element is not a cell.

    Examples
    --------
    >>> as_cells([], "stack")
    Traceback (most recent call last):
    ValueError: cells must contain at least one cell, got none
    """
    if not isinstance(cells, Iterable):
        raise ValueError(f"cells must be a sequence of cells, got {cells!r}")
    taken = tuple(cells)
    if not taken:
        raise ValueError("cells must contain at least one cell, got none")
    for k, cell in enumerate(taken):
        check_cell(f"cell {k} of the {owner}", cell)
    return taken


def rows_of(a: Array) -> Array:
    """Return the array with its leading axes merged: (..., K) -> (n, K).

    Examples
    --------
    >>> rows_of(np.ones((5, 2, 3))).shape
    (10, 3)
    """
    return a.reshape(-1, a.shape[-1])


def outer_sum(delta: Array, inputs: Array) -> Array:
    """Return the sum over all leading axes of delta (..., K) outer inputs (..., F): (K, F), as one matrix product.

    Examples
    --------
    >>> outer_sum(np.ones((5, 2, 3)), np.ones((5, 2, 4))).shape
    (3, 4)
    """
    return rows_of(delta).T @ rows_of(inputs)


def total(delta: Array) -> Array:
    """Return the sum over all leading axes: (..., K) -> (K,).

    Examples
    --------
    >>> total(np.ones((5, 2, 3)))
    array([10., 10., 10.])
    """
    return rows_of(delta).sum(axis=0)


def map_nested(function: Any, *residuals: Residuals) -> Residuals:
    """Apply a function to the arrays of residuals or deltas nested in the same way.

    Examples
    --------
    >>> map_nested(len, (np.zeros(3), (np.zeros(2),)))
    (3, (2,))
    """
    if isinstance(residuals[0], tuple):
        return tuple(map_nested(function, *items) for items in zip(*residuals, strict=True))
    return function(*residuals)


def zero_state(cell: Cell, batch_size: int, dtype: Any) -> Array:
    """Return the initial state of sequences: zeros (B, S)."""
    return np.zeros((batch_size, cell.state_size), dtype)


@refuses_by_name
def state_jacobian(cell: Cell, params: Weights, state: Array, x: Array) -> Array:
    """Compute the state Jacobian of one step, d next_state / d state.

    By the cell's own method `state_jacobian(params, state, x)` if it has one, else by `step_vjp` of the S basis
    vectors.

    Parameters
    ----------
    cell : Cell
    params : mapping of str to ndarray
    state : ndarray (..., S)
    x : ndarray (..., F)

    Returns
    -------
    ndarray (..., S, S)
        ``J[..., i, j]`` is the derivative of next_state[..., i] with respect to state[..., j].

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
    """Compute `step_vjp` of the S basis vectors: rows of the state Jacobian (S, ..., S), and a delta each (S, ..., K).

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
    """Compute `step_vjp` of several cotangents, each the same for the whole batch.

    Parameters
    ----------
    cell, params, state, x, residuals
        The arguments of `step_vjp`.
    seeds : ndarray (C, S)
        The cotangents of the next state.

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
