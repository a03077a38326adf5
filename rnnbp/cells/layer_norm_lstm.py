"""Cell of the long short-term memory with layer normalization."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.layer_norm import normalized, normalized_vjp
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer, sigmoid
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class LayerNormLSTMCell:
    """Long short-term memory with layer normalization (LN) of its products and its state; the state is [h | c]::

        [i | f | g | o] = g_ih * LN(W_ih x[t]) + b_ih + g_hh * LN(W_hh h[t-1]) + b_hh
        c[t] = sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g)
        h[t] = sigmoid(o) * tanh(g_c * LN(c[t]) + b_c)

    LN subtracts the mean of all units of one sequence at one step and divides by their standard deviation, with 1e-5
    added to the variance: over the 4 H units of a product together, as in the paper. An equation of a declared cell is
    element-wise, and LN is not: so this cell is written by hand.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of weights and biases; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the forget gate's bias. The
        gains g_ih, g_hh and g_c start at 1, b_c at 0.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    J. L. Ba, J. R. Kiros & G. E. Hinton (2016), "Layer normalization", arXiv:1607.06450, equations 20 to 22

    Examples
    --------
    The scale of the input has no effect:

    >>> cell = LayerNormLSTMCell(3, 4)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> small, large = (cell.step(params, np.zeros(8), scale * np.ones(3))[0] for scale in (1, 1000))
    >>> bool(np.allclose(small, large, atol=1e-4))
    True
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
        """Return the names and shapes: weights ``w_..`` (4 H, .), gains ``g_..`` and biases ``b_..`` (4 H,) or (H,)."""
        H, F = self.hidden_size, self.input_size
        shapes: dict[str, tuple[int, ...]] = {"w_ih": (4 * H, F), "w_hh": (4 * H, H)}
        shapes |= dict.fromkeys(("b_ih", "b_hh", "g_ih", "g_hh"), (4 * H,))
        return shapes | dict.fromkeys(("b_c", "g_c"), (H,))

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place: weights and biases by `init`, gains by 1, b_c by 0."""
        self.init(self, params, rng)
        params["g_ih"] = params["g_hh"] = params["g_c"] = 1
        params["b_c"] = 0

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are gates, the normalized values and their scales, nested."""
        h, c = np.split(state, 2, axis=-1)
        of_x, of_h = normalized(x @ params["w_ih"].T), normalized(h @ params["w_hh"].T)
        bias = params["b_ih"] + params["b_hh"]
        i, f, g, o = np.split(params["g_ih"] * of_x[0] + params["g_hh"] * of_h[0] + bias, 4, axis=-1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        of_c = normalized(c)
        y = np.tanh(params["g_c"] * of_c[0] + params["b_c"])
        return np.concatenate([o * y, c], axis=-1), (np.concatenate([i, f, g, o, y], axis=-1), of_x, of_h, of_c)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Residuals]:
        """Compute the vector-Jacobian product of one step; delta is that of gates, products and c, nested."""
        gates, of_x, of_h, of_c = residuals
        i, f, g, o, y = np.split(gates, 5, axis=-1)
        _, c = np.split(state, 2, axis=-1)
        d_h, d_c = np.split(d_next, 2, axis=-1)
        at_y = d_h * o * (1 - y * y)
        d_c = d_c + normalized_vjp(of_c, at_y * params["g_c"])
        of_gates = [d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g * g), d_h * y * o * (1 - o)]
        delta = np.concatenate(of_gates, axis=-1)
        at_x = normalized_vjp(of_x, delta * params["g_ih"])
        at_h = normalized_vjp(of_h, delta * params["g_hh"])
        d_state = np.concatenate([at_h @ params["w_hh"], d_c * f], axis=-1)
        return d_state, at_x @ params["w_ih"], (delta, at_x, at_h, at_y)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Residuals, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        _, (unit_x, _), (unit_h, _), (unit_c, _) = residuals
        of_gates, at_x, at_h, at_y = delta
        grad["w_ih"] += outer_sum(at_x, x)
        grad["w_hh"] += outer_sum(at_h, state[..., : self.hidden_size])
        grad["g_ih"] += total(of_gates * unit_x)
        grad["g_hh"] += total(of_gates * unit_h)
        bias = total(of_gates)
        grad["b_ih"] += bias
        grad["b_hh"] += bias
        grad["g_c"] += total(at_y * unit_c)
        grad["b_c"] += total(at_y)
