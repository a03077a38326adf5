"""Cell of the continuous-time recurrent neural network, with a time step of its own choice."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import activate, affine, exp
from rnnbp.runtime import number


class CTRNNCell(DeclaredCell):
    """Continuous-time recurrent neural network, sampled every `dt`; the state is h::

        tau dh/dt = -h + act(W_ih x + b_ih + W_hh h + b_hh)

    The drive act(...) is taken as constant within a step, over which the leak is solved exactly::

        a = exp(-dt / tau)
        h[t] = a h[t-1] + (1 - a) act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)

    so the step is stable for every dt. `LeakyElmanCell` is Euler's method for the same equation, to which this is equal
    with a = 1 - 1 / tau there.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    tau : float, default 10
        Time constant of the units, above 0, in the unit of time of `dt`.
    dt : float, default 1
        Time between two steps, above 0.
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
        The derivative of 'relu' at 0 is taken as 0.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a time is not above 0, or the activation is unknown.

    See Also
    --------
    rnnbp.cells.IrregularCTRNNCell : with a time step for each step of the sequence.

    References
    ----------
    K. Funahashi & Y. Nakamura (1993), "Approximation of dynamical systems by continuous time recurrent neural
    networks", Neural Networks 6(6), 801-806, doi:10.1016/S0893-6080(05)80125-X

    Examples
    --------
    Two steps of half the length decay as much as one:

    >>> import numpy as np
    >>> whole, half = CTRNNCell(3, 1, tau=4.0, dt=2.0), CTRNNCell(3, 1, tau=4.0, dt=1.0)
    >>> params = {name: np.zeros(shape) for name, shape in whole.shapes().items()}
    >>> h = np.ones(1)
    >>> for _ in range(2):
    ...     h, _ = half.step(params, h, np.zeros(3))
    >>> bool(np.isclose(whole.step(params, np.ones(1), np.zeros(3))[0], h)[0])
    True
    """

    tau: float = 10.0
    dt: float = 1.0
    activation: str = "tanh"

    def __post_init__(self) -> None:
        number("tau", self.tau, 0, open_low=True)
        number("dt", self.dt, 0, open_low=True)
        super().__post_init__()

    @staticmethod
    def update(x: Expression, h: Expression, tau: Expression, dt: Expression, activation: str) -> Expression:
        decay = exp(-dt / tau)
        drive = activate(activation, affine("h", x, h))
        return drive + decay * (h - drive)
