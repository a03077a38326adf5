"""The original gated recurrent unit in NumPy."""

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
    """Rows [h | 1 | x] and [r h | 1 | x] (N, K), and each step's r, z, n (3, n, H)."""

    rows: Rows
    z: Array
    reset: Array
    gates: list[Array]


class OriginalGRUKernel(ArrayKernel):
    """`rnnbp.cells.OriginalGRUCell` over time."""

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """n = tanh([r h[t-1] | 1 | x[t]] W_n) and h[t] = n + z (h[t-1] - n)."""
        H, rows, B = self.cell.hidden_size, Rows(active, len(state)), len(state)
        w = gate_columns(params, (0, 1, 2), self.dtype)
        w[:2] *= 0.5
        z, gates = input_rows(rows, x, H, self.dtype), rows.stacks(3, H, self.dtype)
        reset, scratch = z.copy(), np.empty((B, H), self.dtype)
        y, h = rows.padded(H, self.dtype), state
        views = map(rows.steps, (z, z[:, :H], reset, reset[:, :H]))
        for z_t, h_t, reset_t, rh_t, gates_t, y_t in zip(*views, gates, rows.active_parts(y), strict=True):
            r, u, n_t = gates_t
            here = scratch[: len(h_t)]
            h_t[...] = h[: len(h_t)]
            np.matmul(z_t, w[:2], out=gates_t[:2])
            sigmoid_of_half(gates_t[:2])
            np.multiply(r, h_t, out=rh_t)
            np.matmul(reset_t, w[2], out=n_t)
            np.tanh(n_t, out=n_t)
            np.subtract(h[: len(h_t)], n_t, out=here)
            here *= u
            h = np.add(n_t, here, out=y_t)
        return y, Residuals(rows, z, reset, gates), rows.final(y, state)

    def deltas(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """Multiply dh by the derivatives with respect to n and z in place; r is reached through r h."""
        H, w_hh, (d_h,) = self.cell.hidden_size, params["w_hh"], d
        scratch = np.empty_like(d_h)
        for steps, here, rows in residuals.rows.blocks():
            delta = empty((rows.count, 3 * H), self.dtype)
            slopes = delta.reshape(-1, 3, H).swapaxes(0, 1)  # r, z, n
            gates = np.concatenate(residuals.gates[steps], axis=1)
            self._slopes(gates, residuals.z[here, :H], slopes)
            views = (gates[0], gates[1], slopes[0], slopes[1:], delta[:, 2 * H :], delta[:, : 2 * H])
            steps_of_block = zip(rows.active_parts(d_outputs[steps]), *map(rows.steps, views), strict=True)
            for dy_t, r_t, u_t, at_r, at_zn, at_n, at_rz in reversed(list(steps_of_block)):
                d_t, d_rh = d_h[: len(dy_t)], scratch[: len(dy_t)]
                d_t += dy_t
                at_zn *= d_t
                np.matmul(at_n, w_hh[2 * H :], out=d_rh)
                at_r *= d_rh
                d_rh *= r_t
                d_t *= u_t
                d_t += d_rh
                d_t += np.matmul(at_rz, w_hh[: 2 * H], out=d_rh)
            self._add_products(grad, delta, residuals.z[here], residuals.reset[here])
            yield here, delta

    def _slopes(self, gates: Array, h: Array, out: Array) -> None:
        """Compute d(r h)/dr, dh/dz and dh/dn into `out` (3, n, H), for pre-activations; r and z are left unchanged."""
        r, u, n = gates
        by_r, by_z, by_n = out
        free = 1 - r
        free *= r
        np.multiply(free, h, out=by_r)
        np.subtract(1, u, out=free)
        np.subtract(h, n, out=by_z)
        by_z *= u
        by_z *= free
        n *= n
        np.subtract(1, n, out=n)
        np.multiply(n, free, out=by_n)

    def _add_products(self, grad: Parameters, delta: Array, z: Array, reset: Array) -> None:
        H, views = self.cell.hidden_size, dict(grad.items())
        for gates, inputs in ((slice(0, 2 * H), z), (slice(2 * H, None), reset)):
            for product in products(delta[:, gates], inputs):
                views["w_hh"][gates] += product[:, :H]
                views["w_ih"][gates] += product[:, H + 1 :]
                for name in ("b_ih", "b_hh"):
                    views[name][gates] += product[:, H]
