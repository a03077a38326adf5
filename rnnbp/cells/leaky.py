"""Cell of leaky rate units: the simple recurrent network in continuous time, by Euler's method."""

from rnnbp.cells.declared import DeclaredCell, activate, affine
from rnnbp.cells.elman import ACTIVATIONS
from rnnbp.runtime import choice, number


class LeakyElmanCell(DeclaredCell):
    """Leaky rate units of computational neuroscience, the leak outside the nonlinearity; the state is h::

        h[t] = (1 - 1 / tau) h[t-1] + (1 / tau) act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)

    This is Euler's method for ``tau dh/dt = -h + act(...)`` with a time step of 1. With tau = 1 it is `ElmanCell`.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    tau : float, default 10
        Time constant of the units, at least 1 [steps].
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
        The derivative of 'relu' at 0 is taken as 0.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `tau` is below 1 or the activation is unknown.

    See Also
    --------
    rnnbp.RFLO : the local learning rule of this network.

    References
    ----------
    J. M. Murray (2019), "Local online learning in recurrent networks with random feedback", eLife 8, e43299, eq. 1,
    doi:10.7554/eLife.43299, whose network has no biases

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.core import Parameters

    Without input and recurrent weights the state decays:

    >>> cell = LeakyElmanCell(input_size=3, hidden_size=2, tau=4)
    >>> params = Parameters(cell.shapes())
    >>> cell.step(params, np.ones(2), np.zeros(3))[0]
    array([0.75, 0.75])
    """

    tau: float = 10.0
    activation: str = "tanh"

    def __post_init__(self) -> None:
        number("tau", self.tau, 1)
        choice("activation", self.activation, ACTIVATIONS)
        super().__post_init__()

    @staticmethod
    def update(x, h, tau, activation):
        return h + (activate(activation, affine("h", x, h)) - h) / tau
