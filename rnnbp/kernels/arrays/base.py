"""What the kernels in NumPy have in common.

A step's inputs are one row, [h[t-1] | 1 | x[t]], and a gate's weights one column block, so that a single
product gives all pre-activations with input, bias and recurrence. A step's gates are stored one after the other,
(G, n, H), so that arithmetic between them is contiguous. In the backward pass the derivatives, which do not depend on
the incoming gradient, are computed for a block of steps before the loop over them; the loop itself is a few calls.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array, Kernel, Residuals
from rnnbp.runtime import empty

# 1 and 1/2 as arrays: NumPy handles them in half the time of a Python number.
UNITS = {np.dtype(t): (np.array(1, t), np.array(0.5, t)) for t in (np.float32, np.float64)}


@dataclass(frozen=True)
class ArrayKernel(Kernel):
    """A cell over time in NumPy; a subclass defines `forward` and `deltas`.

    Parameters
    ----------
    cell : Cell
    dtype : dtype
        float32 or float64.
    """

    cell: Any
    dtype: np.dtype

    @abstractmethod
    def deltas(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """Backpropagate block by block, adding to `grad` and updating `d` (state parts, B, H), the state's gradient.

        Yields
        ------
        rows : slice
            The block's rows among all.
        delta : ndarray (n, G H)
            The gradient with respect to the pre-activations that the input contributes to.
        """

    def input_gradient(self, params: Weights, delta: Array, out: Array) -> None:
        """Compute delta W_ih into `out` (n, F)."""
        np.matmul(delta, params["w_ih"], out=out)

    def backward(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate; the input's gradient is one product a block."""
        d, d_x = self._parts(d_state), empty((residuals.rows.count, self.cell.input_size), self.dtype)
        for rows, delta in self.deltas(params, residuals, d_outputs, grad, d):
            self.input_gradient(params, delta, d_x[rows])
        return residuals.rows.unpack(d_x), self._joined(d)

    def backward_params(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient."""
        d = self._parts(d_state)
        for _ in self.deltas(params, residuals, d_outputs, grad, d):
            pass
        return self._joined(d)

    def _parts(self, d_state: Array) -> Array:
        """(B, S) as (S / H, B, H), a copy."""
        parts = d_state.reshape(len(d_state), -1, self.cell.hidden_size)
        return np.array(parts.swapaxes(0, 1), self.dtype, order="C")

    def _joined(self, d: Array) -> Array:
        return d.swapaxes(0, 1).reshape(d.shape[1], -1)


def input_rows(rows: Rows, x: Array, hidden_size: int, dtype: np.dtype) -> Array:
    """Return [h | 1 | x] (N, H + 1 + F), with h still uninitialized."""
    z = empty((rows.count, hidden_size + 1 + x.shape[-1]), dtype)
    z[:, hidden_size] = 1
    z[:, hidden_size + 1 :] = rows.pack(x)
    return z


def gate_columns(params: Weights, gates: Sequence[int], dtype: np.dtype) -> Array:
    """Return the weights (G, K, H) that map [h | 1 | x] to each of `gates`, given by their places in the parameters."""
    H, order = params["w_hh"].shape[1], list(gates)

    def columns(w: Array) -> Array:
        return w.reshape(-1, H, w.shape[1])[order].swapaxes(1, 2)

    bias = (params["b_ih"] + params["b_hh"])[:, None]
    w = empty((len(order), H + 1 + params["w_ih"].shape[1], H), dtype)
    w[:, :H], w[:, H : H + 1], w[:, H + 1 :] = columns(params["w_hh"]), columns(bias), columns(params["w_ih"])
    return w


def products(delta: Array, z: Array, summed: int = 128) -> Iterator[Array]:
    """Yield the terms (J, K) of delta^T z for delta (n, J) and z (n, K), all in the same memory.

    Each sums `summed` rows, which keeps float32's rounding error below PyTorch's: 128 for RNN and GRU, 512 for LSTM.
    """
    out = empty((delta.shape[1], z.shape[1]), z.dtype)
    for k in range(0, len(z), summed):
        yield np.matmul(delta[k : k + summed].T, z[k : k + summed], out=out)


def add_products(grad: Parameters, delta: Array, z: Array, summed: int = 128) -> None:
    """Add delta (n, G H) outer [h | 1 | x] to the gradient of the parameters that made delta's pre-activations."""
    H, views = grad.shapes["w_hh"][1], dict(grad.items())
    for product in products(delta, z, summed):
        views["w_hh"] += product[:, :H]
        views["w_ih"] += product[:, H + 1 :]
        for name in ("b_ih", "b_hh"):
            views[name] += product[:, H]


def sigmoid_of_half(a: Array) -> None:
    """Replace a / 2 by sigmoid(a) = (1 + tanh(a / 2)) / 2; its weights were halved before, which is exact."""
    one, half = UNITS[a.dtype]
    np.tanh(a, out=a)
    a += one
    a *= half
