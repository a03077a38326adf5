"""Cell of the gated recurrent unit with layer normalization."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.layer_norm import normalized, normalized_vjp
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer, sigmoid
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class LayerNormGRUCell:
    """Gated recurrent unit with layer normalization (LN) of its products; the state is h::

        [a_r | a_z] = LN([W_ir | W_iz] x[t]),  a_n = LN(W_in x[t])
        [u_r | u_z] = LN([W_hr | W_hz] h[t-1]),  u_n = LN(W_hn h[t-1])
        r = sigmoid(g_ir * a_r + b_ir + g_hr * u_r + b_hr)            reset gate
        z = sigmoid(g_iz * a_z + b_iz + g_hz * u_z + b_hz)            update gate
        n = tanh(g_in * a_n + b_in + r * (g_hn * u_n + b_hn))
        h[t] = (1 - z) * n + z * h[t-1]

    LN subtracts the mean of all units of one sequence at one step and divides by their standard deviation, with 1e-5
    added to the variance: over both gates together, as in the paper. The update gate is that of `GRUCell`; the
    paper's is 1 - z. An equation of a declared cell is element-wise, and LN is not: so this cell is written by hand.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of weights and biases; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the update gate's bias. The
        gains start at 1.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    J. L. Ba, J. R. Kiros & G. E. Hinton (2016), "Layer normalization", arXiv:1607.06450, supplementary material

    Examples
    --------
    The scale of the input has no effect:

    >>> cell = LayerNormGRUCell(3, 4)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> small, large = (cell.step(params, np.ones(4), scale * np.ones(3))[0] for scale in (1, 1000))
    >>> bool(np.allclose(small, large, atol=1e-3))
    True
    """

    input_size: int
    hidden_size: int
    init: Initializer = field(default_factory=Uniform)

    gates = ("reset", "update", "new")

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
        """H: the state is h."""
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes: w_ih (3 H, F) and w_hh (3 H, H), gains ``g_..``, biases ``b_..`` (3 H,)."""
        H, F = self.hidden_size, self.input_size
        shapes: dict[str, tuple[int, ...]] = {"w_ih": (3 * H, F), "w_hh": (3 * H, H)}
        return shapes | dict.fromkeys(("b_ih", "b_hh", "g_ih", "g_hh"), (3 * H,))

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place: weights and biases by `init`, gains by 1."""
        self.init(self, params, rng)
        params["g_ih"] = params["g_hh"] = 1

    def _split(self, a: Array) -> list[Array]:
        """Return the part of both gates (..., 2 H), and that of the new value (..., H)."""
        return np.split(a, [2 * self.hidden_size], axis=-1)

    def _normalized(self, product: Array) -> tuple[Array, Array]:
        """Return a product normalized in these two parts (..., 3 H), and their scales (..., 2)."""
        units, scales = zip(*(normalized(part) for part in self._split(product)), strict=True)
        return np.concatenate(units, axis=-1), np.concatenate(scales, axis=-1)

    def _normalized_vjp(self, result: tuple[Array, Array], d_unit: Array) -> Array:
        units, scales = self._split(result[0]), np.split(result[1], 2, axis=-1)
        parts = zip(zip(units, scales, strict=True), self._split(d_unit), strict=True)
        return np.concatenate([normalized_vjp(part, d_part) for part, d_part in parts], axis=-1)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are gates, the normalized products and their scales, nested."""
        of_x, of_h = self._normalized(x @ params["w_ih"].T), self._normalized(state @ params["w_hh"].T)
        a_r, a_z, a_n = np.split(params["g_ih"] * of_x[0] + params["b_ih"], 3, axis=-1)
        u_r, u_z, u_n = np.split(params["g_hh"] * of_h[0] + params["b_hh"], 3, axis=-1)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        n = np.tanh(a_n + r * u_n)
        return n + z * (state - n), (np.concatenate([r, z, n, u_n], axis=-1), of_x, of_h)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Residuals]:
        """Compute the vector-Jacobian product of one step; delta is that of both affine maps and products, nested."""
        gates, of_x, of_h = residuals
        r, z, n, u_n = np.split(gates, 4, axis=-1)
        delta_n = d_next * (1 - z) * (1 - n * n)
        delta_r, delta_z = delta_n * u_n * r * (1 - r), d_next * (state - n) * z * (1 - z)
        of_a = np.concatenate([delta_r, delta_z, delta_n], axis=-1)
        of_u = np.concatenate([delta_r, delta_z, delta_n * r], axis=-1)
        at_x = self._normalized_vjp(of_x, of_a * params["g_ih"])
        at_h = self._normalized_vjp(of_h, of_u * params["g_hh"])
        return d_next * z + at_h @ params["w_hh"], at_x @ params["w_ih"], (of_a, of_u, at_x, at_h)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Residuals, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        _, (unit_x, _), (unit_h, _) = residuals
        of_a, of_u, at_x, at_h = delta
        grad["w_ih"] += outer_sum(at_x, x)
        grad["w_hh"] += outer_sum(at_h, state)
        grad["g_ih"] += total(of_a * unit_x)
        grad["g_hh"] += total(of_u * unit_h)
        grad["b_ih"] += total(of_a)
        grad["b_hh"] += total(of_u)
