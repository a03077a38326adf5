"""Random products that estimate the influence matrix, updated through a block of steps: UORO's and KF-RTRL's.

Both update a product left x right to ``rho left' + new_left, right' / rho + new_right`` with rho such that the factors
of the old part have equal norms (`rnnbp.gradients.online.sign_estimates.balanced`). Rows are padded by zeros to a
multiple of the vector width, so that sums run over registers.
"""

import numpy as np

from rnnbp.kernels.compiled.compiling import entry, helper
from rnnbp.kernels.compiled.vectors import at, lanes, load, store


@entry
def advance_rank_one(state, params, active, jacobians, new_state, new_params, signal, gradient):
    """Update s~ (B, S) and theta~ (B, P) through the N real steps of a block (UORO).

    Parameters
    ----------
    state, params : ndarray (B, S), (B, P)
        Updated.
    active : ndarray (h,)
    jacobians : ndarray (N, S, S)
        Transposed: ``jacobians[row, j, i]`` is the derivative of unit i with respect to unit j.
    new_state, new_params : ndarray (N, S), (N, P)
    signal : ndarray (N, S)
    gradient : ndarray (P,)
        The sum of dL/ds . s~ theta~ is added to it.
    """
    S, P, L = state.shape[1], params.shape[1], lanes(state)
    moved, register = np.empty(S, state.dtype), np.empty(L, state.dtype)
    for b in range(active[0] if len(active) > 0 else 0):
        row = b
        for t in range(len(active)):
            if active[t] <= b:
                break
            product(moved, at(jacobians, row * S * S), at(state, b * S), S, S, register)
            rho, inverse = balance(squares(at(moved, 0), S, register), squares(at(params, b * P), P, register))
            total = state.dtype.type(0)
            for i in range(S):
                state[b, i] = rho * moved[i] + new_state[row, i]
                total += signal[row, i] * state[b, i]
            for p in range(0, P, L):
                place = at(params, b * P + p)
                value = inverse * load(place) + load(at(new_params, row * P + p))
                store(place, value)
                store(at(gradient, p), load(at(gradient, p)) + total * value)
            row += active[t]


@entry
def advance_kronecker(inputs, states, active, jacobians, old_sign, new_inputs, new_states, signal, gradient):
    """Update u (B, V) and A (B, S, K) through the N real steps of a block (KF-RTRL).

    Parameters
    ----------
    inputs, states : ndarray (B, V), (B, S, K)
        Updated.
    active : ndarray (h,)
    jacobians : ndarray (N, S, S)
    old_sign : ndarray (N,)
        c1.
    new_inputs, new_states : ndarray (N, V), (N, S, K)
        Times c2.
    signal : ndarray (N, S)
    gradient : ndarray (K, V)
        The sum of (dL/ds . A) outer u is added to it.
    """
    (_, S, K), V, L = states.shape, inputs.shape[1], lanes(states)
    moved, weights, register = np.empty(S * K, states.dtype), np.empty(K, states.dtype), np.empty(L, states.dtype)
    for b in range(active[0] if len(active) > 0 else 0):
        row = b
        for t in range(len(active)):
            if active[t] <= b:
                break
            own, u = at(states, b * S * K), at(inputs, b * V)
            for i in range(S):
                product(moved[i * K : (i + 1) * K], own, at(jacobians, (row * S + i) * S), S, K, register)
            rho, inverse = balance(squares(u, V, register), squares(at(moved, 0), S * K, register))
            for v in range(V):
                u[v] = old_sign[row] * rho * u[v] + new_inputs[row, v]
            for k in range(0, S * K, L):
                value = old_sign[row] * inverse * load(at(moved, k)) + load(at(new_states, row * S * K + k))
                store(at(own, k), value)
            product(weights, own, at(signal, row * S), S, K, register)
            for k in range(K):
                for v in range(V):
                    gradient[k, v] += weights[k] * u[v]
            row += active[t]


@helper
def product(out, matrix, vector, rows, columns, register):
    """Fill `out` with the sum over the rows of a matrix at an address, each times a number of `vector`."""
    L = len(register)
    for k in range(0, columns, L):
        total = vector[0] * load(at(matrix, k))
        for j in range(1, rows):
            total = total + vector[j] * load(at(matrix, j * columns + k))
        store(at(out, k), total)


@helper
def squares(place, count, register):
    """Return the sum of the squares of numbers from an address on."""
    L = len(register)
    total = load(place) * load(place)
    for k in range(L, count, L):
        total = total + load(at(place, k)) * load(at(place, k))
    store(at(register, 0), total)
    found = register[0]
    for lane in range(1, L):
        found += register[lane]
    return found


@helper
def balance(left, right):
    """Return rho and 1 / rho for factors of these squared norms; zeros if one of them is zero."""
    if left > 0 and right > 0:
        rho = (right / left) ** 0.25
        return rho, 1 / rho
    return 0 * left, 0 * left
