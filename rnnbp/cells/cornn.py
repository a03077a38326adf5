"""Cell of the coupled oscillatory recurrent neural network."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, linear, tanh
from rnnbp.runtime import number


class CoRNNCell(DeclaredCell):
    """Coupled oscillatory RNN, driven and damped oscillators in discrete time; the state is [y | z]::

        z[t] = z[t-1] + dt (tanh(W y[t-1] + W_z z[t-1] + V x[t] + b) - gamma y[t-1] - epsilon z[t-1])
        y[t] = y[t-1] + dt z[t]

    y are the positions, which are the output, and z the velocities of H oscillators::

        y'' = tanh(W y + W_z y' + V x + b) - gamma y - epsilon y'

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of oscillators.
    dt : float, default 0.05
        The time step, above 0.
    gamma : float, default 2.7
        The restoring force, the square of the frequency, above 0.
    epsilon : float, default 4.7
        The damping, not below 0.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or a constant is out of its range.

    References
    ----------
    T. K. Rusch & S. Mishra (2021), "Coupled oscillatory recurrent neural network (coRNN): an accurate and (gradient)
    stable architecture for learning long time dependencies", ICLR, arXiv:2010.00951, equation 3 with explicit damping;
    the constants are tuned for each task there

    Examples
    --------
    Without weights an undamped oscillator returns to where it started after a period of 2 pi / sqrt(gamma):

    >>> import numpy as np
    >>> cell = CoRNNCell(3, 1, dt=0.001, gamma=4.0, epsilon=0.0)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> state = np.array([1.0, 0.0])
    >>> for _ in range(round(np.pi / 0.001)):
    ...     state, _ = cell.step(params, state, np.zeros(3))
    >>> state.round(2)
    array([ 1., -0.])
    """

    state = "y z"
    dt: float = 0.05
    gamma: float = 2.7
    epsilon: float = 4.7

    def __post_init__(self) -> None:
        super().__post_init__()
        number("dt", self.dt, 0, open_low=True)
        number("gamma", self.gamma, 0, open_low=True)
        number("epsilon", self.epsilon, 0)

    @staticmethod
    def update(
        x: Expression, y: Expression, z: Expression, dt: Expression, gamma: Expression, epsilon: Expression
    ) -> tuple[Expression, ...]:
        force = tanh(affine("position", x, y) + linear("velocity", z))
        z = z + dt * (force - gamma * y - epsilon * z)
        return y + dt * z, z
