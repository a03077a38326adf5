"""The values of a cell's gates at steps that were run."""

from collections.abc import Iterator

import numpy as np

from rnnbp.cells.base import Array, Cell, Residuals
from rnnbp.cells.stack import Stack

CANDIDATES = ("cell", "new")  # candidate states: tanh units, not gates


def gate_values(cell: Cell, residuals: Residuals, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Yield the name and the values (..., H) of each gate, those of the candidate state included.

    Parameters
    ----------
    cell : Cell
        Whose attribute `gates` names the first arrays (..., H) in its residuals, in order; or a Stack of such cells,
        whose gates are named with the cell's number: '1.forget'. Other cells have no gates.
    residuals
        As the cell's `step` returned them.
    prefix : str, default ''
        Put before the names.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> cell = GRUCell(1, 2)
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()}
    >>> _, residuals = cell.step(weights, np.zeros((3, 2)), np.ones((3, 1)))
    >>> [(name, values.shape) for name, values in gate_values(cell, residuals)]
    [('reset', (3, 2)), ('update', (3, 2)), ('new', (3, 2))]
    """
    if isinstance(cell, Stack):
        for k, (inner, (_, own)) in enumerate(zip(cell.cells, residuals, strict=True)):
            yield from gate_values(inner, own, f"{prefix}{k}.")
        return
    H = getattr(cell, "hidden_size", cell.output_size)
    values = residuals[0] if isinstance(residuals, tuple) else residuals
    for k, name in enumerate(getattr(cell, "gates", ())):
        yield prefix + name, np.asarray(values)[..., k * H : (k + 1) * H]
