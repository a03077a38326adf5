"""Random products that estimate the influence matrix, updated by compiled code."""

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.kernels import allowed
from rnnbp.kernels.compiled import available


def is_compiled() -> bool:
    """Return whether compiled code may be used: Numba is installed, and `rnnbp.kernels.using` does not exclude it."""
    return "compiled" in allowed() and available()


def advance_rank_one(
    state: Array, params: Array, active: Array, jacobian: Array, new_state: Array, new_params: Array, signal: Array
) -> Array:
    """Update s~ and theta~ of `UORO` in place through a block, and return the gradient (P,) of its losses.

    Parameters
    ----------
    state, params : ndarray (B, S), (B, P)
        s~ and theta~.
    active : ndarray (h,)
        The number of active sequences of each step.
    jacobian : ndarray (N, S, S)
    new_state, new_params : ndarray (N, S), (N, P)
        rho1 nu and nu I / rho1 of each real step.
    signal : ndarray (N, S)
        dL/ds.
    """
    from rnnbp.kernels.compiled import random_products

    S, P = state.shape[1], params.shape[1]
    own_state, own_params = _padded(state), _padded(params)
    gradient = np.zeros(own_params.shape[1], params.dtype)
    transposed = _padded(_padded(jacobian).swapaxes(1, 2))
    random_products.advance_rank_one(
        own_state, own_params, active, transposed, _padded(new_state), _padded(new_params), _padded(signal), gradient
    )
    state[...], params[...] = own_state[:, :S], own_params[:, :P]
    return gradient[:P]


def advance_kronecker(
    inputs: Array,
    states: Array,
    active: Array,
    jacobian: Array,
    old_sign: Array,
    new_inputs: Array,
    new_states: Array,
    signal: Array,
) -> Array:
    """Update u and A of `KFRTRL` in place through a block, and return the gradient (K, V) of its losses.

    Parameters
    ----------
    inputs, states : ndarray (B, V), (B, S, K)
        u and A.
    active : ndarray (h,)
        The number of active sequences of each step.
    jacobian : ndarray (N, S, S)
    old_sign : ndarray (N,)
        c1 of each real step.
    new_inputs, new_states : ndarray (N, V), (N, S, K)
        c2 p2 v and c2 D / p2.
    signal : ndarray (N, S)
        dL/ds.
    """
    from rnnbp.kernels.compiled import random_products

    V, K = inputs.shape[1], states.shape[2]
    own_inputs, own_states = _padded(inputs), _padded(states)
    gradient = np.zeros((own_states.shape[2], own_inputs.shape[1]), states.dtype)
    random_products.advance_kronecker(
        own_inputs, own_states, active, np.ascontiguousarray(jacobian), np.ascontiguousarray(old_sign),
        _padded(new_inputs), _padded(new_states), np.ascontiguousarray(signal), gradient
    )  # fmt: skip
    inputs[...], states[...] = own_inputs[:, :V], own_states[:, :, :K]
    return gradient[:K, :V]


def _padded(array: Array) -> Array:
    """Return a copy whose last axis is padded by zeros to a multiple of the vector width."""
    from rnnbp.kernels.compiled.vectors import REGISTER_BYTES

    width, lanes = array.shape[-1], REGISTER_BYTES // array.dtype.itemsize
    found = np.zeros((*array.shape[:-1], max(lanes, -(-width // lanes) * lanes)), array.dtype)
    found[..., :width] = array
    return found
