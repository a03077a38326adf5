"""Cell of Jordan's recurrent network, with feedback from the output instead of the hidden layer."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, activation, check_initializer
from rnnbp.runtime import number, positive_int, refuses_by_name


@refuses_by_name
@dataclass(frozen=True)
class JordanCell:
    """Jordan's recurrent network, context units with a decaying sum of outputs; the state is [y | s]::

        s[t] = decay s[t-1] + y[t-1]
        h[t] = tanh(W_ih x[t] + W_hh s[t] + b_h)
        y[t] = act(W_ho h[t] + b_o)

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    output_size : int
        O, the number of output units; y is the output of the cell.
    decay : float, default 0
        Weight of the context units' self-connection, between 0 and 1; with 0 the context is the last output.
    activation : {'tanh', 'sigmoid', 'relu', 'linear'}, default 'tanh'
        Activation of the output units.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `decay` is not between 0 and 1, or the activation is unknown.

    References
    ----------
    M. I. Jordan (1986), "Serial order: a parallel distributed processing approach", ICS Report 8604,
    University of California, San Diego

    Examples
    --------
    >>> cell = JordanCell(input_size=3, hidden_size=5, output_size=2)
    >>> cell.state_size, cell.shapes()["w_hh"]
    (4, (5, 2))
    """

    input_size: int
    hidden_size: int
    output_size: int
    decay: float = 0.0
    activation: str = "tanh"
    init: Initializer = field(default_factory=Uniform)

    gates = ()

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        positive_int("output_size", self.output_size)
        number("decay", self.decay, 0, 1)
        activation(self.activation)

    @property
    def state_size(self) -> int:
        """2 O: the state is [y | s]."""
        return 2 * self.output_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (H, F), w_hh (H, O), b_h (H,), w_ho (O, H), b_o (O,)."""
        H, F, O = self.hidden_size, self.input_size, self.output_size  # noqa: E741
        return {"w_ih": (H, F), "w_hh": (H, O), "b_h": (H,), "w_ho": (O, H), "b_o": (O,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are (s, h, y)."""
        s = self._context(state)
        h = np.tanh(x @ params["w_ih"].T + s @ params["w_hh"].T + params["b_h"])
        y = activation(self.activation).function(h @ params["w_ho"].T + params["b_o"])
        return np.concatenate([y, s], axis=-1), (s, h, y)

    def _context(self, state: Array) -> Array:
        y, s = np.split(state, 2, axis=-1)
        return self.decay * s + y

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step; delta is [delta_h | delta_o] (..., H + O)."""
        _, h, y = residuals
        d_y, d_s = np.split(d_next, 2, axis=-1)
        delta_o = d_y * activation(self.activation).slope(y)
        delta_h = (delta_o @ params["w_ho"]) * (1 - h * h)
        d_s = d_s + delta_h @ params["w_hh"]
        d_state = np.concatenate([d_s, self.decay * d_s], axis=-1)
        return d_state, delta_h @ params["w_ih"], np.concatenate([delta_h, delta_o], axis=-1)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        s, h, _ = residuals
        delta_h, delta_o = np.split(delta, [self.hidden_size], axis=-1)
        grad["w_ih"] += outer_sum(delta_h, x)
        grad["w_hh"] += outer_sum(delta_h, s)
        grad["b_h"] += total(delta_h)
        grad["w_ho"] += outer_sum(delta_o, h)
        grad["b_o"] += total(delta_o)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        s, h, _ = residuals
        H = self.hidden_size
        at_h, at_o = np.arange(H), np.arange(H, H + self.output_size)
        return (
            Outer("w_ih", at_h, x),
            Outer("w_hh", at_h, s),
            Outer("b_h", at_h),
            Outer("w_ho", at_o, h),
            Outer("b_o", at_o),
        )
