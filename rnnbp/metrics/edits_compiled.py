"""The tables of edits, filled by code that Numba compiles."""

import numpy as np

from rnnbp.kernels.compiled.compiling import entry, helper


@entry
def cost_saved(down, across, rows, columns, M, saved):
    """Write what `rnnbp.metrics.edits.cost_saved` writes."""
    (height, G), width = down.shape, len(across)
    number = down.dtype.type
    hit, miss = number(2 * M), number(M - 1)
    v = np.zeros((3, (height + 1) * G), down.dtype)
    tokens, others = down.reshape(-1), across.reshape(-1)
    for d in range(2, height + width + 1):
        first, last = max(0, d - 1 - width) * G, min(height, d - 1) * G
        new, before, corner, shift = v[d % 3], v[(d + 2) % 3], v[(d + 1) % 3], (width - d + 1) * G
        _diagonal(
            tokens[first:last], others[shift + first : shift + last], corner[first:last], before[first:last],
            before[first + G : last + G], hit, miss, new[first + G : last + G],
        )  # fmt: skip
        for g in range(G):
            if rows[g] + columns[g] == d:
                saved[g] = new[rows[g] * G + g]


@helper
def _diagonal(tokens, others, corner, above, left, hit, miss, new):
    """Write the cells of a diagonal, as many at a time as fit into a register: so their type stays the narrow one."""
    number = new.dtype.type
    for i in range(len(new)):
        through = number(corner[i] + (hit if tokens[i] == others[i] else miss))
        new[i] = max(max(above[i], left[i]), through)
