"""Cell of the simple recurrent unit."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, linear, sigmoid


class SRUCell(DeclaredCell):
    """Simple recurrent unit, whose only recurrence is element-wise; the state is [h | c]::

        f = sigmoid(W_f x[t] + b_f + v_f * c[t-1])                    forget gate
        r = sigmoid(W_r x[t] + b_r + v_r * c[t-1])                    reset gate
        c[t] = f * c[t-1] + (1 - f) * (W x[t])
        h[t] = r * c[t] + (1 - r) * (W_s x[t])

    All products with weights are of the input, so that they are computed for all steps at once. The highway connection
    of the paper is x[t] itself where F = H; here it has weights W_s, as the paper's implementation has for other sizes.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units; v_f and v_r are (H,).
    init : Initializer, default Uniform()
        The initialization of the parameters; `rnnbp.ForgetBias` and `rnnbp.Chrono` set the forget gate's bias.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    T. Lei, Y. Zhang, S. I. Wang, H. Dai & Y. Artzi (2018), "Simple recurrent units for highly parallelizable
    recurrence", EMNLP, 4470-4481, arXiv:1709.02755, equations 1 to 4

    Examples
    --------
    The rows of the weights are those of f, r, W and W_s; only the gates have biases:

    >>> cell = SRUCell(3, 2)
    >>> cell.gates, cell.shapes()
    (('forget', 'reset', 'new', 'skip'), {'w_ih': (8, 3), 'b_ih': (4,), 'v_f': (2,), 'v_r': (2,)})
    """

    state, parameters = "h c", "v_f v_r"

    @staticmethod
    def update(x: Expression, c: Expression, v_f: Expression, v_r: Expression) -> tuple[Expression, ...]:
        f = sigmoid(affine("forget", x) + v_f * c)
        r = sigmoid(affine("reset", x) + v_r * c)
        new, skip = linear("new", x), linear("skip", x)
        c = f * c + (1 - f) * new
        return r * c + (1 - r) * skip, c
