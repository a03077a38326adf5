"""Cells of gated recurrent units, with the reset gate after the recurrent product and before it."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer, sigmoid
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class _GRU:
    """Base class of both cells: sizes and parameters, whose rows are in PyTorch's order r, z, n."""

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
        """H: the output is the whole state."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H: the state is h."""
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (3H, F), w_hh (3H, H), b_ih (3H,), b_hh (3H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (3 * H, F), "w_hh": (3 * H, H), "b_ih": (3 * H,), "b_hh": (3 * H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def _blocks(self, residuals: Array) -> list[Array]:
        """Return the four blocks (..., H) of the residuals."""
        H = self.hidden_size
        return [residuals[..., k * H : (k + 1) * H] for k in range(4)]


@dataclass(frozen=True)
class GRUCell(_GRU):
    """Gated recurrent units, reset gate after the recurrent product as in PyTorch and cuDNN; the state is h::

        r = sigmoid(W_ir x[t] + b_ir + W_hr h[t-1] + b_hr)
        z = sigmoid(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz)
        n = tanh(W_in x[t] + b_in + r (W_hn h[t-1] + b_hn))
        h[t] = (1 - z) n + z h[t-1]

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    See Also
    --------
    OriginalGRUCell : with the reset gate before the recurrent product.

    References
    ----------
    K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", EMNLP,
    doi:10.3115/v1/D14-1179; the place of the reset gate is that of `torch.nn.GRU`

    Examples
    --------
    >>> GRUCell(input_size=12, hidden_size=64).shapes()["w_ih"]
    (192, 12)
    """

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are [r | z | n | W_hn h[t-1] + b_hn] (..., 4H)."""
        H = self.hidden_size
        from_x = x @ params["w_ih"].T + params["b_ih"]
        from_h = state @ params["w_hh"].T + params["b_hh"]
        r = sigmoid(from_x[..., :H] + from_h[..., :H])
        z = sigmoid(from_x[..., H : 2 * H] + from_h[..., H : 2 * H])
        hn = from_h[..., 2 * H :]
        n = np.tanh(from_x[..., 2 * H :] + r * hn)
        return n + z * (state - n), np.concatenate([r, z, n, hn], axis=-1)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of a step; delta is [delta_r | delta_z | delta_n | r delta_n] (..., 4H).

        The third block is the gradient with respect to W_in x[t] + b_in, the fourth that with respect to
        W_hn h[t-1] + b_hn.
        """
        H = self.hidden_size
        r, z, n, hn = self._blocks(residuals)
        delta_n = d_next * (1 - z) * (1 - n * n)
        delta_z = d_next * (state - n) * z * (1 - z)
        delta_r = delta_n * hn * r * (1 - r)
        delta = np.concatenate([delta_r, delta_z, delta_n, r * delta_n], axis=-1)
        d_x = delta[..., : 3 * H] @ params["w_ih"]
        return d_next * z + self._recurrent_delta(delta) @ params["w_hh"], d_x, delta

    def _recurrent_delta(self, delta: Array) -> Array:
        """Return the gradient with respect to W_hh h[t-1] + b_hh, (..., 3H)."""
        H = self.hidden_size
        return np.concatenate([delta[..., : 2 * H], delta[..., 3 * H :]], axis=-1)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        at_x, at_h = delta[..., : 3 * self.hidden_size], self._recurrent_delta(delta)
        grad["w_ih"] += outer_sum(at_x, x)
        grad["w_hh"] += outer_sum(at_h, state)
        grad["b_ih"] += total(at_x)
        grad["b_hh"] += total(at_h)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        H = self.hidden_size
        at_x, at_h = np.arange(3 * H), np.r_[0 : 2 * H, 3 * H : 4 * H]
        return (
            Outer("w_ih", at_x, x),
            Outer("w_hh", at_h, state, units=slice(0, H)),
            Outer("b_ih", at_x),
            Outer("b_hh", at_h),
        )


@dataclass(frozen=True)
class OriginalGRUCell(_GRU):
    """Gated recurrent units, reset gate before the recurrent product as published; the state is h::

        r = sigmoid(W_ir x[t] + b_ir + W_hr h[t-1] + b_hr)
        z = sigmoid(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz)
        n = tanh(W_in x[t] + b_in + W_hn (r h[t-1]) + b_hn)
        h[t] = (1 - z) n + z h[t-1]

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    See Also
    --------
    GRUCell : with the reset gate after the recurrent product, as in PyTorch.

    References
    ----------
    K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", EMNLP, eq. 5-8,
    doi:10.3115/v1/D14-1179

    Examples
    --------
    >>> OriginalGRUCell(input_size=12, hidden_size=64).state_size
    64
    """

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are [r | z | n | r h[t-1]] (..., 4H)."""
        H = self.hidden_size
        w_hh = params["w_hh"]
        from_x = x @ params["w_ih"].T + (params["b_ih"] + params["b_hh"])
        gates = sigmoid(from_x[..., : 2 * H] + state @ w_hh[: 2 * H].T)
        r, z = gates[..., :H], gates[..., H:]
        rh = r * state
        n = np.tanh(from_x[..., 2 * H :] + rh @ w_hh[2 * H :].T)
        return n + z * (state - n), np.concatenate([r, z, n, rh], axis=-1)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step; delta is [delta_r | delta_z | delta_n] (..., 3H)."""
        H = self.hidden_size
        w_hh = params["w_hh"]
        r, z, n, _ = self._blocks(residuals)
        delta_n = d_next * (1 - z) * (1 - n * n)
        delta_z = d_next * (state - n) * z * (1 - z)
        d_rh = delta_n @ w_hh[2 * H :]
        delta_r = d_rh * state * r * (1 - r)
        delta = np.concatenate([delta_r, delta_z, delta_n], axis=-1)
        d_state = d_next * z + d_rh * r + delta[..., : 2 * H] @ w_hh[: 2 * H]
        return d_state, delta @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        H = self.hidden_size
        rh = self._blocks(residuals)[3]
        grad["w_ih"] += outer_sum(delta, x)
        w_hh = grad["w_hh"]
        w_hh[: 2 * H] += outer_sum(delta[..., : 2 * H], state)
        w_hh[2 * H :] += outer_sum(delta[..., 2 * H :], rh)
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        H = self.hidden_size
        k = np.arange(3 * H)
        return (
            Outer("w_ih", k, x),
            Outer("w_hh", k[: 2 * H], state, slice(0, 2 * H)),
            Outer("w_hh", k[2 * H :], self._blocks(residuals)[3], slice(2 * H, 3 * H)),
            Outer("b_ih", k),
            Outer("b_hh", k),
        )
