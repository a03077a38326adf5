"""Layers that lay steps side by side, the static views of a sequence: Window, Flatten, Resample."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, in_time, over
from rnnbp.runtime import natural_int, positive_int


@dataclass(frozen=True)
class Window(Layer):
    """Each step with its neighbours: (T, B, F) -> (T, B, (left + 1 + right) F), oldest first, zeros beyond
    the ends.

    The static view of a sequence: the seven-letter window of NETtalk (Sejnowski & Rosenberg 1987) is
    ``Window(3, 3)``.

    Parameters
    ----------
    left, right : int
        How many steps before and after; with ``right=0`` the layer is causal.

    Raises
    ------
    ValueError
        If one is negative or not an integer.

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
        """Where nothing to the right is seen."""
        return self.right == 0

    @property
    def width(self) -> int:
        """left + 1 + right."""
        return self.left + 1 + self.right

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, width * F)."""
        in_time(self, shape)
        features = shape[-1]
        return (*shape[:2], features * self.width if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """The state is the last `left` steps, (left, B, F)."""
        T, B, F = x.shape
        done = over(run, T)[:, :, None]
        wide = np.zeros((self.left + T + self.right, B, F), x.dtype)
        wide[self.left : self.left + T] = np.where(done, 0, x)
        if state is not None:
            wide[: self.left] = state
        y = np.concatenate([wide[k : k + T] for k in range(self.width)], axis=-1)
        return (
            np.where(done, 0, y),
            (done, x.shape),
            wide[T : T + self.left].copy(),
        )  # not a view, which would hold all of it

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Each step adds up what all windows that saw it send back."""
        done, (T, B, F) = residuals
        d_wide = np.zeros((self.left + T + self.right, B, F), dy.dtype)
        if d_state is not None:  # first, as what came later adds up first
            d_wide[T : T + self.left] = d_state
        for k, part in enumerate(np.split(np.where(done, 0, dy), self.width, axis=-1)):
            d_wide[k : k + T] += part
        return np.where(done, 0, d_wide[self.left : self.left + T]), d_wide[: self.left]


@dataclass(frozen=True)
class Flatten(Layer):
    """The first `steps` steps side by side: (T, B, F) -> (B, steps * F), zeros where a sequence is shorter.

    Parameters
    ----------
    steps : int
        How many steps are taken.

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
        """(T, B, F) -> (B, steps * F)."""
        in_time(self, shape)
        features = shape[-1]
        return (shape[1], features * self.steps if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """Time behind the batch, then one row a sequence."""
        T, B, F = x.shape
        longest = int(run.lengths.max(initial=0))
        if longest > self.steps:
            raise ValueError(
                f"Flatten({self.steps}) takes sequences of at most {self.steps} steps, got one of {longest}"
            )
        done, shared = over(run, T)[:, :, None], min(T, self.steps)
        y = np.zeros((B, self.steps, F), x.dtype)
        y[:, :shared] = np.where(done, 0, x)[:shared].swapaxes(0, 1)
        return y.reshape(B, -1), (done, x.shape), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """The same way back."""
        done, (T, B, F) = residuals
        dx, shared = np.zeros((T, B, F), dy.dtype), min(T, self.steps)
        dx[:shared] = dy.reshape(B, self.steps, F)[:, :shared].swapaxes(0, 1)
        return np.where(done, 0, dx), None


@dataclass(frozen=True)
class Resample(Layer):
    """Each sequence brought to `steps` frames by linear interpolation: (T, B, F) -> (B, steps * F).

    A fixed-size view of a sequence of any length, for a static network on top.

    Parameters
    ----------
    steps : int
        How many frames are left, evenly spread from a sequence's first to its last.

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
        """(T, B, F) -> (B, steps * F)."""
        in_time(self, shape)
        features = shape[-1]
        return (shape[1], features * self.steps if isinstance(features, int) else None)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """Two neighbouring frames, weighted by their distance."""
        B = x.shape[1]
        at = np.linspace(0, 1, self.steps)[:, None] * np.maximum(run.lengths - 1, 0)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(run.lengths - 1, 0))
        share = (at - low)[:, :, None].astype(x.real.dtype)
        rows = np.arange(B)
        y = x[low, rows] * (1 - share) + x[high, rows] * share
        return np.ascontiguousarray(y.swapaxes(0, 1)).reshape(B, -1), (x.shape, low, high, share), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Each frame gets back the weights it gave."""
        shape, low, high, share = residuals
        B = shape[1]
        d = dy.reshape(B, self.steps, -1).swapaxes(0, 1)
        dx = np.zeros(shape, dy.dtype)
        rows = np.broadcast_to(np.arange(B), low.shape)
        np.add.at(dx, (low, rows), d * (1 - share))
        np.add.at(dx, (high, rows), d * share)
        return dx, None
