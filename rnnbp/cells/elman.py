"""The simple recurrent network of Elman (1990)."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, activation, check_initializer
from rnnbp.runtime import choice, positive_int


@dataclass(frozen=True)
class ElmanCell:
    """h[t] = act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh). The state is h.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
        'relu' has a kink at 0; the checks take its derivative there as 0.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If a size is not a positive integer or the activation is unknown.

    References
    ----------
    J. L. Elman (1990), "Finding structure in time", Cognitive Science 14(2), 179-211,
    doi:10.1207/s15516709cog1402_1

    Examples
    --------
    >>> cell = ElmanCell(input_size=3, hidden_size=4)
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> next_state, _ = cell.step(params, np.zeros((2, 4)), np.ones((2, 3)))
    >>> next_state.shape
    (2, 4)
    """

    input_size: int
    hidden_size: int
    activation: str = "tanh"
    init: Initializer = field(default_factory=Uniform)

    gates = ()

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        choice("activation", self.activation, ("tanh", "relu", "sigmoid", "linear"))

    @property
    def output_size(self) -> int:
        """H: all of the state is shown."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H."""
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """w_ih (H, F), w_hh (H, H), b_ih (H,), b_hh (H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (H, F), "w_hh": (H, H), "b_ih": (H,), "b_hh": (H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Fill `params` by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """One step; the residual is the next state itself."""
        a = x @ params["w_ih"].T + state @ params["w_hh"].T + (params["b_ih"] + params["b_hh"])
        h = activation(self.activation).function(a)
        return h, h

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """delta = act'(h) d_next; d_state = delta W_hh; d_x = delta W_ih."""
        delta = d_next * activation(self.activation).slope(residuals)
        return delta @ params["w_hh"], delta @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """delta outer x, delta outer h[t-1], and delta's sum for both biases."""
        grad["w_ih"] += outer_sum(delta, x)
        grad["w_hh"] += outer_sum(delta, state)
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """All weights by the same delta."""
        k = np.arange(self.hidden_size)
        return (
            Outer("w_ih", k, x),
            Outer("w_hh", k, state, units=slice(0, self.hidden_size)),
            Outer("b_ih", k),
            Outer("b_hh", k),
        )
