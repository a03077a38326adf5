"""Cell of Elman's simple recurrent network."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, activation, check_initializer
from rnnbp.runtime import choice, positive_int


@dataclass(frozen=True)
class ElmanCell:
    """Elman's simple recurrent network; the state is h::

        h[t] = act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
        The derivative of 'relu' at 0 is taken as 0.
    init : Initializer, default Uniform()
        The initialization of the parameters.

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
        """H: the output is the whole state."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H: the state is h."""
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (H, F), w_hh (H, H), b_ih (H,), b_hh (H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (H, F), "w_hh": (H, H), "b_ih": (H,), "b_hh": (H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are the next state."""
        a = x @ params["w_ih"].T + state @ params["w_hh"].T + (params["b_ih"] + params["b_hh"])
        h = activation(self.activation).function(a)
        return h, h

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step: delta = d_next act'(h), (..., H)."""
        delta = d_next * activation(self.activation).slope(residuals)
        return delta @ params["w_hh"], delta @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        grad["w_ih"] += outer_sum(delta, x)
        grad["w_hh"] += outer_sum(delta, state)
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        k = np.arange(self.hidden_size)
        return (
            Outer("w_ih", k, x),
            Outer("w_hh", k, state, units=slice(0, self.hidden_size)),
            Outer("b_ih", k),
            Outer("b_hh", k),
        )
