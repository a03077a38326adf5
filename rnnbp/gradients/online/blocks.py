"""Schmidhuber's hybrid of RTRL and BPTT: backpropagation within a block, RTRL from block to block."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Array, Delta, map_nested
from rnnbp.cells.outer import outer_method, side_by_side
from rnnbp.gradients.online.base import InfluenceMatrix, Online
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class BlockRTRL(Online):
    """Compute the gradient of the mean loss by Schmidhuber's O(n^3) hybrid of RTRL and BPTT.

    It has RTRL's exact gradient and fixed memory at a fraction of the cost, as the influence matrix is updated once per
    block. Within a block of h steps that begins with the state s[b], the loss is backpropagated to the parameters and
    to s[b], and from there to the parameters at earlier steps by the influence matrix M[b]. At the end of the block the
    Jacobian of s[b + h] is backpropagated through the block, which gives::

        M[b + h] = ds[b + h]/ds[b] . M[b] + (the immediate Jacobians within the block, propagated to s[b + h])

    So RTRL's S^2 P is paid once in h steps and S P at each: with h about S, O(H^3) a step instead of O(H^4) for H
    fully recurrent units. The influence matrix and h steps are stored, whatever the length of the sequences.
    ``block=1`` is RTRL, a block as long as the sequence is full BPTT.

    Parameters
    ----------
    block : int
        h, steps in a block; about the number of units is a good choice.
    every : int, optional
        Steps between gradients, where a block ends too; the parameters may change with each. Default: one per batch, at
        constant parameters.

    Raises
    ------
    ValueError
        If `block` or `every` is not a positive integer; when used on a model that `RTRL` does not take.

    References
    ----------
    J. Schmidhuber (1992), "A fixed size storage O(n^3) time complexity learning algorithm for fully recurrent
    continually running networks", Neural Computation 4(2), 243-248, doi:10.1162/neco.1992.4.2.243

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((8, 2))], targets=[np.zeros(8, int)]).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (found,) = BlockRTRL(block=3).gradients(model, batch, rnnbp.CrossEntropy())
    >>> np.allclose(found.vector, exact.vector, rtol=1e-12)
    True
    """

    block: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("block", self.block)

    def block_steps(self, parts: Decomposition, batch_size: int) -> int:
        return self.block

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        return BlockInfluenceMatrix(np.zeros((batch_size, parts.cell.state_size, parts.params.size), parts.model.dtype))


class BlockInfluenceMatrix(InfluenceMatrix):
    """The influence matrix M (B, S, P) at the beginning of a block.

    Parameters
    ----------
    matrix : ndarray (B, S, P)
    """

    def __init__(self, matrix: Array) -> None:
        self.matrix, self._buffer = matrix, np.zeros_like(matrix)  # M, and where J M is written to
        self._block: LinearizedSteps | None = None

    @property
    def stored(self) -> Sequence[Any]:
        return self.matrix, self._buffer, self._block

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        gradient, self._block = self.backpropagate(steps, signal), steps
        if steps.following:
            self.advance_block(steps, steps.following)
        return gradient

    def backpropagate(self, steps: LinearizedSteps, signal: Array) -> Array:
        """Return the gradient (P,) of the block's losses: through the steps of the block, and through M before it."""
        d_state, deltas = signal[:0], []
        for rows in reversed(steps.rows):
            d_next = signal[rows].copy()
            d_next[: len(d_state)] += d_state
            d_state, _, delta = _vjp(steps, rows, d_next)
            deltas.append(delta)
        grad = steps.params.zeros()
        delta = map_nested(lambda *parts: np.concatenate(parts[::-1]), *deltas)
        steps.cell.param_vjp(steps.state, steps.x, steps.residuals, delta, grad)
        n, S = d_state.shape
        return grad.vector + d_state.reshape(n * S) @ self.matrix[:n].reshape(n * S, -1)

    def advance_block(self, steps: LinearizedSteps, n: int) -> None:
        """Update M to the end of the block, for the first n sequences: those that have a next step."""
        S = self.matrix.shape[1]
        cotangents = np.broadcast_to(np.eye(S, dtype=self.matrix.dtype)[:, None], (S, n, S))
        firsts = [slice(rows.start, rows.start + n) for rows in steps.rows]
        deltas: list[Delta] = []
        for rows in reversed(firsts):
            cotangents, _, delta = _vjp(steps, rows, cotangents)
            deltas.append(delta)
        np.matmul(np.moveaxis(cotangents, 0, 1), self.matrix[:n], out=self._buffer[:n])
        self.matrix, self._buffer = self._buffer, self.matrix
        delta = map_nested(lambda *parts: np.stack(parts[::-1]), *deltas)
        self.matrix[:n] += _block_jacobian(steps, firsts, delta)


def _vjp(steps: LinearizedSteps, rows: slice, d_next: Array) -> tuple[Array, Array, Delta]:
    """Return the VJP of some rows for cotangents (..., n, S)."""

    def take(a: Array) -> Array:
        return np.broadcast_to(a[rows], (*d_next.shape[:-1], *a.shape[1:]))

    residuals = map_nested(take, steps.residuals)
    return steps.cell.step_vjp(steps.weights, take(steps.state), take(steps.x), residuals, d_next)


def _block_jacobian(steps: LinearizedSteps, rows: Sequence[slice], delta: Delta) -> Array:
    """Return the derivative (n, S, P) of the block's last state with respect to the parameters, at a fixed first state.

    `rows` are those of n sequences at each step, and `delta` (h, S, n, K) is the derivative with respect to the
    pre-activations of the h steps.
    """

    def over_time(a: Array) -> Array:
        return np.stack([a[own] for own in rows])

    cell, params = steps.cell, steps.params
    state, x = over_time(steps.state), over_time(steps.x)
    residuals = map_nested(over_time, steps.residuals)
    found = np.zeros((state.shape[1], state.shape[2], params.size), state.dtype)
    method = outer_method(cell)
    if method is None:
        for b, s in np.ndindex(*found.shape[:2]):
            own_residuals = map_nested(lambda r, b=b: r[:, b], residuals)
            own_delta = map_nested(lambda d, s=s, b=b: d[:, s, b], delta)
            cell.param_vjp(state[:, b], x[:, b], own_residuals, own_delta, params.like(found[b, s]))
        return found
    deltas = np.ascontiguousarray(np.moveaxis(side_by_side(delta), 2, 0))  # (n, h, S, K)
    total = deltas.sum(axis=1)
    for outer in method(state, x, residuals):
        place = found[..., params.place(outer.name)].reshape(*found.shape[:2], *params.shapes[outer.name])
        if outer.inputs is None:
            place[..., outer.rows] = total[..., outer.columns]
        else:
            part = place.swapaxes(2, 3) if outer.transposed else place
            chosen = deltas.take(outer.columns, axis=3).reshape(*deltas.shape[:2], -1)
            product = chosen.swapaxes(1, 2) @ np.moveaxis(outer.inputs, 1, 0)
            part[:, :, outer.rows] = product.reshape(*found.shape[:2], len(outer.columns), -1)
    return found
