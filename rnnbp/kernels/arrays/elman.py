"""Elman's simple recurrent network in NumPy: two calls a step forward, three backward."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters, activation
from rnnbp.kernels.arrays.base import ArrayKernel, add_products, gate_columns, input_rows, sigmoid_of_half
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array

IN_PLACE: dict[str, Callable[[Array], object]] = {
    "tanh": lambda a: np.tanh(a, out=a),
    "sigmoid": lambda a: sigmoid_of_half(np.multiply(a, 0.5, out=a)),
    "relu": lambda a: np.maximum(a, 0, out=a),
    "linear": lambda a: a,
}


@dataclass(frozen=True)
class Residuals:
    """Rows [h | 1 | x] (N, K), and the outputs (T, B, H), which give the activation's derivative."""

    rows: Rows
    z: Array
    outputs: Array


class ElmanKernel(ArrayKernel):
    """`rnnbp.cells.ElmanCell` over time."""

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """h[t] = act([h[t-1] | 1 | x[t]] W)."""
        H, rows, act = self.cell.hidden_size, Rows(active, len(state)), IN_PLACE[self.cell.activation]
        z, (w,) = input_rows(rows, x, H, self.dtype), gate_columns(params, [0], self.dtype)
        y, h = rows.padded(H, self.dtype), state
        for z_t, h_t, y_t in zip(rows.steps(z), rows.steps(z[:, :H]), rows.active_parts(y), strict=True):
            h_t[...] = h[: len(h_t)]
            np.matmul(z_t, w, out=y_t)
            act(y_t)
            h = y_t
        return y, Residuals(rows, z, y), rows.final(y, state)

    def deltas(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """delta[t] = act'(h[t]) (dy[t] + delta[t+1] W_hh)."""
        w_hh, (d_h,) = params["w_hh"], d
        for steps, here, rows in residuals.rows.blocks():
            delta = activation(self.cell.activation).slope(rows.pack(residuals.outputs[steps]))
            steps_of_block = zip(rows.active_parts(d_outputs[steps]), rows.steps(delta), strict=True)
            for dy_t, delta_t in reversed(list(steps_of_block)):
                d_t = d_h[: len(dy_t)]
                d_t += dy_t
                delta_t *= d_t
                np.matmul(delta_t, w_hh, out=d_t)
            add_products(grad, delta, residuals.z[here])
            yield here, delta
