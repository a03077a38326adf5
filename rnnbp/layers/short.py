"""Short names: the recurrent layers as one usually wants them, from sizes to a layer in one call."""

from collections.abc import Callable

from rnnbp._checks import positive_int
from rnnbp.cells import Cell, ElmanCell, GRUCell, JordanCell, LeakyElmanCell, LSTMCell, OriginalGRUCell
from rnnbp.initializers import Initializer, Uniform
from rnnbp.layers.base import Layer
from rnnbp.layers.recurrent import MultiLayer, Recurrent, dropout_between


def recurrent(
    make: Callable[[int], Cell], input_size: int, num_layers: int, bidirectional: bool, dropout: float
) -> Layer:
    """`num_layers` cells on top of each other; ``make(input_size)`` gives each."""
    positive_int("num_layers", num_layers)
    dropout_between(dropout, num_layers)
    if num_layers == 1 and not bidirectional:
        return Recurrent(make(input_size))
    cells = [make(input_size)]
    ways = 2 if bidirectional else 1
    while len(cells) < num_layers:
        cells.append(make(ways * cells[-1].output_size))
    return MultiLayer(tuple(cells), bidirectional, dropout)


def Elman(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    activation: str = "tanh",
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """Elman layers: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If a size is not a positive integer, the activation unknown, or `dropout` outside [0, 1).

    See Also
    --------
    rnnbp.cells.ElmanCell : the equations.

    Examples
    --------
    >>> list(Elman(12, 64).shapes())
    ['w_ih', 'w_hh', 'b_ih', 'b_hh']
    """
    return recurrent(
        lambda size: ElmanCell(size, hidden_size, activation, init),
        input_size,
        num_layers,
        bidirectional,
        dropout,
    )


def Jordan(  # noqa: N802
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    decay: float = 0.0,
    activation: str = "tanh",
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """A Jordan layer: (T, B, F) -> (T, B, O).

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H and O.
    decay : float, default 0
        The context units' self-connection.
    activation : {'tanh', 'sigmoid', 'relu', 'linear'}, default 'tanh'
        Of the output units.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        As `rnnbp.cells.JordanCell`.

    See Also
    --------
    rnnbp.cells.JordanCell : the equations.

    Examples
    --------
    >>> Jordan(12, 64, 9).out_shape(("T", "B", 12))
    ('T', 'B', 9)
    """
    return Recurrent(JordanCell(input_size, hidden_size, output_size, decay, activation, init))


def LSTM(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """LSTM layers: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If a size is not a positive integer or `dropout` outside [0, 1).

    See Also
    --------
    rnnbp.cells.LSTMCell : the equations.

    Examples
    --------
    >>> layer = LSTM(12, 64, num_layers=2, bidirectional=True)
    >>> list(layer.shapes())[:5]
    ['w_ih_l0', 'w_hh_l0', 'b_ih_l0', 'b_hh_l0', 'w_ih_l0_reverse']
    """
    return recurrent(lambda size: LSTMCell(size, hidden_size, init), input_size, num_layers, bidirectional, dropout)


def GRU(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """GRU layers in PyTorch's convention: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If a size is not a positive integer or `dropout` outside [0, 1).

    See Also
    --------
    rnnbp.cells.GRUCell : the equations.
    OriginalGRU : the reset gate acts before the product.

    Examples
    --------
    >>> GRU(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """
    return recurrent(lambda size: GRUCell(size, hidden_size, init), input_size, num_layers, bidirectional, dropout)


def OriginalGRU(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """GRU layers as first published: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If a size is not a positive integer or `dropout` outside [0, 1).

    See Also
    --------
    rnnbp.cells.OriginalGRUCell : the equations.

    Examples
    --------
    >>> OriginalGRU(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """
    return recurrent(
        lambda size: OriginalGRUCell(size, hidden_size, init), input_size, num_layers, bidirectional, dropout
    )


def LeakyElman(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    tau: float = 10.0,
    activation: str = "tanh",
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """Layers of leaky rate units: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    tau : float, default 10
        The units' time constant, at least 1 [steps].
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If a size is not a positive integer, `tau` below 1, the activation unknown, or `dropout` outside [0, 1).

    See Also
    --------
    rnnbp.cells.LeakyElmanCell : the equations.

    Examples
    --------
    >>> LeakyElman(12, 64, tau=5).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """
    return recurrent(
        lambda size: LeakyElmanCell(size, hidden_size, tau, activation, init),
        input_size,
        num_layers,
        bidirectional,
        dropout,
    )
