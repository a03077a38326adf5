"""Row by row: norms, inner products with several vectors, and combinations of them."""

import numpy as np

Array = np.ndarray


def inner(vectors: Array, v: Array) -> Array:
    """Return the inner products (R, m) of vectors (R, m, S) and v (R, S).

    Examples
    --------
    >>> inner(np.array([[[1.0, 0.0], [1.0, 1.0]]]), np.array([[2.0, 3.0]]))
    array([[2., 5.]])
    """
    return (vectors @ v[:, :, None])[:, :, 0]


def combination(weights: Array, vectors: Array) -> Array:
    """Return the sum (R, S) of vectors (R, m, S) times weights (R, m).

    Examples
    --------
    >>> combination(np.array([[2.0, 3.0]]), np.array([[[1.0, 0.0], [1.0, 1.0]]]))
    array([[5., 3.]])
    """
    return (weights[:, None, :] @ vectors)[:, 0]


def row_norms(v: Array) -> Array:
    """Return the Euclidean norms (R, 1) of v (R, S).

    Examples
    --------
    >>> row_norms(np.array([[3.0, 4.0]]))
    array([[5.]])
    """
    return np.sqrt(np.einsum("rs,rs->r", v, v))[:, None]


def row_maxima(v: Array) -> Array:
    """Return the largest magnitudes (R,) in v (R, S).

    Examples
    --------
    >>> row_maxima(np.array([[1.0, -3.0], [0.0, 2.0]]))
    array([3., 2.])
    """
    return np.maximum.reduce(np.abs(v), axis=-1, initial=0.0)
