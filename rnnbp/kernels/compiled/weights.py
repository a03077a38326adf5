"""Weights packed for products before the first step, and their gradients summed over the steps of a chunk."""

import numpy as np

from rnnbp.kernels.compiled.compiling import argument, entry
from rnnbp.kernels.compiled.product import COLUMNS, product
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES, at, clip, copy, copy_rows, lanes, load, quotient, store

DEPTH = 64  # rows summed at a time: a shorter sum in float32 has a smaller rounding error
UNITS = 96  # units whose gradients stay in the cache meanwhile


def panels(depth, width, parts, lanes):
    """Return the shape of weights that are packed for products from `depth` numbers to `parts` times `width` numbers.

    A panel has one register of each part, or, of a single part, the next `COLUMNS` registers.
    """
    units, registers = (lanes, parts) if parts > 1 else (lanes * COLUMNS, COLUMNS)
    return -(-width // units), depth, registers, lanes


def pack_side_by_side(out, parts, weights):
    """Pack weights (parts H, K) that act side by side for products from their K inputs to registers of H units."""
    first = 0
    for w in weights:
        pack(argument(w, out.dtype), parts, first, out)
        first += w.shape[1]


@entry
def pack(w, parts, first, out):
    """Fill rows of the panels, from `first` on, with the columns of w (parts H, K)."""
    (rows, K), (panels, depth, registers, L) = w.shape, out.shape
    H = quotient(rows, parts)
    for p in range(panels):
        for v in range(registers):
            part, unit = (v, p * L) if parts > 1 else (0, (p * registers + v) * L)
            count = max(0, min(L, H - unit))  # with `clip`, LLVM makes slow loops of what follows
            source = at(w, (part * H + unit) * K)
            for k in range(K):
                to = at(out, ((p * depth + first + k) * registers + v) * L)
                for lane in range(count):
                    to[lane] = source[lane * K + k]
                for lane in range(count, L):
                    to[lane] = 0


@entry
def pack_back(w, out):
    """Fill panels with w (depth, width), for products with cotangents (depth,)."""
    (depth, width), (panels, _, registers, L) = w.shape, out.shape
    units = registers * L
    for p in range(panels):
        count = clip(width - p * units, units)
        for k in range(depth):
            to = at(out, (p * depth + k) * units)
            copy(to, at(w, k * width + p * units), count)
            for unit in range(count, units):
                to[unit] = 0


def side_by_side(w_h, w_x):
    """Copy weights (rows, H) and (rows, F) side by side into rows padded to the vector width."""
    (rows, H), F, lanes = w_h.shape, w_x.shape[1], REGISTER_BYTES // w_h.itemsize
    sums = np.empty((rows, -(-(H + F) // lanes) * lanes), w_h.dtype)
    copy_columns(sums, 0, w_h, 0, H)
    copy_columns(sums, H, w_x, 0, F)
    return sums


def put_back(sums, w_h, w_x):
    """Copy the columns back to where `side_by_side` took them from."""
    H, F = w_h.shape[1], w_x.shape[1]
    copy_columns(w_h, 0, sums, 0, H)
    copy_columns(w_x, 0, sums, H, F)


@entry
def copy_columns(target, begin, source, start, count):
    """Copy columns of `source` from `start` on into those of `target` from `begin` on."""
    copy_rows(at(target, begin), target.shape[1], at(source, start), source.shape[1], len(source), count)


@entry
def outer_sum(product_at, deltas, begin, inputs, start, base, steps, sums, b_h, b_x, scratch):
    """Add the gradient of weights side by side, and of their biases.

    ``sums += deltas[:n, begin : begin + rows].T @ inputs[base : base + n, start : start + S]``, and to either bias the
    sum of these rows of `deltas`, in pieces of at most `DEPTH` rows.

    Parameters
    ----------
    product_at : int
        Address of the product.
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
    scratch : ndarray (DEPTH, at least UNITS + S, a multiple of a panel's width)
        Overwritten.
    """
    L = lanes(deltas)
    (rows, S), G, X = sums.shape, deltas.shape[1], inputs.shape[1]
    columns_of_a, panels = at(scratch, 0), at(scratch, DEPTH * UNITS)
    for first in range(0, steps, DEPTH):
        depth = clip(steps - first, DEPTH)
        for column in range(0, S, COLUMNS * L):
            source, width = at(inputs, (base + first) * X + start + column), clip(S - column, COLUMNS * L)
            copy_rows(at(panels, column * depth), COLUMNS * L, source, X, depth, width)
        for m in range(0, rows, UNITS):
            count, here = clip(rows - m, UNITS), at(sums, m * S)
            copy_rows(columns_of_a, UNITS, at(deltas, first * G + begin + m), G, depth, count)
            product(
                product_at, count, quotient(S, L), columns_of_a, 1, UNITS, panels, COLUMNS * L, depth,
                here, S, here, S, L
            )  # fmt: skip
            for u in range(0, UNITS, L):
                total = load(at(columns_of_a, u))
                for n in range(1, depth):
                    total = total + load(at(columns_of_a, n * UNITS + u))
                store(at(columns_of_a, u), total)
            for i in range(count):
                if len(b_h) > 0:
                    b_h[m + i] += columns_of_a[i]
                if len(b_x) > 0:
                    b_x[m + i] += columns_of_a[i]
