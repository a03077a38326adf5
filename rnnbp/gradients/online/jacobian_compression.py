"""Entries of a step's sparse Jacobians, from few vector-Jacobian products: column compression by graph colouring.

A vector-Jacobian product with a sum of unit vectors e_i yields the sum of the Jacobian's rows i. Where no two of these
rows have a nonzero in the same column, each entry of the sum belongs to a single row, so that one product yields all of
them. Rows that may not be summed are joined by an edge of a graph; a colouring of this graph is a grouping, with one
product per colour. This is the method of Curtis, Powell & Reid, who sum columns in forward mode; here it is applied to
the transposed Jacobian.

The recurrent weights would make the Jacobian dense. They are left out of the products, which leaves the non-recurrent
Jacobian, and their part is computed from the deltas and the weights, entry by entry. Then one colour is enough for an
Elman network or a GRU, and two for an LSTM.

References
----------
A. R. Curtis, M. J. D. Powell & J. K. Reid (1974), "On the estimation of sparse Jacobian matrices", IMA Journal of
Applied Mathematics 13(1), 117-119, doi:10.1093/imamat/13.1.117
"""

from functools import cached_property, lru_cache

import numpy as np

from rnnbp.cells.base import Array, seeded_vjp
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity, boolean_product, without_recurrent
from rnnbp.gradients.online.linearized_steps import LinearizedSteps, OuterProductJacobian


class Compression:
    """A grouping of the state's units by graph colouring.

    Parameters
    ----------
    sparsity : JacobianSparsity
    dtype : dtype

    Attributes
    ----------
    colors : ndarray of int (S,)
        The colour of each unit.
    seeds : ndarray (C, S)
        The cotangent of each colour: 1 at its units, 0 elsewhere.
    columns, used : ndarray (S, q)
        For each unit, the pre-activations that it depends on and that recurrent weights enter; padded, `used` being
        False in the padding.
    """

    def __init__(self, sparsity: JacobianSparsity, dtype: np.dtype) -> None:
        self.sparsity = sparsity
        S, K = sparsity.activation.shape
        rows = np.concatenate([sparsity.activation, sparsity.non_recurrent], axis=1)
        self.colors = _greedy_coloring(boolean_product(rows, rows.T))
        self.seeds = np.zeros((self.colors.max() + 1, S), dtype)
        self.seeds[self.colors, np.arange(S)] = 1
        recurrent = np.zeros(K, bool)
        for outer in sparsity.recurrent:
            recurrent[outer.columns] = True
        used = sparsity.activation & recurrent
        self.columns = np.argsort(~used, axis=1, kind="stable")[:, : used.sum(axis=1).max()]
        self.used = np.take_along_axis(used, self.columns, axis=1)

    @cached_property
    def local_entries(self) -> Array:
        """The entries of the non-recurrent Jacobian (E, 3): units i and j, and the place in the rows of all colours."""
        i, j = np.nonzero(self.sparsity.non_recurrent)
        return np.stack([i, j, self.colors[i] * len(self.colors) + j], axis=1)

    @cached_property
    def through(self) -> Array:
        """The pre-activations (S, q) of `columns`, -1 in the padding."""
        return np.where(self.used, self.columns, -1)

    @cached_property
    def slope_places(self) -> Array:
        """The place (S, q) of the derivative with respect to each of `columns`, in the deltas of all colours."""
        return self.colors[:, None] * self.sparsity.activation.shape[1] + self.columns

    def pays(self, entries: int) -> bool:
        """Return whether this number of entries takes fewer multiplications than the whole Jacobian."""
        C, S = self.seeds.shape
        K = self.sparsity.activation.shape[1]
        return C * K * S + entries * self.columns.shape[1] < S * K * S


@lru_cache(maxsize=16)
def compression_of(sparsity: JacobianSparsity, dtype: np.dtype) -> Compression:
    """Return the compression for a sparsity pattern, which takes longer to find than a step."""
    return Compression(sparsity, dtype)


class JacobianEntries:
    """Entries of the Jacobians of a block of N real steps, taken from the whole Jacobians.

    Parameters
    ----------
    steps : LinearizedSteps
    """

    def __init__(self, steps: LinearizedSteps) -> None:
        self.steps = steps

    def blocks(self, units: Array) -> Array:
        """Return the blocks (N, G, d, d) of the recurrent Jacobian within each of G sets of d units (G, d)."""
        return self.steps.jacobian[:, units[:, :, None], units[:, None, :]]

    def jacobian(self) -> Array:
        """Return the recurrent Jacobian (N, S, S)."""
        return self.blocks(np.arange(self.steps.cell.state_size)[None])[:, 0]

    def derivatives(self, columns: Array) -> Array:
        """Return the derivatives (N, S, q) of the next state with respect to pre-activations (q,)."""
        return self.slopes(np.arange(self.steps.cell.state_size)[None], columns[None])[:, 0]

    def immediate(self, units: Array, parameters: Array) -> Array:
        """Return entries (N, L) of the immediate Jacobian, for pairs of units (L,) and parameters (L,)."""
        return self.steps.immediate_jacobian.entries(self.steps.deltas, units, parameters)

    def slopes(self, units: Array, columns: Array) -> Array:
        """Return derivatives (N, G, d, q) of units (G, d) with respect to pre-activations (G, q), group by group."""
        return _take(side_by_side(self.steps.deltas), units[:, :, None], columns[:, None, :])

    def inputs(self, parameters: Array) -> Array:
        """Return the inputs (N, m) by which parameters (m,) are multiplied; for cells with `outer_products`."""
        assert isinstance(self.steps.immediate_jacobian, OuterProductJacobian)
        return self.steps.immediate_jacobian.inputs[:, parameters]


class CompressedEntries(JacobianEntries):
    """Entries of the Jacobians of a block of N real steps, from one vector-Jacobian product per colour.

    Parameters
    ----------
    steps : LinearizedSteps
    compression : Compression
    """

    def __init__(self, steps: LinearizedSteps, compression: Compression) -> None:
        super().__init__(steps)
        self.compression, self.sparsity = compression, compression.sparsity
        weights = without_recurrent(self.sparsity.recurrent, steps.weights)
        self.non_recurrent, self.delta = seeded_vjp(
            steps.cell, weights, steps.state, steps.x, steps.residuals, compression.seeds
        )

    def blocks(self, units: Array) -> Array:
        colors, sparsity = self.compression.colors, self.sparsity
        i, j = units[:, :, None], units[:, None, :]
        found = _take(self.non_recurrent, colors[i], j) * sparsity.non_recurrent[i, j]
        if sparsity.recurrent:
            columns, used = self.compression.columns[units], self.compression.used[units]
            slopes = _take(side_by_side(self.delta), colors[i], columns) * used
            weights = self.recurrent_weights()[columns[:, :, None], units[:, None, :, None]]  # (G, d, d, q)
            found += np.einsum("ngiq,gijq->ngij", slopes, weights)
        return found

    def recurrent_weights(self) -> Array:
        """Return the recurrent weights (K, S) from each unit to each pre-activation."""
        found = np.zeros(self.sparsity.activation.shape[::-1], self.steps.state.dtype)
        for outer in self.sparsity.recurrent:
            found[outer.columns, outer.units] = self.steps.weights[outer.name][outer.rows]
        return found

    def immediate(self, units: Array, parameters: Array) -> Array:
        return self.steps.immediate_jacobian.entries(self.delta, self.compression.colors[units], parameters)

    def slopes(self, units: Array, columns: Array) -> Array:
        i, k = units[:, :, None], columns[:, None, :]
        # An entry of another unit of the same colour is not this unit's: the pattern tells them apart.
        return _take(side_by_side(self.delta), self.compression.colors[i], k) * self.sparsity.activation[i, k]


def entries_of(steps: LinearizedSteps, compression: Compression, count: int) -> JacobianEntries:
    """Return what computes `count` entries of the Jacobians in fewer multiplications."""
    return CompressedEntries(steps, compression) if compression.pays(count) else JacobianEntries(steps)


def _take(array: Array, rows: Array, columns: Array) -> Array:
    """Return entries (N, ...) of an array (R, N, C), by one `take` along a flat axis, which is fastest."""
    flat = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1)
    return flat.take(rows * array.shape[2] + columns, axis=1)


def _greedy_coloring(adjacency: Array) -> Array:
    """Return a colour for each vertex, the smallest that no neighbour before it has; adjacency is symmetric."""
    colors = np.full(len(adjacency), -1)
    for vertex, row in enumerate(adjacency):
        taken = np.unique(colors[:vertex][row[:vertex]])
        free = np.flatnonzero(taken != np.arange(len(taken)))
        colors[vertex] = free[0] if len(free) else len(taken)
    return colors


def by_row(of_colors: Array) -> Array:
    """Return what was computed for each colour, (C, N, K), as rows (N, C K)."""
    rows = np.moveaxis(of_colors, 1, 0)
    return np.ascontiguousarray(rows).reshape(rows.shape[0], -1)
