"""Are gates open, closed, or in use?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rnnbp._checks import number
from rnnbp.cells import Stack
from rnnbp.cells.base import Array, Cell, Residuals
from rnnbp.diagnostics.trajectory import Trajectory

CANDIDATES = ("cell", "new")  # tanh units: what is let in, not how much of it


def gate_saturation(way: Trajectory, low: float = 0.1, high: float = 0.9) -> pd.DataFrame:
    """How much of the time each gate is shut or wide open.

    A gate that is saturated lets no error through to its weights. A forget gate that is open keeps the cell's error.

    Parameters
    ----------
    way : Trajectory
        Of a cell whose attribute `gates` names what lies first in its residuals, one after the other, H wide each; or
        of a Stack of such.
    low, high : float, default 0.1 and 0.9
        A gate is closed below `low` and open above `high`.

    Returns
    -------
    DataFrame
        A row a gate: `gate`, `mean`, `std`, and the shares `closed` and `open` over units and steps.

    Raises
    ------
    ValueError
        If the cell has no gates, or `low` and `high` are not in order between 0 and 1.

    References
    ----------
    A. Karpathy, J. Johnson & L. Fei-Fei (2015), "Visualizing and understanding recurrent networks", arXiv:1506.02078,
    figure 3

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> cell = LSTMCell(1, 2)
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()}
    >>> weights["b_ih"][2:4] = 5  # of the forget gate
    >>> gate_saturation(Trajectory.run(cell, weights, np.ones((3, 1)))).round(3)
          gate   mean  std  closed  open
    0    input  0.500  0.0     0.0   0.0
    1   forget  0.993  0.0     0.0   1.0
    2   output  0.500  0.0     0.0   0.0
    """
    number("low", low, 0, 1)
    number("high", high, low, 1)
    rows = [
        (name, a.mean(), a.std(), (a < low).mean(), (a > high).mean())
        for name, a in _gates(way.cell, way.residuals(), "")
    ]
    if not rows:
        raise ValueError(f"the cell must have gates, as LSTMCell and GRUCell do, got {way.cell!r}")
    return pd.DataFrame(rows, columns=["gate", "mean", "std", "closed", "open"])


def _gates(cell: Cell, residuals: Residuals, prefix: str) -> Iterator[tuple[str, Array]]:
    """Names and values (..., H)."""
    if isinstance(cell, Stack):
        for k, (inner, (_, r)) in enumerate(zip(cell.cells, residuals, strict=True)):
            yield from _gates(inner, r, f"{prefix}{k}.")
        return
    H = cell.output_size
    for k, name in enumerate(getattr(cell, "gates", ())):
        if name not in CANDIDATES:
            yield prefix + name, np.asarray(residuals)[..., k * H : (k + 1) * H]
