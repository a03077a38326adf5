"""Spiking neurons as layers: leaky integrate and fire, with a fixed or an adaptive threshold."""

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
        The membrane's time constant, above 0 [steps].
    threshold : float, default 1
        Above 0, in units of the membrane potential.
    dampening : float, default 0.3
        The height of the surrogate derivative, above 0.

    Raises
    ------
    ValueError
        As `rnnbp.cells.LIFCell`, if `dropout` is outside [0, 1), or if there is dropout but no second layer.

    See Also
    --------
    rnnbp.cells.LIFCell : the equations.

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
        """A `LIFCell`."""
        return LIFCell(input_size, self.hidden_size, self.tau, self.threshold, self.dampening, self.init)


@dataclass(frozen=True)
class ALIF(LIF):
    """Integrate-and-fire neurons with adaptive thresholds: (T, B, F) -> spikes (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}
    tau, tau_adaptation : float, default 20 and 200
        The time constants of membrane and threshold, above 0 [steps].
    threshold : float, default 1
        Of a neuron that has not fired; above 0, in units of the membrane potential.
    dampening : float, default 0.3
        The height of the surrogate derivative, above 0.
    beta : float, default 0.184
        By how much a spike raises the threshold; 0 or more.

    Raises
    ------
    ValueError
        As `rnnbp.cells.ALIFCell`, if `dropout` is outside [0, 1), or if there is dropout but no second layer.

    See Also
    --------
    rnnbp.cells.ALIFCell : the equations.

    Examples
    --------
    >>> ALIF(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    _: KW_ONLY
    tau_adaptation: float = 200.0
    beta: float = 0.184

    def make_cell(self, input_size: int) -> Cell:
        """An `ALIFCell`."""
        own = self.tau, self.threshold, self.dampening
        return ALIFCell(input_size, self.hidden_size, *own, self.init, self.tau_adaptation, self.beta)
