"""Cell of the recurrent highway network."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, sigmoid, tanh
from rnnbp.runtime import positive_int

MOST_LAYERS = 50  # a model file contains the number; the time to derive all from the equation grows with its cube


class RHNCell(DeclaredCell):
    """Recurrent highway network, several highway layers within each step; the state is s::

        s_0 = s[t-1]
        for l = 1 ... depth:
            n_l = tanh(W_n x[t] (l = 1) + R_nl s_(l-1) + b_nl)
            t_l = sigmoid(W_t x[t] (l = 1) + R_tl s_(l-1) + b_tl)     transform gate
            s_l = n_l * t_l + s_(l-1) * (1 - t_l)                     carry gate 1 - t_l
        s[t] = s_depth

    Parameters
    ----------
    input_size : int
        F, the number of features, which enter the first layer.
    hidden_size : int
        H, the number of hidden units.
    depth : int, default 2
        The number of highway layers in a step; with 1 it is `UGRNNCell` with the update gate 1 - t.
    init : Initializer, default Uniform()
        The initialization of the parameters. The paper starts with transform gates nearly closed, by a bias of -2 or
        less, as below.

    Raises
    ------
    ValueError
        If `depth` or a size is not a positive integer, or `depth` is greater than 50.

    References
    ----------
    J. G. Zilly, R. K. Srivastava, J. Koutnik & J. Schmidhuber (2017), "Recurrent highway networks", ICML,
    arXiv:1607.03474, equations 6 to 9 with coupled gates

    Examples
    --------
    Layer l has rows for its transform gate and its new value; these are transform gates that start nearly closed:

    >>> import rnnbp
    >>> cell = RHNCell(3, 4, depth=2)
    >>> cell.gates
    ('transform1', 'new1', 'transform2', 'new2')
    >>> model = rnnbp.Sequential(rnnbp.Recurrent(cell))
    >>> for layer in range(2):
    ...     model.params["0.b_hh"][8 * layer : 8 * layer + 4] = -2
    """

    state = "s"
    depth: int = 2

    def __post_init__(self) -> None:
        if positive_int("depth", self.depth) > MOST_LAYERS:
            raise ValueError(f"depth must be at most {MOST_LAYERS}, got {self.depth}")
        super().__post_init__()

    @staticmethod
    def update(x: Expression, s: Expression, depth: int) -> Expression:
        for layer in range(1, depth + 1):
            inputs = (x, s) if layer == 1 else (s,)
            t = sigmoid(affine(f"transform{layer}", *inputs))
            n = tanh(affine(f"new{layer}", *inputs))
            s = s + t * (n - s)
        return s
