"""Cell of long short-term memory with forget gates."""

from rnnbp.cells.declared import DeclaredCell, affine, sigmoid, tanh


class LSTMCell(DeclaredCell):
    """Long short-term memory with forget gates; the state is [h | c]::

        i = sigmoid(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi)
        f = sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf)
        g = tanh(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg)
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho)
        c[t] = f c[t-1] + i g
        h[t] = o tanh(c[t])

    The rows of weights and biases are in PyTorch's order i, f, g, o.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of memory cells.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), 1735-1780,
    doi:10.1162/neco.1997.9.8.1735. F. Gers, J. Schmidhuber & F. Cummins (2000), "Learning to forget", Neural
    Computation 12(10), 2451-2471, doi:10.1162/089976600300015015

    Examples
    --------
    >>> cell = LSTMCell(input_size=12, hidden_size=64)
    >>> cell.state_size, cell.output_size, cell.shapes()["w_hh"]
    (128, 64, (256, 64))
    """

    state = "h c"

    @staticmethod
    def update(x, h, c):
        i = sigmoid(affine("input", x, h))
        f = sigmoid(affine("forget", x, h))
        g = tanh(affine("cell", x, h))
        o = sigmoid(affine("output", x, h))
        c = f * c + i * g
        return o * tanh(c), c
