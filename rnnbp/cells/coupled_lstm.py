"""Cell of the long short-term memory with coupled input and forget gates."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh


class CoupledLSTMCell(DeclaredCell):
    """Long short-term memory with coupled input and forget gates (CIFG); the state is [h | c]::

        f = sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf)            forget gate; the input gate is 1 - f
        g = tanh(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg)
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho)            output gate
        c[t] = f * c[t-1] + (1 - f) * g
        h[t] = o * tanh(c[t])

    The paper learns the input gate i and takes 1 - i to forget, which is the same with the sign of that gate's weights
    changed.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the forget gate's bias.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink & J. Schmidhuber (2017), "LSTM: a search space odyssey",
    IEEE Transactions on Neural Networks and Learning Systems 28(10), 2222-2232, variant CIFG (with peepholes there),
    doi:10.1109/TNNLS.2016.2582924

    Examples
    --------
    It has three quarters of the parameters of an LSTM:

    >>> CoupledLSTMCell(3, 4).shapes()
    {'w_ih': (12, 3), 'w_hh': (12, 4), 'b_ih': (12,), 'b_hh': (12,)}
    """

    state = "h c"

    @staticmethod
    def update(x: Expression, h: Expression, c: Expression) -> tuple[Expression, ...]:
        f = sigmoid(affine("forget", x, h))
        g = tanh(affine("cell", x, h))
        o = sigmoid(affine("output", x, h))
        c = f * c + (1 - f) * g
        return o * tanh(c), c
