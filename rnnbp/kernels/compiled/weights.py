"""Weights, packed for products before the first step; and their gradients, summed over the steps of a stretch."""

import numpy as np
from numba import njit

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.product import COLUMNS, panel_product
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES, at, copy, lanes, load, store
from rnnbp.workspace import empty

DEPTH = 64  # rows that are summed at a time: few, as a sum in float32 rounds the less the shorter it is
CHUNK = 96  # units whose errors stay in the cache meanwhile


def packed(dtype, parts, *weights):
    """Weights (parts H, K) that act side by side, packed for products from their K inputs to registers of H units.

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
    """Weights (depth, width), packed for products with errors (depth,)."""
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
            count, come = max(0, min(L, H - unit)), at(w, (part * H + unit) * K)
            for k in range(K):
                to = at(out, ((p * depth + first + k) * registers + v) * L)
                for lane in range(count):
                    to[lane] = come[lane * K + k]
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
    """A copy of weights (rows, H) and (rows, F) in rows of whole registers."""
    (rows, H), F, L = w_h.shape, w_x.shape[1], lanes(w_h)
    S = (H + F + L - 1) // L * L
    sums = np.empty((rows, S), w_h.dtype)
    for m in range(rows):
        copy(at(sums, m * S), at(w_h, m * H), H)
        copy(at(sums, m * S + H), at(w_x, m * F), F)
    return sums


@entry
def put_back(sums, w_h, w_x):
    """Where the copies came from."""
    H, F, S = w_h.shape[1], w_x.shape[1], sums.shape[1]
    for m in range(len(sums)):
        copy(at(w_h, m * H), at(sums, m * S), H)
        copy(at(w_x, m * F), at(sums, m * S + H), F)


@entry
def outer_sum(deltas, begin, inputs, start, base, blocks, sums, b_h, b_x):
    """Add the gradient of weights side by side, and of their biases.

    ``sums += deltas[:n, begin : begin + rows].T @ inputs[base : base + n, start : start + S]``, and to either bias the
    sum of these deltas. Each block is summed from zero, in pieces of at most `DEPTH` rows, and they are added from
    the last to the first.

    Parameters
    ----------
    deltas : ndarray (at least n, ...)
    begin : int
    inputs : ndarray (more than base + n, ...)
    start, base : int
    blocks : ndarray of int
        Where each block of steps begins among the rows, and n.
    sums : ndarray (rows, S)
        Rows of whole registers, as of `side_by_side`.
    b_h, b_x : ndarrays (rows,)
        Either may be empty.
    """
    L = lanes(deltas)
    (rows, S), G, X = sums.shape, deltas.shape[1], inputs.shape[1]
    registers = S // L
    errors, panels = np.empty((DEPTH, CHUNK), deltas.dtype), np.empty((DEPTH, S), deltas.dtype)
    for k in range(len(blocks) - 2, -1, -1):
        pieces = (blocks[k + 1] - blocks[k] + DEPTH - 1) // DEPTH
        for piece in range(pieces - 1, -1, -1):
            first = blocks[k] + piece * DEPTH
            depth = min(DEPTH, blocks[k + 1] - first)
            for q in range(0, registers, COLUMNS):
                width, come = min(COLUMNS, registers - q) * L, start + q * L
                for n in range(depth):
                    copy(at(panels, q * L * DEPTH + n * width), at(inputs, (base + first + n) * X + come), width)
            for m in range(0, rows, CHUNK):
                count = min(CHUNK, rows - m)
                for n in range(depth):
                    copy(at(errors, n * CHUNK), at(deltas, (first + n) * G + begin + m), count)
                for q in range(0, registers, COLUMNS):
                    columns, here = min(COLUMNS, registers - q), at(sums, m * S + q * L)
                    panel_product(
                        count, columns, at(errors, 0), 1, CHUNK, at(panels, q * L * DEPTH), columns * L, depth,
                        here, S, here, S, L
                    )  # fmt: skip
                _column_sums(errors, depth)
                for i in range(count):
                    if len(b_h) > 0:
                        b_h[m + i] += errors[0, i]
                    if len(b_x) > 0:
                        b_x[m + i] += errors[0, i]


@njit(nogil=True)
def _column_sums(errors, depth):
    """The sum of the first `depth` rows, into the first of them."""
    for m in range(0, CHUNK, lanes(errors)):
        total = load(at(errors, m))
        for n in range(1, depth):
            total = total + load(at(errors, n * CHUNK + m))
        store(at(errors, m), total)
