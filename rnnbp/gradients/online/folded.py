"""Single entries of a step's derivatives, without computing all of them where few are asked for."""

from typing import Protocol

import numpy as np

from rnnbp.cells.base import Array, seeded_vjp
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.linear import Linear
from rnnbp.gradients.online.structure import Structure, product, without


class Entries(Protocol):
    """Of one step of n sequences."""

    def blocks(self, units: Array) -> Array:
        """Of the Jacobian, rows and columns of each set of units: (G, d) -> (n, G, d, d)."""
        ...

    def direct(self, units: Array, parameters: Array) -> Array:
        """Of the parameters' direct action, pairs of a unit and a parameter: (L,), (L,) -> (n, L)."""
        ...


class Whole:
    """Taken from the whole Jacobian.

    Parameters
    ----------
    step : Linear
    """

    def __init__(self, step: Linear) -> None:
        self.step = step

    def blocks(self, units: Array) -> Array:
        """Rows and columns of it."""
        return self.step.jacobian[:, units[:, :, None], units[:, None, :]]

    def direct(self, units: Array, parameters: Array) -> Array:
        """By the delta of each unit."""
        return self.step.action.entries(self.step.deltas, units, parameters)


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


class Folded:
    """By few passes backwards.

    Parameters
    ----------
    step : Linear
    folds : Folds
    """

    def __init__(self, step: Linear, folds: Folds) -> None:
        self.step, self.folds = step, folds
        weights = without(folds.structure.recurrent, step.weights)
        self.otherwise, self.delta = seeded_vjp(step.cell, weights, step.state, step.x, step.residuals, folds.seeds)

    def blocks(self, units: Array) -> Array:
        """What goes by recurrent weights, and what goes otherwise."""
        folds, S = self.folds, self.step.state.shape[1]
        i, j = units[:, :, None], units[:, None, :]
        rows = np.moveaxis(self.otherwise, 1, 0).reshape(self.step.size, -1)  # (n, C S)
        found = rows.take(folds.colors[i] * S + j, axis=1) * folds.structure.otherwise[i, j]
        if folds.structure.recurrent:
            found += np.einsum("ngiq,gijq->ngij", self._slopes(units), self._weights(units))
        return found

    def _slopes(self, units: Array) -> Array:
        """(n, G, d, q): each unit's derivative by the columns of recurrent weights."""
        folds = self.folds
        delta = np.moveaxis(side_by_side(self.delta), 1, 0)  # (n, C, K)
        here = folds.colors[units][..., None] * delta.shape[2] + folds.columns[units]
        return delta.reshape(len(delta), -1).take(here, axis=1) * folds.used[units]

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


def _colors(conflict: Array) -> Array:
    """Numbers for the rows of a symmetric matrix of bools, different where it is true; the smallest ones, in turn."""
    colors = np.full(len(conflict), -1)
    for s, row in enumerate(conflict):
        taken = np.unique(colors[:s][row[:s]])
        free = np.flatnonzero(taken != np.arange(len(taken)))
        colors[s] = free[0] if len(free) else len(taken)
    return colors
