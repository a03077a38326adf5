"""GRU as in PyTorch: its gates, and its forward and backward pass.

A row of `gates` is [n | r | z | hn], hn being h's term of n's pre-activation: so the gates that x contributes to,
[n | r | z], and those that h contributes to, [r | z | hn], are both contiguous. A row of `deltas` is the gradients with
respect to them, of `inputs` [h | x]. For stores past the end of a part, see `rnnbp.kernels.compiled.lstm`.
"""

from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.product import panel_product
from rnnbp.kernels.compiled.rows import after, input_gradient, padded_rows, product, scratch
from rnnbp.kernels.compiled.team import STARTED, notify
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, store


@njit(nogil=True)
def gates_of(n, r, z, hn, h):
    """Return the gates n, r, z from their pre-activations, and the next h."""
    r, z = sigmoid(r), sigmoid(z)
    n = tanh(n + r * hn)
    return n, r, z, n + z * (h - n)


@njit(nogil=True)
def gate_gradients(n, r, z, hn, h, d_h):
    """Return the gradients with respect to the pre-activations of n, r and z, to hn, and to h directly."""
    d_n = d_h * (1 - z) * (1 - n * n)
    return d_n, d_n * hn * r * (1 - r), d_h * (h - n) * z * (1 - z), r * d_n, d_h * z


@entry
def forward(signals, sizes, x, active, weights, inputs, gates, no_extra, outputs, shard, shards):
    """Run the sequences `shard`, `shard` + `shards`, ... through all steps."""
    notify(signals, STARTED)
    (H,), (T, B, F) = sizes, x.shape
    w_x, w_h, bias = weights
    L, N = lanes(x), len(gates)
    X, G = inputs.shape[1], gates.shape[1]
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
            for b in range(rows):
                store(at(a, b * G + 3 * H), load(at(bias, 3 * H + u)))
            panel_product(
                rows, 3, at(inputs, first * X), X, 1, at(w_h, u * H * 3), 3 * L, H,
                at(a, H), G, at(a, H), G, H
            )  # fmt: skip
            for b in range(rows):
                a, h = at(gates, (first + b) * G + u), load(at(inputs, (first + b) * X + u))
                hn = load(at(a, 3 * H))
                n, s, z, h = gates_of(load(a), load(at(a, H)), load(at(a, 2 * H)), hn, h)
                store(a, n)
                store(at(a, H), s)
                store(at(a, 2 * H), z)
                store(at(a, 3 * H), hn)
                store(at(inputs, after(b, following, active[t + 1], N) * X + u), h)
        for b in range(rows):
            new = after(b, following, active[t + 1], N)
            copy(at(outputs, (t * B + shard + b * shards) * H), at(inputs, new * X), H)
        first = following


@entry
def backward(
    signals, sizes, steps, active, weights, inputs, gates, no_extra,
    d_outputs, deltas, d_h, d_no_extra, dx, end, base, shard, shards
):  # fmt: skip
    """Backpropagate the same sequences through the steps of a chunk, whose rows end before `end`.

    `deltas` has rows for these steps alone, the first of which is row `base` of all.
    """
    if steps[1] == len(active) - 1:
        notify(signals, STARTED)  # once a call
    (H,), (_, B, F) = sizes, dx.shape
    w_h, w_x = weights
    L, X, G, C = lanes(gates), inputs.shape[1], gates.shape[1], d_h.shape[1]
    zeros, room = scratch(H, F, len(d_h), dx)
    for t in range(steps[1] - 1, steps[0] - 1, -1):
        rows, first = active[t], end - active[t]
        d_y, Y = padded_rows(rows, H, at(d_outputs, (t * B + shard) * H), shards * H, room)
        for b in range(rows - 1, -1, -1):
            for u in range((H - 1) // L * L, -1, -L):
                a, e, d = at(gates, (first + b) * G + u), at(deltas, (first - base + b) * G + u), at(d_h, b * C + u)
                d_n, d_r, d_z, d_hn, direct = gate_gradients(
                    load(a), load(at(a, H)), load(at(a, 2 * H)), load(at(a, 3 * H)),
                    load(at(inputs, (first + b) * X + u)), load(d) + load(at(d_y, b * Y + u))
                )  # fmt: skip
                store(e, d_n)
                store(at(e, H), d_r)
                store(at(e, 2 * H), d_z)
                store(at(e, 3 * H), d_hn)
                store(d, direct)
        e, d = at(deltas, (first - base) * G), at(d_h, 0)
        product(rows, H, at(e, H), G, 1, w_h, 3 * H, d, C, d, C)
        if len(w_x) > 0:
            # summed from the last column to the first: that of n is the largest, and small sums round less
            input_gradient(
                rows, F, at(e, 3 * H - 1), G, -1, 3 * H, w_x, at(zeros, 0), room,
                at(dx, (t * B + shard) * F), shards * F
            )  # fmt: skip
        end = first
