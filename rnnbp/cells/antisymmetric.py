"""Cell of the antisymmetric recurrent neural network."""

from rnnbp.cells.base import Array
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, tanh
from rnnbp.runtime import number


class AntisymmetricRNNCell(ConstrainedCell):
    """Antisymmetric RNN, whose hidden dynamics neither grow nor decay; the state is h::

        h[t] = h[t-1] + dt tanh((W - W^T - gamma I) h[t-1] + W_ih x[t] + b_ih + b_hh)

    This is Euler's method for a differential equation. The eigenvalues of an antisymmetric matrix are imaginary, so the
    equation is stable without forgetting; the diffusion gamma makes up for the error of the method. Since a declaration
    has no antisymmetric weights, it is a declared step in which W - W^T stands for W.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units; W, the parameter ``w_hh``, is (H, H).
    dt : float, default 0.1
        The time step, above 0.
    gamma : float, default 0.01
        The diffusion, 0 or more.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or a constant is out of its range.

    References
    ----------
    B. Chang, M. Chen, E. Haber & E. H. Chi (2019), "AntisymmetricRNN: a dynamical system view on recurrent neural
    networks", ICLR, arXiv:1902.09689, the cell without gate

    Examples
    --------
    The recurrent weights that the step uses are antisymmetric, whatever the parameters are:

    >>> import numpy as np
    >>> AntisymmetricRNNCell(3, 2).constrained(np.array([[5.0, 1.0], [3.0, 7.0]]))
    array([[ 0., -2.],
           [ 2.,  0.]])
    """

    constraint = r"R &= V - V^\top"
    dt: float = 0.1
    gamma: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        number("dt", self.dt, 0, open_low=True)
        number("gamma", self.gamma, 0)

    @staticmethod
    def update(x: Expression, h: Expression, dt: Expression, gamma: Expression) -> Expression:
        return h + dt * tanh(affine("h", x, h) - gamma * h)

    def constrained(self, weight: Array) -> Array:
        return weight - weight.T
