"""Cell of the independently recurrent neural network."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import activate, affine
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer
from rnnbp.core.initializers import Gated
from rnnbp.runtime import number


@dataclass(frozen=True)
class RecurrentRange:
    """Initializer `base` with the element-wise recurrent weights u uniform in [low, high].

    Parameters
    ----------
    low, high : float, default 0 and 1
        The paper takes 2 ** (1 / T) for `high`, where T is the length of the sequences.
    base : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If `high` is below `low`.

    Examples
    --------
    >>> cell = IndRNNCell(3, 100, init=RecurrentRange(0.5, 2 ** (1 / 50)))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> bool(params["u"].min() >= 0.5 and params["u"].max() <= 1.014)
    True
    """

    low: float = 0.0
    high: float = 1.0
    base: Initializer = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        number("low", self.low)
        number("high", self.high, self.low)
        check_initializer("base", self.base)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        self.base(cell, params, rng)
        params["u"] = rng.uniform(self.low, self.high, cell.hidden_size)


class IndRNNCell(DeclaredCell):
    """Independently recurrent neural network, each unit with one recurrent weight, to itself; the state is h::

        h[t] = act(W_ih x[t] + b_ih + u * h[t-1])

    Units of a layer exchange nothing over time: layers are stacked, so that those above combine what those below
    remember. The gradient through n steps of a unit is scaled by u ** n, so it neither vanishes nor explodes where
    abs(u) is near 1.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    activation : {'relu', 'tanh', 'sigmoid', 'linear'}, default 'relu'
        The derivative of 'relu' at 0 is taken as 0.
    init : Initializer, default RecurrentRange()
        The initialization of the parameters; u is uniform in [0, 1] by default.

    Raises
    ------
    ValueError
        If a size is not a positive integer or the activation is unknown.

    References
    ----------
    S. Li, W. Li, C. Cook, C. Zhu & Y. Gao (2018), "Independently recurrent neural network (IndRNN): building a longer
    and deeper RNN", CVPR, 5457-5466, arXiv:1803.04831

    Examples
    --------
    >>> cell = IndRNNCell(3, 2)
    >>> params = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    >>> params["u"] += [0.5, 0.99]
    >>> cell.step(params, np.ones(2), np.zeros(3))[0]
    array([0.5 , 0.99])
    """

    parameters = "u"
    activation: str = "relu"
    init: Initializer = field(default_factory=RecurrentRange, kw_only=True)

    @staticmethod
    def update(x: Expression, h: Expression, u: Expression, activation: str) -> Expression:
        return activate(activation, affine("h", x) + u * h)
