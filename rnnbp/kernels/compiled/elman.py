"""Elman's simple recurrent net: its activations, and its way through time and back.

A row of `inputs` is [h | x], of `sums` a sequence's pre-activations at the step just run, of `deltas` their errors.
"""

from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.rows import after, input_errors, product, running, scratch, whole_registers
from rnnbp.kernels.compiled.team import BEGUN, ring
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, ones_where_positive, store

ACTIVATIONS = ("tanh", "relu", "sigmoid", "linear")  # by their number in compiled code


@njit(nogil=True)
def activation(kind, a):
    """h from its pre-activation."""
    if kind == 0:
        return tanh(a)
    if kind == 1:
        return max(a, 0.0)
    if kind == 2:
        return sigmoid(a)
    return a


@njit(nogil=True)
def slope(kind, h):
    """The activation's derivative, from its value."""
    if kind == 0:
        return 1 - h * h
    if kind == 1:
        return ones_where_positive(h)
    if kind == 2:
        return h * (1 - h)
    return 1 + 0 * h


@entry
def forward(bells, sizes, x, active, weights, inputs, no_gates, no_more, outputs, begin, end, first):
    """The sequences from `begin` to `end` through all steps; sequence b's first row is ``first + b``."""
    ring(bells, BEGUN)
    (H, kind), (T, B, F) = sizes, x.shape
    w, bias = weights
    L, N = lanes(x), len(inputs) - B
    _, sums = scratch(H, H, end - begin, x)
    X, S = inputs.shape[1], sums.shape[1]
    for t in range(T):
        row, last, still = first + begin, running(active[t], begin, end), active[t + 1]
        following = first + last - begin
        for b in range(begin, last):
            copy(at(inputs, (first + b) * X + H), at(x, (t * B + b) * F), F)
        product(last - begin, H, at(inputs, row * X), X, 1, w, H + F, at(bias, 0), 0, at(sums, 0), S)
        for b in range(begin, last):
            h = at(inputs, after(b, following, still, N) * X)
            for u in range(0, H, L):
                store(at(h, u), activation(kind, load(at(sums, (b - begin) * S + u))))
            copy(at(outputs, (t * B + b) * H), h, H)
        first = following


@entry
def backward(
    bells, sizes, steps, active, weights, inputs, no_gates, no_more,
    d_outputs, deltas, d_h, d_no_more, dx, begin, end, following, base
):  # fmt: skip
    """The same sequences back through some steps, behind which sequence b's rows go on at ``following + b``. Of its
    deltas there is memory for these steps alone: theirs lie `base` rows further to the front.
    """
    ring(bells, BEGUN)
    (H, kind), (_, B, F) = sizes, dx.shape
    w_h, w_x = weights
    L, N = lanes(inputs), len(inputs) - B
    X, G, C = inputs.shape[1], deltas.shape[1], d_h.shape[1]
    zeros, room = scratch(H, F, end - begin, dx)
    for t in range(steps[1] - 1, steps[0] - 1, -1):
        last, still = running(active[t], begin, end), active[t + 1]
        first = following + begin - last
        d_y, Y = whole_registers(last - begin, H, at(d_outputs, (t * B + begin) * H), room)
        for b in range(last - 1, begin - 1, -1):
            h, e = at(inputs, after(b, following, still, N) * X), at(deltas, (first - base + b) * G)
            for u in range((H - 1) // L * L, -1, -L):
                d = load(at(d_h, b * C + u)) + load(at(d_y, (b - begin) * Y + u))
                store(at(e, u), d * slope(kind, load(at(h, u))))
        e = at(deltas, (first - base + begin) * G)
        product(last - begin, H, e, G, 1, w_h, H, at(zeros, 0), 0, at(d_h, begin * C), C)
        if len(w_x) > 0:
            input_errors(last - begin, F, e, G, 1, H, w_x, at(zeros, 0), room, at(dx, (t * B + begin) * F))
        following = first
