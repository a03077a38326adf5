"""Norms of the factors of an outer product, and the number that makes them equal."""

import numpy as np

from rnnbp.cells.base import Array


def squared_norms(factor: Array) -> Array:
    """Return the squared Euclidean norm of each row of an array (n, ...).

    Examples
    --------
    >>> squared_norms(np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([25.,  1.])
    """
    return np.square(factor).sum(axis=tuple(range(1, factor.ndim)))


def balancing(left: Array, right: Array) -> tuple[Array, Array]:
    """Return rho = sqrt(|right| / |left|) and 1 / rho, (n,), from the squared norms of both factors.

    Both are zero where one of the norms is.

    Examples
    --------
    >>> balancing(np.array([16.0, 0.0]), np.array([1.0, 25.0]))
    (array([0.5, 0. ]), array([2., 0.]))
    """
    nonzero = (left > 0) & (right > 0)
    ratio = np.where(nonzero, right, 1) / np.where(nonzero, left, 1)
    rho = ratio**0.25
    return np.where(nonzero, rho, 0), np.where(nonzero, 1 / rho, 0)
