"""Gated recurrent units in NumPy, PyTorch's convention."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.kernels.arrays.base import ArrayKernel, gate_columns, input_rows, products, sigmoid_of_half
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array
from rnnbp.params import Parameters
from rnnbp.workspace import empty


@dataclass(frozen=True)
class Trace:
    """Rows [h | 1 | x] (N, K), and each step's r, z, W_hn h + b_hn, n (4, n, H)."""

    rows: Rows
    z: Array
    gates: list[Array]


class GRUKernel(ArrayKernel):
    """`rnnbp.cells.GRUCell` over time."""

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Trace, Array]:
        """n = tanh(W_in x + b_in + r hn) and h[t] = n + z (h[t-1] - n)."""
        H, rows, B = self.cell.hidden_size, Rows(active, len(state)), len(state)
        w, w_n = self._columns(params)
        z, gates = input_rows(rows, x, H, self.dtype), rows.stacks(4, H, self.dtype)
        y, h, scratch = rows.padded(H, self.dtype), state, np.empty((B, H), self.dtype)
        views = map(rows.steps, (z, z[:, :H], z[:, H:]))
        for z_t, h_t, x_t, gates_t, y_t in zip(*views, gates, rows.running(y), strict=True):
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
        return y, Trace(rows, z, gates), rows.final(y, state)

    def _columns(self, params: Weights) -> tuple[Array, Array]:
        """What [h | 1 | x] is multiplied with for r, z and hn (3, K, H), and [1 | x] for n's other half."""
        H, w = self.cell.hidden_size, gate_columns(params, (0, 1, 2), self.dtype)
        w[:2] *= 0.5
        w_n = w[2, H:].copy()
        w_n[0] = params["b_ih"][2 * H :]
        w[2, H], w[2, H + 1 :] = params["b_hh"][2 * H :], 0
        return w, w_n

    def input_gradient(self, params: Weights, delta: Array, out: Array) -> None:
        """From r and z, and from n: in one sum the large terms of n would come first, and cost digits."""
        H, w_ih = self.cell.hidden_size, params["w_ih"]
        np.matmul(delta[:, H:], w_ih[: 2 * H], out=out)
        out += delta[:, :H] @ w_ih[2 * H :]

    def errors(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """Every error is dh times what is known before, and lies where that lay: at n, r, z, hn side by side. The first
        three are what the input meets, the last three what h meets.
        """
        H, w_hh, (d_h,) = self.cell.hidden_size, params["w_hh"], d
        scratch = np.empty_like(d_h)
        for steps, here, rows in trace.rows.blocks():
            delta = empty((rows.count, 4 * H), self.dtype)
            slopes = delta.reshape(-1, 4, H).swapaxes(0, 1)
            gates = np.concatenate(trace.gates[steps], axis=1)
            self._slopes(gates, trace.z[here, :H], slopes)
            known = (gates[1], slopes, delta[:, H:])
            way = zip(rows.running(d_outputs[steps]), *map(rows.steps, known), strict=True)
            for dy_t, u_t, errors_t, at_h_t in reversed(list(way)):
                d_t = d_h[: len(dy_t)]
                d_t += dy_t
                errors_t *= d_t
                d_t *= u_t
                d_t += np.matmul(at_h_t, w_hh, out=scratch[: len(dy_t)])
            self._add_products(grad, delta, trace.z[here])
            yield here, delta[:, : 3 * H]

    def _slopes(self, gates: Array, h: Array, out: Array) -> None:
        """dh[t] by the pre-activations of n, r, z and by hn, to `out` (4, n, H). Of the gates only z stays as it is."""
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
