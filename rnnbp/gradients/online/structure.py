"""Which units depend on which, and on which parameters: a step's zeros that are there whatever the values are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, Cell, Weights, map_nested, seeded_vjp
from rnnbp.cells.outer import Outer, outer_method, side_by_side
from rnnbp.gradients.online.linear import ByColumns, Linear
from rnnbp.params import Parameters

ROUNDS = 8  # of random values, two of each kind


@dataclass(frozen=True)
class Structure:
    """Where the derivatives of one step may differ from zero.

    Parameters
    ----------
    columns : ndarray of int (P,)
        By which column of delta each parameter acts; its own number, where a cell does not say.
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
    no unit saturates. In half of the rounds the residuals are random too: the way back from a rectified unit that is
    off or a neuron far from its threshold is zero there, but need not be elsewhere. Where a weight is exactly zero it
    stays zero; biases and single numbers, which begin at zero and do not stay there, are taken as not zero.

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
    found = [_look(_probe(cell, params, rng, signed=k % 2 > 0, real=k % 4 > 1)) for k in range(ROUNDS)]
    columns, recurrent = found[0][:2]
    direct, jacobian, otherwise = (np.logical_or.reduce(parts) for parts in list(zip(*found, strict=True))[2:])
    return Structure(columns, direct, jacobian, otherwise, recurrent)


def _probe(cell: Cell, params: Parameters, rng: np.random.Generator, signed: bool, real: bool) -> Linear:
    """Two sequences at random values; inputs between 0 and 1, which as tokens are the first."""

    def draw(*shape: int) -> Array:
        return rng.uniform(0.5, 1, shape) * (rng.choice([-1.0, 1.0], shape) if signed else 1.0)

    widest = max((n for shape in params.shapes.values() for n in shape), default=1)
    made = params.like(draw(params.size) / widest)
    for name, given in params.items():
        if given.ndim > 1:
            made[name][given == 0] = 0
    step = Linear(cell, made, draw(2, cell.state_size), rng.uniform(0, 1, (2, cell.input_size)))
    if not real:
        step.residuals = map_nested(
            lambda r: rng.uniform(0.5, 1, r.shape) if r.dtype.kind == "f" else r, step.residuals
        )
    return step


def _look(step: Linear) -> tuple[Array, tuple[Outer, ...], Array, Array, Array]:
    """The fields of a `Structure`, as far as they show at one point."""
    if isinstance(step.action, ByColumns):
        columns, acts = step.action.columns, side_by_side(step.deltas)
    else:
        columns, acts = np.arange(step.params.size), step.action.rows(step.deltas)
    method = outer_method(step.cell)
    outers = method(step.state, step.x, step.residuals) if method else ()
    recurrent = tuple(outer for outer in outers if outer.units is not None)
    weights = without(recurrent, step.weights)
    basis = np.eye(step.cell.state_size)
    otherwise, _ = seeded_vjp(step.cell, weights, step.state, step.x, step.residuals, basis)
    found = (acts != 0).any(axis=1), (step.jacobian != 0).any(axis=0), (otherwise != 0).any(axis=1)
    return columns, recurrent, *found


def without(recurrent: Sequence[Outer], weights: Weights) -> Weights:
    """Copies of the weights that are zero where they are recurrent."""
    found = dict(weights)
    for outer in recurrent:
        found[outer.name] = found[outer.name].copy()
        found[outer.name][outer.rows] = 0
    return found
