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
    non_recurrent_places, non_recurrent : ndarray (E,)
        The place of each entry in the non-recurrent Jacobian's rows of all colours, and whether it may be nonzero.
    pre_activations, units, used : ndarray (E, q), (E, 1), (E, q)
        The pre-activations through which each entry passes, and the unit from which the recurrent weights lead there;
        padded, `used` being False in the padding.
    slope_places : ndarray (E, q)
        The place of the derivative with respect to each of these.
    """

    def __init__(self, compression: Compression, i: Array, j: Array) -> None:
        sparsity = compression.sparsity
        self.non_recurrent_places = compression.colors[i] * len(compression.colors) + j
        self.non_recurrent = sparsity.non_recurrent[i, j]
        self.pre_activations, self.units, self.used = compression.columns[i], j[:, None], compression.used[i]
        self.slope_places = compression.slope_places[i]

    def jacobians(self, entries: CompressedEntries, slopes: Array) -> Array:
        """Return the entries (N, E) of a block; `slopes` are those of all colours, (N, ...)."""
        from rnnbp.kernels.compiled.influence import fill_jacobians

        weights = np.where(self.used, entries.recurrent_weights()[self.pre_activations, self.units], 0)
        found = np.empty((len(slopes), len(weights)), slopes.dtype)
        fill_jacobians(
            found, by_row(entries.non_recurrent).astype(slopes.dtype, copy=False), slopes, self.non_recurrent_places,
            self.non_recurrent, self.slope_places, weights.astype(slopes.dtype, copy=False)
        )  # fmt: skip
        return found


@lru_cache(maxsize=64)
def whole_jacobian(compression: Compression) -> EntryPlaces:
    """Return what all entries of J (S, S) consist of, row by row."""
    i, j = np.indices([len(compression.colors)] * 2)
    return EntryPlaces(compression, i.ravel(), j.ravel())
