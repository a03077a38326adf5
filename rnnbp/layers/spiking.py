"""Layers of leaky integrate-and-fire neurons, with fixed and with adaptive threshold."""

from dataclasses import KW_ONLY, dataclass

from rnnbp.cells import ALIFCell, Cell, LIFCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class LIF(StackedLayer):
    """Leaky integrate-and-fire neurons: (T, B, F) -> spikes (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}
    tau : float, default 20
        Time constant of the membrane, above 0 [steps].
    threshold : float, default 1
        Firing threshold, above 0, in units of the membrane potential.
    dampening : float, default 0.3
        Height of the surrogate derivative, above 0.

    Raises
    ------
    ValueError
        If `rnnbp.cells.LIFCell` raises it, or `dropout` is outside [0, 1) or given for a single layer.

    See Also
    --------
    rnnbp.cells.LIFCell : the equations, and their source.

    Examples
    --------
    >>> LIF(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    _: KW_ONLY
    tau: float = 20.0
    threshold: float = 1.0
    dampening: float = 0.3

    def make_cell(self, input_size: int) -> Cell:
        return LIFCell(input_size, self.hidden_size, self.tau, self.threshold, self.dampening, init=self.init)


@dataclass(frozen=True)
class ALIF(LIF):
    """Leaky integrate-and-fire neurons, adaptive threshold: (T, B, F) -> spikes (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}
    tau, tau_adaptation : float, default 20 and 200
        Time constants of the membrane and of the threshold, above 0 [steps].
    threshold : float, default 1
        Firing threshold of a neuron that has not fired, above 0, in units of the membrane potential.
    dampening : float, default 0.3
        Height of the surrogate derivative, above 0.
    beta : float, default 0.184
        Increase of the threshold at a spike, 0 or more, in units of the membrane potential.

    Raises
    ------
    ValueError
        If `rnnbp.cells.ALIFCell` raises it, or `dropout` is outside [0, 1) or given for a single layer.

    See Also
    --------
    rnnbp.cells.ALIFCell : the equations, and their source.

    Examples
    --------
    >>> ALIF(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    _: KW_ONLY
    tau_adaptation: float = 200.0
    beta: float = 0.184

    def make_cell(self, input_size: int) -> Cell:
        own = self.tau, self.threshold, self.dampening
        return ALIFCell(input_size, self.hidden_size, *own, self.tau_adaptation, self.beta, init=self.init)
