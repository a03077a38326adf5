"""Cell of the update gate recurrent neural network."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh


class UGRNNCell(DeclaredCell):
    """Update gate RNN, a simple recurrent network with one gate; the state is h::

        z = sigmoid(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz)            update gate
        n = tanh(W_in x[t] + b_in + W_hn h[t-1] + b_hn)
        h[t] = z * h[t-1] + (1 - z) * n

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters. The paper adds a constant to the gate's bias, as `rnnbp.ForgetBias` does.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    J. Collins, J. Sohl-Dickstein & D. Sussillo (2017), "Capacity and trainability in recurrent neural networks", ICLR,
    arXiv:1611.09913

    Examples
    --------
    With an open update gate the state is kept:

    >>> import numpy as np
    >>> cell = UGRNNCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> params["b_ih"][:2] = 100
    >>> cell.step(params, np.array([0.2, 0.8]), np.ones(3))[0]
    array([0.2, 0.8])
    """

    @staticmethod
    def update(x: Expression, h: Expression) -> Expression:
        z = sigmoid(affine("update", x, h))
        n = tanh(affine("new", x, h))
        return n + z * (h - n)
