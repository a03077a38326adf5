"""Saturation of gates."""

import pandas as pd

from rnnbp.cells.gates import CANDIDATES, gate_values
from rnnbp.diagnostics.state_trajectory import Trajectory, check_trajectory
from rnnbp.runtime import number


def gate_saturation(trajectory: Trajectory, low: float = 0.1, high: float = 0.9) -> pd.DataFrame:
    """Compute how often each gate is closed, and how often it is open.

    The gradient with respect to the weights of a saturated gate vanishes. An open forget gate passes the gradient of
    the cell state on unchanged.

    Parameters
    ----------
    trajectory : Trajectory
        Of a cell whose attribute `gates` names the first arrays (..., H) in its residuals, in order; or of a Stack of
        such cells.
    low, high : float, default 0.1 and 0.9
        A gate is closed below `low` and open above `high`.

    Returns
    -------
    DataFrame
        A row for each gate: `gate`, `mean`, `std`, and the fractions `closed` and `open` over units and steps.

    Raises
    ------
    ValueError
        If the cell has no gates, or not 0 <= low <= high <= 1.

    References
    ----------
    A. Karpathy, J. Johnson & L. Fei-Fei (2015), "Visualizing and understanding recurrent networks", arXiv:1506.02078,
    figure 3

    Examples
    --------
    >>> import numpy as np
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
    check_trajectory(trajectory)
    number("low", low, 0, 1)
    number("high", high, low, 1)
    rows = [
        (name, a.mean(), a.std(), (a < low).mean(), (a > high).mean())
        for name, a in gate_values(trajectory.cell, trajectory.residuals())
        if name.rpartition(".")[2] not in CANDIDATES
    ]
    if not rows:
        raise ValueError(f"the cell must have gates, as LSTMCell and GRUCell do, got {trajectory.cell!r}")
    return pd.DataFrame(rows, columns=["gate", "mean", "std", "closed", "open"])
