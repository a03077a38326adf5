"""Cell of minGRU, a gated recurrent unit whose gate does not see the state."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid


class MinGRUCell(DeclaredCell):
    """MinGRU, a gated recurrent unit without the state in its gate, and linear in it; the state is h::

        z = sigmoid(W_z x[t] + b_z)
        h[t] = (1 - z) * h[t-1] + z * (W_n x[t] + b_n)

    The paper calls z the update gate; since it multiplies the new value, unlike that of `GRUCell`, its rows are named
    ``"write"`` here.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the bias of z to the negative
        of what they set a forget gate's to.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    L. Feng, F. Tung, M. O. Ahmed, Y. Bengio & H. Hajimirsadeghi (2024), "Were RNNs all we needed?", arXiv:2410.01201,
    section 3.1

    Examples
    --------
    Without any weights z is a half, and the state is halved at each step:

    >>> import numpy as np
    >>> cell = MinGRUCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(params, np.array([0.2, 0.8]), np.zeros(3))[0]
    array([0.1, 0.4])
    """

    @staticmethod
    def update(x: Expression, h: Expression) -> Expression:
        z = sigmoid(affine("write", x))
        n = affine("new", x)
        return h + z * (n - h)
