"""Single entries of a step's derivatives, without computing all of them where few are asked for."""

import numpy as np

from rnnbp.cells.base import Array, seeded_vjp
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.linear import ByColumns, Linear
from rnnbp.gradients.online.structure import Structure, product, without


class Entries:
    """Of one step of n sequences, taken from all that there are.

    Parameters
    ----------
    step : Linear
    """

    def __init__(self, step: Linear) -> None:
        self.step = step

    def blocks(self, units: Array) -> Array:
        """Of the Jacobian, rows and columns of each set of units: (G, d) -> (n, G, d, d)."""
        return self.step.jacobian[:, units[:, :, None], units[:, None, :]]

    def direct(self, units: Array, parameters: Array) -> Array:
        """Of the parameters' direct action, pairs of a unit and a parameter: (L,), (L,) -> (n, L)."""
        return self.step.action.entries(self.step.deltas, units, parameters)

    def slopes(self, units: Array, columns: Array) -> Array:
        """The units' derivatives by columns of delta, all pairs within each group: (G, d), (G, q) -> (n, G, d, q)."""
        return _taken(side_by_side(self.step.deltas), units[:, :, None], columns[:, None, :])

    def inputs(self, parameters: Array) -> Array:
        """What parameters are multiplied with, where a cell says: (m,) -> (n, m)."""
        assert isinstance(self.step.action, ByColumns)
        return self.step.action.inputs[:, parameters]


class Folds:
    """Units whose derivatives share no entry, so that one pass backwards yields those of all of them.

    Without the recurrent weights a cell's units hardly depend on each other: one pass is enough for all units of an
    Elman network or a GRU, two for an LSTM. What goes by recurrent weights follows from delta and these weights, entry
    by entry.

    Parameters
    ----------
    found : Structure
    dtype : dtype

    Attributes
    ----------
    colors : ndarray of int (S,)
        The pass of each unit.
    seeds : ndarray (C, S)
    columns, used : ndarray (S, q)
        Of each unit, the columns by which recurrent weights act on it; unused places are marked by 0.
    """

    def __init__(self, found: Structure, dtype: np.dtype) -> None:
        self.structure = found
        S, K = found.direct.shape
        touched = np.concatenate([found.direct, found.otherwise], axis=1)
        self.colors = _colors(product(touched, touched.T))
        self.seeds = np.zeros((self.colors.max() + 1, S), dtype)
        self.seeds[self.colors, np.arange(S)] = 1
        meets = np.zeros(K, bool)
        for outer in found.recurrent:
            meets[outer.columns] = True
        used = found.direct & meets
        self.columns = np.argsort(~used, axis=1, kind="stable")[:, : used.sum(axis=1).max()]
        self.used = np.take_along_axis(used, self.columns, axis=1)

    def pays(self, entries: int) -> bool:
        """Whether it takes fewer multiplications than the whole Jacobian, for so many of its entries."""
        C, S = self.seeds.shape
        K = self.structure.direct.shape[1]
        return C * K * S + entries * self.columns.shape[1] < S * K * S


class Folded(Entries):
    """By few passes backwards.

    Parameters
    ----------
    step : Linear
    folds : Folds
    """

    def __init__(self, step: Linear, folds: Folds) -> None:
        super().__init__(step)
        self.folds = folds
        weights = without(folds.structure.recurrent, step.weights)
        self.otherwise, self.delta = seeded_vjp(step.cell, weights, step.state, step.x, step.residuals, folds.seeds)

    def blocks(self, units: Array) -> Array:
        """What goes by recurrent weights, and what goes otherwise."""
        folds = self.folds
        i, j = units[:, :, None], units[:, None, :]
        found = _taken(self.otherwise, folds.colors[i], j) * folds.structure.otherwise[i, j]
        if folds.structure.recurrent:
            slopes = _taken(side_by_side(self.delta), folds.colors[i], folds.columns[units]) * folds.used[units]
            found += np.einsum("ngiq,gijq->ngij", slopes, self._weights(units))
        return found

    def _weights(self, units: Array) -> Array:
        """(G, d, d, q): what each of these columns is given by each unit."""
        structure = self.folds.structure
        recurrent = np.zeros(structure.direct.shape[::-1], self.step.state.dtype)  # (K, S)
        for outer in structure.recurrent:
            recurrent[outer.columns, outer.units] = self.step.weights[outer.name][outer.rows]
        return recurrent[self.folds.columns[units][:, :, None], units[:, None, :, None]]

    def direct(self, units: Array, parameters: Array) -> Array:
        """By the delta of each unit's pass."""
        return self.step.action.entries(self.delta, self.folds.colors[units], parameters)

    def slopes(self, units: Array, columns: Array) -> Array:
        """Entries of delta, where a unit depends on the column and not another one of its pass."""
        i, k = units[:, :, None], columns[:, None, :]
        return _taken(side_by_side(self.delta), self.folds.colors[i], k) * self.folds.structure.direct[i, k]


def _taken(array: Array, rows: Array, columns: Array) -> Array:
    """Entries of arrays (R, n, C), as (n, ...): quicker from an array without an axis between."""
    flat = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1)
    return flat.take(rows * array.shape[2] + columns, axis=1)


def _colors(conflict: Array) -> Array:
    """Numbers for the rows of a symmetric matrix of bools, different where it is true; the smallest ones, in turn."""
    colors = np.full(len(conflict), -1)
    for s, row in enumerate(conflict):
        taken = np.unique(colors[:s][row[:s]])
        free = np.flatnonzero(taken != np.arange(len(taken)))
        colors[s] = free[0] if len(free) else len(taken)
    return colors
