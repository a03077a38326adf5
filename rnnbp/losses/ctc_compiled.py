"""The forward-backward algorithm of CTC, compiled by Numba, without logarithms in its recursions.

A probability is represented as ``m 2**e``, with a float64 mantissa m and an integer exponent e in separate arrays. The
range is that of log space and the precision higher, but a sum needs no exp and no log: the terms are scaled to the
greatest exponent by powers of two that are made from their bits. The loops over states have no branches, so that the
compiler vectorizes them.

What NumPy can do to arrays is written as loops: Numba takes seconds to compile it, most of them for its error messages.
"""

import math

import numpy as np

from rnnbp.kernels.base import Array
from rnnbp.kernels.compiled.compiling import entry, helper
from rnnbp.kernels.compiled.team import notify
from rnnbp.kernels.compiled.vectors import bits
from rnnbp.kernels.team import STARTED

NEVER = -(1 << 61)  # the exponent of a probability of 0, whose m is 0
CLOSED = 2 * NEVER  # added to an exponent it makes it less than that
BITS, BIAS = 52, 1023  # of a float64: below its exponent, and added to it
ROUND = 1.5 * 2.0**BITS  # a float64 to which this is added has its nearest integer in the lowest bits
LOG2_E = 1 / math.log(2)
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # log(2) so rounded that its products with integers are exact
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # and the rest
SMALLEST = -1e12  # a logarithm that is no greater is that of 0


@helper
def power_of_two(n):
    """Return 2**n for an integer n up to 1023; 0 below -1022."""
    return bits((n + BIAS if n > -BIAS else 0) << BITS)


@helper
def exponent_of(x):
    """Return n with 2**n <= x < 2**(n + 1), for x > 0; -1023 for 0."""
    return ((bits(x) >> BITS) & 2047) - BIAS


@helper
def softmax(z, m, e):
    """Write m 2**e = softmax(z), exp by its series around the nearest power of two, exact to one or two last bits."""
    top, total = z[0], 0.0
    for k in range(len(z)):
        top = z[k] if z[k] > top else top
    for k in range(len(z)):
        below = np.float64(z[k]) - top
        x = SMALLEST if below < SMALLEST else below
        shifted = x * LOG2_E + ROUND
        n = shifted - ROUND
        r = x - n * LN2_HIGH - n * LN2_LOW
        p = 1 / 6227020800 * r + 1 / 479001600
        p = p * r + 1 / 39916800
        p = p * r + 1 / 3628800
        p = p * r + 1 / 362880
        p = p * r + 1 / 40320
        p = p * r + 1 / 5040
        p = p * r + 1 / 720
        p = p * r + 1 / 120
        p = p * r + 1 / 24
        p = p * r + 1 / 6
        p = p * r + 1 / 2
        m[k] = 0.0 if below < SMALLEST else p * r * r + r + 1
        e[k] = bits(shifted) - bits(ROUND)
    for k in range(len(z)):
        total += m[k] * power_of_two(e[k])
    scale = 1 / total
    for k in range(len(z)):
        m[k] *= scale


@helper
def emit(labels, y_m, y_e, m, e):
    """Write the emission probability m 2**e of each state, from those of the labels."""
    for s in range(len(labels)):
        m[s], e[s] = y_m[labels[s]], y_e[labels[s]]


@helper
def gather(own_m, own_e, next_m, next_e, far_m, far_e, skips, sum_m, sum_e):
    """Write the sum over each state's predecessors: itself, its neighbour and, if it may be skipped to, the second one.

    The arrays of the neighbours begin with those of the first state; `skips` are 0, or CLOSED where there is no skip.
    """
    for s in range(len(sum_m)):
        skipped = far_e[s] + skips[s]
        top = own_e[s] if own_e[s] > next_e[s] else next_e[s]
        top = skipped if skipped > top else top
        sum_m[s] = (
            own_m[s] * power_of_two(own_e[s] - top)
            + next_m[s] * power_of_two(next_e[s] - top)
            + far_m[s] * power_of_two(skipped - top)
        )
        sum_e[s] = top


@helper
def times(a_m, a_e, b_m, b_e, m, e):
    """Write the product, with m from 1 to 2."""
    for s in range(len(a_m)):
        product = a_m[s] * b_m[s]
        n = exponent_of(product)
        exponent = a_e[s] + b_e[s] + n
        m[s] = product * power_of_two(-n)
        e[s] = exponent if exponent > NEVER else NEVER


def ctc_sequences(
    signals: Array, outputs: Array, labels: Array, states: Array, skips: Array, lengths: Array, losses: Array,
    d_outputs: Array, shard: int, shards: int
) -> None:  # fmt: skip
    """Write losses and gradients of every `shards`-th sequence from `shard` on into `losses` and `d_outputs`.

    Parameters
    ----------
    signals : ndarray
        The first is set at the start.
    outputs : ndarray (T, B, K)
    labels, states, skips
        As `rnnbp.decoding.lattice.Lattice` has them.
    lengths : ndarray (B,) of int
    losses : ndarray (B,) of float64
    d_outputs : ndarray (T, B, K)
        Zero past the ends.
    shard, shards : int
    """
    (T, _, K), states_and_ends = outputs.shape, labels.shape[1] + 2
    scratch = (
        np.empty(shape, dtype)
        for shape in ((T, K), (T + 1, states_and_ends), (4, max(K, states_and_ends)))
        for dtype in (np.float64, np.int64)
    )
    _sequences(signals, outputs, labels, states, skips, lengths, losses, d_outputs, *scratch, shard, shards)


@entry
def _sequences(
    signals, outputs, labels, states, skips, lengths, losses, d_outputs,
    y_m, y_e, alpha_m, alpha_e, work_m, work_e, shard, shards
):  # fmt: skip
    """Compute what `ctc_sequences` computes, with y (T, K), alpha (T + 1, states and ends) and rows to work with."""
    notify(signals, STARTED)
    _, B, K = outputs.shape
    b_m, b_e, d, closed = work_m[0], work_e[0], work_m[3], work_e[3]
    for b in range(shard, B, shards):
        S, steps = states[b], lengths[b]
        if steps == 0:
            losses[b] = 0.0 if S == 1 else np.inf
            continue
        for s in range(S + 2):  # from before the first state, and to behind the last one, one may always skip
            closed[s] = 0 if s == 1 or s == S or (s < S and skips[b, s]) else CLOSED
            alpha_m[0, s], alpha_e[0, s] = 0.0, NEVER
            b_m[s], b_e[s] = 0.0, NEVER
        label, w_m, w_e, x_m, x_e = labels[b, :S], work_m[1, :S], work_e[1, :S], work_m[2, :S], work_e[2, :S]
        alpha_m[0, 1], alpha_e[0, 1] = 1.0, 0  # before the first step: before the first state
        for t in range(steps):
            softmax(outputs[t, b], y_m[t], y_e[t])
            emit(label, y_m[t], y_e[t], x_m, x_e)
            m, e, new_m, new_e = alpha_m[t], alpha_e[t], alpha_m[t + 1], alpha_e[t + 1]
            gather(m[2:], e[2:], m[1:], e[1:], m, e, closed, w_m, w_e)
            times(w_m, w_e, x_m, x_e, new_m[2:], new_e[2:])
            for s in range(2):
                new_m[s], new_e[s] = 0.0, NEVER
        b_m[S], b_e[S] = 1.0, 0  # after the last step: behind the last state
        end_m, end_e = alpha_m[steps, S:], alpha_e[steps, S:]  # the last two states, or nothing and the only one
        whole_e = end_e[0] if end_e[0] > end_e[1] else end_e[1]
        whole_m = end_m[0] * power_of_two(end_e[0] - whole_e) + end_m[1] * power_of_two(end_e[1] - whole_e)
        losses[b] = -(math.log(whole_m) + whole_e * math.log(2)) if whole_m != 0 else np.inf
        inverse = 1 / whole_m if whole_m != 0 else 0.0
        for t in range(steps - 1, -1, -1):
            gather(b_m, b_e, b_m[1:], b_e[1:], b_m[2:], b_e[2:], closed[2:], w_m, w_e)
            m, e = alpha_m[t + 1, 2:], alpha_e[t + 1, 2:]
            for s in range(S):
                x_m[s] = m[s] * w_m[s] * inverse * power_of_two(e[s] + w_e[s] - whole_e)
            for k in range(K):
                d[k] = y_m[t, k] * power_of_two(y_e[t, k])
            for s in range(S):
                d[label[s]] -= x_m[s]
            for k in range(K):
                d_outputs[t, b, k] = d[k]
            emit(label, y_m[t], y_e[t], x_m, x_e)
            times(w_m, w_e, x_m, x_e, b_m, b_e)
            b_m[S], b_e[S] = 0.0, NEVER
