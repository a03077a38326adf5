"""Cell of the first published long short-term memory, which has no forget gate."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid


class OriginalLSTMCell(DeclaredCell):
    """Long short-term memory as first published, without a forget gate; the state is [h | c]::

        i = sigmoid(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi)            input gate
        g = 4 sigmoid(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg) - 2
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho)            output gate
        c[t] = c[t-1] + i * g
        h[t] = o * (2 sigmoid(c[t]) - 1)

    The cell's state c is never forgotten: its derivative with respect to c[t-1] along c is 1, the constant error
    carousel. `rnnbp.BPTT` computes the exact gradient, from which the paper cuts the paths through h[t-1].

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters. Against states that drift and outputs that are abused as biases, the paper
        starts with negative biases of the input and output gates.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    See Also
    --------
    rnnbp.cells.LSTMCell : with a forget gate.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), 1735-1780, appendix A.1,
    doi:10.1162/neco.1997.9.8.1735

    Examples
    --------
    Without any weights the state is kept for ever:

    >>> import numpy as np
    >>> cell = OriginalLSTMCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(params, np.array([0.0, 0.0, 1.0, 5.0]), np.zeros(3))[0][2:]
    array([1., 5.])
    """

    state = "h c"

    @staticmethod
    def update(x: Expression, h: Expression, c: Expression) -> tuple[Expression, ...]:
        i = sigmoid(affine("input", x, h))
        g = 4 * sigmoid(affine("cell", x, h)) - 2
        o = sigmoid(affine("output", x, h))
        c = c + i * g
        return o * (2 * sigmoid(c) - 1), c
