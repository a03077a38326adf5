"""Compiled tables of edits: what `rnnbp.metrics.edits.cost_saved` computes with NumPy."""

import numpy as np

from rnnbp.kernels.compiled.compiling import entry, helper


@entry
def cost_saved(codes, down, across, rows, columns, height, width, saved):
    """Write what `rnnbp.metrics.edits.cost_saved` writes."""
    G, number, last = len(rows), codes.dtype.type, len(codes) - 1
    hit, miss = number(2 * height + 2), number(height)
    v = np.zeros((3, (height + 1) * G), codes.dtype)
    tokens, others = np.empty(height * G, codes.dtype), np.empty(width * G, codes.dtype)
    for i in range(height):
        for g in range(G):
            tokens[i * G + g] = codes[min(down[g] + i, last)]
    for j in range(width):
        for g in range(G):
            others[(width - 1 - j) * G + g] = codes[min(across[g] + j, last)]
    for d in range(2, height + width + 1):
        start, end = max(0, d - 1 - width) * G, min(height, d - 1) * G
        new, before, corner, shift = v[d % 3], v[(d + 2) % 3], v[(d + 1) % 3], (width - d + 1) * G
        _diagonal(
            tokens[start:end], others[shift + start : shift + end], corner[start:end], before[start:end],
            before[start + G : end + G], hit, miss, new[start + G : end + G],
        )  # fmt: skip
        for g in range(G):
            if rows[g] + columns[g] == d:
                saved[g] = new[rows[g] * G + g]


@helper
def _diagonal(tokens, others, corner, above, left, hit, miss, new):
    """Write the cells of a diagonal; all numbers have its narrow dtype, so that many fit into a vector register."""
    number = new.dtype.type
    for i in range(len(new)):
        through = number(corner[i] + (hit if tokens[i] == others[i] else miss))
        new[i] = max(max(above[i], left[i]), through)
