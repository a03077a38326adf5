"""Cell of the minimal gated unit."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh


class MGUCell(DeclaredCell):
    """Minimal gated unit, a gated recurrent unit whose two gates are one; the state is h::

        f = sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf)
        n = tanh(W_in x[t] + b_in + W_hn (f * h[t-1]) + b_hn)
        h[t] = (1 - f) * h[t-1] + f * n

    The paper calls f the forget gate; since it multiplies the new value, its rows are named ``"write"`` here.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the bias of f to the negative
        of what they set a forget gate's to.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    G.-B. Zhou, J. Wu, C.-L. Zhang & Z.-H. Zhou (2016), "Minimal gated unit for recurrent neural networks",
    International Journal of Automation and Computing 13(3), 226-234, arXiv:1603.09420

    Examples
    --------
    Without any weights f is a half, and the state is halved at each step:

    >>> import numpy as np
    >>> cell = MGUCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> cell.step(params, np.array([0.2, 0.8]), np.zeros(3))[0]
    array([0.1, 0.4])
    """

    @staticmethod
    def update(x: Expression, h: Expression) -> Expression:
        f = sigmoid(affine("write", x, h))
        n = tanh(affine("new", x, f * h))
        return h + f * (n - h)
