"""The original GRU, which resets h before the product: its gates, and its way through time and back.

A row of `gates` is [r | z | n], of `deltas` their errors, of `inputs` [h | x], of `resets` r h. As to registers that
reach past the end of a part, see `rnnbp.kernels.compiled.lstm`.
"""

from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.product import panel_product
from rnnbp.kernels.compiled.rows import after, input_errors, product, running, scratch, whole_registers
from rnnbp.kernels.compiled.team import BEGUN, ring
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, store


@njit(nogil=True)
def gates_of(r, z, h):
    """The gates r and z from their pre-activations, and what of h is left."""
    r = sigmoid(r)
    return r, sigmoid(z), r * h


@njit(nogil=True)
def next_state(z, n, h):
    """The gate n from its pre-activation, and the next h."""
    n = tanh(n)
    return n, n + z * (h - n)


@njit(nogil=True)
def errors_of(z, n, h, d_h):
    """The errors at the pre-activations of z and n, and what reaches h past them."""
    return d_h * (h - n) * z * (1 - z), d_h * (1 - z) * (1 - n * n), d_h * z


@njit(nogil=True)
def reset_errors(r, h, d_rh):
    """The error at the pre-activation of r, and what reaches h through r h."""
    return d_rh * h * r * (1 - r), d_rh * r


@entry
def forward(bells, sizes, x, active, weights, inputs, gates, resets, outputs, begin, end, first):
    """The sequences from `begin` to `end` through all steps; sequence b's first row is ``first + b``."""
    ring(bells, BEGUN)
    (H,), (T, B, F) = sizes, x.shape
    w_x, w_h, w_n, bias = weights
    L, N = lanes(x), len(gates)
    X, G, R = inputs.shape[1], gates.shape[1], resets.shape[1]
    for t in range(T):
        row, last, still = first + begin, running(active[t], begin, end), active[t + 1]
        following = first + last - begin
        for b in range(begin, last):
            copy(at(inputs, (first + b) * X + H), at(x, (t * B + b) * F), F)
        for u in range((H - 1) // L * L, -1, -L):
            a = at(gates, row * G + u)
            panel_product(
                last - begin, 3, at(inputs, row * X + H), X, 1, at(w_x, u * F * 3), 3 * L, F,
                at(bias, u), 0, a, G, H
            )  # fmt: skip
            panel_product(
                last - begin, 2, at(inputs, row * X), X, 1, at(w_h, u * H * 2), 2 * L, H,
                a, G, a, G, H
            )  # fmt: skip
            for here in range(row, first + last):
                a = at(gates, here * G + u)
                n = load(at(a, 2 * H))
                s, z, rh = gates_of(load(a), load(at(a, H)), load(at(inputs, here * X + u)))
                store(a, s)
                store(at(a, H), z)
                store(at(a, 2 * H), n)
                store(at(resets, here * R + u), rh)
        n = at(gates, row * G + 2 * H)
        product(last - begin, H, at(resets, row * R), R, 1, w_n, H, n, G, n, G)
        for b in range(begin, last):
            a, h, new = at(gates, (first + b) * G), at(inputs, (first + b) * X), after(b, following, still, N)
            for u in range(0, H, L):
                n, h_next = next_state(load(at(a, H + u)), load(at(a, 2 * H + u)), load(at(h, u)))
                store(at(a, 2 * H + u), n)
                store(at(inputs, new * X + u), h_next)
            copy(at(outputs, (t * B + b) * H), at(inputs, new * X), H)
        first = following


@entry
def backward(
    bells, sizes, steps, active, weights, inputs, gates, resets,
    d_outputs, deltas, d_h, d_no_more, dx, begin, end, following, base
):  # fmt: skip
    """The same sequences back through some steps, behind which sequence b's rows go on at ``following + b``. Of its
    deltas there is memory for these steps alone: theirs lie `base` rows further to the front.
    """
    ring(bells, BEGUN)
    (H,), (_, B, F) = sizes, dx.shape
    w_h, w_n, w_x = weights
    L, X, G, C = lanes(gates), inputs.shape[1], gates.shape[1], d_h.shape[1]
    (zeros, room), (_, d_rh) = scratch(H, F, end - begin, dx), scratch(H, H, end - begin, dx)
    R = d_rh.shape[1]
    for t in range(steps[1] - 1, steps[0] - 1, -1):
        last = running(active[t], begin, end)
        first = following + begin - last
        d_y, Y = whole_registers(last - begin, H, at(d_outputs, (t * B + begin) * H), room)
        for b in range(last - 1, begin - 1, -1):
            a, e, h = at(gates, (first + b) * G), at(deltas, (first - base + b) * G), at(inputs, (first + b) * X)
            for u in range((H - 1) // L * L, -1, -L):
                d = at(d_h, b * C + u)
                d_z, d_n, past = errors_of(
                    load(at(a, H + u)),
                    load(at(a, 2 * H + u)),
                    load(at(h, u)),
                    load(d) + load(at(d_y, (b - begin) * Y + u)),
                )
                store(at(e, H + u), d_z)
                store(at(e, 2 * H + u), d_n)
                store(d, past)
        e, d, s = at(deltas, (first - base + begin) * G), at(d_h, begin * C), at(d_rh, 0)
        product(last - begin, H, at(e, 2 * H), G, 1, w_n, H, at(zeros, 0), 0, s, R)
        for b in range(begin, last):
            a, h = at(gates, (first + b) * G), at(inputs, (first + b) * X)
            for u in range(0, H, L):
                d_r, more = reset_errors(load(at(a, u)), load(at(h, u)), load(at(d_rh, (b - begin) * R + u)))
                store(at(d_rh, (b - begin) * R + u), d_r)
                store(at(d_h, b * C + u), load(at(d_h, b * C + u)) + more)
            copy(at(deltas, (first - base + b) * G), at(d_rh, (b - begin) * R), H)
        product(last - begin, H, e, G, 1, w_h, 2 * H, d, C, d, C)
        if len(w_x) > 0:
            input_errors(last - begin, F, e, G, 1, 3 * H, w_x, at(zeros, 0), room, at(dx, (t * B + begin) * F))
        following = first
