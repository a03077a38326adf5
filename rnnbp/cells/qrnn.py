"""Cell of the quasi-recurrent neural network's pooling."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh


class QRNNCell(DeclaredCell):
    """Quasi-recurrent neural network, its fo-pooling; the state is [h | c]::

        f = sigmoid(W_f x[t] + b_f)                                   forget gate
        o = sigmoid(W_o x[t] + b_o)                                   output gate
        z = tanh(W_z x[t] + b_z)
        c[t] = f * c[t-1] + (1 - f) * z
        h[t] = o * c[t]

    The paper computes f, o and z by a convolution over the last k steps: that is this cell on a window of these steps,
    ``rnnbp.Window(k - 1, 0)``.

    Parameters
    ----------
    input_size : int
        F, the number of features; k times as many as a step has where windows of k steps are its input.
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
    J. Bradbury, S. Merity, C. Xiong & R. Socher (2017), "Quasi-recurrent neural networks", ICLR, arXiv:1611.01576,
    section 2

    Examples
    --------
    With a convolution over two steps:

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Window(1, 0), rnnbp.Recurrent(QRNNCell(2 * 3, 8)), rnnbp.Last())
    >>> model.params.shapes
    {'1.w_ih': (24, 6), '1.b_ih': (24,)}
    """

    state = "h c"

    @staticmethod
    def update(x: Expression, c: Expression) -> tuple[Expression, ...]:
        f = sigmoid(affine("forget", x))
        o = sigmoid(affine("output", x))
        z = tanh(affine("new", x))
        c = f * c + (1 - f) * z
        return o * c, c
