"""Gated recurrent units in NumPy, PyTorch's convention."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters
from rnnbp.kernels.arrays.base import ArrayKernel, gate_columns, input_rows, products, sigmoid_of_half
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array
from rnnbp.runtime import empty


@dataclass(frozen=True)
class Residuals:
    """Rows [h | 1 | x] (N, K), and each step's r, z, W_hn h + b_hn, n (4, n, H)."""

    rows: Rows
    z: Array
    gates: list[Array]


class GRUKernel(ArrayKernel):
    """`rnnbp.cells.GRUCell` over time."""

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """n = tanh(W_in x + b_in + r hn) and h[t] = n + z (h[t-1] - n)."""
        H, rows, B = self.cell.hidden_size, Rows(active, len(state)), len(state)
        w, w_n = self._columns(params)
        z, gates = input_rows(rows, x, H, self.dtype), rows.stacks(4, H, self.dtype)
        y, h, scratch = rows.padded(H, self.dtype), state, np.empty((B, H), self.dtype)
        views = map(rows.steps, (z, z[:, :H], z[:, H:]))
        for z_t, h_t, x_t, gates_t, y_t in zip(*views, gates, rows.active_parts(y), strict=True):
            r, u, hn, n_t = gates_t
            here = scratch[: len(h_t)]
            h_t[...] = h[: len(h_t)]
            np.matmul(z_t, w, out=gates_t[:3])
            np.matmul(x_t, w_n, out=n_t)
            sigmoid_of_half(gates_t[:2])
            n_t += np.multiply(r, hn, out=here)
            np.tanh(n_t, out=n_t)
            np.subtract(h[: len(h_t)], n_t, out=here)
            here *= u
            h = np.add(n_t, here, out=y_t)
        return y, Residuals(rows, z, gates), rows.final(y, state)

    def _columns(self, params: Weights) -> tuple[Array, Array]:
        """Return the weights of [h | 1 | x] for r, z and hn (3, K, H), and of [1 | x] for the rest of n."""
        H, w = self.cell.hidden_size, gate_columns(params, (0, 1, 2), self.dtype)
        w[:2] *= 0.5
        w_n = w[2, H:].copy()
        w_n[0] = params["b_ih"][2 * H :]
        w[2, H], w[2, H + 1 :] = params["b_hh"][2 * H :], 0
        return w, w_n

    def input_gradient(self, params: Weights, delta: Array, out: Array) -> None:
        """Sum the terms of r and z before that of n, which is the largest: float32 rounds less."""
        H, w_ih = self.cell.hidden_size, params["w_ih"]
        np.matmul(delta[:, H:], w_ih[: 2 * H], out=out)
        out += delta[:, :H] @ w_ih[2 * H :]

    def deltas(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """Multiply dh by the derivatives with respect to n, r, z and hn, in place.

        The input contributes to the first three pre-activations, h to the last three.
        """
        H, w_hh, (d_h,) = self.cell.hidden_size, params["w_hh"], d
        scratch = np.empty_like(d_h)
        for steps, here, rows in residuals.rows.blocks():
            delta = empty((rows.count, 4 * H), self.dtype)
            slopes = delta.reshape(-1, 4, H).swapaxes(0, 1)
            gates = np.concatenate(residuals.gates[steps], axis=1)
            self._slopes(gates, residuals.z[here, :H], slopes)
            views = (gates[1], slopes, delta[:, H:])
            steps_of_block = zip(rows.active_parts(d_outputs[steps]), *map(rows.steps, views), strict=True)
            for dy_t, u_t, delta_t, at_h_t in reversed(list(steps_of_block)):
                d_t = d_h[: len(dy_t)]
                d_t += dy_t
                delta_t *= d_t
                d_t *= u_t
                d_t += np.matmul(at_h_t, w_hh, out=scratch[: len(dy_t)])
            self._add_products(grad, delta, residuals.z[here])
            yield here, delta[:, : 3 * H]

    def _slopes(self, gates: Array, h: Array, out: Array) -> None:
        """Compute dh/dn, dh/dr, dh/dz and dh/dhn into `out` (4, n, H); of `gates` only z is left unchanged."""
        r, u, hn, n = gates
        by_n, by_r, by_z, by_hn = out
        keep = 1 - u
        np.subtract(h, n, out=by_z)
        by_z *= u
        by_z *= keep
        n *= n
        np.subtract(1, n, out=n)
        n *= keep
        by_n[...] = n
        n *= r
        by_hn[...] = n
        n *= hn
        np.subtract(1, r, out=r)
        np.multiply(n, r, out=by_r)

    def _add_products(self, grad: Parameters, delta: Array, z: Array) -> None:
        H, views = self.cell.hidden_size, dict(grad.items())
        for at_h in products(delta[:, H:], z[:, : H + 1]):
            views["w_hh"] += at_h[:, :H]
            views["b_hh"] += at_h[:, H]
        for at_x in products(delta[:, : 3 * H], z[:, H:]):
            for place, rows in ((slice(2 * H, None), at_x[:H]), (slice(0, 2 * H), at_x[H:])):
                views["w_ih"][place] += rows[:, 1:]
                views["b_ih"][place] += rows[:, 0]
