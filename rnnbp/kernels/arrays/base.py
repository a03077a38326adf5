"""What the kernels in NumPy have in common.

A step's inputs lie in one row, [h[t-1] | 1 | x[t]], and a gate's weights in one column block, so that a single
product gives all pre-activations with input, bias and recurrence. Gates lie first, (G, N, H), which makes the
arithmetic between them contiguous. On the way back everything that does not depend on the error is computed for a
block of steps before the loop over them; what is left in the loop is a handful of calls.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array, Kernel, Trace
from rnnbp.params import Parameters


@dataclass(frozen=True)
class ArrayKernel(Kernel):
    """A cell over time in NumPy; a subclass defines `forward` and `errors`.

    Parameters
    ----------
    cell : Cell
    dtype : dtype
        float32 or float64.
    """

    cell: Any
    dtype: np.dtype

    @abstractmethod
    def errors(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """Go back block by block, adding to `grad` and changing `d` (state parts, B, H), the error of the state.

        Yields
        ------
        rows : slice
            Where the block's rows lie among all.
        delta : ndarray (n, G H)
            Their error at what `input_weights` made of the input.
        """

    def input_weights(self, params: Weights) -> Array:
        """(G H, F), in the order of `errors`."""
        return params["w_ih"]

    def backward(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """The input's gradient is one product a block."""
        w_ih, d = self.input_weights(params), self._parts(d_state)
        d_x = np.empty((trace.rows.count, w_ih.shape[1]), self.dtype)
        for rows, delta in self.errors(params, trace, d_outputs, grad, d):
            np.matmul(delta, w_ih, out=d_x[rows])
        return trace.rows.unpack(d_x), self._joined(d)

    def backward_params(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Without that product."""
        d = self._parts(d_state)
        for _ in self.errors(params, trace, d_outputs, grad, d):
            pass
        return self._joined(d)

    def _parts(self, d_state: Array) -> Array:
        """(B, S) as (S / H, B, H), a copy."""
        parts = d_state.reshape(len(d_state), -1, self.cell.hidden_size)
        return np.array(parts.swapaxes(0, 1), self.dtype, order="C")

    def _joined(self, d: Array) -> Array:
        return d.swapaxes(0, 1).reshape(d.shape[1], -1)


def input_rows(rows: Rows, x: Array, hidden_size: int, dtype: np.dtype) -> Array:
    """[h | 1 | x] (N, H + 1 + F), with h yet to be written."""
    z = np.empty((rows.count, hidden_size + 1 + x.shape[-1]), dtype)
    z[:, hidden_size] = 1
    z[:, hidden_size + 1 :] = rows.pack(x)
    return z


def gate_columns(params: Weights, gates: Sequence[int], dtype: np.dtype) -> Array:
    """What [h | 1 | x] is multiplied with to give each of `gates`, by their places in the parameters: (G, K, H)."""
    H, order = params["w_hh"].shape[1], list(gates)

    def columns(w: Array) -> Array:
        return w.reshape(-1, H, w.shape[1])[order].swapaxes(1, 2)

    bias = (params["b_ih"] + params["b_hh"])[:, None]
    w = np.empty((len(order), H + 1 + params["w_ih"].shape[1], H), dtype)
    w[:, :H], w[:, H : H + 1], w[:, H + 1 :] = columns(params["w_hh"]), columns(bias), columns(params["w_ih"])
    return w


def add_products(grad: Parameters, delta: Array, z: Array) -> None:
    """Add delta (n, G H) outer [h | 1 | x] to the gradient of the parameters that made delta's pre-activations."""
    H, product = grad.shapes["w_hh"][1], delta.T @ z
    grad["w_hh"] += product[:, :H]
    grad["w_ih"] += product[:, H + 1 :]
    for name in ("b_ih", "b_hh"):
        grad[name] += product[:, H]


def sigmoid_of_half(a: Array) -> None:
    """Replace a / 2 by sigmoid(a) = (1 + tanh(a / 2)) / 2; its weights were halved before, which is exact."""
    np.tanh(a, out=a)
    a += 1
    a *= 0.5
