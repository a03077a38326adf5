"""What generated kernels in NumPy call: operations that are none of NumPy's, with `out`."""

import numpy as np

from rnnbp.runtime import empty

Array = np.ndarray

ROWS = 128  # of a product of the weights' gradient: its float32 rounding error is then below PyTorch's


def add_products(total: Array, delta: Array, inputs: Array) -> None:
    """Add delta (n, J) outer inputs (n, K), summed over rows, to `total` (J, K)."""
    out = empty(total.shape, total.dtype)
    for k in range(0, len(delta), ROWS):
        total += np.matmul(delta[k : k + ROWS].T, inputs[k : k + ROWS], out=out)


def softplus(a: Array, out: Array) -> Array:
    """Compute log(1 + exp(a)), which neither overflows nor cancels."""
    rest = np.log1p(np.exp(-np.abs(a)))
    np.maximum(a, 0, out=out)
    out += rest
    return out
