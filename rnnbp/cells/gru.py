"""Cells of gated recurrent units, with the reset gate after the recurrent product and before it."""

from rnnbp.cells.declared import DeclaredCell, affine, sigmoid, tanh


class GRUCell(DeclaredCell):
    """Gated recurrent units, reset gate after the recurrent product as in PyTorch and cuDNN; the state is h::

        r = sigmoid(W_ir x[t] + b_ir + W_hr h[t-1] + b_hr)
        z = sigmoid(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz)
        n = tanh(W_in x[t] + b_in + r (W_hn h[t-1] + b_hn))
        h[t] = (1 - z) n + z h[t-1]

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    See Also
    --------
    OriginalGRUCell : with the reset gate before the recurrent product.

    References
    ----------
    K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", EMNLP,
    doi:10.3115/v1/D14-1179; the place of the reset gate is that of `torch.nn.GRU`

    Examples
    --------
    >>> GRUCell(input_size=12, hidden_size=64).shapes()["w_ih"]
    (192, 12)
    """

    @staticmethod
    def update(x, h):
        r = sigmoid(affine("reset", x, h))
        z = sigmoid(affine("update", x, h))
        n = tanh(affine("new", x) + r * affine("new", h))
        return n + z * (h - n)


class OriginalGRUCell(DeclaredCell):
    """Gated recurrent units, reset gate before the recurrent product as published; the state is h::

        r = sigmoid(W_ir x[t] + b_ir + W_hr h[t-1] + b_hr)
        z = sigmoid(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz)
        n = tanh(W_in x[t] + b_in + W_hn (r h[t-1]) + b_hn)
        h[t] = (1 - z) n + z h[t-1]

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    See Also
    --------
    GRUCell : with the reset gate after the recurrent product, as in PyTorch.

    References
    ----------
    K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", EMNLP, eq. 5-8,
    doi:10.3115/v1/D14-1179

    Examples
    --------
    >>> OriginalGRUCell(input_size=12, hidden_size=64).state_size
    64
    """

    @staticmethod
    def update(x, h):
        r = sigmoid(affine("reset", x, h))
        z = sigmoid(affine("update", x, h))
        n = tanh(affine("new", x, r * h))
        return n + z * (h - n)
