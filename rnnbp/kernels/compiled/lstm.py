"""LSTM: its gates, and its forward and backward pass.

A row of `gates` is [i | f | g | o], of `deltas` the gradients with respect to their pre-activations, of `inputs`
[h | x]. A vector store at the end of a part writes out of bounds into the next part, which is therefore written after
it: parts from left to right, units from the last to the first. The end of a row has room for it.
"""

from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.product import panel_product
from rnnbp.kernels.compiled.rows import after, input_gradient, padded_rows, product, scratch
from rnnbp.kernels.compiled.team import STARTED, notify
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, store


@njit(nogil=True)
def gates_of(i, f, g, o, c):
    """Return the gates i, f, g, o from their pre-activations, the next c and the next h."""
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    return i, f, g, o, c, o * tanh(c)


@njit(nogil=True)
def gate_gradients(i, f, g, o, c, next_c, d_h, d_c):
    """Return the gradients with respect to the pre-activations of i, f, g and o, and to c."""
    tanh_c = tanh(next_c)
    d_c = d_c + d_h * o * (1 - tanh_c * tanh_c)
    return d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g * g), d_h * tanh_c * o * (1 - o), d_c * f


@entry
def forward(signals, sizes, x, active, weights, inputs, gates, cells, outputs, shard, shards):
    """Run the sequences `shard`, `shard` + `shards`, ... through all steps."""
    notify(signals, STARTED)
    (H,), (T, B, F) = sizes, x.shape
    w, bias = weights
    L, N = lanes(x), len(gates)
    X, G, C = inputs.shape[1], gates.shape[1], cells.shape[1]
    first = 0
    for t in range(T):
        rows, following = active[t], first + active[t]
        for b in range(rows):
            copy(at(inputs, (first + b) * X + H), at(x, (t * B + shard + b * shards) * F), F)
        for u in range((H - 1) // L * L, -1, -L):
            panel_product(
                rows, 4, at(inputs, first * X), X, 1, at(w, u * (H + F) * 4), 4 * L, H + F,
                at(bias, u), 0, at(gates, first * G + u), G, H
            )  # fmt: skip
            for b in range(rows):
                a, c = at(gates, (first + b) * G + u), at(cells, (first + b) * C + u)
                i, f, g, o, c, h = gates_of(load(a), load(at(a, H)), load(at(a, 2 * H)), load(at(a, 3 * H)), load(c))
                store(a, i)
                store(at(a, H), f)
                store(at(a, 2 * H), g)
                store(at(a, 3 * H), o)
                new = after(b, following, active[t + 1], N)
                store(at(cells, new * C + u), c)
                store(at(inputs, new * X + u), h)
        for b in range(rows):
            new = after(b, following, active[t + 1], N)
            copy(at(outputs, (t * B + shard + b * shards) * H), at(inputs, new * X), H)
        first = following


@entry
def backward(
    signals, sizes, steps, active, weights, inputs, gates, cells,
    d_outputs, deltas, d_h, d_c, dx, end, base, shard, shards
):  # fmt: skip
    """Backpropagate the same sequences through the steps of a chunk, whose rows end before `end`.

    `deltas` has rows for these steps alone, the first of which is row `base` of all.
    """
    if steps[1] == len(active) - 1:
        notify(signals, STARTED)  # once a call
    (H,), (_, B, F) = sizes, dx.shape
    w_h, w_x = weights
    L, N = lanes(gates), len(gates)
    G, C = gates.shape[1], cells.shape[1]
    zeros, room = scratch(H, F, len(d_h), dx)
    for t in range(steps[1] - 1, steps[0] - 1, -1):
        rows, first = active[t], end - active[t]
        d_y, Y = padded_rows(rows, H, at(d_outputs, (t * B + shard) * H), shards * H, room)
        for b in range(rows - 1, -1, -1):
            row, new = first + b, after(b, end, active[t + 1], N)
            for u in range((H - 1) // L * L, -1, -L):
                a, e = at(gates, row * G + u), at(deltas, (row - base) * G + u)
                d_i, d_f, d_g, d_o, d_next = gate_gradients(
                    load(a), load(at(a, H)), load(at(a, 2 * H)), load(at(a, 3 * H)),
                    load(at(cells, row * C + u)), load(at(cells, new * C + u)),
                    load(at(d_h, b * C + u)) + load(at(d_y, b * Y + u)), load(at(d_c, b * C + u))
                )  # fmt: skip
                store(e, d_i)
                store(at(e, H), d_f)
                store(at(e, 2 * H), d_g)
                store(at(e, 3 * H), d_o)
                store(at(d_c, b * C + u), d_next)
        e = at(deltas, (first - base) * G)
        product(rows, H, e, G, 1, w_h, 4 * H, at(zeros, 0), 0, at(d_h, 0), C)
        if len(w_x) > 0:
            input_gradient(rows, F, e, G, 1, 4 * H, w_x, at(zeros, 0), room, at(dx, (t * B + shard) * F), shards * F)
        end = first
