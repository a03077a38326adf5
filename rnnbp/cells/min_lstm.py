"""Cell of minLSTM, a long short-term memory whose gates do not see the state."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, softplus


class MinLSTMCell(DeclaredCell):
    """MinLSTM, a long short-term memory without the state in its gates, and linear in it; the state is h::

        f = sigmoid(W_f x[t] + b_f)                                   forget gate
        i = sigmoid(W_i x[t] + b_i)                                   input gate
        h[t] = f / (f + i) * h[t-1] + i / (f + i) * (W_n x[t] + b_n)

    The quotient f / (f + i) is computed as sigmoid(log f - log i), which is exact also where both gates are nearly
    closed.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the forget gate's bias, which
        the paper recommends to raise.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    L. Feng, F. Tung, M. O. Ahmed, Y. Bengio & H. Hajimirsadeghi (2024), "Were RNNs all we needed?", arXiv:2410.01201,
    section 3.2

    Examples
    --------
    Without any weights both gates are a half, and the state is halved at each step:

    >>> import numpy as np
    >>> cell = MinLSTMCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(params, np.array([0.2, 0.8]), np.zeros(3))[0]
    array([0.1, 0.4])
    """

    @staticmethod
    def update(x: Expression, h: Expression) -> Expression:
        minus_log_f = softplus(-affine("forget", x))
        minus_log_i = softplus(-affine("input", x))
        n = affine("new", x)
        f = sigmoid(minus_log_i - minus_log_f)
        return n + f * (h - n)
