"""Elman's simple recurrent network: its activations, and its forward and backward pass.

A row of `inputs` is [h | x], of `sums` a sequence's pre-activations at the current step, of `deltas` the gradients with
respect to them. `gates` has a row for each step, as for every cell, but no columns.
"""

from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.rows import after, input_gradient, padded_rows, product, scratch
from rnnbp.kernels.compiled.team import STARTED, notify
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, ones_where_positive, store

ACTIVATIONS = ("tanh", "relu", "sigmoid", "linear")  # by their code in compiled functions


@njit(nogil=True)
def activation(code, a):
    """Return h from its pre-activation."""
    if code == 0:
        return tanh(a)
    if code == 1:
        return max(a, 0.0)
    if code == 2:
        return sigmoid(a)
    return a


@njit(nogil=True)
def slope(code, h):
    """Return the activation's derivative, from its value."""
    if code == 0:
        return 1 - h * h
    if code == 1:
        return ones_where_positive(h)
    if code == 2:
        return h * (1 - h)
    return 1 + 0 * h


@entry
def forward(signals, sizes, x, active, weights, inputs, gates, no_extra, outputs, shard, shards):
    """Run the sequences `shard`, `shard` + `shards`, ... through all steps."""
    notify(signals, STARTED)
    (H, code), (T, B, F) = sizes, x.shape
    w, bias = weights
    L, N = lanes(x), len(gates)
    _, sums = scratch(H, H, active[0], x)
    X, S = inputs.shape[1], sums.shape[1]
    first = 0
    for t in range(T):
        rows, following = active[t], first + active[t]
        for b in range(rows):
            copy(at(inputs, (first + b) * X + H), at(x, (t * B + shard + b * shards) * F), F)
        product(rows, H, at(inputs, first * X), X, 1, w, H + F, at(bias, 0), 0, at(sums, 0), S)
        for b in range(rows):
            h = at(inputs, after(b, following, active[t + 1], N) * X)
            for u in range(0, H, L):
                store(at(h, u), activation(code, load(at(sums, b * S + u))))
            copy(at(outputs, (t * B + shard + b * shards) * H), h, H)
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
    (H, code), (_, B, F) = sizes, dx.shape
    w_h, w_x = weights
    L, N = lanes(inputs), len(gates)
    X, G, C = inputs.shape[1], deltas.shape[1], d_h.shape[1]
    zeros, room = scratch(H, F, len(d_h), dx)
    for t in range(steps[1] - 1, steps[0] - 1, -1):
        rows, first = active[t], end - active[t]
        d_y, Y = padded_rows(rows, H, at(d_outputs, (t * B + shard) * H), shards * H, room)
        for b in range(rows - 1, -1, -1):
            h, e = at(inputs, after(b, end, active[t + 1], N) * X), at(deltas, (first - base + b) * G)
            for u in range((H - 1) // L * L, -1, -L):
                d = load(at(d_h, b * C + u)) + load(at(d_y, b * Y + u))
                store(at(e, u), d * slope(code, load(at(h, u))))
        e = at(deltas, (first - base) * G)
        product(rows, H, e, G, 1, w_h, H, at(zeros, 0), 0, at(d_h, 0), C)
        if len(w_x) > 0:
            input_gradient(rows, F, e, G, 1, H, w_x, at(zeros, 0), room, at(dx, (t * B + shard) * F), shards * F)
        end = first
