"""Cell of long short-term memory with forget gates."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer, sigmoid
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class LSTMCell:
    """Long short-term memory with forget gates; the state is [h | c]::

        i = sigmoid(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi)
        f = sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf)
        g = tanh(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg)
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho)
        c[t] = f c[t-1] + i g
        h[t] = o tanh(c[t])

    The rows of weights and biases are in PyTorch's order i, f, g, o.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of memory cells.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), 1735-1780,
    doi:10.1162/neco.1997.9.8.1735. F. Gers, J. Schmidhuber & F. Cummins (2000), "Learning to forget", Neural
    Computation 12(10), 2451-2471, doi:10.1162/089976600300015015

    Examples
    --------
    >>> cell = LSTMCell(input_size=12, hidden_size=64)
    >>> cell.state_size, cell.output_size, cell.shapes()["w_hh"]
    (128, 64, (256, 64))
    """

    input_size: int
    hidden_size: int
    init: Initializer = field(default_factory=Uniform)

    gates = ("input", "forget", "cell", "output")

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)

    @property
    def output_size(self) -> int:
        """H: the output is h."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """2 H: the state is [h | c]."""
        return 2 * self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (4H, F), w_hh (4H, H), b_ih (4H,), b_hh (4H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (4 * H, F), "w_hh": (4 * H, H), "b_ih": (4 * H,), "b_hh": (4 * H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are [i | f | g | o | tanh c] (..., 5H)."""
        H = self.hidden_size
        h, c = state[..., :H], state[..., H:]
        a = x @ params["w_ih"].T + h @ params["w_hh"].T + (params["b_ih"] + params["b_hh"])
        i, f = sigmoid(a[..., :H]), sigmoid(a[..., H : 2 * H])
        g, o = np.tanh(a[..., 2 * H : 3 * H]), sigmoid(a[..., 3 * H :])
        c = f * c + i * g
        tanh_c = np.tanh(c)
        return np.concatenate([o * tanh_c, c], axis=-1), np.concatenate([i, f, g, o, tanh_c], axis=-1)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step; delta (..., 4H) is in the order of the gates."""
        H = self.hidden_size
        i, f, g, o, tanh_c = (residuals[..., k * H : (k + 1) * H] for k in range(5))
        d_h, c = d_next[..., :H], state[..., H:]
        d_c = d_next[..., H:] + d_h * o * (1 - tanh_c * tanh_c)
        delta = np.concatenate(
            [
                d_c * g * i * (1 - i),
                d_c * c * f * (1 - f),
                d_c * i * (1 - g * g),
                d_h * tanh_c * o * (1 - o),
            ],
            axis=-1,
        )
        d_state = np.concatenate([delta @ params["w_hh"], d_c * f], axis=-1)
        return d_state, delta @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        grad["w_ih"] += outer_sum(delta, x)
        grad["w_hh"] += outer_sum(delta, state[..., : self.hidden_size])
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        k, h = np.arange(4 * self.hidden_size), slice(0, self.hidden_size)
        return (
            Outer("w_ih", k, x),
            Outer("w_hh", k, state[..., h], units=h),
            Outer("b_ih", k),
            Outer("b_hh", k),
        )
