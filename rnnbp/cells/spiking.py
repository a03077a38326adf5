"""Cells of leaky integrate-and-fire neurons, with fixed and with adaptive threshold, and a surrogate gradient.

A spike has no derivative. A surrogate takes its place in `step_vjp`, and in `step` for complex numbers, so that forward
mode and the complex step use the same derivative. A check by the complex step therefore confirms that the
vector-Jacobian products agree with the surrogate; finite differences of the loss disagree with both.
"""

from dataclasses import dataclass, field
from math import exp

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer, relu
from rnnbp.runtime import number, positive_int


def surrogate(u: Array, dampening: float) -> Array:
    """Return the surrogate derivative of the spike at u, dampening max(0, 1 - |u|).

    Examples
    --------
    >>> surrogate(np.array([-2.0, -0.5, 0.0, 0.5]), dampening=0.3)
    array([0.  , 0.15, 0.3 , 0.15])
    """
    return dampening * relu(1 - np.where(u.real < 0, -u, u))


def spike(u: Array, dampening: float) -> Array:
    """Return 1 where the real part of u is above 0, else 0, with the surrogate derivative times Im u as imaginary part.

    Examples
    --------
    >>> spike(np.array([-0.5, 0.5]), dampening=0.3)
    array([0., 1.])
    >>> spike(np.array([0.5 + 1e-30j]), dampening=0.3)
    array([1.+1.5e-31j])
    """
    z = (u.real > 0).astype(u.dtype)
    if np.iscomplexobj(z):
        z.imag = surrogate(u.real, dampening) * u.imag
    return z


@dataclass(frozen=True)
class LIFCell:
    """Leaky integrate-and-fire neurons; the state is [z | v], spikes and membrane potentials::

        v[t] = alpha v[t-1] + W_ih x[t] + W_hh z[t-1] - threshold z[t-1],      alpha = exp(-1 / tau)
        z[t] = 1 where v[t] > threshold, else 0

    The output is z. The derivative of z with respect to v is replaced by the surrogate
    ``dampening / threshold max(0, 1 - |v - threshold| / threshold)``. The reset, the last term of v, is not
    differentiated, as in the eligibility traces of e-prop and as Zenke & Vogels recommend. Neurons may have
    self-connections; there is no bias and no refractory period.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of neurons.
    tau : float, default 20
        Time constant of the membrane, above 0 [steps].
    threshold : float, default 1
        Firing threshold, above 0, in units of v.
    dampening : float, default 0.3
        Height of the surrogate derivative, above 0.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer or another number is not above 0.

    See Also
    --------
    ALIFCell : with an adaptive threshold.
    rnnbp.EProp : the local learning rule of this network.

    Notes
    -----
    `rnnbp.check_gradient` agrees, because the complex step differentiates the spike by the surrogate too; with
    ``oracle=FiniteDifference()`` it disagrees, because a spike is constant in v except for its jump.

    References
    ----------
    G. Bellec, F. Scherr, A. Subramoney, E. Hajek, D. Salaj, R. Legenstein & W. Maass (2020), "A solution to the
    learning dilemma for recurrent networks of spiking neurons", Nature Communications 11, 3625, Methods,
    doi:10.1038/s41467-020-17236-y, whose neurons do not connect to themselves. F. Zenke & T. P. Vogels (2021), "The
    remarkable robustness of surrogate gradient learning", Neural Computation 33(4), 899-925, doi:10.1162/neco_a_01367

    Examples
    --------
    A constant input charges the membrane until the neuron fires:

    >>> cell = LIFCell(input_size=1, hidden_size=1)
    >>> params, state, spikes = Parameters(cell.shapes()), np.zeros(2), []
    >>> params["w_ih"] = 0.4
    >>> for _ in range(8):
    ...     state, _ = cell.step(params, state, np.ones(1))
    ...     spikes.append(int(state[0]))
    >>> spikes
    [0, 0, 1, 0, 0, 1, 0, 0]
    """

    input_size: int
    hidden_size: int
    tau: float = 20.0
    threshold: float = 1.0
    dampening: float = 0.3
    init: Initializer = field(default_factory=Uniform)

    gates = ()

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        for name in ("tau", "threshold", "dampening"):
            number(name, getattr(self, name), 0, open_low=True)

    @property
    def output_size(self) -> int:
        """H: the output is z."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """2 H: the state is [z | v]."""
        return 2 * self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (H, F), w_hh (H, H)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (H, F), "w_hh": (H, H)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def _potential(self, params: Weights, z: Array, v: Array, x: Array) -> Array:
        """Return the next potential. The reset uses ``z.real``, which has no derivative."""
        current = x @ params["w_ih"].T + z @ params["w_hh"].T
        return exp(-1 / self.tau) * v + current - self.threshold * z.real

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are psi (..., H), the surrogate derivative of z with respect to v."""
        z, v = np.split(state, 2, axis=-1)
        v = self._potential(params, z, v, x)
        u = v / self.threshold - 1
        psi = surrogate(u, self.dampening) / self.threshold
        return np.concatenate([spike(u, self.dampening), v], axis=-1), psi

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step: delta = d_v + psi d_z (..., H)."""
        d_z, d_v = np.split(d_next, 2, axis=-1)
        delta = d_v + residuals * d_z
        d_state = np.concatenate([delta @ params["w_hh"], exp(-1 / self.tau) * delta], axis=-1)
        return d_state, delta @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        grad["w_ih"] += outer_sum(delta, x)
        grad["w_hh"] += outer_sum(delta, state[..., : self.hidden_size])

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        k, z = np.arange(self.hidden_size), slice(0, self.hidden_size)
        return Outer("w_ih", k, x), Outer("w_hh", k, state[..., z], units=z)


@dataclass(frozen=True)
class ALIFCell(LIFCell):
    """Leaky integrate-and-fire neurons with adaptive threshold, as of an LSNN; the state is [z | v | a]::

        v[t] = alpha v[t-1] + W_ih x[t] + W_hh z[t-1] - threshold z[t-1],      alpha = exp(-1 / tau)
        a[t] = rho a[t-1] + z[t-1],                                            rho = exp(-1 / tau_adaptation)
        z[t] = 1 where v[t] > A[t] = threshold + beta a[t], else 0

    The surrogate is that of `LIFCell` with ``|v - A| / threshold``. The threshold decays within about `tau_adaptation`
    steps, much more slowly than the membrane potential. Unlike the reset, the dependence of a on z is differentiated.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of neurons.
    tau : float, default 20
        Time constant of the membrane, above 0 [steps].
    threshold : float, default 1
        Firing threshold of a neuron that has not fired, above 0, in units of v.
    dampening : float, default 0.3
        Height of the surrogate derivative, above 0.
    init : Initializer, default Uniform()
        The initialization of the parameters.
    tau_adaptation : float, default 200
        Time constant of the adaptation, above 0 [steps].
    beta : float, default 0.184
        Increase of the threshold at a spike, 0 or more, in units of v. With 0, a `LIFCell`.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `beta` is negative or another number is not above 0.

    See Also
    --------
    LIFCell : with a fixed threshold, and notes on the surrogate.

    References
    ----------
    G. Bellec, D. Salaj, A. Subramoney, R. Legenstein & W. Maass (2018), "Long short-term memory and learning-to-learn
    in networks of spiking neurons", NeurIPS, arXiv:1803.09574. Bellec et al. (2020), as of `LIFCell`, whose equations
    and beta these are.

    Examples
    --------
    Under a constant input the firing rate adapts:

    >>> cell = ALIFCell(input_size=1, hidden_size=1)
    >>> params, state, spikes = Parameters(cell.shapes()), np.zeros(3), []
    >>> params["w_ih"] = 0.4
    >>> for _ in range(120):
    ...     state, _ = cell.step(params, state, np.ones(1))
    ...     spikes.append(int(state[0]))
    >>> sum(spikes[:40]), sum(spikes[40:80]), sum(spikes[80:])
    (11, 9, 7)
    """

    tau_adaptation: float = 200.0
    beta: float = 0.184

    def __post_init__(self) -> None:
        super().__post_init__()
        number("tau_adaptation", self.tau_adaptation, 0, open_low=True)
        number("beta", self.beta, 0)

    @property
    def state_size(self) -> int:
        """3 H: the state is [z | v | a]."""
        return 3 * self.hidden_size

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are psi (..., H), the surrogate derivative of z with respect to v."""
        z, v, a = np.split(state, 3, axis=-1)
        v = self._potential(params, z, v, x)
        a = exp(-1 / self.tau_adaptation) * a + z
        u = (v - self.beta * a) / self.threshold - 1
        psi = surrogate(u, self.dampening) / self.threshold
        return np.concatenate([spike(u, self.dampening), v, a], axis=-1), psi

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step: delta = d_v + psi d_z (..., H).

        The gradient with respect to a is d_a - beta psi d_z.
        """
        d_z, d_v, d_a = np.split(d_next, 3, axis=-1)
        delta = d_v + residuals * d_z
        d_a = d_a - self.beta * residuals * d_z
        d_z, d_v = delta @ params["w_hh"] + d_a, exp(-1 / self.tau) * delta
        d_state = np.concatenate([d_z, d_v, exp(-1 / self.tau_adaptation) * d_a], axis=-1)
        return d_state, delta @ params["w_ih"], delta

    outer_products = LIFCell.outer_products
