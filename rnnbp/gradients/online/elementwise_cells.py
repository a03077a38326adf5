"""`LayerNorm` and `Activation` layers as cells, whose state is their output."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells import Outer
from rnnbp.cells.base import Array, Residuals, Weights, total
from rnnbp.cells.layer_norm import normalized, normalized_vjp
from rnnbp.core import Parameters, activation
from rnnbp.gradients.online.layer_cells import ParameterFreeCell, StatelessCell
from rnnbp.layers import Activation, LayerNorm


@dataclass(frozen=True)
class LayerNormCell(StatelessCell):
    """A `LayerNorm` layer as a cell: the state is its output.

    Parameters
    ----------
    layer : LayerNorm

    Examples
    --------
    >>> LayerNormCell(LayerNorm(8)).state_size
    8
    """

    layer: LayerNorm

    @property
    def input_size(self) -> int:
        return self.layer.size

    @property
    def output_size(self) -> int:
        return self.layer.size

    @property
    def state_size(self) -> int:
        return self.layer.size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.layer.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.layer.initialize(params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        unit, scale = normalized(x, self.layer.eps)
        return params["w"] * unit + params["b"], (unit, scale)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        unit, _ = residuals
        delta = np.concatenate([d_next * unit, d_next], axis=-1)  # the gradient with respect to [w | b] of a step
        return np.zeros_like(d_next), normalized_vjp(residuals, d_next * params["w"]), delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        d_w, d_b = np.split(total(delta), 2)
        grad["w"] += d_w
        grad["b"] += d_b

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        k = np.arange(self.layer.size)
        return Outer("w", k), Outer("b", self.layer.size + k)


@dataclass(frozen=True)
class ActivationCell(ParameterFreeCell, StatelessCell):
    """An `Activation` layer as a cell: the state is its output.

    Parameters
    ----------
    layer : Activation
    input_size : int

    Examples
    --------
    >>> ActivationCell(Activation("relu"), 2).step({}, np.zeros(2), np.array([-1.0, 1.0]))[0]
    array([0., 1.])
    """

    layer: Activation
    input_size: int

    @property
    def state_size(self) -> int:
        return self.input_size

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        y = activation(self.layer.name).function(x)
        return y, y

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        d_x = d_next * activation(self.layer.name).slope(residuals)
        return np.zeros_like(d_next), d_x, np.zeros_like(d_next[..., :0])

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        return ()
