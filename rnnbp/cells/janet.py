"""Cell of JANET, a long short-term memory with nothing but its forget gate."""

from dataclasses import field

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh
from rnnbp.core import Chrono, Initializer
from rnnbp.runtime import number


class JANETCell(DeclaredCell):
    """JANET ("just another network"), a long short-term memory with the forget gate alone; the state is h::

        s = W_if x[t] + b_if + W_hf h[t-1] + b_hf
        n = tanh(W_in x[t] + b_in + W_hn h[t-1] + b_hn)
        h[t] = sigmoid(s) * h[t-1] + (1 - sigmoid(s - beta)) * n

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    beta : float, default 1
        By how much the pre-activation of the input is reduced, so that more is added than is forgotten.
    init : Initializer, default Chrono(longest=100)
        The initialization of the parameters. The paper's is `rnnbp.Chrono`, whose `longest` should be the length of
        the longest dependency of the task.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `beta` is not finite.

    References
    ----------
    J. van der Westhuizen & J. Lasenby (2018), "The unreasonable effectiveness of the forget gate", arXiv:1804.04849

    Examples
    --------
    The chrono initialization gives each unit a time constant of its own, here of up to 784 steps:

    >>> import numpy as np
    >>> from rnnbp.core import Parameters
    >>> cell = JANETCell(3, 100, init=Chrono(longest=784))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> time_constants = np.exp(params["b_ih"][:100])  # 1 / (1 - sigmoid(b)), less one step
    >>> bool(time_constants.min() >= 1 and 700 < time_constants.max() < 784)
    True
    """

    beta: float = 1.0
    init: Initializer = field(default_factory=lambda: Chrono(longest=100), kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        number("beta", self.beta)

    @staticmethod
    def update(x: Expression, h: Expression, beta: Expression) -> Expression:
        s = affine("forget", x, h)
        n = tanh(affine("new", x, h))
        return sigmoid(s) * h + (1 - sigmoid(s - beta)) * n
