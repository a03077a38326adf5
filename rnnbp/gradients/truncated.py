"""Truncated backpropagation through time."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, check_targets, map_state, require_causal, residual_bytes, total_weight
from rnnbp.layers import Run
from rnnbp.layers.base import Array, Residuals, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import integer_at_least, positive_int


@dataclass(frozen=True)
class TruncatedBPTT:
    """Every k1 steps, the error of these k1 steps is propagated back through the last k2 steps.

    A sequence is run in spans. After each span of `k1` steps comes a gradient, and the parameters may change
    before the next: BPTT(h; h') of Williams & Peng with h = k2 and h' = k1. ``k1 = k2 = 1`` is Elman's
    copy-back, static backpropagation on a recurrent net; ``k1 = 1`` gives every step's error the same way
    back; ``k1 = k2`` cuts the sequence into pieces (where a shorter one is left at the end, its error
    goes back k2 steps as well, into the piece before); ``k1 = k2 >= T`` is full BPTT. States are never
    truncated, only the error's way back.

    Parameters
    ----------
    k1 : int
        Steps between gradients.
    k2 : int
        Steps the error goes back, at least k1.

    Raises
    ------
    ValueError
        Unless 1 <= k1 <= k2; when used on a model with a layer that looks ahead in time.

    References
    ----------
    R. J. Williams & J. Peng (1990), "An efficient gradient-based algorithm for on-line training of recurrent
    network trajectories", Neural Computation 2(4), 490-501, doi:10.1162/neco.1990.2.4.490. The names k1 and
    k2 are those of I. Sutskever (2013), "Training recurrent neural networks", PhD thesis, University of
    Toronto, section 2.8.6.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[np.zeros(5, int)]).batch()
    >>> [g.span for g in TruncatedBPTT(k1=2, k2=4).gradients(model, batch, rnnbp.CrossEntropy())]
    [(0, 2), (2, 4), (4, 5)]
    """

    k1: int
    k2: int

    def __post_init__(self) -> None:
        positive_int("k1", self.k1)
        integer_at_least("k2", self.k2, self.k1, f"an integer >= k1 = {self.k1}")

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """One gradient every k1 steps, and one for what is left at the end."""
        require_causal(model, "TruncatedBPTT")
        past: deque[Piece] = deque()
        runner = SpanRunner(model, batch, loss, state, rng)
        for start, stop in self._spans(runner.steps):
            first = max(0, stop - self.k2)
            new = [runner.run(a, b) for a, b in self._pieces(start, stop, runner.steps)]
            past.extend(new)
            while past[0].stop <= first:
                past.popleft()
            yield runner.gradient([p for p in past if p.start >= first], new)

    def _spans(self, steps: int) -> Iterator[tuple[int, int]]:
        return ((start, min(start + self.k1, steps)) for start in range(0, steps, self.k1))

    def _pieces(self, start: int, stop: int, steps: int) -> Iterator[tuple[int, int]]:
        """The span, cut where the way back of this or a later gradient ends."""
        ends = [min(end, steps) for end in range(stop, min(stop + self.k2, steps) + self.k1, self.k1)]
        cuts = sorted({start, stop, *(end - self.k2 for end in ends if start < end - self.k2 < stop)})
        return pairwise(cuts)


@dataclass(frozen=True)
class Piece:
    """A stretch of time that was run, and the error of its own outputs."""

    start: int
    stop: int
    residuals: list[Residuals]
    outputs: Array
    loss: float
    d_outputs: Array


class SpanRunner:
    """Runs a batch span by span, from state to state, and propagates errors back over several spans.

    Parameters
    ----------
    model, batch, loss, state, rng
        As a gradient algorithm is given them.
    """

    def __init__(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.model, self.batch, self.loss, self.rng = model, batch, loss, rng
        self.x, self.targets = model.cast(batch.x), check_targets(batch)
        self.steps = len(self.x)
        self.state: Sequence[State] | None = state
        self.total = total_weight(loss, batch, model.per_step)

    def run(self, start: int, stop: int) -> Piece:
        """Forward from step `start` to before `stop`, and the loss of what is due there."""
        lengths = np.clip(self.batch.lengths - start, 0, stop - start)
        outputs, residuals, self.state = self.model.unroll(
            self.model.params, self.x[start:stop], Run(lengths, self.rng), self.state
        )
        targets = self.targets[start:stop] if self.model.per_step else self.targets
        due = self.batch.due(start, stop, self.model.per_step)
        value, d_outputs = self.loss.masked(outputs, targets, due, self.total)
        return Piece(start, stop, residuals, outputs, value, d_outputs)

    def gradient(
        self, way_back: Sequence[Piece], new: Sequence[Piece], factors: Sequence[float] | None = None
    ) -> Gradient:
        """The error of the `new` pieces, propagated back through all of `way_back`, of which they are the
        last; what leaves a piece for the one before is multiplied by its factor.
        """
        params = self.model.params
        grad, d_states = params.zeros(), None
        for piece, factor in reversed(list(zip(way_back, factors or [1.0] * len(way_back), strict=True))):
            dy = piece.d_outputs if piece.start >= new[0].start else np.zeros_like(piece.d_outputs)
            d_states = self.model.backward_params(params, piece.residuals, dy, grad, d_states)
            if factor != 1:
                d_states = [map_state(partial(_scaled, factor), d) for d in d_states]
        start, stop = new[0].start, new[-1].stop
        outputs = np.concatenate([p.outputs for p in new]) if self.model.per_step else _ended(new, self.batch)
        steps = int(np.clip(self.batch.lengths - start, 0, stop - start).sum())
        cost = Cost(steps, residual_bytes([p.residuals for p in way_back]))
        assert self.state is not None
        vector = params.masked(grad.vector)
        return Gradient(sum(p.loss for p in new), vector, outputs, list(self.state), cost, (start, stop))


def _scaled(factor: float, d: Array) -> Array:
    """In the error's own dtype."""
    return d * d.dtype.type(factor)


def _ended(pieces: Sequence[Piece], batch: SequenceBatch) -> Array:
    """Outputs (B, K), each row from the piece its sequence ends in."""
    outputs = pieces[-1].outputs.copy()
    for piece in pieces[:-1]:
        here = batch.due(piece.start, piece.stop, per_step=False)
        outputs[here] = piece.outputs[here]
    return outputs
