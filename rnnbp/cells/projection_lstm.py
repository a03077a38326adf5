"""Cell of the long short-term memory with a recurrent projection."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer, sigmoid
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class ProjectionLSTMCell:
    """Long short-term memory whose output is projected to fewer units (LSTMP); the state is [h | c]::

        i = sigmoid(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi)            input gate
        f = sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf)            forget gate
        g = tanh(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg)
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho)            output gate
        c[t] = f * c[t-1] + i * g
        h[t] = W_hr (o * tanh(c[t]))

    h has P units and c has H, so that the recurrent weights are (4 H, P): fewer for the same memory. The parts of a
    declared cell's state have one width: so this cell is written by hand. It equals PyTorch's
    ``torch.nn.LSTM(..., proj_size=P)``, whose parameter names and gate order it has.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of entries of c.
    projection_size : int
        P, the number of outputs.
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the forget gate's bias.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    H. Sak, A. Senior & F. Beaufays (2014), "Long short-term memory based recurrent neural network architectures for
    large vocabulary speech recognition", arXiv:1402.1128, section 2 (with peepholes there)

    Examples
    --------
    >>> cell = ProjectionLSTMCell(3, 8, projection_size=2)
    >>> cell.output_size, cell.state_size, cell.shapes()["w_hh"], cell.shapes()["w_hr"]
    (2, 10, (32, 2), (2, 8))
    """

    input_size: int
    hidden_size: int
    projection_size: int
    init: Initializer = field(default_factory=Uniform)

    gates = ("input", "forget", "cell", "output")

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        positive_int("projection_size", self.projection_size)
        check_initializer("init", self.init)

    @property
    def output_size(self) -> int:
        """P: the output is h."""
        return self.projection_size

    @property
    def state_size(self) -> int:
        """P + H: the state is [h | c]."""
        return self.projection_size + self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes: w_ih (4 H, F), w_hh (4 H, P), b_ih (4 H,), b_hh (4 H,), w_hr (P, H)."""
        H, P, F = self.hidden_size, self.projection_size, self.input_size
        return {"w_ih": (4 * H, F), "w_hh": (4 * H, P), "b_ih": (4 * H,), "b_hh": (4 * H,), "w_hr": (P, H)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are [i | f | g | o | tanh(c)]."""
        h, c = self._parts(state)
        bias = params["b_ih"] + params["b_hh"]
        i, f, g, o = np.split(x @ params["w_ih"].T + h @ params["w_hh"].T + bias, 4, axis=-1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        tanh_c = np.tanh(c)
        residuals = np.concatenate([i, f, g, o, tanh_c], axis=-1)
        return np.concatenate([(o * tanh_c) @ params["w_hr"].T, c], axis=-1), residuals

    def _parts(self, state: Array) -> tuple[Array, Array]:
        return state[..., : self.projection_size], state[..., self.projection_size :]

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step; delta is that of the gates and of h, (..., 4 H + P)."""
        _, c = self._parts(state)
        d_h, d_c = self._parts(d_next)
        i, f, g, o, tanh_c = np.split(residuals, 5, axis=-1)
        d_m = d_h @ params["w_hr"]  # of o tanh(c)
        d_c = d_c + d_m * o * (1 - tanh_c * tanh_c)
        gates = [d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g * g), d_m * tanh_c * o * (1 - o)]
        delta = np.concatenate(gates, axis=-1)
        d_state = np.concatenate([delta @ params["w_hh"], d_c * f], axis=-1)
        return d_state, delta @ params["w_ih"], np.concatenate([delta, d_h], axis=-1)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        delta, d_h = np.split(delta, [4 * self.hidden_size], axis=-1)
        *_, o, tanh_c = np.split(residuals, 5, axis=-1)
        grad["w_ih"] += outer_sum(delta, x)
        grad["w_hh"] += outer_sum(delta, self._parts(state)[0])
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias
        grad["w_hr"] += outer_sum(d_h, o * tanh_c)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        *_, o, tanh_c = np.split(residuals, 5, axis=-1)
        k = np.arange(4 * self.hidden_size)
        return (
            Outer("w_ih", k, x),
            Outer("w_hh", k, self._parts(state)[0], units=slice(0, self.projection_size)),
            Outer("b_ih", k),
            Outer("b_hh", k),
            Outer("w_hr", np.arange(len(k), len(k) + self.projection_size), o * tanh_c),
        )
