"""Cell of the continuous-time recurrent neural network for irregularly sampled sequences."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.elman import ACTIVATIONS
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, activation, check_initializer
from rnnbp.runtime import choice, number, positive_int


@dataclass(frozen=True)
class IrregularCTRNNCell:
    """Continuous-time recurrent neural network whose last feature is the time since the step before; the state is h::

        x[t] = [u | dt]
        a = exp(-dt / tau)
        h[t] = a h[t-1] + (1 - a) act(W_ih u + b_ih + W_hh h[t-1] + b_hh)

    `CTRNNCell` with a time step of its own for every step. The input of a declared cell enters by weights alone, and dt
    has none: so this cell is written by hand.

    Parameters
    ----------
    input_size : int
        F, the number of features with dt, at least 2; W_ih is (H, F - 1). Features may be normalized, but not dt: a
        negative one runs the leak backwards in time.
    hidden_size : int
        H, the number of hidden units.
    tau : float, default 10
        Time constant of the units, above 0, in the unit of time of dt.
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
        The derivative of 'relu' at 0 is taken as 0.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `input_size` is 1, `tau` is not above 0 or the activation is unknown.

    See Also
    --------
    rnnbp.cells.CTRNNCell : with the same time step for all steps, and compiled.

    References
    ----------
    K. Funahashi & Y. Nakamura (1993), "Approximation of dynamical systems by continuous time recurrent neural
    networks", Neural Networks 6(6), 801-806, doi:10.1016/S0893-6080(05)80125-X

    Examples
    --------
    Without weights the state halves in a time of tau log 2, in one step or in two:

    >>> cell = IrregularCTRNNCell(3, 1, tau=4.0)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> h = np.ones(1)
    >>> for part in (0.25, 0.75):
    ...     h, _ = cell.step(params, h, np.array([0.0, 0.0, part * 4 * np.log(2)]))
    >>> h
    array([0.5])
    """

    input_size: int
    hidden_size: int
    tau: float = 10.0
    activation: str = "tanh"
    init: Initializer = field(default_factory=Uniform)

    gates = ()

    def __post_init__(self) -> None:
        if positive_int("input_size", self.input_size) == 1:
            raise ValueError(
                "input_size must be 2 or more, as the last feature is the time since the step before, got 1"
            )
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        number("tau", self.tau, 0, open_low=True)
        choice("activation", self.activation, ACTIVATIONS)

    @property
    def output_size(self) -> int:
        """H: the output is the whole state."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H: the state is h."""
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (H, F - 1), w_hh (H, H), b_ih (H,), b_hh (H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (H, F - 1), "w_hh": (H, H), "b_ih": (H,), "b_hh": (H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are y, the value of the activation."""
        a = x[..., :-1] @ params["w_ih"].T + state @ params["w_hh"].T + (params["b_ih"] + params["b_hh"])
        y = activation(self.activation).function(a)
        return y + self._decay(x) * (state - y), y

    def _decay(self, x: Array) -> Array:
        return np.exp(-x[..., -1:] / self.tau)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step: delta = d_next act'(y) (1 - a), (..., H)."""
        decay = self._decay(x)
        delta = d_next * activation(self.activation).slope(residuals) * (1 - decay)
        d_dt = np.sum(d_next * (state - residuals), axis=-1, keepdims=True) * decay / -self.tau
        return decay * d_next + delta @ params["w_hh"], np.concatenate([delta @ params["w_ih"], d_dt], axis=-1), delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        grad["w_ih"] += outer_sum(delta, x[..., :-1])
        grad["w_hh"] += outer_sum(delta, state)
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        k = np.arange(self.hidden_size)
        recurrent = Outer("w_hh", k, state, units=slice(0, self.hidden_size))
        return Outer("w_ih", k, x[..., :-1]), recurrent, Outer("b_ih", k), Outer("b_hh", k)
