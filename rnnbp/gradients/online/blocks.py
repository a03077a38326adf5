"""Schmidhuber's hybrid of RTRL and BPTT: backpropagation within a block, RTRL from block to block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, Delta, map_nested
from rnnbp.cells.outer import outer_method, side_by_side
from rnnbp.gradients.base import residual_bytes
from rnnbp.gradients.online.base import ForwardPass, GradientSum, InfluenceMatrix, Online, StepLoss
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.linearized_step import LinearizedStep
from rnnbp.gradients.online.rtrl import FullInfluenceMatrix
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

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> "BlockInfluenceMatrix":
        return BlockInfluenceMatrix(np.zeros((batch_size, parts.cell.state_size, parts.params.size), parts.model.dtype))

    def accumulate(self, total: GradientSum, forward_pass: ForwardPass, influence: InfluenceMatrix) -> int:
        assert isinstance(influence, BlockInfluenceMatrix)
        peak_bytes = 0
        for start in range(total.start, total.stop, self.block):
            stop = min(start + self.block, total.stop)
            steps, step_losses = [], []
            for t, step in forward_pass.steps(start, stop):
                steps.append(step)
                step_losses.append(forward_pass.loss_at(t))
            peak_bytes = max(peak_bytes, residual_bytes(influence, steps))
            gradient = influence.backpropagate(steps, step_losses)
            for step_loss in step_losses:
                total.add(step_loss, gradient)
                gradient = np.zeros_like(gradient)
            influence.advance_block(steps, forward_pass.active_at(stop))
        return peak_bytes


class BlockInfluenceMatrix(FullInfluenceMatrix):
    """The influence matrix M (B, S, P) at the beginning of a block."""

    def backpropagate(self, steps: Sequence[LinearizedStep], step_losses: Sequence[StepLoss]) -> Array:
        """Return the gradient (P,) of the block's losses: through the steps of the block, and through M before it."""
        d_state = step_losses[-1].d_state[:0]
        grad = steps[-1].params.zeros()
        for step, step_loss in zip(reversed(steps), reversed(step_losses), strict=True):
            d_next = step_loss.d_state.copy()
            d_next[: len(d_state)] += d_state
            d_state, _, delta = step.cell.step_vjp(step.weights, step.state, step.x, step.residuals, d_next)
            step.cell.param_vjp(step.state, step.x, step.residuals, delta, grad)
        return grad.vector + self.gradient(d_state)

    def advance_block(self, steps: Sequence[LinearizedStep], n: int) -> None:
        """Update M to the end of the block, for the first n sequences: those that have a next step."""
        if n == 0:
            return
        S = self.matrix.shape[1]
        rows = np.broadcast_to(np.eye(S, dtype=self.matrix.dtype)[:, None], (S, n, S))
        deltas: list[Delta] = []
        for step in reversed(steps):
            rows, delta = _vjp_of_rows(step, n, rows)
            deltas.append(delta)
        self._apply(np.moveaxis(rows, 0, 1))
        self.matrix[:n] += _block_jacobian(steps, n, map_nested(lambda *parts: np.stack(parts[::-1]), *deltas))


def _vjp_of_rows(step: LinearizedStep, n: int, rows: Array) -> tuple[Array, Delta]:
    """Return the VJP of one step for cotangents (S, n, S) of the first n sequences, and its deltas."""

    def broadcast(a: Array) -> Array:
        return np.broadcast_to(a[:n], (len(rows), n, *a.shape[1:]))

    residuals = map_nested(broadcast, step.residuals)
    d_state, _, delta = step.cell.step_vjp(step.weights, broadcast(step.state), broadcast(step.x), residuals, rows)
    return d_state, delta


def _block_jacobian(steps: Sequence[LinearizedStep], n: int, delta: Delta) -> Array:
    """Return the derivative (n, S, P) of the block's last state with respect to the parameters, at a fixed first state.

    `delta` (h, S, n, K) is the derivative with respect to the pre-activations of the h steps.
    """

    def over_time(*parts: Array) -> Array:
        return np.stack([part[:n] for part in parts])

    cell, params = steps[0].cell, steps[0].params
    state, x = over_time(*(step.state for step in steps)), over_time(*(step.x for step in steps))
    residuals = map_nested(over_time, *(step.residuals for step in steps))
    found = np.zeros((n, state.shape[2], params.size), state.dtype)
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
            rows = deltas.take(outer.columns, axis=3).reshape(n, len(steps), -1)
            product = rows.swapaxes(1, 2) @ np.moveaxis(outer.inputs, 1, 0)
            part[:, :, outer.rows] = product.reshape(*found.shape[:2], len(outer.columns), -1)
    return found
