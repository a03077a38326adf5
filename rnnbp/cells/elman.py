"""Cell of Elman's simple recurrent network."""

from rnnbp.cells.declared import DeclaredCell, activate, affine
from rnnbp.runtime import choice

ACTIVATIONS = ("tanh", "relu", "sigmoid", "linear")


class ElmanCell(DeclaredCell):
    """Elman's simple recurrent network; the state is h::

        h[t] = act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
        The derivative of 'relu' at 0 is taken as 0.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.

    Raises
    ------
    ValueError
        If a size is not a positive integer or the activation is unknown.

    References
    ----------
    J. L. Elman (1990), "Finding structure in time", Cognitive Science 14(2), 179-211,
    doi:10.1207/s15516709cog1402_1

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.core import Parameters
    >>> cell = ElmanCell(input_size=3, hidden_size=4)
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> next_state, _ = cell.step(params, np.zeros((2, 4)), np.ones((2, 3)))
    >>> next_state.shape
    (2, 4)
    """

    activation: str = "tanh"

    def __post_init__(self) -> None:
        choice("activation", self.activation, ACTIVATIONS)
        super().__post_init__()

    @staticmethod
    def update(x, h, activation):
        return activate(activation, affine("h", x, h))
