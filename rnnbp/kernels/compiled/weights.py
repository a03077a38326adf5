"""Weights packed for products before the first step, and their gradients summed over the steps of a chunk."""

import numpy as np
from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.product import COLUMNS, panel_product
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES, at, copy, lanes, load, store
from rnnbp.runtime import empty

DEPTH = 64  # rows summed at a time: a shorter sum in float32 has a smaller rounding error
UNITS = 96  # units whose gradients stay in the cache meanwhile


def packed(dtype, parts, *weights):
    """Pack weights (parts H, K) that act side by side for products from their K inputs to registers of H units.

    A panel has one register of each part, or, of a single part, the next `COLUMNS` registers.
    """
    H, depth = len(weights[0]) // parts, sum(w.shape[1] for w in weights)
    out = _panels(depth, H, parts, dtype)
    first = 0
    for w in weights:
        pack(np.ascontiguousarray(w, dtype), parts, first, out)
        first += w.shape[1]
    return out.reshape(-1)


def packed_back(dtype, w):
    """Pack weights (depth, width) for products with cotangents (depth,)."""
    depth, width = w.shape
    out = _panels(depth, width, 1, dtype)
    pack_back(np.ascontiguousarray(w, dtype), out)
    return out.reshape(-1)


def _panels(depth, width, parts, dtype):
    lanes = REGISTER_BYTES // dtype.itemsize
    units, registers = (lanes, parts) if parts > 1 else (lanes * COLUMNS, COLUMNS)
    return empty((-(-width // units), depth, registers, lanes), dtype)


@entry
def pack(w, parts, first, out):
    """Fill rows of the panels, from `first` on, with the columns of w (parts H, K)."""
    (rows, K), (panels, depth, registers, L) = w.shape, out.shape
    H = rows // parts
    for p in range(panels):
        for v in range(registers):
            part, unit = (v, p * L) if parts > 1 else (0, (p * registers + v) * L)
            count, source = max(0, min(L, H - unit)), at(w, (part * H + unit) * K)
            for k in range(K):
                to = at(out, ((p * depth + first + k) * registers + v) * L)
                for lane in range(count):
                    to[lane] = source[lane * K + k]
                for lane in range(count, L):
                    to[lane] = 0


@entry
def pack_back(w, out):
    """Fill panels with w (depth, width)."""
    (depth, width), (panels, _, registers, L) = w.shape, out.shape
    units = registers * L
    for p in range(panels):
        count = min(units, width - p * units)
        for k in range(depth):
            to = at(out, (p * depth + k) * units)
            copy(to, at(w, k * width + p * units), count)
            for unit in range(count, units):
                to[unit] = 0


@entry
def side_by_side(w_h, w_x):
    """Copy weights (rows, H) and (rows, F) side by side into rows padded to the vector width."""
    (rows, H), F, L = w_h.shape, w_x.shape[1], lanes(w_h)
    S = (H + F + L - 1) // L * L
    sums = np.empty((rows, S), w_h.dtype)
    for m in range(rows):
        copy(at(sums, m * S), at(w_h, m * H), H)
        copy(at(sums, m * S + H), at(w_x, m * F), F)
    return sums


@entry
def put_back(sums, w_h, w_x):
    """Copy the columns back to where `side_by_side` took them from."""
    H, F, S = w_h.shape[1], w_x.shape[1], sums.shape[1]
    for m in range(len(sums)):
        copy(at(w_h, m * H), at(sums, m * S), H)
        copy(at(w_x, m * F), at(sums, m * S + H), F)


@entry
def outer_sum(deltas, begin, inputs, start, base, steps, sums, b_h, b_x):
    """Add the gradient of weights side by side, and of their biases.

    ``sums += deltas[:n, begin : begin + rows].T @ inputs[base : base + n, start : start + S]``, and to either bias the
    sum of these rows of `deltas`, in pieces of at most `DEPTH` rows.

    Parameters
    ----------
    deltas : ndarray (at least n, ...)
    begin : int
    inputs : ndarray (more than base + n, ...)
    start, base : int
    steps : int
        n, the number of rows.
    sums : ndarray (rows, S)
        Rows padded to the vector width, as of `side_by_side`.
    b_h, b_x : ndarrays (rows,)
        Either may be empty.
    """
    L = lanes(deltas)
    (rows, S), G, X = sums.shape, deltas.shape[1], inputs.shape[1]
    registers = S // L
    columns_of_a, panels = np.empty((DEPTH, UNITS), deltas.dtype), np.empty((DEPTH, S), deltas.dtype)
    for first in range(0, steps, DEPTH):
        depth = min(DEPTH, steps - first)
        for q in range(0, registers, COLUMNS):
            width, source = min(COLUMNS, registers - q) * L, start + q * L
            for n in range(depth):
                copy(at(panels, q * L * DEPTH + n * width), at(inputs, (base + first + n) * X + source), width)
        for m in range(0, rows, UNITS):
            count = min(UNITS, rows - m)
            for n in range(depth):
                copy(at(columns_of_a, n * UNITS), at(deltas, (first + n) * G + begin + m), count)
            for q in range(0, registers, COLUMNS):
                columns, here = min(COLUMNS, registers - q), at(sums, m * S + q * L)
                panel_product(
                    count, columns, at(columns_of_a, 0), 1, UNITS, at(panels, q * L * DEPTH), columns * L, depth,
                    here, S, here, S, L
                )  # fmt: skip
            _column_sums(columns_of_a, depth)
            for i in range(count):
                if len(b_h) > 0:
                    b_h[m + i] += columns_of_a[0, i]
                if len(b_x) > 0:
                    b_x[m + i] += columns_of_a[0, i]


@njit(nogil=True)
def _column_sums(a, depth):
    """Sum the first `depth` rows into the first of them."""
    for m in range(0, UNITS, lanes(a)):
        total = load(at(a, m))
        for n in range(1, depth):
            total = total + load(at(a, n * UNITS + m))
        store(at(a, m), total)
