"""LSTM in NumPy."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters
from rnnbp.kernels.arrays.base import ArrayKernel, add_products, gate_columns, input_rows, sigmoid_of_half
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array
from rnnbp.runtime import empty


@dataclass(frozen=True)
class Residuals:
    """Rows [h | 1 | x] (N, K); each step's gates i, f, o, g (4, n, H); c before and after each step (T + 1, B, H)."""

    rows: Rows
    z: Array
    gates: list[Array]
    cells: Array


class LSTMKernel(ArrayKernel):
    """`rnnbp.cells.LSTMCell` over time."""

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """Compute c[t] = f c[t-1] + i g and h[t] = o tanh(c[t]); the three sigmoid gates are contiguous."""
        H, rows, (T, B) = self.cell.hidden_size, Rows(active, len(state)), x.shape[:2]
        w = gate_columns(params, (0, 1, 3, 2), self.dtype)
        w[:3] *= 0.5
        z, gates = input_rows(rows, x, H, self.dtype), rows.stacks(4, H, self.dtype)
        y, cells = rows.padded(H, self.dtype), empty((T + 1, B, H), self.dtype)
        h, cells[0] = state[:, :H], state[:, H:]
        c, scratch = cells[0], np.empty((B, H), self.dtype)
        views = (rows.steps(z), rows.steps(z[:, :H]), gates, *map(rows.active_parts, (cells[1:], y)))
        for z_t, h_t, gates_t, c_t, y_t in zip(*views, strict=True):
            n = len(z_t)
            i, f, o, g = gates_t
            h_t[...] = h[:n]
            np.matmul(z_t, w, out=gates_t)
            np.tanh(g, out=g)
            sigmoid_of_half(gates_t[:3])
            np.multiply(f, c[:n], out=c_t)
            c_t += np.multiply(i, g, out=scratch[:n])
            np.multiply(o, np.tanh(c_t, out=scratch[:n]), out=y_t)
            h, c = y_t, c_t
        final = [rows.final(y, state[:, :H]), rows.final(cells[1:], state[:, H:])]
        return y, Residuals(rows, z, gates, cells), np.concatenate(final, axis=1)

    def deltas(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d: Array
    ) -> Iterator[tuple[slice, Array]]:
        """Compute dc[t] = dc[t+1] f[t+1] + dh[t] dh/dc; multiply it (for o: dh) by the gates' derivatives in place."""
        H, w_hh, (d_h, d_c) = self.cell.hidden_size, params["w_hh"], d
        scratch = np.empty_like(d_h)
        for steps, here, rows in residuals.rows.blocks():
            delta = empty((rows.count, 4 * H), self.dtype)
            by_ifgo = delta.reshape(-1, 4, H).swapaxes(0, 1)  # in the parameters' order
            gates = np.concatenate(residuals.gates[steps], axis=1)
            before, after = rows.pack(residuals.cells[steps]), rows.pack(residuals.cells[1:][steps])
            c_by_h = self._slopes(gates, before, after, by_ifgo)
            views = (c_by_h, gates[1], by_ifgo[3], by_ifgo[:3], delta)
            steps_of_block = zip(rows.active_parts(d_outputs[steps]), *map(rows.steps, views), strict=True)
            for dy_t, c_by_h_t, f_t, at_o, at_ifg, delta_t in reversed(list(steps_of_block)):
                n = len(dy_t)
                dh_t, dc_t = d_h[:n], d_c[:n]
                dh_t += dy_t
                dc_t += np.multiply(dh_t, c_by_h_t, out=scratch[:n])
                at_o *= dh_t
                at_ifg *= dc_t
                dc_t *= f_t
                np.matmul(delta_t, w_hh, out=dh_t)
            add_products(grad, delta, residuals.z[here], summed=512)
            yield here, delta

    def _slopes(self, gates: Array, before: Array, after: Array, out: Array) -> Array:
        """Compute dc/di, dc/df, dc/dg and dh/do into `out` (4, n, H), for pre-activations; return dh/dc (n, H).

        Of `gates` only f is left unchanged.
        """
        i, f, o, g = gates
        by_i, by_f, by_g, by_o = out
        tanh_c, free = np.tanh(after), np.empty_like(g)
        for gate, factor, slope in ((i, g, by_i), (f, before, by_f), (o, tanh_c, by_o)):
            np.subtract(1, gate, out=free)
            free *= gate
            np.multiply(free, factor, out=slope)
        for value, factor in ((g, i), (tanh_c, o)):  # (1 - value^2) factor, in place
            value *= value
            np.subtract(1, value, out=value)
            value *= factor
        by_g[...] = g
        return tanh_c
