"""Random products that estimate the influence matrix, updated through a block of steps: UORO's and KF-RTRL's.

Both update a product left x right to ``rho left' + new_left, right' / rho + new_right`` with rho such that the factors
of the old part have equal norms (`rnnbp.gradients.online.sign_estimates.balanced`). Rows are padded by zeros to a
multiple of the vector width, so that sums run over registers.
"""

import numpy as np

from rnnbp.kernels.compiled.compiling import entry, helper
from rnnbp.kernels.compiled.influence import add_product
from rnnbp.kernels.compiled.product import COLUMNS, product
from rnnbp.kernels.compiled.reductions import dot
from rnnbp.kernels.compiled.vectors import at, lanes, load, store


@entry
def advance_rank_one(
    state, params, active, non_recurrent, entries, weights, slopes, through, slope_places, new_state, deltas, inputs,
    columns, places, signal, gradient
):  # fmt: skip
    """Update s~ (B, S) and theta~ (B, P) through the N real steps of a block (UORO).

    Parameters
    ----------
    state, params : ndarray (B, S), (B, P)
        Updated.
    active : ndarray (h,)
    non_recurrent : ndarray (N, ...)
        The non-recurrent Jacobian.
    entries : ndarray (E, 3)
        Its entries: units i and j, and their place.
    weights : ndarray (S, K)
        The recurrent weights from each unit to each pre-activation.
    slopes : ndarray (N, ...)
        Derivatives of units with respect to pre-activations.
    through, slope_places : ndarray (S, q)
        The pre-activations that each unit depends on, -1 in the padding, and the places of their derivatives.
    new_state : ndarray (N, S)
    deltas, inputs : ndarray (N, K), (N, V)
        The new part of theta~ is a delta times an input.
    columns, places : ndarray (P,)
        Which delta and which input, for each parameter.
    signal : ndarray (N, S)
    gradient : ndarray (P,)
        The sum of dL/ds . s~ theta~ is added to it.
    """
    S, P, K = state.shape[1], params.shape[1], weights.shape[1]
    moved, sums = np.empty(S, state.dtype), np.empty(K, state.dtype)
    for b in range(active[0] if len(active) > 0 else 0):
        row = b
        for t in range(len(active)):
            if active[t] <= b:
                break
            combination(sums, at(weights, 0), at(state, b * S), len(weights), K)
            moved[:] = 0
            for e in range(len(entries)):
                i, j, place = entries[e]
                moved[i] += non_recurrent[row, place] * state[b, j]
            for i in range(len(through)):
                for q in range(through.shape[1]):
                    if through[i, q] >= 0:
                        moved[i] += slopes[row, slope_places[i, q]] * sums[through[i, q]]
            rho, inverse = balance(squares(at(moved, 0), S), squares(at(params, b * P), P))
            total = state.dtype.type(0)
            for i in range(S):
                state[b, i] = rho * moved[i] + new_state[row, i]
                total += signal[row, i] * state[b, i]
            for p in range(P):
                value = inverse * params[b, p] + deltas[row, columns[p]] * inputs[row, places[p]]
                params[b, p] = value
                gradient[p] += total * value
            row += active[t]


@entry
def advance_kronecker(
    product_at, inputs, states, active, jacobians, old_sign, new_inputs, slopes, entries, scale, signal, gradient
):  # fmt: skip
    """Update u (B, V) and A through the N real steps of a block (KF-RTRL).

    Parameters
    ----------
    product_at : int
        Address of the product.
    inputs : ndarray (B, V)
        u, updated.
    states : ndarray (B, panels, S, W)
        A in panels of `COLUMNS` registers, updated; K is the number of columns of all panels.
    active : ndarray (h,)
    jacobians : ndarray (N, S, S)
    old_sign : ndarray (N,)
        c1.
    new_inputs : ndarray (N, V)
        The new part of u.
    slopes, entries, scale : ndarray (N, ...), (E, 2), (N,)
        The new part of A: derivatives of units with respect to pre-activations, at the places in A and in `slopes` of
        each entry, times a number.
    signal : ndarray (N, S)
    gradient : ndarray (K, V)
        The sum of (dL/ds . A) outer u is added to it.
    """
    (_, panels, S, W), V, L = states.shape, inputs.shape[1], lanes(states)
    moved, weights = np.empty(panels * S * W, states.dtype), np.empty(panels * W, states.dtype)
    for b in range(active[0] if len(active) > 0 else 0):
        row, own, u = b, at(states, b * panels * S * W), at(inputs, b * V)
        for t in range(len(active)):
            if active[t] <= b:
                break
            moved[:], weights[:] = 0, 0
            for p in range(panels):
                old, new = at(own, p * S * W), at(moved, p * S * W)
                product(product_at, S, COLUMNS, at(jacobians, row * S * S), S, 1, old, W, S, new, W, new, W, L)
            rho, inverse = balance(squares(u, V), squares(at(moved, 0), len(moved)))
            for v in range(V):
                u[v] = old_sign[row] * rho * u[v] + new_inputs[row, v]
            for k in range(0, len(moved), L):
                store(at(own, k), old_sign[row] * inverse * load(at(moved, k)))
            for e in range(len(entries)):
                own[entries[e, 0]] += scale[row] * slopes[row, entries[e, 1]]
            for p in range(panels):
                add_product(at(weights, p * W), at(signal, row * S), at(own, p * S * W), S, L)
            for k in range(len(weights)):
                for v in range(V):
                    gradient[k, v] += weights[k] * u[v]
            row += active[t]


@helper
def combination(out, matrix, vector, rows, columns):
    """Fill `out` with the sum over the rows of a matrix at an address, each times a number of `vector`."""
    for k in range(0, columns, lanes(out)):
        total = vector[0] * load(at(matrix, k))
        for j in range(1, rows):
            total = total + vector[j] * load(at(matrix, j * columns + k))
        store(at(out, k), total)


@helper
def squares(place, count):
    """Return the sum of the squares of numbers from an address on."""
    return dot(place, place, count)


@helper
def balance(left, right):
    """Return rho and 1 / rho for factors of these squared norms; zeros if one of them is zero."""
    if left > 0 and right > 0:
        rho = (right / left) ** 0.25
        return rho, 1 / rho
    return 0 * left, 0 * left
