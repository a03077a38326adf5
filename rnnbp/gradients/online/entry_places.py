"""Entries of recurrent Jacobians by compiled code, from one vector-Jacobian product per colour and the weights."""

from functools import lru_cache

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.jacobian_compression import CompressedEntries, Compression, by_row


class EntryPlaces:
    """What some entries of J consist of: a non-recurrent part, and slopes times recurrent weights.

    Parameters
    ----------
    compression : Compression
    i, j : ndarray of int (E,)
        The entries: the derivatives of units i with respect to units j.

    Attributes
    ----------
    units : ndarray of int (U, 2)
        i and j of each distinct entry: in a stack, units belong to many groups of parameters.
    places : ndarray of int (E,)
        The place of each entry among the distinct ones.
    in_order : bool
        Whether the entries are the distinct ones in their order.
    non_recurrent_places, non_recurrent : ndarray (U,)
        The place of each in the non-recurrent Jacobian's rows of all colours, and whether it may be nonzero.
    paths : ndarray of int (S,)
        The number of pre-activations through which recurrent weights lead to each unit.
    """

    def __init__(self, compression: Compression, i: Array, j: Array) -> None:
        S = len(compression.colors)
        distinct, self.places = np.unique(i * S + j, return_inverse=True)
        self.in_order = np.array_equal(self.places, np.arange(len(distinct)))
        i, j = np.divmod(distinct, S)
        self.non_recurrent_places = compression.colors[i] * S + j
        self.non_recurrent = compression.sparsity.non_recurrent[i, j]
        self.units, self.paths = np.stack([i, j], axis=1), compression.used.sum(axis=1)
        self.compression = compression

    def jacobians(self, entries: CompressedEntries, slopes: Array) -> Array:
        """Return the entries (N, E) of a block; `slopes` are those of all colours, (N, ...)."""
        from rnnbp.kernels.compiled.influence import fill_jacobians

        found = np.empty((len(slopes), len(self.units)), slopes.dtype)
        fill_jacobians(
            found, by_row(entries.non_recurrent).astype(slopes.dtype, copy=False), slopes, self.non_recurrent_places,
            self.non_recurrent, self.units, self.paths, self.compression.columns, self.compression.slope_places,
            entries.recurrent_weights().astype(slopes.dtype, copy=False)
        )  # fmt: skip
        return found if self.in_order else found.take(self.places, axis=1)


@lru_cache(maxsize=16)
def whole_jacobian(compression: Compression) -> EntryPlaces:
    """Return what all entries of J (S, S) consist of, row by row."""
    i, j = np.indices([len(compression.colors)] * 2)
    return EntryPlaces(compression, i.ravel(), j.ravel())
