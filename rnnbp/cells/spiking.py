"""Cells of leaky integrate-and-fire neurons, with fixed and with adaptive threshold, and a surrogate gradient.

A spike has no derivative. A surrogate takes its place in `step_vjp`, and in `step` for complex numbers, so that forward
mode and the complex step use the same derivative. A check by the complex step therefore confirms that the
vector-Jacobian products agree with the surrogate; finite differences of the loss disagree with both.
"""

from rnnbp.cells.declared import DeclaredCell, exp, linear, relu, spike, stop_gradient
from rnnbp.cells.declared.expressions import Expression
from rnnbp.runtime import number


def fires(u: Expression, dampening: Expression) -> Expression:
    """Return 1 where u > 0, else 0, with the surrogate derivative dampening max(0, 1 - |u|)."""
    return spike(u, lambda u: dampening * relu(1 - abs(u)))


class LIFCell(DeclaredCell):
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
        The initialization of the parameters; by keyword.

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
    >>> import numpy as np
    >>> from rnnbp.core import Parameters

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

    state = "z v"
    tau: float = 20.0
    threshold: float = 1.0
    dampening: float = 0.3

    def __post_init__(self) -> None:
        for name in ("tau", "threshold", "dampening"):
            number(name, getattr(self, name), 0, open_low=True)
        super().__post_init__()

    @staticmethod
    def update(x, z, v, tau, threshold, dampening):
        alpha = exp(-1 / tau)
        v = alpha * v + linear("v", x, z) - threshold * stop_gradient(z)
        return fires(v / threshold - 1, dampening), v


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
        The initialization of the parameters; by keyword.
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
    >>> import numpy as np
    >>> from rnnbp.core import Parameters

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

    state = "z v a"
    tau_adaptation: float = 200.0
    beta: float = 0.184

    def __post_init__(self) -> None:
        number("tau_adaptation", self.tau_adaptation, 0, open_low=True)
        number("beta", self.beta, 0)
        super().__post_init__()

    @staticmethod
    def update(x, z, v, a, tau, threshold, dampening, tau_adaptation, beta):  # type: ignore[override]
        alpha, rho = exp(-1 / tau), exp(-1 / tau_adaptation)
        v = alpha * v + linear("v", x, z) - threshold * stop_gradient(z)
        a = rho * a + z
        return fires((v - beta * a) / threshold - 1, dampening), v, a
