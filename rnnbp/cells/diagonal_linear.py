"""Cell of the diagonal linear recurrence."""

from dataclasses import field

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import exp, linear
from rnnbp.cells.lru import Ring
from rnnbp.core import Initializer


class DiagonalLinearCell(DeclaredCell):
    """Diagonal linear recurrence, moving averages with learned rates; the state is h::

        lambda = exp(-exp(nu))
        h[t] = lambda * h[t-1] + exp(gamma) * (W_ih x[t])

    The eigenvalues lambda are real and between 0 and 1, whatever nu is: `LRUCell` without rotation and output weights.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units; nu and gamma are (H,).
    init : Initializer, default Ring()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu & S. De (2023), "Resurrecting recurrent neural
    networks for long sequences", ICML, arXiv:2303.06349, section 3

    Examples
    --------
    Without input the state decays:

    >>> import numpy as np
    >>> from rnnbp.core import Parameters
    >>> cell = DiagonalLinearCell(3, 2)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> params["nu"] = np.log(-np.log([0.5, 0.9]))
    >>> cell.step(params, np.ones(2), np.zeros(3))[0]
    array([0.5, 0.9])
    """

    parameters = "nu gamma"
    init: Initializer = field(default_factory=Ring, kw_only=True)

    @staticmethod
    def update(x: Expression, h: Expression, nu: Expression, gamma: Expression) -> Expression:
        return exp(-exp(nu)) * h + exp(gamma) * linear("h", x)
