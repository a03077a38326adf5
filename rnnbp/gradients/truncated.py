"""Truncated backpropagation through time."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import (
    Cost,
    Gradient,
    GradientAlgorithm,
    check_targets,
    map_state,
    require_causal,
    residual_bytes,
    span_loss,
    total_weight,
)
from rnnbp.layers import Run
from rnnbp.layers.base import Array, Residuals, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import integer_at_least, positive_int


@dataclass(frozen=True)
class TruncatedBPTT(GradientAlgorithm):
    """Compute the gradient of the mean loss by truncated backpropagation through time.

    Every k1 steps, the loss of these k1 steps is backpropagated through the last k2 steps.

    The forward pass is run in spans of `k1` steps. After each span a gradient is yielded, and one for the shorter span
    that may remain at the end; the parameters may change before the next: BPTT(h; h') of Williams & Peng with h = k2
    and h' = k1. ``k1 = k2 = 1`` is Elman's copy-back, static backpropagation on a recurrent network; ``k1 = 1``
    backpropagates the loss of every step through the same number of steps; ``k1 = k2`` cuts the sequence into segments
    (the loss of a shorter one at the end is backpropagated through k2 steps as well, into the segment before);
    ``k1 = k2 >= T`` is full BPTT. The backward pass is truncated, the states are not.

    Parameters
    ----------
    k1 : int
        Steps between gradients.
    k2 : int
        Steps of the backward pass, at least k1.

    Raises
    ------
    ValueError
        Unless 1 <= k1 <= k2; when used on a model with a non-causal layer.

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
        require_causal(model, "TruncatedBPTT")
        past: deque[Segment] = deque()
        runner = SpanRunner(model, batch, loss, state, rng)
        for start, stop in self._spans(runner.steps):
            first = max(0, stop - self.k2)
            new = [runner.run(a, b) for a, b in self._segments(start, stop, runner.steps)]
            past.extend(new)
            while past[0].stop <= first:
                past.popleft()
            yield runner.gradient([p for p in past if p.start >= first], new)

    def _spans(self, steps: int) -> Iterator[tuple[int, int]]:
        return ((start, min(start + self.k1, steps)) for start in range(0, steps, self.k1))

    def _segments(self, start: int, stop: int, steps: int) -> Iterator[tuple[int, int]]:
        """Yield the segments of a span, cut where the backward pass of this or a later gradient ends."""
        ends = [min(end, steps) for end in range(stop, min(stop + self.k2, steps) + self.k1, self.k1)]
        cuts = sorted({start, stop, *(end - self.k2 for end in ends if start < end - self.k2 < stop)})
        return pairwise(cuts)


@dataclass(frozen=True)
class Segment:
    """The forward pass of some consecutive steps, and the gradient with respect to their outputs."""

    start: int
    stop: int
    residuals: list[Residuals]
    outputs: Array
    loss: float
    d_outputs: Array


class SpanRunner:
    """Runs a batch segment by segment, carrying the state, and backpropagates through several segments.

    Parameters
    ----------
    model, batch, loss, state, rng
        See `GradientAlgorithm.gradients`.
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
        check_targets(batch)
        self.x = model.cast(batch.x)
        self.steps = len(self.x)
        self.state: Sequence[State] | None = state
        self.total = total_weight(loss, batch, model.per_step)

    def run(self, start: int, stop: int) -> Segment:
        """Run the forward pass of steps `start` to `stop` - 1 and compute the loss of their targets."""
        run = Run.of(self.batch, self.rng, start, stop)
        outputs, residuals, self.state = self.model.unroll(self.model.params, self.x[start:stop], run, self.state)
        value, d_outputs = span_loss(self.loss, outputs, self.batch, start, stop, self.total)
        return Segment(start, stop, residuals, outputs, value, d_outputs)

    def gradient(
        self, segments: Sequence[Segment], new: Sequence[Segment], factors: Sequence[float] | None = None
    ) -> Gradient:
        """Return the gradient of the loss of the `new` segments, backpropagated through all `segments`.

        `new` are the last of `segments`. The cotangent of a segment's initial state is multiplied by its factor.
        """
        params = self.model.params
        grad, d_states = params.zeros(), None
        for segment, factor in reversed(list(zip(segments, factors or [1.0] * len(segments), strict=True))):
            dy = segment.d_outputs if segment.start >= new[0].start else np.zeros_like(segment.d_outputs)
            d_states = self.model.backward_params(params, segment.residuals, dy, grad, d_states)
            if factor != 1:
                d_states = [map_state(partial(_scaled, factor), d) for d in d_states]
        start, stop = new[0].start, new[-1].stop
        outputs = np.concatenate([p.outputs for p in new]) if self.model.per_step else _final_outputs(new, self.batch)
        steps = int(np.clip(self.batch.lengths - start, 0, stop - start).sum())
        cost = Cost(steps, residual_bytes([p.residuals for p in segments]))
        assert self.state is not None
        vector = params.trainable(grad.vector)
        return Gradient(sum(p.loss for p in new), vector, outputs, list(self.state), cost, (start, stop))


def _scaled(factor: float, d: Array) -> Array:
    """Return factor d, in the dtype of d."""
    return d * d.dtype.type(factor)


def _final_outputs(segments: Sequence[Segment], batch: SequenceBatch) -> Array:
    """Return the outputs (B, K), each row from the segment in which its sequence ends."""
    outputs = segments[-1].outputs.copy()
    for segment in segments[:-1]:
        here = batch.due(segment.start, segment.stop, per_step=False)
        outputs[here] = segment.outputs[here]
    return outputs
