"""Random products that estimate the influence matrix, updated by compiled code."""

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.jacobian_compression import CompressedEntries, Compression, by_row
from rnnbp.gradients.online.jacobian_sparsity import input_values
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.norms import balancing, squared_norms


def advance_rank_one(
    state: Array, params: Array, steps: LinearizedSteps, compression: Compression, signs: Array, signal: Array
) -> Array:
    """Update s~ and theta~ of `UORO` in place through a block, and return the gradient (P,) of its losses.

    Neither the recurrent Jacobian nor the signs' product with the immediate one is stored, only what they consist of.

    Parameters
    ----------
    state, params : ndarray (B, S), (B, P)
        s~ and theta~.
    steps : LinearizedSteps
        Of a cell with `outer_products`.
    compression : Compression
    signs, signal : ndarray (N, S)
        nu and dL/ds of each real step.
    """
    from rnnbp.kernels.compiled import random_products

    (_, S), P, sparsity = state.shape, params.shape[1], compression.sparsity
    _, _, nested = steps.cell.step_vjp(steps.weights, steps.state, steps.x, steps.residuals, signs)
    delta, inputs = side_by_side(nested), input_values(steps)
    left, right = balancing(squared_norms(signs), _squared_norms_of_products(steps, delta))
    own_state, own_params = _padded(state), _padded(params)
    gradient = np.zeros(own_params.shape[1], params.dtype)
    columns = np.zeros(own_params.shape[1], np.intp)
    places = np.full(own_params.shape[1], inputs.shape[1] - 1)  # of the zero
    columns[:P], places[:P] = sparsity.columns, sparsity.inputs
    entries = CompressedEntries(steps, compression)
    random_products.advance_rank_one(
        own_state, own_params, steps.active, by_row(entries.non_recurrent), compression.local_entries,
        _padded(entries.recurrent_weights().T), by_row(side_by_side(entries.delta)), compression.through,
        compression.slope_places, _padded(left[:, None] * signs), np.ascontiguousarray(right[:, None] * delta),
        np.ascontiguousarray(inputs), columns, places, _padded(signal), gradient
    )  # fmt: skip
    state[...], params[...] = own_state[:, :S], own_params[:, :P]
    return gradient[:P]


def _squared_norms_of_products(steps: LinearizedSteps, delta: Array) -> Array:
    """Return the squared norm of the gradient with respect to all parameters of each row, (N,), from delta (N, K)."""
    assert steps.outers is not None
    found = np.zeros(len(delta), delta.dtype)
    for outer in steps.outers:
        own = squared_norms(delta[:, outer.columns])
        found += own if outer.inputs is None else own * squared_norms(outer.inputs)
    return found


class KroneckerUpdate:
    """The compiled update of a Kronecker product u outer A, of the parameters of one set of columns of delta.

    Parameters
    ----------
    compression : Compression
    columns : ndarray of int (K,)

    Attributes
    ----------
    units, columns : ndarray of int (E,)
        The entries of D (S, K) that may be nonzero.
    slope_places : ndarray of int (E,)
        Where they are in the derivatives of all colours.
    """

    def __init__(self, compression: Compression, columns: Array) -> None:
        self.units, self.columns = np.nonzero(compression.sparsity.activation[:, columns])
        self.slope_places = (
            compression.colors[self.units] * compression.sparsity.activation.shape[1] + columns[self.columns]
        )

    def advance(
        self, inputs: Array, states: Array, active: Array, jacobian: Array, slopes: Array, signs: Array,
        new_inputs: Array, signal: Array
    ) -> Array:  # fmt: skip
        """Update u and A of `KFRTRL` in place through a block, and return the gradient (K, V) of its losses.

        Parameters
        ----------
        inputs, states : ndarray (B, V), (B, S, K)
            u and A.
        active : ndarray (h,)
            The number of active sequences of each step.
        jacobian : ndarray (N, S, S)
        slopes : ndarray (N, ...)
            Derivatives of units with respect to pre-activations, of all colours: D consists of them.
        signs : ndarray (2, N)
            c1 and c2.
        new_inputs : ndarray (N, V)
            v.
        signal : ndarray (N, S)
            dL/ds.
        """
        from rnnbp.kernels.compiled import random_products
        from rnnbp.kernels.compiled.product import COLUMNS, product_of

        (_, S, K), V, W = states.shape, inputs.shape[1], COLUMNS * _lanes(states.dtype)
        rho, inverse = balancing(squared_norms(new_inputs), squared_norms(slopes[:, self.slope_places]))
        own_inputs, own_states = _padded(inputs), _padded(states, W).reshape(-1, S, -(-K // W), W).swapaxes(1, 2).copy()
        places = (self.columns // W * S + self.units) * W + self.columns % W
        gradient = np.zeros((own_states.shape[1] * W, own_inputs.shape[1]), states.dtype)
        random_products.advance_kronecker(
            product_of(states.dtype), own_inputs, own_states, active, jacobian, np.ascontiguousarray(signs[0]),
            _padded((signs[1] * rho)[:, None] * new_inputs), slopes, np.stack([places, self.slope_places], axis=1),
            signs[1] * inverse, np.ascontiguousarray(signal), gradient
        )  # fmt: skip
        inputs[...] = own_inputs[:, :V]
        states[...] = own_states.swapaxes(1, 2).reshape(len(states), S, -1)[:, :, :K]
        return gradient[:K, :V]


def _lanes(dtype: np.dtype) -> int:
    """Return the vector width: how many numbers a register has."""
    from rnnbp.kernels.compiled.vectors import REGISTER_BYTES

    return REGISTER_BYTES // dtype.itemsize


def _padded(array: Array, multiple: int | None = None) -> Array:
    """Return a copy whose last axis is padded by zeros to a multiple, by default of the vector width."""
    width, unit = array.shape[-1], multiple or _lanes(array.dtype)
    found = np.zeros((*array.shape[:-1], max(1, -(-width // unit)) * unit), array.dtype)
    found[..., :width] = array
    return found
