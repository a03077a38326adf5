"""Cell of the continuous Hopfield network, which is iterated until it converges."""

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine, tanh
from rnnbp.runtime import number


class HopfieldCell(ConstrainedCell):
    """Continuous Hopfield network, with symmetric weights and no self-connections; the state is h::

        h[t] = h[t-1] + (tanh(W h[t-1] + W_ih x[t] + b_ih + b_hh) - h[t-1]) / tau

    W is (V + V^T) / 2 with a diagonal of zeros, where V is the parameter ``w_hh``. In continuous time, for great tau,
    the network descends the energy::

        E(h) = -1/2 h^T W h - h^T (W_ih x + b_ih + b_hh) + sum_j (artanh(h_j) h_j + 1/2 log(1 - h_j^2))

    so it converges to fixed points h = tanh(W h + ...), the memories: `rnnbp.FixedPoint` runs it until then. Since a
    declaration has no symmetric weights, it is a declared step in which W stands for V.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of units.
    tau : float, default 2
        Time constant of the units, at least 1 [steps]. With 1 all units are updated at once, which may alternate
        between two states.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `tau` is below 1.

    See Also
    --------
    rnnbp.FixedPoint : the layer that iterates a cell until it converges.

    References
    ----------
    J. J. Hopfield (1984), "Neurons with graded response have collective computational properties like those of
    two-state neurons", PNAS 81(10), 3088-3092, doi:10.1073/pnas.81.10.3088

    Examples
    --------
    A memory, stored by Hebb's rule, is completed from its first half:

    >>> import rnnbp
    >>> memory = np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    >>> layer = rnnbp.FixedPoint(HopfieldCell(6, 6))
    >>> model = rnnbp.Sequential(layer, dtype=np.float64)
    >>> for name, value in model.params.items():
    ...     value[...] = np.eye(6) if "ih" in name and value.ndim == 2 else 0
    >>> model.params["0.w_hh"] = np.outer(memory, memory)
    >>> cue = np.where(np.arange(6) < 3, memory, 0.0)
    >>> np.sign(model.forward(cue.reshape(1, 1, 6), [1])[0, 0])
    array([ 1., -1.,  1.,  1., -1., -1.])
    """

    constraint = r"R &= (V + V^\top) / 2, \quad R_{jj} = 0"
    tau: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("tau", self.tau, 1)

    @staticmethod
    def update(x: Expression, h: Expression, tau: Expression) -> Expression:
        return h + (tanh(affine("h", x, h)) - h) / tau

    def constrained(self, weight: Array) -> Array:
        return (weight + weight.T) * (0.5 - 0.5 * np.eye(self.hidden_size, dtype=weight.real.dtype))
