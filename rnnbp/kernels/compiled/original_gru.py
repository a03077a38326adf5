"""The original GRU, which resets h before the product: its gates, and its forward and backward pass.

A row of `gates` is [r | z | n], of `deltas` the gradients with respect to their pre-activations, of `inputs` [h | x],
of `resets` r h. For stores past the end of a part, see `rnnbp.kernels.compiled.lstm`.
"""

from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.product import panel_product
from rnnbp.kernels.compiled.rows import after, input_gradient, padded_rows, product, scratch
from rnnbp.kernels.compiled.team import STARTED, notify
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, store


@njit(nogil=True)
def gates_of(r, z, h):
    """Return the gates r and z from their pre-activations, and r h."""
    r = sigmoid(r)
    return r, sigmoid(z), r * h


@njit(nogil=True)
def next_state(z, n, h):
    """Return the gate n from its pre-activation, and the next h."""
    n = tanh(n)
    return n, n + z * (h - n)


@njit(nogil=True)
def gate_gradients(z, n, h, d_h):
    """Return the gradients with respect to the pre-activations of z and n, and to h directly."""
    return d_h * (h - n) * z * (1 - z), d_h * (1 - z) * (1 - n * n), d_h * z


@njit(nogil=True)
def reset_gradients(r, h, d_rh):
    """Return the gradients with respect to the pre-activation of r, and to h through r h."""
    return d_rh * h * r * (1 - r), d_rh * r


@entry
def forward(signals, sizes, x, active, weights, inputs, gates, resets, outputs, shard, shards):
    """Run the sequences `shard`, `shard` + `shards`, ... through all steps."""
    notify(signals, STARTED)
    (H,), (T, B, F) = sizes, x.shape
    w_x, w_h, w_n, bias = weights
    L, N = lanes(x), len(gates)
    X, G, R = inputs.shape[1], gates.shape[1], resets.shape[1]
    first = 0
    for t in range(T):
        rows, following = active[t], first + active[t]
        for b in range(rows):
            copy(at(inputs, (first + b) * X + H), at(x, (t * B + shard + b * shards) * F), F)
        for u in range((H - 1) // L * L, -1, -L):
            a = at(gates, first * G + u)
            panel_product(
                rows, 3, at(inputs, first * X + H), X, 1, at(w_x, u * F * 3), 3 * L, F,
                at(bias, u), 0, a, G, H
            )  # fmt: skip
            panel_product(
                rows, 2, at(inputs, first * X), X, 1, at(w_h, u * H * 2), 2 * L, H,
                a, G, a, G, H
            )  # fmt: skip
            for here in range(first, following):
                a = at(gates, here * G + u)
                n = load(at(a, 2 * H))
                s, z, rh = gates_of(load(a), load(at(a, H)), load(at(inputs, here * X + u)))
                store(a, s)
                store(at(a, H), z)
                store(at(a, 2 * H), n)
                store(at(resets, here * R + u), rh)
        n = at(gates, first * G + 2 * H)
        product(rows, H, at(resets, first * R), R, 1, w_n, H, n, G, n, G)
        for b in range(rows):
            a, h, new = at(gates, (first + b) * G), at(inputs, (first + b) * X), after(b, following, active[t + 1], N)
            for u in range(0, H, L):
                n, h_next = next_state(load(at(a, H + u)), load(at(a, 2 * H + u)), load(at(h, u)))
                store(at(a, 2 * H + u), n)
                store(at(inputs, new * X + u), h_next)
            copy(at(outputs, (t * B + shard + b * shards) * H), at(inputs, new * X), H)
        first = following


@entry
def backward(
    signals, sizes, steps, active, weights, inputs, gates, resets,
    d_outputs, deltas, d_h, d_no_extra, dx, end, base, shard, shards
):  # fmt: skip
    """Backpropagate the same sequences through the steps of a chunk, whose rows end before `end`.

    `deltas` has rows for these steps alone, the first of which is row `base` of all.
    """
    if steps[1] == len(active) - 1:
        notify(signals, STARTED)  # once a call
    (H,), (_, B, F) = sizes, dx.shape
    w_h, w_n, w_x = weights
    L, X, G, C = lanes(gates), inputs.shape[1], gates.shape[1], d_h.shape[1]
    (zeros, room), (_, d_rh) = scratch(H, F, len(d_h), dx), scratch(H, H, len(d_h), dx)
    R = d_rh.shape[1]
    for t in range(steps[1] - 1, steps[0] - 1, -1):
        rows, first = active[t], end - active[t]
        d_y, Y = padded_rows(rows, H, at(d_outputs, (t * B + shard) * H), shards * H, room)
        for b in range(rows - 1, -1, -1):
            a, e, h = at(gates, (first + b) * G), at(deltas, (first - base + b) * G), at(inputs, (first + b) * X)
            for u in range((H - 1) // L * L, -1, -L):
                d = at(d_h, b * C + u)
                d_z, d_n, direct = gate_gradients(
                    load(at(a, H + u)),
                    load(at(a, 2 * H + u)),
                    load(at(h, u)),
                    load(d) + load(at(d_y, b * Y + u)),
                )
                store(at(e, H + u), d_z)
                store(at(e, 2 * H + u), d_n)
                store(d, direct)
        e, d, s = at(deltas, (first - base) * G), at(d_h, 0), at(d_rh, 0)
        product(rows, H, at(e, 2 * H), G, 1, w_n, H, at(zeros, 0), 0, s, R)
        for b in range(rows):
            a, h = at(gates, (first + b) * G), at(inputs, (first + b) * X)
            for u in range(0, H, L):
                d_r, more = reset_gradients(load(at(a, u)), load(at(h, u)), load(at(d_rh, b * R + u)))
                store(at(d_rh, b * R + u), d_r)
                store(at(d_h, b * C + u), load(at(d_h, b * C + u)) + more)
            copy(at(deltas, (first - base + b) * G), at(d_rh, b * R), H)
        product(rows, H, e, G, 1, w_h, 2 * H, d, C, d, C)
        if len(w_x) > 0:
            input_gradient(rows, F, e, G, 1, 3 * H, w_x, at(zeros, 0), room, at(dx, (t * B + shard) * F), shards * F)
        end = first
