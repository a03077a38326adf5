"""Cell of the long expressive memory."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh
from rnnbp.runtime import number


class LEMCell(DeclaredCell):
    """Long expressive memory, two coupled states with a learned time step for each unit; the state is [y | z]::

        d_z = dt sigmoid(W_1 y[t-1] + V_1 x[t] + b_1)                 time step of z
        d_y = dt sigmoid(W_2 y[t-1] + V_2 x[t] + b_2)                 time step of y
        z[t] = (1 - d_z) * z[t-1] + d_z * tanh(W_z y[t-1] + V_z x[t] + b_z)
        y[t] = (1 - d_y) * y[t-1] + d_y * tanh(W_y z[t] + V_y x[t] + b_y)

    It discretizes a system of ordinary differential equations with several time scales, whose gates are the time steps.
    The output is y.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    dt : float, default 1
        The greatest time step, above 0.
    init : Initializer, default Uniform()
        The initialization of the parameters, which is the paper's.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `dt` is not above 0.

    References
    ----------
    T. K. Rusch, S. Mishra, N. B. Erichson & M. W. Mahoney (2022), "Long expressive memory for sequence modeling",
    ICLR, arXiv:2110.04744, equation 3

    Examples
    --------
    Without any weights half of both states is forgotten at each step:

    >>> import numpy as np
    >>> cell = LEMCell(3, 1)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(params, np.array([0.4, 0.8]), np.zeros(3))[0]
    array([0.2, 0.4])
    """

    state = "y z"
    dt: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("dt", self.dt, 0, open_low=True)

    @staticmethod
    def update(x: Expression, y: Expression, z: Expression, dt: Expression) -> tuple[Expression, ...]:
        d_z = dt * sigmoid(affine("step_z", x, y))
        d_y = dt * sigmoid(affine("step_y", x, y))
        z = z + d_z * (tanh(affine("new_z", x, y)) - z)
        y = y + d_y * (tanh(affine("new_y", x, z)) - y)
        return y, z
