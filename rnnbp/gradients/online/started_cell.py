"""Cell with a learned initial state, so that online algorithms differentiate with respect to it."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, Delta, Residuals, Weights
from rnnbp.cells.wrapped import WrappedCell
from rnnbp.core import Parameters
from rnnbp.layers.learned_start import START


@dataclass(frozen=True)
class StartedCell(WrappedCell):
    """Cell with a learned initial state: the state is [s | whether the sequence has begun].

    From zeros, a sequence that has not begun, the first step starts in the parameter `start`.

    Parameters
    ----------
    cell : Cell

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = StartedCell(ElmanCell(1, 2))
    >>> weights = {name: np.ones(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(weights, np.zeros(3), np.zeros(1))[0].round(3)
    array([0.999, 0.999, 1.   ])
    """

    @property
    def state_size(self) -> int:
        return self.cell.state_size + 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes() | {START: (self.cell.state_size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.cell.initialize(params.renamed(self.cell.shapes()), rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        begun = state[..., -1:]
        before = state[..., :-1] + (1 - begun) * params[START]
        following, residuals = self.cell.step(params, before, x)
        return np.concatenate([following, np.ones_like(begun)], axis=-1), (residuals, before)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Delta]:
        own, before = residuals
        d_before, d_x, delta = self.cell.step_vjp(params, before, x, own, d_next[..., :-1])
        d_begun = -np.sum(d_before * params[START], axis=-1, keepdims=True)
        return np.concatenate([d_before, d_begun], axis=-1), d_x, (delta, d_before)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Delta, grad: Parameters) -> None:
        own, before = residuals
        own_delta, d_before = delta
        self.cell.param_vjp(before, x, own, own_delta, grad)
        d_start = (1 - state[..., -1:]) * d_before
        grad[START] += d_start.reshape(-1, d_start.shape[-1]).sum(axis=0)
