"""Short names of the layers of spiking neurons."""

from rnnbp.cells import ALIFCell, LIFCell
from rnnbp.initializers import Initializer, Uniform
from rnnbp.layers.base import Layer
from rnnbp.layers.short import recurrent


def LIF(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    tau: float = 20.0,
    threshold: float = 1.0,
    dampening: float = 0.3,
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """Layers of leaky integrate-and-fire neurons: (T, B, F) -> spikes (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    tau : float, default 20
        The membrane's time constant [steps].
    threshold : float, default 1
    dampening : float, default 0.3
        The height of the surrogate derivative.
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        As `rnnbp.cells.LIFCell`, or if `dropout` is outside [0, 1).

    See Also
    --------
    rnnbp.cells.LIFCell : the equations.

    Examples
    --------
    >>> LIF(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """
    return recurrent(
        lambda size: LIFCell(size, hidden_size, tau, threshold, dampening, init),
        input_size,
        num_layers,
        bidirectional,
        dropout,
    )


def ALIF(  # noqa: N802
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    tau: float = 20.0,
    threshold: float = 1.0,
    dampening: float = 0.3,
    tau_adaptation: float = 200.0,
    beta: float = 0.184,
    bidirectional: bool = False,
    dropout: float = 0.0,
    init: Initializer = Uniform(),  # noqa: B008
) -> Layer:
    """Layers of integrate-and-fire neurons with adaptive thresholds: (T, B, F) -> spikes (T, B, H), or 2 H where
    bidirectional.

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int, default 1
    tau, tau_adaptation : float, default 20 and 200
        The time constants of membrane and threshold [steps].
    threshold : float, default 1
    dampening : float, default 0.3
        The height of the surrogate derivative.
    beta : float, default 0.184
        By how much a spike raises the threshold.
    bidirectional : bool, default False
    dropout : float, default 0
        Between layers, in training.
    init : Initializer, default Uniform()

    Raises
    ------
    ValueError
        As `rnnbp.cells.ALIFCell`, or if `dropout` is outside [0, 1).

    See Also
    --------
    rnnbp.cells.ALIFCell : the equations.

    Examples
    --------
    >>> ALIF(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """
    return recurrent(
        lambda size: ALIFCell(size, hidden_size, tau, threshold, dampening, init, tau_adaptation, beta),
        input_size,
        num_layers,
        bidirectional,
        dropout,
    )
