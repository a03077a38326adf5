"""Layers that are no cells, as cells: what lies below or between recurrent layers takes part in the state.

A layer that treats each step by itself is a cell that does not look at its state: the next state is its output. So a
whole model is one `Stack`, and an algorithm that carries influence from step to step needs to know one cell only.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.cells import Outer
from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.core import Parameters, activation
from rnnbp.layers import Dense, Embedding, Layer, Run


@dataclass(frozen=True)
class DenseStage:
    """A `Dense` layer: the state is its output.

    Parameters
    ----------
    layer : Dense

    Examples
    --------
    >>> stage = DenseStage(Dense(2, 3))
    >>> stage.input_size, stage.state_size
    (2, 3)
    """

    layer: Dense

    @property
    def input_size(self) -> int:
        """F."""
        return self.layer.input_size

    @property
    def output_size(self) -> int:
        """All of the state."""
        return self.layer.output_size

    @property
    def state_size(self) -> int:
        """The number of units."""
        return self.layer.output_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The layer's."""
        return self.layer.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """The layer's way."""
        self.layer.initialize(params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """The residual is the output."""
        y = activation(self.layer.activation).function(x @ params["w"].T + params["b"])
        return y, y

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Nothing goes to the state before."""
        delta = d_next * activation(self.layer.activation).slope(residuals)
        return np.zeros_like(d_next), delta @ params["w"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """As the layer's."""
        grad["w"] += outer_sum(delta, x)
        grad["b"] += total(delta)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Both by the same delta."""
        k = np.arange(self.output_size)
        return Outer("w", k, x), Outer("b", k)


@dataclass(frozen=True)
class EmbeddingStage:
    """An `Embedding` layer: the state is the token's vector, the input the token itself, as an integer (..., 1).

    Parameters
    ----------
    layer : Embedding

    Examples
    --------
    >>> EmbeddingStage(Embedding(26, 8)).state_size
    8
    """

    layer: Embedding

    input_size = 1

    @property
    def output_size(self) -> int:
        """D."""
        return self.layer.output_size

    @property
    def state_size(self) -> int:
        """D."""
        return self.layer.output_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The layer's."""
        return self.layer.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """The layer's way."""
        self.layer.initialize(params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Rows of w; the residual is empty."""
        return params["w"][_token(x)], np.zeros((*x.shape[:-1], 0))

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """delta is the error itself; integers have no gradient."""
        return np.zeros_like(d_next), np.zeros(x.shape, d_next.dtype), d_next

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Each error goes to its token's row."""
        np.add.at(grad["w"], _token(x), delta)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """The input is one for the token and zero for the others."""
        chosen = (x == np.arange(self.layer.tokens)).astype(state.dtype)
        return (Outer("w", np.arange(self.output_size), chosen, transposed=True),)


def _token(x: Array) -> Array:
    return x[..., 0].astype(np.intp)


@dataclass(eq=False)
class AffineStage:
    """A `Dropout`, `Noise` or `Normalize` layer, y = scale x + shift: the state is y. What is drawn is drawn by `draw`,
    once for a step, so that `step` stays a function.

    Parameters
    ----------
    layer : Layer
    size : int
        F.

    Examples
    --------
    >>> from rnnbp.layers import Normalize
    >>> stage = AffineStage(Normalize([1.0], [2.0]), 1)
    >>> stage.draw(3, np.float64)
    >>> stage.step({}, np.zeros((2, 1)), np.array([[5.0], [3.0]]))[0]
    array([[2.],
           [1.]])
    """

    layer: Layer
    size: int
    scale: Array = field(init=False, default_factory=lambda: np.ones(1))
    shift: Array = field(init=False, default_factory=lambda: np.zeros(1))

    @property
    def input_size(self) -> int:
        """F."""
        return self.size

    @property
    def output_size(self) -> int:
        """F."""
        return self.size

    @property
    def state_size(self) -> int:
        """F."""
        return self.size

    def draw(self, batch_size: int, dtype: DTypeLike) -> None:
        """Scale and shift (B, F) of the next step: the layer's own derivative, and its value at zero."""
        nothing, x = Parameters({}), np.zeros((1, batch_size, self.size), dtype)
        y, residuals, _ = self.layer.forward(nothing, x, Run(np.ones(batch_size, int)))
        scale, _ = self.layer.backward(nothing, residuals, np.ones_like(x), nothing)
        self.scale, self.shift = scale[0], y[0]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """None."""
        return {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Nothing to fill."""

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """The residual is the scale. The running sequences are the first ones."""
        n = len(x)
        return self.scale[:n] * x + self.shift[:n], np.broadcast_to(self.scale[:n], x.shape)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Nothing goes to the state before; delta is empty."""
        return np.zeros_like(d_next), d_next * residuals, np.zeros_like(d_next[..., :0])

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Nothing to add."""

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class MeanStage:
    """The mean of all inputs so far: the state is [mean | number of steps].

    Parameters
    ----------
    input_size : int

    Examples
    --------
    >>> stage, state = MeanStage(1), np.zeros(2)
    >>> for x in (1.0, 3.0):
    ...     state, _ = stage.step({}, state, np.array([x]))
    >>> state
    array([2., 2.])
    """

    input_size: int

    @property
    def output_size(self) -> int:
        """The mean is shown."""
        return self.input_size

    @property
    def state_size(self) -> int:
        """One more than the mean."""
        return self.input_size + 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """None."""
        return {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Nothing to fill."""

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """The residual is the share 1 / n that this step has."""
        n = state[..., -1:] + 1
        mean = state[..., :-1] + (x - state[..., :-1]) / n
        return np.concatenate([mean, n], axis=-1), 1 / n

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """The number of steps depends on nothing; delta is empty."""
        d_mean = d_next[..., :-1]
        d_x = d_mean * residuals
        d_state = np.concatenate([d_mean - d_x, np.zeros_like(d_next[..., -1:])], axis=-1)
        return d_state, d_x, np.zeros_like(d_next[..., :0])

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Nothing to add."""

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class MeanBeside:
    """The input unchanged, and beside it the mean of all inputs so far: the state is [x | mean | number of steps].

    Parameters
    ----------
    input_size : int

    Examples
    --------
    >>> stage, state = MeanBeside(1), np.zeros(3)
    >>> for x in (1.0, 3.0):
    ...     state, _ = stage.step({}, state, np.array([x]))
    >>> state
    array([3., 2., 2.])
    """

    input_size: int

    @property
    def output_size(self) -> int:
        """The input."""
        return self.input_size

    @property
    def state_size(self) -> int:
        """The input, the mean and the number of steps."""
        return 2 * self.input_size + 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """None."""
        return {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Nothing to fill."""

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """The residual is the mean's own: the share that this step has."""
        mean, share = MeanStage(self.input_size).step(params, state[..., self.input_size :], x)
        return np.concatenate([x, mean], axis=-1), share

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """The mean's own, and the cotangent of the input as it comes."""
        d_x, d_mean = d_next[..., : self.input_size], d_next[..., self.input_size :]
        d_state, d_by_mean, delta = MeanStage(self.input_size).step_vjp(params, state, x, residuals, d_mean)
        return np.concatenate([np.zeros_like(d_x), d_state], axis=-1), d_x + d_by_mean, delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Nothing to add."""

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """None."""
        return ()
