"""State trajectory of one cell along one sequence, in float64."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Residuals, Weights
from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients.base import require_no_resets
from rnnbp.layers import Layer, MultiLayer, Recurrent, Run
from rnnbp.layers.cell_layer import unrolled
from rnnbp.models import Sequential
from rnnbp.runtime import did_you_mean, refuses_by_name


@dataclass(frozen=True)
class Trajectory:
    """State trajectory of a cell along a sequence.

    Attributes
    ----------
    cell : Cell
    params : mapping of str to ndarray
    x : ndarray (T, F)
    states : ndarray (T + 1, S)
        The first row is the initial state.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> Trajectory.run(cell, params, np.ones((5, 1))).states.shape
    (6, 2)
    """

    cell: Cell
    params: Weights
    x: Array
    states: Array

    @classmethod
    @refuses_by_name
    def run(cls, cell: Cell, params: Mapping[str, Any], x: ArrayLike, state: ArrayLike | None = None) -> "Trajectory":
        """Run a cell over a sequence.

        Parameters
        ----------
        cell : Cell
        params : mapping of str to array_like
        x : array_like (T, F)
        state : array_like (S,), optional
            Initial state. Default: zeros.

        Raises
        ------
        ValueError
            If `x` or `state` does not fit the cell.
        """
        x = np.asarray(x, np.float64)
        if x.ndim != 2 or x.shape[1] != cell.input_size or not len(x):
            raise ValueError(f"x must have shape (T, F) with T > 0 and F = {cell.input_size}, got {x.shape}")
        states = np.zeros((len(x) + 1, cell.state_size))
        if state is not None:
            initial = np.asarray(state, np.float64)
            if initial.shape != (cell.state_size,):
                raise ValueError(f"state must have shape (S,) = ({cell.state_size},), got {initial.shape}")
            states[0] = initial
        weights = {name: np.asarray(w, np.float64) for name, w in params.items()}
        for t in range(len(x)):
            states[t + 1], _ = cell.step(weights, states[t], x[t])
        return cls(cell, weights, x, states)

    @property
    def steps(self) -> int:
        """The number of steps T."""
        return len(self.x)

    def residuals(self) -> Residuals:
        """Return the residuals of all steps: arrays (T, ...)."""
        return self.cell.step(self.params, self.states[:-1], self.x)[1]


def check_trajectory(trajectory: Trajectory) -> None:
    """Raise unless `trajectory` is a Trajectory.

    Raises
    ------
    ValueError
        If it is not; the message says how to make one of a model.

    Examples
    --------
    >>> check_trajectory(3)
    Traceback (most recent call last):
    ValueError: trajectory must be a Trajectory, got int: rnnbp.diagnostics.trajectory(model, batch) makes one
    """
    if not isinstance(trajectory, Trajectory):
        got = type(trajectory).__name__
        raise ValueError(
            f"trajectory must be a Trajectory, got {got}: rnnbp.diagnostics.trajectory(model, batch) makes one"
        )


@refuses_by_name
def trajectory(model: Sequential, batch: SequenceBatch, layer: str | None = None, sequence: int = 0) -> Trajectory:
    """Run a model on one sequence and return the state trajectory of one of its cells.

    Parameters
    ----------
    model : Sequential
    batch : SequenceBatch
    layer : str, optional
        The number of the layer, '0', or of layer and cell in a layer of several cells, '0.1'. Default: the first cell
        that runs over time.
    sequence : int, default 0
        Index of the sequence in the batch: 0 is the longest.

    Returns
    -------
    Trajectory

    Raises
    ------
    ValueError
        If the cell or the sequence does not exist.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LSTM(2, 3, num_layers=2), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> trajectory(model, batch, layer="0.1").states.shape
    (6, 6)
    """
    check_batch(batch)
    if not 0 <= sequence < batch.size:
        raise ValueError(f"sequence must be from 0 to {batch.size - 1}, got {sequence}")
    require_no_resets(batch, "trajectory")
    length = int(batch.lengths[sequence])
    x = model.cast(batch.x)[:length, sequence : sequence + 1]
    run = Run(np.array([length]))
    found: list[str] = []
    for i, (inner, params) in enumerate(zip(model.layers, model.scopes(model.params), strict=True)):
        for name, cell, weights, inputs in _cells(inner, params, x, run, str(i)):
            if layer is None or layer == name:
                return Trajectory.run(cell, weights, inputs)
            found.append(name)
        x, _, _ = inner.forward(params, x, run)
        if x.ndim == 2:  # no time axis: no cell follows
            break
    if not found:
        raise ValueError(f"model must have a layer that runs a cell forward in time (LSTM, GRU, ...), got {model}")
    raise ValueError(f"layer must be one of {', '.join(map(repr, found))}, got {layer!r}.{did_you_mean(layer, found)}")


def _cells(
    layer: Layer, params: Parameters, x: Array, run: Run, name: str
) -> Iterator[tuple[str, Cell, dict[str, Array], Array]]:
    """Yield the cells of a layer that run forward in time: name, cell, weights, inputs (T, F)."""
    layer = unrolled(layer)
    if isinstance(layer, Recurrent):
        yield name, layer.cell, dict(params.items()), x[:, 0]
    elif isinstance(layer, MultiLayer) and layer.causal:
        for k, (inner, scope) in enumerate(zip(layer.layers, layer.scopes(params), strict=True)):
            yield from _cells(inner, scope, x, run, f"{name}.{k}")
            x, _, _ = inner.forward(scope, x, run)
