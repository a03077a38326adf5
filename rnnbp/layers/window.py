"""Static views of a sequence: a sliding window, all steps side by side, and resampling to a fixed length."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_sequences, padding_mask
from rnnbp.runtime import natural_int, positive_int


@dataclass(frozen=True)
class Window(Layer):
    """Sliding window, each step with its neighbours: (T, B, F) -> (T, B, (left + 1 + right) F), oldest first.

    Steps beyond the ends of a sequence are zero. The seven-letter window of NETtalk is ``Window(3, 3)``. The state is
    the last `left` steps, (B, left, F).

    Parameters
    ----------
    left, right : int
        Number of steps before and after each step; with ``right=0`` the layer is causal.

    Raises
    ------
    ValueError
        If one is negative or not an integer.

    References
    ----------
    T. J. Sejnowski & C. R. Rosenberg (1987), "Parallel networks that learn to pronounce English text", Complex
    Systems 1, 145-168

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    >>> y, _, _ = Window(1, 1).forward(Parameters({}), x, Run(np.array([3])))
    >>> y[:, 0]
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 0.]])
    """

    left: int
    right: int

    def __post_init__(self) -> None:
        natural_int("left", self.left)
        natural_int("right", self.right)

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether no output depends on later inputs: where `right` is 0."""
        return self.right == 0

    @property
    def width(self) -> int:
        """Number of steps in the window: left + 1 + right."""
        return self.left + 1 + self.right

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        features = shape[-1]
        return (*shape[:2], features * self.width if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        T, B, F = x.shape
        padding = padding_mask(run, T)[:, :, None]
        wide = np.zeros((self.left + T + self.right, B, F), x.dtype)
        wide[self.left : self.left + T] = np.where(padding, 0, x)
        if state is not None:
            wide[: self.left] = state.swapaxes(0, 1)
        y = np.concatenate([wide[k : k + T] for k in range(self.width)], axis=-1)
        last = wide[T : T + self.left].swapaxes(0, 1).copy()  # a view would keep all of `wide` in memory
        return np.where(padding, 0, y), (padding, x.shape), last

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        padding, (T, B, F) = residuals
        d_wide = np.zeros((self.left + T + self.right, B, F), dy.dtype)
        if d_state is not None:  # added first, as in one run, whose sums go from later to earlier steps
            d_wide[T : T + self.left] = d_state.swapaxes(0, 1)
        for k, d in enumerate(np.split(np.where(padding, 0, dy), self.width, axis=-1)):
            d_wide[k : k + T] += d
        return np.where(padding, 0, d_wide[self.left : self.left + T]), d_wide[: self.left].swapaxes(0, 1)


@dataclass(frozen=True)
class Flatten(Layer):
    """All steps of a sequence side by side: (T, B, F) -> (B, steps * F), zeros past a sequence's end.

    Parameters
    ----------
    steps : int
        The greatest number of steps of a sequence.

    Raises
    ------
    ValueError
        If `steps` is not a positive integer; when run, if a sequence is longer.

    Examples
    --------
    >>> y, _, _ = Flatten(2).forward(Parameters({}), np.ones((1, 1, 3)), Run(np.array([1])))
    >>> y
    array([[1., 1., 1., 0., 0., 0.]])
    """

    steps: int

    causal = False

    def __post_init__(self) -> None:
        positive_int("steps", self.steps)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        features = shape[-1]
        return (shape[1], features * self.steps if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        T, B, F = x.shape
        longest = int(run.lengths.max(initial=0)) if self.steps < T else T
        if longest > self.steps:
            raise ValueError(
                f"Flatten({self.steps}) takes sequences of at most {self.steps} steps, got one of {longest}"
            )
        if self.steps == T and B and run.lengths[-1] == T:  # no padding
            return x.swapaxes(0, 1).reshape(B, -1), (None, x.shape), None
        padding, n = padding_mask(run, T)[:, :, None], min(T, self.steps)
        y = np.zeros((B, self.steps, F), x.dtype)
        y[:, :n] = np.where(padding, 0, x)[:n].swapaxes(0, 1)
        return y.reshape(B, -1), (padding, x.shape), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        padding, (T, B, F) = residuals
        dx, n = np.zeros((T, B, F), dy.dtype), min(T, self.steps)
        dx[:n] = dy.reshape(B, self.steps, F)[:, :n].swapaxes(0, 1)
        return dx if padding is None else np.where(padding, 0, dx), None


@dataclass(frozen=True)
class Resample(Layer):
    """Resampling of each sequence to `steps` frames by linear interpolation: (T, B, F) -> (B, steps * F).

    A representation of fixed size of sequences of any length, for static layers above it.

    Parameters
    ----------
    steps : int
        Number of frames, evenly spaced from the first to the last step of a sequence.

    Raises
    ------
    ValueError
        If `steps` is not a positive integer.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0]).reshape(4, 1, 1)
    >>> y, _, _ = Resample(3).forward(Parameters({}), x, Run(np.array([4])))
    >>> y
    array([[0. , 1.5, 3. ]])
    """

    steps: int

    causal = False

    def __post_init__(self) -> None:
        positive_int("steps", self.steps)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        features = shape[-1]
        return (shape[1], features * self.steps if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        B = x.shape[1]
        at = np.linspace(0, 1, self.steps)[:, None] * np.maximum(run.lengths - 1, 0)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(run.lengths - 1, 0))
        weight = (at - low)[:, :, None].astype(x.real.dtype)
        rows = np.arange(B)
        y = x[low, rows] * (1 - weight) + x[high, rows] * weight
        return np.ascontiguousarray(y.swapaxes(0, 1)).reshape(B, -1), (x.shape, low, high, weight), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        shape, low, high, weight = residuals
        B = shape[1]
        d = dy.reshape(B, self.steps, -1).swapaxes(0, 1)
        dx = np.zeros(shape, dy.dtype)
        rows = np.broadcast_to(np.arange(B), low.shape)
        np.add.at(dx, (low, rows), d * (1 - weight))
        np.add.at(dx, (high, rows), d * weight)
        return dx, None
