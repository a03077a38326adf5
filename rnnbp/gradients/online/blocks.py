"""Schmidhuber's hybrid: back through time within a block of steps, the influence carried from block to block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, Delta, map_nested
from rnnbp.cells.outer import outer_method, side_by_side
from rnnbp.gradients.base import held_bytes
from rnnbp.gradients.online.base import Due, Influence, Online, Span, Walk
from rnnbp.gradients.online.chain import Chain
from rnnbp.gradients.online.linear import Linear
from rnnbp.gradients.online.rtrl import WholeInfluence
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class BlockRTRL(Online):
    """RTRL's exact gradient and fixed memory at a fraction of its cost: the influence is updated once a block.

    Within a block of h steps that begins at step b the errors go back in time, to the parameters directly and to the
    state s[b] that the block began with, and from there by the influence M[b] to the parameters' earlier actions. At
    the block's end an error at each of the S units goes back through the block, which gives::

        M[b + h] = ds[b + h]/ds[b] . M[b] + (the parameters' action within the block on s[b + h])

    So RTRL's S^2 P is paid once in h steps and S P at each: with h about S, O(H^3) a step instead of O(H^4) for H
    fully recurrent units. What is held is the influence and h steps, however long the sequences are. ``block=1`` is
    RTRL, a block that takes the whole sequence is full BPTT.

    Parameters
    ----------
    block : int
        h, steps in a block; about the number of units is a good choice.
    every : int, optional
        Steps between gradients, where a block ends too; the parameters may change with each. Default: one a batch, the
        parameters being still.

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

    def influence(self, parts: Chain, batch_size: int, rng: np.random.Generator | None) -> "BlockInfluence":
        """Nothing has acted yet."""
        return BlockInfluence(np.zeros((batch_size, parts.cell.state_size, parts.params.size), parts.model.dtype))

    def through(self, span: Span, walk: Walk, carried: Influence) -> int:
        """Block by block."""
        assert isinstance(carried, BlockInfluence)
        held = 0
        for start in range(span.start, span.stop, self.block):
            stop = min(start + self.block, span.stop)
            steps, dues = [], []
            for t, step in walk.steps(start, stop):
                steps.append(step)
                dues.append(walk.loss_at(t))
            held = max(held, held_bytes(carried, steps))
            gradient = carried.back(steps, dues)
            for due in dues:
                span.add(due, gradient)
                gradient = np.zeros_like(gradient)
            carried.onwards(steps, walk.running(stop))
        return held


class BlockInfluence(WholeInfluence):
    """M (B, S, P) as it was when a block began."""

    def back(self, steps: Sequence[Linear], dues: Sequence[Due]) -> Array:
        """The block's errors by the parameters, (P,): those that act within the block, and those before."""
        d_state = dues[-1].d_state[:0]
        grad = steps[-1].params.zeros()
        for step, due in zip(reversed(steps), reversed(dues), strict=True):
            d_next = due.d_state.copy()
            d_next[: len(d_state)] += d_state
            d_state, _, delta = step.cell.step_vjp(step.weights, step.state, step.x, step.residuals, d_next)
            step.cell.param_vjp(step.state, step.x, step.residuals, delta, grad)
        return grad.vector + self.gradient(d_state)

    def onwards(self, steps: Sequence[Linear], n: int) -> None:
        """M at the block's end, of the first n sequences: those that go on."""
        if n == 0:
            return
        S = self.influence.shape[1]
        rows = np.broadcast_to(np.eye(S, dtype=self.influence.dtype)[:, None], (S, n, S))
        deltas: list[Delta] = []
        for step in reversed(steps):
            rows, delta = _back(step, n, rows)
            deltas.append(delta)
        self._move(np.moveaxis(rows, 0, 1))
        self.influence[:n] += _action(steps, n, map_nested(lambda *parts: np.stack(parts[::-1]), *deltas))


def _back(step: Linear, n: int, rows: Array) -> tuple[Array, Delta]:
    """Errors (S, n, S) of the first n sequences, through one step."""

    def spread(a: Array) -> Array:
        return np.broadcast_to(a[:n], (len(rows), n, *a.shape[1:]))

    residuals = map_nested(spread, step.residuals)
    d_state, _, delta = step.cell.step_vjp(step.weights, spread(step.state), spread(step.x), residuals, rows)
    return d_state, delta


def _action(steps: Sequence[Linear], n: int, delta: Delta) -> Array:
    """The errors delta (h, S, n, K) by the parameters, summed over the h steps: (n, S, P)."""

    def over_time(*parts: Array) -> Array:
        return np.stack([part[:n] for part in parts])

    cell, params = steps[0].cell, steps[0].params
    state, x = over_time(*(step.state for step in steps)), over_time(*(step.x for step in steps))
    residuals = map_nested(over_time, *(step.residuals for step in steps))
    found = np.zeros((n, state.shape[2], params.size), state.dtype)
    method = outer_method(cell)
    if method is None:
        for b, s in np.ndindex(*found.shape[:2]):
            own = map_nested(lambda r, b=b: r[:, b], residuals)
            error = map_nested(lambda d, s=s, b=b: d[:, s, b], delta)
            cell.param_vjp(state[:, b], x[:, b], own, error, params.like(found[b, s]))
        return found
    errors = np.ascontiguousarray(np.moveaxis(side_by_side(delta), 2, 0))  # (n, h, S, K)
    total = errors.sum(axis=1)
    for outer in method(state, x, residuals):
        place = found[..., params.place(outer.name)].reshape(*found.shape[:2], *params.shapes[outer.name])
        if outer.inputs is None:
            place[..., outer.rows] = total[..., outer.columns]
        else:
            part = place.swapaxes(2, 3) if outer.transposed else place
            rows = errors.take(outer.columns, axis=3).reshape(n, len(steps), -1)
            product = rows.swapaxes(1, 2) @ np.moveaxis(outer.inputs, 1, 0)
            part[:, :, outer.rows] = product.reshape(*found.shape[:2], len(outer.columns), -1)
    return found
