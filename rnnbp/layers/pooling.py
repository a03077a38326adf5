"""Pooling over time: the last step, the mean, and the mean with the standard deviation."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_sequences, padding_mask


@dataclass(frozen=True)
class Last(Layer):
    """Last step of each sequence: (T, B, F) -> (B, F).

    The state is the last step of the spans so far, (B, F).

    See Also
    --------
    Ends : for bidirectional layers.

    Examples
    --------
    >>> x = np.arange(6.0).reshape(3, 2, 1)
    >>> y, _, _ = Last().forward(Parameters({}), x, Run(np.array([3, 1])))
    >>> y
    array([[4.],
           [1.]])
    """

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        return shape[1:]

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        rows, running = np.arange(x.shape[1]), run.lengths > 0
        y = x[run.lengths - 1, rows]
        if not running.all():
            y = np.where(running[:, None], y, 0 if state is None else state)
        return y, (len(x), run.lengths), y

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        steps, lengths = residuals
        dy = dy if d_state is None else dy + d_state
        running = lengths > 0
        dx = np.zeros((steps, *dy.shape), dy.dtype)
        if running.all():
            dx[lengths - 1, np.arange(len(lengths))] = dy
            return dx, np.zeros_like(dy)
        dx[lengths[running] - 1, np.flatnonzero(running)] = dy[running]
        return dx, np.where(running[:, None], 0, dy)


@dataclass(frozen=True)
class MeanOverTime(Layer):
    """Mean over the steps of each sequence: (T, B, F) -> (B, F).

    The state is [sum | number of steps] of the spans so far, (B, F + 1).

    Examples
    --------
    >>> x = np.arange(6.0).reshape(3, 2, 1)
    >>> y, _, _ = MeanOverTime().forward(Parameters({}), x, Run(np.array([3, 1])))
    >>> y
    array([[2.],
           [1.]])
    """

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        return shape[1:]

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        padding = padding_mask(run, len(x))
        sums = np.where(padding[:, :, None], 0, x)
        count = run.lengths.astype(sums.real.dtype)
        if state is not None:
            sums, count = np.concatenate([state[None, :, :-1], sums]), count + state[:, -1].real
        total = np.add.accumulate(sums, axis=0, out=sums)[-1]  # in order of time, so that spans add up to the same bits
        steps = np.maximum(count, 1)[:, None]
        return total / steps, (padding, steps), np.concatenate([total, count[:, None]], axis=1)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        padding, steps = residuals
        d_total = dy / steps
        if d_state is not None:
            d_total = d_total + d_state[:, :-1]
        dx = np.where(padding[:, :, None], 0, d_total)
        return dx, np.concatenate([d_total, np.zeros_like(d_total[:, :1])], axis=1)


@dataclass(frozen=True)
class TimeStatistics(Layer):
    """Mean and standard deviation over the steps of each sequence: (T, B, F) -> (B, 2 F).

    The variance, divided by the number of steps, has 1e-6 added to it, so that the standard deviation of a constant
    sequence has a derivative.

    Examples
    --------
    >>> x = np.array([1.0, 3.0]).reshape(2, 1, 1)
    >>> y, _, _ = TimeStatistics().forward(Parameters({}), x, Run(np.array([2])))
    >>> y.round(4)
    array([[2., 1.]])
    """

    causal = False

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        features = shape[-1]
        return (shape[1], 2 * features if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        padding = padding_mask(run, len(x))[:, :, None]
        steps = np.maximum(run.lengths, 1)[:, None].astype(x.real.dtype)
        mean = np.where(padding, 0, x).sum(axis=0) / steps
        centred = np.where(padding, 0, x - mean)
        std = np.sqrt((centred * centred).sum(axis=0) / steps + 1e-6)
        return np.concatenate([mean, std], axis=1), (padding, steps, centred, std), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        padding, steps, centred, std = residuals
        d_mean, d_std = np.split(dy, 2, axis=1)  # d std / d x[t] = (x[t] - mean) / (T std)
        return np.where(padding, 0, d_mean / steps) + centred * (d_std / (steps * std)), None
