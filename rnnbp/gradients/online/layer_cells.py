"""Layers without recurrence as cells, so that online algorithms differentiate a whole model as one `Stack` of cells.

A layer that treats each step by itself is a cell whose next state is its output and does not depend on its state.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.cells import Outer
from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.core import Parameters, activation
from rnnbp.kernels.packing import pack
from rnnbp.layers import Dense, Embedding, Layer, Run


class StatelessCell:
    """Base of the cells whose next state is their output and does not depend on their state."""

    @property
    def state_size(self) -> int:
        """S: the number of entries of the state."""
        raise NotImplementedError(f"{type(self).__name__} does not define state_size")

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """See `Cell.step`."""
        raise NotImplementedError(f"{type(self).__name__} does not define step")


@dataclass(frozen=True)
class LayerCell(StatelessCell):
    """Base of a layer with parameters as a cell: the state is the layer's output."""

    layer: Dense | Embedding

    @property
    def output_size(self) -> int:
        return self.layer.output_size

    @property
    def state_size(self) -> int:
        return self.layer.output_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.layer.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.layer.initialize(params, rng)


class ParameterFreeCell:
    """Base of the cells without parameters, which have as many outputs as inputs.

    `outer_products` is defined beside `step`: an inherited one does not count (see `outer_method`).
    """

    input_size: int

    @property
    def output_size(self) -> int:
        return self.input_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        pass

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        pass


@dataclass(frozen=True)
class DenseCell(LayerCell):
    """A `Dense` layer as a cell: the state is its output.

    Parameters
    ----------
    layer : Dense

    Examples
    --------
    >>> cell = DenseCell(Dense(2, 3))
    >>> cell.input_size, cell.state_size
    (2, 3)
    """

    layer: Dense

    @property
    def input_size(self) -> int:
        return self.layer.input_size

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        y = activation(self.layer.activation).function(x @ params["w"].T + params["b"])
        return y, y

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        delta = d_next * activation(self.layer.activation).slope(residuals)
        return np.zeros_like(d_next), delta @ params["w"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        grad["w"] += outer_sum(delta, x)
        grad["b"] += total(delta)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        k = np.arange(self.output_size)
        return Outer("w", k, x), Outer("b", k)


@dataclass(frozen=True)
class EmbeddingCell(LayerCell):
    """An `Embedding` layer as a cell: the input is a token, an integer (..., 1), the state its vector.

    Parameters
    ----------
    layer : Embedding

    Examples
    --------
    >>> EmbeddingCell(Embedding(26, 8)).state_size
    8
    """

    layer: Embedding

    input_size = 1

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        return params["w"][_token(x)], np.zeros((*x.shape[:-1], 0))  # no residuals

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        return np.zeros_like(d_next), np.zeros(x.shape, d_next.dtype), d_next  # tokens have no gradient

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        np.add.at(grad["w"], _token(x), delta)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        one_hot = (x == np.arange(self.layer.tokens)).astype(state.dtype)
        return (Outer("w", np.arange(self.output_size), one_hot, transposed=True),)


def _token(x: Array) -> Array:
    return x[..., 0].astype(np.intp)


@dataclass(eq=False)
class AffineCell(ParameterFreeCell, StatelessCell):
    """A `Dropout`, `Noise` or `Normalize` layer as a cell, y = scale x + shift: the state is y.

    Random numbers are drawn by `draw`, once per block of steps, so that `step` is a pure function.

    Parameters
    ----------
    layer : Layer
    input_size : int

    Examples
    --------
    >>> from rnnbp.layers import Normalize
    >>> cell = AffineCell(Normalize([1.0], [2.0]), 1)
    >>> cell.draw(np.array([2]), 3, np.float64)
    >>> cell.step({}, np.zeros((2, 1)), np.array([[5.0], [3.0]]))[0]
    array([[2.],
           [1.]])
    """

    layer: Layer
    input_size: int
    scale: Array = field(init=False, default_factory=lambda: np.ones(1))
    shift: Array = field(init=False, default_factory=lambda: np.zeros(1))

    @property
    def state_size(self) -> int:
        return self.input_size

    def draw(self, active: Array, batch_size: int, dtype: DTypeLike) -> None:
        """Set scale and shift (N, F) of the next steps: the layer's derivative, and its value at zero."""
        no_params, x = Parameters({}), np.zeros((len(active), batch_size, self.input_size), dtype)
        y, residuals, _ = self.layer.forward(no_params, x, Run(np.full(batch_size, len(active))))
        scale, _ = self.layer.backward(no_params, residuals, np.ones_like(x), no_params)
        self.scale, self.shift = pack(scale, active), pack(y, active)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        n = len(x)
        return self.scale[:n] * x + self.shift[:n], np.broadcast_to(self.scale[:n], x.shape)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        return np.zeros_like(d_next), d_next * residuals, np.zeros_like(d_next[..., :0])

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        return ()


@dataclass(frozen=True)
class RunningMeanCell(ParameterFreeCell):
    """The running mean of the inputs: the state is [mean | number of steps].

    Parameters
    ----------
    input_size : int

    Examples
    --------
    >>> cell, state = RunningMeanCell(1), np.zeros(2)
    >>> for x in (1.0, 3.0):
    ...     state, _ = cell.step({}, state, np.array([x]))
    >>> state
    array([2., 2.])
    """

    input_size: int

    @property
    def state_size(self) -> int:
        return self.input_size + 1

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        n = state[..., -1:] + 1
        mean = state[..., :-1] + (x - state[..., :-1]) / n
        return np.concatenate([mean, n], axis=-1), 1 / n

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        d_mean = d_next[..., :-1]
        d_x = d_mean * residuals
        d_state = np.concatenate([d_mean - d_x, np.zeros_like(d_next[..., -1:])], axis=-1)
        return d_state, d_x, np.zeros_like(d_next[..., :0])

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        return ()


@dataclass(frozen=True)
class InputAndMeanCell(ParameterFreeCell):
    """The input and the running mean of the inputs: the state is [x | mean | number of steps].

    Parameters
    ----------
    input_size : int

    Examples
    --------
    >>> cell, state = InputAndMeanCell(1), np.zeros(3)
    >>> for x in (1.0, 3.0):
    ...     state, _ = cell.step({}, state, np.array([x]))
    >>> state
    array([3., 2., 2.])
    """

    input_size: int

    @property
    def state_size(self) -> int:
        return 2 * self.input_size + 1

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        mean, weight = RunningMeanCell(self.input_size).step(params, state[..., self.input_size :], x)
        return np.concatenate([x, mean], axis=-1), weight

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        d_x, d_mean = d_next[..., : self.input_size], d_next[..., self.input_size :]
        d_state, d_x_of_mean, delta = RunningMeanCell(self.input_size).step_vjp(params, state, x, residuals, d_mean)
        return np.concatenate([np.zeros_like(d_x), d_state], axis=-1), d_x + d_x_of_mean, delta

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        return ()
