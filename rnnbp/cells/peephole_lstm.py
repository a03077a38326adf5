"""Cell of the long short-term memory whose gates see its inner state."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh


class PeepholeLSTMCell(DeclaredCell):
    """Long short-term memory with peephole connections from c to the gates; the state is [h | c]::

        i = sigmoid(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi + p_i * c[t-1])
        f = sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf + p_f * c[t-1])
        g = tanh(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg)
        c[t] = f * c[t-1] + i * g
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho + p_o * c[t])
        h[t] = o * tanh(c[t])

    The output gate sees the new c, the other gates the old one. With peepholes a closed output gate does not hide the
    cell's state from the gates, which lets them time intervals exactly.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units; p_i, p_f and p_o are (H,).
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the forget gate's bias.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    F. A. Gers & J. Schmidhuber (2000), "Recurrent nets that time and count", IJCNN, vol. 3, 189-194,
    doi:10.1109/IJCNN.2000.861302, whose c is not squashed by tanh at the output; this is the later usual form of
    A. Graves (2013), "Generating sequences with recurrent neural networks", arXiv:1308.0850, equations 7 to 11

    Examples
    --------
    The output gate opens by the new state alone, here where p_o c[t] is great:

    >>> import numpy as np
    >>> cell = PeepholeLSTMCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> params["p_o"] += [-50, 50]
    >>> cell.step(params, np.array([0.0, 0.0, 4.0, 4.0]), np.zeros(3))[0][:2].round(3)
    array([0.   , 0.964])
    """

    state, parameters = "h c", "p_i p_f p_o"

    @staticmethod
    def update(
        x: Expression, h: Expression, c: Expression, p_i: Expression, p_f: Expression, p_o: Expression
    ) -> tuple[Expression, ...]:
        i = sigmoid(affine("input", x, h) + p_i * c)
        f = sigmoid(affine("forget", x, h) + p_f * c)
        g = tanh(affine("cell", x, h))
        c = f * c + i * g
        o = sigmoid(affine("output", x, h) + p_o * c)
        return o * tanh(c), c
