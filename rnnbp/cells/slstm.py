"""Cell of sLSTM, the long short-term memory with exponential gates."""

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, exp, maximum, sigmoid, softplus, tanh


class SLSTMCell(DeclaredCell):
    """sLSTM of the xLSTM, with an exponential input gate and a normalizer; the state is [h | c | n | m]::

        i' = W_ii x[t] + b_ii + W_hi h[t-1] + b_hi                    log of the input gate
        f' = log sigmoid(W_if x[t] + b_if + W_hf h[t-1] + b_hf)       log of the forget gate
        z = tanh(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz)
        o = sigmoid(W_io x[t] + b_io + W_ho h[t-1] + b_ho)            output gate
        m[t] = max(f' + m[t-1], i')                                   stabilizer
        i, f = exp(i' - m[t]), exp(f' + m[t-1] - m[t])
        c[t] = f * c[t-1] + i * z
        n[t] = f * n[t-1] + i
        h[t] = o * c[t] / max(n[t], 1e-30)

    The stabilizer m takes a common factor out of c and n, so that no exponential overflows; h does not depend on it.
    It starts at 0, and n too: while all input gates are below exp(-100), which float32 rounds to 0, h is 0, by the
    bound 1e-30, which the paper does not have.
    This is one head: all units of h reach all gates, where the paper has blocks of units.

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
    M. Beck, K. Poeppel, M. Spanring, A. Auer, O. Prudnikova, M. Kopp, G. Klambauer, J. Brandstetter & S. Hochreiter
    (2024), "xLSTM: extended long short-term memory", NeurIPS, arXiv:2405.04517, section 2.2

    Examples
    --------
    An input gate of exp(1000) is no trouble: the new value z replaces the old ones:

    >>> import numpy as np
    >>> cell = SLSTMCell(3, 1)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> params["b_ih"] += [1000, 0, 0.5, 100]  # of i, f, z and o
    >>> state = np.array([0.0, 3.0, 4.0, 0.0])
    >>> bool(np.isclose(cell.step(params, state, np.zeros(3))[0][0], np.tanh(0.5)))
    True
    """

    state = "h c n m"

    @staticmethod
    def update(x: Expression, h: Expression, c: Expression, n: Expression, m: Expression) -> tuple[Expression, ...]:
        log_i = affine("input", x, h)
        log_f = -softplus(-affine("forget", x, h))
        z = tanh(affine("cell", x, h))
        o = sigmoid(affine("output", x, h))
        m_next = maximum(log_f + m, log_i)
        i, f = exp(log_i - m_next), exp(log_f + m - m_next)
        c = f * c + i * z
        n = f * n + i
        return o * (c / maximum(n, 1e-30)), c, n, m_next
