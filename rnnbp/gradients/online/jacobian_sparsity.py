"""The sparsity pattern of a step's Jacobians: which entries are zero for all values of state, inputs and parameters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rnnbp.cells import Cell, Outer, Stack
from rnnbp.cells.base import Array, Weights, map_nested, seeded_vjp
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.outer import outer_method, outer_rows, side_by_side
from rnnbp.core import Parameters
from rnnbp.gradients.online.cell_key import CellKey
from rnnbp.gradients.online.dependencies import with_dependencies
from rnnbp.gradients.online.layer_cells import EmbeddingCell
from rnnbp.gradients.online.linearized_steps import LinearizedSteps, OuterProductJacobian

MULTIPLE = math.lcm(*range(1, 41)) * 2.0**40  # exact in float64: of 1 to 40, and of these times powers of two


@dataclass(frozen=True, eq=False)
class JacobianSparsity:
    """Where the Jacobians of one step may be nonzero.

    A step computes pre-activations a (K,) from state, input and parameters, and the next state (S,) from them; delta is
    the gradient with respect to a. Recurrent weights are those by which a unit's state enters pre-activations linearly.

    Parameters
    ----------
    columns : ndarray of int (P,)
        The pre-activation that each parameter enters; for a cell without `outer_products`, the parameter's own number.
    inputs : ndarray of int (P,), optional
        The place in `input_values` of the input by which each parameter is multiplied. None for a cell without
        `outer_products`.
    activation : ndarray of bool (S, K)
        Pattern of the derivative of the next state with respect to the pre-activations.
    jacobian : ndarray of bool (S, S)
        Pattern of the recurrent Jacobian ds[t]/ds[t-1].
    non_recurrent : ndarray of bool (S, S)
        Pattern of the non-recurrent Jacobian: the same with all recurrent weights zero.
    recurrent : tuple of Outer
        The recurrent weights.
    """

    columns: Array
    inputs: Array | None
    activation: Array
    jacobian: Array
    non_recurrent: Array
    recurrent: tuple[Outer, ...]

    def reach(self, order: int) -> Array:
        """Return which units (S, K) each pre-activation affects within `order` steps, its own step being the first."""
        found = self.activation
        for _ in range(order - 1):
            further = found | boolean_product(self.jacobian, found)
            if (further == found).all():
                break
            found = further
        return found


def boolean_product(a: Array, b: Array) -> Array:
    """Return the Boolean matrix product: the pattern of a product of matrices with the patterns a and b.

    Examples
    --------
    >>> boolean_product(np.array([[True, False]]), np.array([[False], [True]]))
    array([[False]])
    """
    return a.astype(np.float32) @ b.astype(np.float32) > 0


def sparsity_of(cell: Cell, params: Parameters) -> JacobianSparsity:
    """Return the sparsity pattern of a cell, given which of its weights are connections (see `connected`).

    The derivatives are evaluated at random points: state and parameters with and without random signs, small enough
    that no unit saturates; each with the residuals of that point and with random residuals, as the derivative of a
    rectified unit that is off, or of a neuron far from its threshold, is zero at some points only; and at states that
    are multiples of many numbers, at which all units of a clockwork network run. Weights that are no connections are
    zero there; biases and scalars, which start at zero but are trained, are not. Declared cells need no such points:
    see `rnnbp.gradients.online.dependencies`.

    Parameters
    ----------
    cell : Cell
    params : Parameters

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 3)
    >>> params = Parameters(cell.shapes())
    >>> params["w_hh"] = np.eye(3, k=-1)
    >>> sparsity_of(cell, params).reach(2).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 1, 1]])
    """
    connections = params.vector != 0 if params.mask_vector is None else params.mask_vector
    return _sparsity_of(CellKey(cell), connections.tobytes())


@lru_cache(maxsize=64)
def _sparsity_of(key: CellKey, connections: bytes) -> JacobianSparsity:
    """Return the sparsity pattern of a cell, given which numbers of the parameters' vector (P,) are connections."""
    cell = with_dependencies(key.cell)
    params = Parameters(cell.shapes())
    params.vector[:] = np.frombuffer(connections, bool)
    rng = np.random.default_rng(0)
    steps = [_random_step(cell, params, rng, signed, real) for signed in (False, True) for real in (False, True)]
    steps.append(_random_step(cell, params, rng, signed=True, real=False, state=MULTIPLE))
    outers = steps[0].outers or ()
    recurrent = tuple(outer for outer in outers if outer.units is not None)
    activation = np.logical_or.reduce([_activation_pattern(step) for step in steps])
    non_recurrent = np.logical_or.reduce([_non_recurrent_pattern(step, recurrent) for step in steps])
    jacobian = non_recurrent.copy()
    for outer in recurrent:
        weights = connected(params, outer.name)[outer.rows]
        jacobian[:, outer.units] |= boolean_product(activation[:, outer.columns], weights)
    immediate = steps[0].immediate_jacobian
    if isinstance(immediate, OuterProductJacobian):
        inputs = _input_numbers(outers, params)
        return JacobianSparsity(immediate.columns, inputs, activation, jacobian, non_recurrent, recurrent)
    _copy_to_all_tokens(cell, params, activation)
    return JacobianSparsity(np.arange(params.size), None, activation, jacobian, non_recurrent, recurrent)


def _copy_to_all_tokens(cell: Cell, params: Parameters, pattern: Array) -> None:
    """Copy the pattern ds[t]/dp (S, P) of an embedding's first token, which is the only one drawn, to all tokens."""
    if isinstance(cell, Stack) and isinstance(cell.cells[0], EmbeddingCell):
        vectors = pattern[:, params.place("0.w")].reshape(len(pattern), *params.shapes["0.w"])
        vectors[:] = vectors[:, :1]


def structure_of(cell: Cell) -> JacobianSparsity:
    """Return the sparsity pattern of a cell with all of its weights, for algorithms that must be exact.

    Of a cell that is neither derived from its equation nor one of the package's that define `outer_products`, nothing
    is assumed: every entry may be nonzero.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> structure = structure_of(ElmanCell(1, 3))
    >>> structure.activation.astype(int)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 0, 1]])
    >>> bool(structure.jacobian.all()), bool(structure.non_recurrent.any())
    (True, False)
    """
    return _structure_of(CellKey(cell))


@lru_cache(maxsize=64)
def _structure_of(key: CellKey) -> JacobianSparsity:
    cell = key.cell
    found = _sparsity_of(key, np.ones(Parameters(cell.shapes()).size, bool).tobytes())
    if _is_known(cell):
        return found
    full = replace(found, activation=np.ones_like(found.activation), jacobian=np.ones_like(found.jacobian))
    return replace(full, non_recurrent=full.jacobian, recurrent=())


def _is_known(cell: Cell) -> bool:
    """Return whether random points show which entries of a cell's Jacobians are zero, and of the cells in it."""
    if isinstance(cell, DeclaredCell):
        return cell.is_derived and outer_method(cell) is not None
    ours = type(cell).__module__.startswith("rnnbp.") and outer_method(cell) is not None
    return ours and all(map(_is_known, getattr(cell, "cells", ())))


def connected(params: Parameters, name: str) -> Array:
    """Return which weights of an array are connections: those its mask allows; without masks, those that are not zero.

    Where there are masks, a weight that is zero now may become nonzero within a batch.

    Examples
    --------
    >>> params = Parameters({"w": (2, 2)})
    >>> params["w"] = [[1, 0], [0, 1]]
    >>> connected(params, "w").tolist()
    [[True, False], [False, True]]
    >>> params.set_mask("w", [[True, True], [False, True]])
    >>> connected(params, "w").tolist()
    [[True, True], [False, True]]
    """
    return params[name] != 0 if params.mask_vector is None else params.mask(name)


def without_recurrent(recurrent: Sequence[Outer], weights: Weights) -> Weights:
    """Return the weights with the recurrent ones set to zero, in copies."""
    found = dict(weights)
    for outer in recurrent:
        found[outer.name] = found[outer.name].copy()
        found[outer.name][outer.rows] = 0
    return found


@lru_cache(maxsize=64)
def without_paths(sparsity: JacobianSparsity) -> JacobianSparsity:
    """Return the sparsity pattern without the paths through recurrent weights."""
    return replace(sparsity, jacobian=sparsity.non_recurrent, recurrent=())


def _random_step(
    cell: Cell, params: Parameters, rng: np.random.Generator, signed: bool, real: bool, state: float | None = None
) -> LinearizedSteps:
    """Return a step of two sequences at random values; inputs are in [0, 1), which as a token is the first one.

    `signed` values have random signs. A `real` step has its own residuals, another one random residuals. `state` is the
    magnitude of the units' states; None: random.
    """

    def draw(*shape: int) -> Array:
        return rng.uniform(0.5, 1, shape) * (rng.choice([-1.0, 1.0], shape) if signed else 1.0)

    widest = max((n for shape in params.shapes.values() for n in shape), default=1)
    random = params.like(draw(params.size) / widest)
    for name, array in params.items():
        if array.ndim > 1:
            random[name][~connected(params, name)] = 0
    states = draw(2, cell.state_size)
    states = states if state is None else state * np.sign(states)
    with np.errstate(all="ignore"):
        step = LinearizedSteps(cell, random, states, rng.uniform(0, 1, (2, cell.input_size)))
    if not real:
        step.residuals = map_nested(
            lambda r: rng.uniform(0.5, 1, r.shape) if r.dtype.kind == "f" else r, step.residuals
        )
    return step


def _activation_pattern(step: LinearizedSteps) -> Array:
    """Return where ds[t]/da (S, K) is nonzero; for a cell without `outer_products`, ds[t]/dp (S, P)."""
    immediate = step.immediate_jacobian
    by_columns = isinstance(immediate, OuterProductJacobian)
    derivative = side_by_side(step.deltas) if by_columns else immediate.vjp(step.deltas)
    return np.asarray(_nonzero(derivative).any(axis=1))


def _non_recurrent_pattern(step: LinearizedSteps, recurrent: Sequence[Outer]) -> Array:
    """Return where the non-recurrent Jacobian (S, S) is nonzero."""
    weights, basis = without_recurrent(recurrent, step.weights), np.eye(step.cell.state_size)
    rows, _ = seeded_vjp(step.cell, weights, step.state, step.x, step.residuals, basis)
    return np.asarray(_nonzero(rows).any(axis=1))


def _nonzero(derivative: Array) -> Array:
    """Return where a derivative is not zero; what overflowed tells nothing."""
    return (derivative != 0) & np.isfinite(derivative)


def _input_numbers(outers: Sequence[Outer], params: Parameters) -> Array:
    """Return the place (P,) of each parameter's input in `input_values`."""
    found, count = params.like(np.zeros(params.size, np.intp)), 1
    for outer in outers:
        if outer.inputs is not None:
            part = outer_rows(found[outer.name], outer)
            part[:] = np.arange(count, count + part.shape[1])
            count += part.shape[1]
    return found.vector


def input_values(steps: LinearizedSteps) -> Array:
    """Return what parameters are multiplied by (N, V): a one, of biases; the inputs of weights; and a zero, of none."""
    edge = np.ones((steps.size, 1), steps.state.dtype)
    inputs = [outer.inputs for outer in steps.outers or () if outer.inputs is not None]
    return np.concatenate([edge, *inputs, 0 * edge], axis=1)
