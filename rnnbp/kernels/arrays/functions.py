"""What generated kernels in NumPy call: operations that are none of NumPy's, with `out`."""

import numpy as np

from rnnbp.runtime import empty

Array = np.ndarray

ROWS = 128  # of a product of the weights' gradient: its float32 rounding error is then below PyTorch's
LARGE = 1 << 22  # bytes of a gradient: it is no longer in the cache, so that adding to it costs as much as the product


def add_products(total: Array, delta: Array, inputs: Array) -> None:
    """Add delta (n, J) outer inputs (n, K), summed over rows, to `total` (J, K)."""
    out = empty(total.shape, total.dtype)
    rows = 4 * ROWS if total.nbytes > LARGE else ROWS
    for k in range(0, len(delta), rows):
        total += np.matmul(delta[k : k + rows].T, inputs[k : k + rows], out=out)


def softplus(a: Array, out: Array) -> Array:
    """Compute log(1 + exp(a)), which neither overflows nor cancels."""
    rest = np.log1p(np.exp(-np.abs(a)))
    np.maximum(a, 0, out=out)
    out += rest
    return out
