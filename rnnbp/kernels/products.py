"""Matrix products by as many threads as pay: those of the kernels, not those of the linear algebra library."""

import math

import numpy as np

from rnnbp.kernels.base import Array
from rnnbp.kernels.team import STARTED, run_shards
from rnnbp.runtime import blas_threads, threads_for

# Up to these numbers of multiplications OpenBLAS takes one thread by itself: of matrices, and of a matrix and a vector.
SMALL, SMALL_BY_VECTOR = 1 << 18, 9216


def product(a: Array, b: Array) -> Array:
    """Return the matrix product a b.

    A large product is computed by the threads of the kernels (`rnnbp.kernels.team`), each its own part of the rows or
    columns. They wait for each other once, at its end, those of OpenBLAS several times within a product, which on a
    busy machine takes some milliseconds each.

    Parameters
    ----------
    a : ndarray (M, K) or (T, M, K)
        Of several matrices, each thread takes some; a matrix is then not split.
    b : ndarray (K, N) or (T, K, N)

    Returns
    -------
    ndarray (M, N) or (T, M, N)

    Examples
    --------
    >>> product(np.ones((2, 3)), np.ones((3, 4))).shape, product(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    ((2, 4), (5, 2, 4))
    """
    (M, K), N = a.shape[-2:], b.shape[-1]
    if (SMALL if M > 1 and N > 1 else SMALL_BY_VECTOR) >= M * N * K:
        return a @ b
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), M, N)
    size = max(M, N) if len(shape) == 2 else shape[0]
    threads = threads_for(2.0 * math.prod(shape) * K, size)
    with blas_threads(1):
        if threads == 1:
            return a @ b
        out = np.empty(shape, np.result_type(a, b))

        def run(signals: Array, number: int, count: int) -> None:
            if number == 0:
                signals[STARTED] += 1  # so that threads which spin-wait look for work
            part = slice(size * number // count, size * (number + 1) // count)
            np.matmul(*_part(a, b, part), out=_part_of_product(out, part))

        run_shards(threads, run)
    return out


def _part(a: Array, b: Array, part: slice) -> tuple[Array, Array]:
    """Return the factors of a part of the product: of some matrices, or of some rows or columns, whichever are more."""
    if a.ndim == b.ndim == 2:
        return (a[part], b) if len(a) > b.shape[1] else (a, b[:, part])
    return (a[part] if a.ndim > 2 else a), (b[part] if b.ndim > 2 else b)


def _part_of_product(product: Array, part: slice) -> Array:
    return product[:, part] if product.ndim == 2 and len(product) <= product.shape[1] else product[part]
