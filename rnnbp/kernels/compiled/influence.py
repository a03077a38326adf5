"""The influence matrix of an online algorithm, updated through a block of steps: M <- J M + I.

M is stored in panels of `COLUMNS` registers, whose lanes are parameters, and of the units of a group in which M may be
nonzero. A panel is taken through all steps of the block before the next one, so that it stays in the cache. Most lanes
of a register enter the same pre-activation, so that I is a few products of a number and a register.
"""

from rnnbp.kernels.compiled.compiling import entry, helper
from rnnbp.kernels.compiled.product import COLUMNS, product
from rnnbp.kernels.compiled.team import notify
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, store
from rnnbp.kernels.team import STARTED


@entry
def advance_panels(
    signals, product_at, matrix, active, jacobians, dense, slopes, inputs, signal, due, panels, pieces,
    piece_units, piece_slopes, piece_inputs, places, scratch, gradient, first, last
):  # fmt: skip
    """Take panels `first` to `last` - 1 of every sequence through the steps of a block.

    Parameters
    ----------
    signals, product_at
        Of the team of threads; the address of the product.
    matrix : ndarray (B, ...)
        The panels of each sequence, one after the other; they are updated.
    active : ndarray (h,)
        The number of active sequences of each step; the N rows of the following arrays are those of all steps.
    jacobians : ndarray (N, E)
        The dense columns of J of each group, and the entries of J in its other columns.
    dense : int
        The number of entries in dense columns.
    slopes : ndarray (N, ...)
        Derivatives of units with respect to pre-activations.
    inputs : ndarray (N, V)
        What parameters are multiplied by, and a zero.
    signal, due : ndarray (N, ...), (N,)
        dL/ds of each group's units, and whether it is not zero.
    panels : ndarray (panels, 7)
        Of each: where it begins in a row of `matrix`, its units, the dense columns of J and where they begin, where its
        units' signal begins, and the first and one past the last of its elementwise entries.
    pieces : ndarray (registers + 1,)
        The first piece of each register; the lanes of a piece enter the same pre-activation.
    piece_units, piece_slopes : ndarray (pieces, A)
        The units that the parameters of a piece affect, and the place of the derivative in `slopes`.
    piece_inputs : ndarray (pieces, lanes)
        The place of each parameter's input, and of the zero in the lanes of other pieces.
    places : ndarray (L, 2)
        The unit i and the unit j of each elementwise entry.
    scratch : ndarray
        Overwritten: twice the largest panel with one unit more, and a register.
    gradient : ndarray
        The sum of dL/ds . M is added to it, for each register of all panels.
    first, last : int
    """
    notify(signals, STARTED)
    L, h = lanes(matrix), len(active)
    W, half = COLUMNS * L, (len(scratch) - L) // 2
    values = at(scratch, 2 * half)
    for b in range(active[0] if h > 0 else 0):
        for p in range(first, last):
            start, units, depth, of_j, of_signal, begin, end = panels[p]
            old, new = at(scratch, 0), at(scratch, half)
            stored = at(matrix, b * matrix.shape[1] + start)
            copy(old, stored, units * W)
            row = b
            for t in range(h):
                if active[t] <= b:
                    break
                for i in range(0, units * W, L):
                    store(at(new, i), 0.0)
                for k in range(begin, end):
                    to, of = at(new, places[k, 0] * W), at(old, places[k, 1] * W)
                    for v in range(0, W, L):
                        store(at(to, v), load(at(to, v)) + jacobians[row, dense + k] * load(at(of, v)))
                for v in range(COLUMNS):
                    for piece in range(pieces[p * COLUMNS + v], pieces[p * COLUMNS + v + 1]):
                        for lane in range(L):
                            values[lane] = inputs[row, piece_inputs[piece, lane]]
                        value = load(values)
                        for k in range(piece_units.shape[1]):
                            to = at(new, piece_units[piece, k] * W + v * L)
                            store(to, load(to) + slopes[row, piece_slopes[piece, k]] * value)
                if depth > 0:
                    product(
                        product_at, units, COLUMNS, at(jacobians, row * jacobians.shape[1] + of_j), depth, 1, old, W,
                        depth, new, W, new, W, L
                    )  # fmt: skip
                if due[row]:
                    add_product(at(gradient, p * W), at(signal, row * signal.shape[1] + of_signal), new, units, L)
                old, new = new, old
                row += active[t]
            copy(stored, old, units * W)


@helper
def add_product(sums, vector, panel, rows, L):
    """Add the product of a vector and a panel to `sums`, each register in a chain of its own (`COLUMNS` of them)."""
    a, b, c, d = load(sums), load(at(sums, L)), load(at(sums, 2 * L)), load(at(sums, 3 * L))
    for i in range(rows):
        row = at(panel, 4 * i * L)
        a = a + vector[i] * load(row)
        b = b + vector[i] * load(at(row, L))
        c = c + vector[i] * load(at(row, 2 * L))
        d = d + vector[i] * load(at(row, 3 * L))
    store(sums, a)
    store(at(sums, L), b)
    store(at(sums, 2 * L), c)
    store(at(sums, 3 * L), d)


@entry
def fill_jacobians(
    jacobians, non_recurrent, slopes, places, is_used, units, paths, pre_activations, slope_places, weights
):  # fmt: skip
    """Fill in entries of J: the non-recurrent part, and slopes times recurrent weights.

    Parameters
    ----------
    jacobians : ndarray (N, E)
        Overwritten.
    non_recurrent, slopes : ndarray (N, ...)
    places, is_used : ndarray (E,)
        The place of each entry in `non_recurrent`, and whether it may be nonzero.
    units : ndarray (E, 2)
        The unit i that each entry is the derivative of, and the unit j with respect to which.
    paths : ndarray (S,)
        The number of pre-activations through which recurrent weights lead to each unit.
    pre_activations, slope_places : ndarray (S, q)
        These, and the place of the derivative with respect to each; padded.
    weights : ndarray (K, S)
        The recurrent weights from each unit to each pre-activation.
    """
    N, E = jacobians.shape
    for row in range(N):
        for e in range(E):
            i, j = units[e]
            value = non_recurrent[row, places[e]] if is_used[e] else jacobians.dtype.type(0)
            for q in range(paths[i]):
                value += slopes[row, slope_places[i, q]] * weights[pre_activations[i, q], j]
            jacobians[row, e] = value
