"""What the loops over time of all cells share: the row of a sequence's next state, and products by whole matrices."""

import numpy as np
from numba import njit

from rnnbp.kernels.compiled.product import COLUMNS, panel_product
from rnnbp.kernels.compiled.vectors import at, copy, lanes


@njit(nogil=True)
def after(i, following, still, steps):
    """Return the row of sequence i's state after a step: in the next step, or, at its end, after all `steps`."""
    return following + i if i < still else steps + i


@njit(nogil=True)
def product(rows, width, a, a_row, a_k, b, depth, c0, c0_row, c, c_row):
    """Compute C = C0 + A B for all of a matrix B (depth, width), packed; a `c0_row` of 0 adds the same row to all."""
    L = lanes(b)
    registers = (width + L - 1) // L
    for q in range(0, registers, COLUMNS):
        panel_product(
            rows, min(COLUMNS, registers - q), a, a_row, a_k, at(b, q * L * depth), COLUMNS * L, depth,
            at(c0, q * L), c0_row, at(c, q * L), c_row, L
        )  # fmt: skip


@njit(nogil=True)
def copy_rows(rows, width, room, target, row):
    """Copy rows of `room` to an address with a stride."""
    X = room.shape[1]
    for r in range(rows):
        copy(at(target, r * row), at(room, r * X), width)


@njit(nogil=True)
def work_rows(rows, width, like):
    """Allocate rows for values that one phase of a step computes for another."""
    return np.empty((rows, width), like.dtype)


@njit(nogil=True)
def padded_rows(rows, width, source, row, room):
    """Return the address and the stride of rows of `source` of which the last vector of each may be read.

    They are copied to `room` where a row is not a multiple of the vector width.
    """
    X = room.shape[1]
    if width % lanes(room) == 0:
        return source, row
    for r in range(rows):
        copy(at(room, r * X), at(source, r * row), width)
    return at(room, 0), X


@njit(nogil=True)
def scratch(H, F, rows, like):
    """Allocate memory for one backward call: a row of zeros, and rows padded to the vector width."""
    L = lanes(like)
    width = (max(H, F) + L - 1) // L * L
    return np.zeros(width, like.dtype), np.empty((rows, width), like.dtype)
