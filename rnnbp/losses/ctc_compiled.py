"""The forward-backward algorithm of CTC, compiled by Numba, without logarithms in its recursions.

A probability is represented as ``m 2**e``, with a float64 mantissa m and an integer exponent e in separate arrays. The
range is that of log space and the precision higher, but a sum needs no exp and no log: the terms are scaled to the
greatest exponent by powers of two that are made from their bits. The loops over states have no branches, so that the
compiler vectorizes them.
"""

import math

import numpy as np
from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.team import STARTED, notify

NEVER = -(1 << 61)  # the exponent of a probability of 0, whose m is 0
CLOSED = 2 * NEVER  # added to an exponent it makes it less than that
BITS, BIAS = 52, 1023  # of a float64: below its exponent, and added to it
ROUND = 1.5 * 2.0**BITS  # a float64 to which this is added has its nearest integer in the lowest bits
LOG2_E = 1 / math.log(2)
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # log(2) so rounded that its products with integers are exact
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # and the rest
SMALLEST = -1e12  # a logarithm that is no greater is that of 0


@njit(nogil=True)
def power_of_two(n):
    """Return 2**n for an integer n up to 1023; 0 below -1022."""
    return np.int64((max(n, -BIAS) + BIAS) << BITS).view(np.float64)


@njit(nogil=True)
def exponent_of(x):
    """Return n with 2**n <= x < 2**(n + 1), for x > 0; -1023 for 0."""
    return ((np.float64(x).view(np.int64) >> BITS) & 2047) - BIAS


@njit(nogil=True)
def softmax(z, m, e):
    """Write m 2**e = softmax(z), exp by its series around the nearest power of two, exact to one or two last bits."""
    top, total = z.max(), 0.0
    for k in range(len(z)):
        below = np.float64(z[k]) - top
        x = max(below, SMALLEST)
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
        e[k] = np.float64(shifted).view(np.int64) - np.float64(ROUND).view(np.int64)
    for k in range(len(z)):
        total += m[k] * power_of_two(e[k])
    scale = 1 / total
    for k in range(len(z)):
        m[k] *= scale


@njit(nogil=True)
def emit(labels, y_m, y_e, m, e):
    """Write the emission probability m 2**e of each state, from those of the labels."""
    for s in range(len(labels)):
        m[s], e[s] = y_m[labels[s]], y_e[labels[s]]


@njit(nogil=True)
def gather(m, e, step, skips, sum_m, sum_e):
    """Write the sum over each state's predecessors: itself, its neighbour and, if it may be skipped to, the second one.

    The neighbours are to the left with `step` 1, so that m and e begin with two neighbours, and to the right with
    `step` -1, so that they begin with the state itself; `skips` are 0, or CLOSED where there is no skip.
    """
    S = len(sum_m)
    own, far = (2, 0) if step == 1 else (0, 2)
    m0, m1, m2 = m[own : own + S], m[1 : 1 + S], m[far : far + S]
    e0, e1, e2 = e[own : own + S], e[1 : 1 + S], e[far : far + S]
    for s in range(S):
        skipped = e2[s] + skips[s]
        top = max(e0[s], max(e1[s], skipped))
        sum_m[s] = (
            m0[s] * power_of_two(e0[s] - top) + m1[s] * power_of_two(e1[s] - top) + m2[s] * power_of_two(skipped - top)
        )
        sum_e[s] = top


@njit(nogil=True)
def times(a_m, a_e, b_m, b_e, m, e):
    """Write the product, with m from 1 to 2."""
    for s in range(len(m)):
        product = a_m[s] * b_m[s]
        n = exponent_of(product)
        m[s] = product * power_of_two(-n)
        e[s] = max(a_e[s] + b_e[s] + n, NEVER)


@entry
def ctc_sequences(signals, outputs, labels, states, skips, lengths, losses, d_outputs, shard, shards):
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
    notify(signals, STARTED)
    (T, B, K), widest = outputs.shape, labels.shape[1]
    y_m, y_e = np.empty((T, K)), np.empty((T, K), np.int64)
    alpha_m, alpha_e = np.empty((T + 1, widest + 2)), np.empty((T + 1, widest + 2), np.int64)
    beta_m, beta_e = np.empty(widest + 2), np.empty(widest + 2, np.int64)
    sum_m, sum_e = np.empty(widest), np.empty(widest, np.int64)
    emission_m, emission_e = np.empty(widest), np.empty(widest, np.int64)
    closed, d = np.empty(widest + 2, np.int64), np.empty(K)
    for b in range(shard, B, shards):
        S, steps = states[b], lengths[b]
        if steps == 0:
            losses[b] = 0.0 if S == 1 else np.inf
            continue
        for s in range(S + 2):  # from before the first state, and to behind the last one, one may always skip
            closed[s] = 0 if s == 1 or s == S or (s < S and skips[b, s]) else CLOSED
        label, w_m, w_e, x_m, x_e = labels[b, :S], sum_m[:S], sum_e[:S], emission_m[:S], emission_e[:S]
        a_m, a_e = alpha_m[:, : S + 2], alpha_e[:, : S + 2]
        a_m[: steps + 1, :2], a_e[: steps + 1, :2] = 0.0, NEVER
        a_m[0], a_e[0] = 0.0, NEVER
        a_m[0, 1], a_e[0, 1] = 1.0, 0  # before the first step: before the first state
        for t in range(steps):
            softmax(outputs[t, b], y_m[t], y_e[t])
            emit(label, y_m[t], y_e[t], x_m, x_e)
            gather(a_m[t], a_e[t], 1, closed[:S], w_m, w_e)
            times(w_m, w_e, x_m, x_e, a_m[t + 1, 2:], a_e[t + 1, 2:])
        b_m, b_e = beta_m[: S + 2], beta_e[: S + 2]
        b_m[:], b_e[:] = 0.0, NEVER
        b_m[S], b_e[S] = 1.0, 0  # after the last step: behind the last state
        end_m, end_e = a_m[steps, S : S + 2], a_e[steps, S : S + 2]  # the last two states, or nothing and the only one
        whole_e = max(end_e[0], end_e[1])
        whole_m = end_m[0] * power_of_two(end_e[0] - whole_e) + end_m[1] * power_of_two(end_e[1] - whole_e)
        losses[b] = -(math.log(whole_m) + whole_e * math.log(2)) if whole_m != 0 else np.inf
        inverse = 1 / whole_m if whole_m != 0 else 0.0
        for t in range(steps - 1, -1, -1):
            gather(b_m, b_e, -1, closed[2:], w_m, w_e)
            m, e = a_m[t + 1, 2:], a_e[t + 1, 2:]
            for s in range(S):
                x_m[s] = m[s] * w_m[s] * inverse * power_of_two(e[s] + w_e[s] - whole_e)
            for k in range(K):
                d[k] = y_m[t, k] * power_of_two(y_e[t, k])
            for s in range(S):
                d[label[s]] -= x_m[s]
            d_outputs[t, b] = d
            emit(label, y_m[t], y_e[t], x_m, x_e)
            times(w_m, w_e, x_m, x_e, b_m[:S], b_e[:S])
            b_m[S], b_e[S] = 0.0, NEVER
