"""Which units depend on which, and on which parameters: a step's zeros that are there whatever the values are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells import Cell, Outer
from rnnbp.cells.base import Array, Weights, map_nested, seeded_vjp
from rnnbp.cells.outer import outer_method, rows_of, side_by_side
from rnnbp.core import Parameters
from rnnbp.gradients.online.linear import ByColumns, Linear


@dataclass(frozen=True)
class Structure:
    """Where the derivatives of one step may differ from zero.

    Parameters
    ----------
    columns : ndarray of int (P,)
        By which column of delta each parameter acts; its own number, where a cell does not say.
    inputs : ndarray of int (P,), optional
        Parameters of the same number are multiplied with the same input. None, where a cell does not say.
    direct : ndarray of bool (S, K)
        Whether the next state's unit depends on the column.
    jacobian : ndarray of bool (S, S)
        Whether the next state's unit i depends on unit j.
    otherwise : ndarray of bool (S, S)
        The same, if there were no recurrent weights.
    recurrent : tuple of Outer
        The weights that a step's delta meets on its way to the state before, and in no other way.
    """

    columns: Array
    inputs: Array | None
    direct: Array
    jacobian: Array
    otherwise: Array
    recurrent: tuple[Outer, ...]

    def reach(self, order: int) -> Array:
        """(S, K): which units a column reaches within `order` steps, the one at which it acts being the first."""
        found = self.direct
        for _ in range(order - 1):
            further = found | product(self.jacobian, found)
            if (further == found).all():
                break
            found = further
        return found


def product(a: Array, b: Array) -> Array:
    """Of matrices of bools: whether there is a way.

    Examples
    --------
    >>> product(np.array([[True, False]]), np.array([[False], [True]]))
    array([[False]])
    """
    return a.astype(np.float32) @ b.astype(np.float32) > 0


def structure(cell: Cell, params: Parameters) -> Structure:
    """The structure of a cell whose weights are zero where `params` are.

    It is found at random values of the state, the inputs and the parameters, with and without a sign, small enough that
    no unit saturates; with the residuals that belong to them, and with random ones: the derivative of a rectified unit
    that is off or of a neuron far from its threshold is zero there, but need not be elsewhere. What `connected` says is
    missing stays zero; biases and single numbers, which begin at zero and do not stay there, are taken as not zero.

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
    >>> structure(cell, params).reach(2).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 1, 1]])
    """
    rng = np.random.default_rng(0)
    steps = [_probe(cell, params, rng, signed, real) for signed in (False, True) for real in (False, True)]
    outers = outers_of(steps[0])
    recurrent = tuple(outer for outer in outers if outer.units is not None)
    direct = np.logical_or.reduce([_direct(step) for step in steps])
    otherwise = np.logical_or.reduce([_otherwise(step, recurrent) for step in steps])
    jacobian = otherwise.copy()
    for outer in recurrent:
        jacobian[:, outer.units] |= product(direct[:, outer.columns], connected(params, outer.name)[outer.rows])
    action = steps[0].action
    if isinstance(action, ByColumns):
        return Structure(action.columns, _inputs(outers, params), direct, jacobian, otherwise, recurrent)
    return Structure(np.arange(params.size), None, direct, jacobian, otherwise, recurrent)


def connected(params: Parameters, name: str) -> Array:
    """Which weights of an array are connections: those that its mask lets be, or without masks those that are not zero.

    Where there are masks a weight that is zero now may become another one within a batch.

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


def outers_of(step: Linear) -> tuple[Outer, ...]:
    """How the parameters act at a step; none, where the cell does not say."""
    method = outer_method(step.cell)
    return method(step.state, step.x, step.residuals) if method else ()


def _probe(cell: Cell, params: Parameters, rng: np.random.Generator, signed: bool, real: bool) -> Linear:
    """Two sequences at random values; inputs between 0 and 1, which as tokens are the first."""

    def draw(*shape: int) -> Array:
        return rng.uniform(0.5, 1, shape) * (rng.choice([-1.0, 1.0], shape) if signed else 1.0)

    widest = max((n for shape in params.shapes.values() for n in shape), default=1)
    made = params.like(draw(params.size) / widest)
    for name, given in params.items():
        if given.ndim > 1:
            made[name][~connected(params, name)] = 0
    step = Linear(cell, made, draw(2, cell.state_size), rng.uniform(0, 1, (2, cell.input_size)))
    if not real:
        step.residuals = map_nested(
            lambda r: rng.uniform(0.5, 1, r.shape) if r.dtype.kind == "f" else r, step.residuals
        )
    return step


def _direct(step: Linear) -> Array:
    """(S, K): what depends on the columns of delta, or on the parameters."""
    by_columns = isinstance(step.action, ByColumns)
    acts = side_by_side(step.deltas) if by_columns else step.action.rows(step.deltas)
    return (acts != 0).any(axis=1)


def _otherwise(step: Linear, recurrent: Sequence[Outer]) -> Array:
    """(S, S): what depends on the state, if there are no recurrent weights."""
    weights, basis = without(recurrent, step.weights), np.eye(step.cell.state_size)
    rows, _ = seeded_vjp(step.cell, weights, step.state, step.x, step.residuals, basis)
    return (rows != 0).any(axis=1)


def _inputs(outers: Sequence[Outer], params: Parameters) -> Array:
    """(P,): numbers of the inputs, one for each outer product and column of its weights."""
    found, count = params.like(np.empty(params.size, np.intp)), 0
    for outer in outers:
        part = rows_of(found[outer.name], outer)
        part[:] = np.arange(count, count + part.shape[1])
        count += part.shape[1]
    return found.vector


def without(recurrent: Sequence[Outer], weights: Weights) -> Weights:
    """Copies of the weights that are zero where they are recurrent."""
    found = dict(weights)
    for outer in recurrent:
        found[outer.name] = found[outer.name].copy()
        found[outer.name][outer.rows] = 0
    return found
