"""How fast gradients decay through time, and the bound of the bias of a truncation that follows from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import check_targets, map_state, require_causal, require_no_resets
from rnnbp.gradients.lag_decomposition import final_steps
from rnnbp.gradients.truncated import Segment, SpanRunner
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int, refuses_by_name


@dataclass(frozen=True)
class GradientDecay:
    """The decay of the gradients of some losses L[s] through a window of W steps each.

    Attributes
    ----------
    norms : ndarray (W,)
        phi[k], k = 1 ... W: ``|dL[s] / dh[s - k]|`` summed over s, where h is the state of all layers.
    gain : float
        M: the largest ratio of the norm of one step's parameter gradient to phi at this step; NaN without a sample.
    size : float
        The norm of the gradient of all L[s] within the windows.
    steps : int
        Forward steps that were run for it, summed over sequences.
    """

    norms: Array
    gain: float
    size: float
    steps: int

    @property
    def start(self) -> int:
        """tau = W // 2, from which on the decay is assumed to be geometric."""
        return max(1, len(self.norms) // 2)

    @property
    def rate(self) -> float:
        """beta, the smallest with phi[k] <= phi[tau] beta^(k - tau) for k = tau + 1 ... W; NaN where W < 2."""
        first, rest = self.norms[self.start - 1], self.norms[self.start :]
        if not len(rest):
            return np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            steepness = np.where(rest == 0, 0.0, rest / first) ** (1 / np.arange(1, len(rest) + 1))
        return float(steepness.max())

    @refuses_by_name
    def left_out(self, most: int) -> Array:
        """Return the sum of phi[k] over k >= K, for K = 1 ... most: measured below tau, extrapolated from there on."""
        if not self.rate < 1:
            return np.full(most, np.inf)
        tau, K = self.start, np.arange(1, most + 1)
        far = self.norms[tau - 1] * self.rate ** np.maximum(K - tau, 0) / (1 - self.rate)
        near = np.zeros(max(most, tau - 1))
        near[: tau - 1] = np.cumsum(self.norms[: tau - 1][::-1])[::-1]
        return far + near[:most]

    @refuses_by_name
    def bounds(self, most: int) -> Array:
        """Return delta(K) for K = 1 ... most, the bound of the relative bias of a truncation after K steps.

        delta(K) = M sum(phi[k], k >= K) / (size - M sum(phi[k], k >= W)); infinite where the divisor is not positive.

        Parameters
        ----------
        most : int

        Returns
        -------
        ndarray (most,)
        """
        W = len(self.norms)
        lost = self.gain * self.left_out(max(most, W))
        least = self.size - lost[W - 1]
        return lost[:most] / least if least > 0 else np.full(most, np.inf)


@refuses_by_name
def gradient_decay(
    model: Sequential, batch: SequenceBatch, loss: Loss, window: int, state: Sequence[State] | None = None
) -> GradientDecay:
    """Measure the decay of gradients through time, step by step.

    With an output per step, the loss of each window's last step is backpropagated; the batch is cut into windows from
    its end. With one output per sequence, it is the loss of the longer half of the sequences.

    Parameters
    ----------
    model : Sequential
        Causal; dropout is off.
    batch : SequenceBatch
        With targets.
    loss : Loss
    window : int [steps]
        W; limited to the median length of the sequences.
    state : list, one per layer, optional
        The initial states.

    Returns
    -------
    Decay

    Raises
    ------
    ValueError
        If a layer is not causal.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 1, activation="linear"), rnnbp.Last(), rnnbp.Dense(1, 1))
    >>> model.params["0.w_hh"] = 0.5
    >>> batch = rnnbp.SequenceDataset([np.ones((9, 1))], targets=[1.0]).batch()
    >>> decay = gradient_decay(model, batch, rnnbp.MeanSquaredError(), window=8)
    >>> decay.rate, (decay.norms / decay.norms[0])[:4]
    (0.5, array([1.   , 0.5  , 0.25 , 0.125]))
    """
    require_causal(model, "gradient_decay")
    require_no_resets(batch, "gradient_decay")
    positive_int("window", window)
    check_targets(batch)
    W = max(1, min(window, int(np.median(batch.lengths))))
    steps = int(batch.lengths.sum())
    if not model.per_step:
        batch, state = _longer_half(batch, state)
        end = final_steps(model, batch, loss, W, state)
        batch, state, steps = end.batch, end.states[0], int(batch.lengths.sum()) + W * batch.size
    norms, vector, gain = np.zeros(W), np.zeros(model.params.size), np.nan
    for segments in _windows(SpanRunner(model, batch, loss, state, None), W):
        found = _backpropagate_window(model, segments)
        norms += found[0]
        vector += found[1]
        gain = float(np.fmax(gain, found[2]))
    return GradientDecay(norms, gain, float(np.linalg.norm(vector)), steps)


def _longer_half(batch: SequenceBatch, state: Sequence[State] | None) -> tuple[SequenceBatch, Sequence[State] | None]:
    """Return the sequences of at least the median length, and their states."""
    n = int((batch.lengths >= max(1, np.median(batch.lengths))).sum())
    weights = None if batch.weights is None else batch.weights[..., :n]
    targets = check_targets(batch)[:n]
    half = SequenceBatch(batch.x[:, :n], batch.lengths[:n], targets, np.arange(n), weights=weights)
    return half, None if state is None else [map_state(lambda s: s[:n], part) for part in state]


def _windows(runner: SpanRunner, width: int) -> Iterator[list[Segment]]:
    """Yield the forward pass in windows of one-step segments, aligned with its end."""
    first = runner.steps % width
    if first:
        runner.run(0, first)
    for start in range(first, runner.steps, width):
        yield [runner.run(t, t + 1) for t in range(start, start + width)]


def _backpropagate_window(model: Sequential, segments: Sequence[Segment]) -> tuple[Array, Array, float]:
    """Return phi (W,) for the loss of a window's last step, its gradient (P,), and M."""
    params, d_states, norms, gain = model.params, None, np.zeros(len(segments)), np.nan
    vector, dy = np.zeros(params.size), segments[-1].d_outputs
    for k, segment in enumerate(reversed(segments)):
        grad = params.zeros()
        _, d_states = model.backward(params, segment.residuals, dy, grad, d_states)
        norms[k] = np.sqrt(sum(_squares(d) for d in d_states)).sum()
        if k > 0 and norms[k - 1] > 0:
            gain = np.fmax(gain, np.linalg.norm(params.trainable(grad.vector)) / norms[k - 1])
        vector, dy = vector + params.trainable(grad.vector), np.zeros_like(dy)
    return norms, vector, float(gain)


def _squares(d_state: State) -> Any:
    """Return the squared norm for each sequence of the gradient with respect to a layer's state."""
    if d_state is None:
        return 0.0
    if isinstance(d_state, list | tuple):
        return sum(_squares(part) for part in d_state)
    return (d_state.astype(np.float64) ** 2).sum(axis=1)
