"""States of recurrent layers in PyTorch's form: h, or (h, c), of shape (layers, B, H)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.interop.pytorch.state_dicts import as_array
from rnnbp.interop.pytorch.to_modules import torch_class
from rnnbp.layers import Bidirectional, Layer, MultiLayer, Recurrent
from rnnbp.layers.base import State
from rnnbp.layers.cell_layer import unrolled
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name, require

Array = np.ndarray


@refuses_by_name
def state_to_torch(model: Sequential, states: Sequence[State]) -> list[Any]:
    """Return the states of a model's layers in PyTorch's form.

    A state of an LSTM is [h | c], (B, 2 H), here and (h, c), each (layers, B, H), in PyTorch.

    Parameters
    ----------
    model : Sequential
    states : list
        One for each layer, as `model.start`, `model.step`, `model.forward_from` and `model.unroll` return them.

    Returns
    -------
    list
        For each layer h, a torch.Tensor (layers, B, H), or for an LSTM a tuple (h, c): what `to_torch`'s
        ``module.run(x, states)`` takes. None for a layer that is not recurrent or bidirectional, which has no state.

    Raises
    ------
    ValueError
        If there is not one for each layer, or PyTorch has no counterpart of a cell.

    Examples
    --------
    >>> import rnnbp, torch
    >>> model = rnnbp.Sequential(rnnbp.LSTM(3, 4, num_layers=2), rnnbp.Dense(4, 1))
    >>> (h, c), _ = state_to_torch(model, model.start(batch_size=5))
    >>> h.shape, c.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 5, 4]))
    """
    torch = require("torch", extra="torch")
    found: list[Any] = []
    for layer, state in _pairs(model, states):
        cells = stateful_cells(layer)
        if not cells or state is None:
            found.append(None)
            continue
        rows = np.stack(state if isinstance(state, list | tuple) else [state])
        h, c = np.split(rows, [cells[0].output_size], axis=-1)
        parts = [torch.from_numpy(np.ascontiguousarray(part)) for part in (h, c) if part.shape[-1]]
        found.append(tuple(parts) if len(parts) == 2 else parts[0])
    return found


@refuses_by_name
def state_from_torch(model: Sequential, states: Sequence[Any]) -> list[State]:
    """Return the states of a model's layers from those in PyTorch's form.

    Parameters
    ----------
    model : Sequential
    states : list
        For each layer h of shape (layers, B, H), for an LSTM (h, c), torch.Tensor or array_like; None for the initial
        state and for a layer that is not recurrent.

    Returns
    -------
    list
        One for each layer, as `model.step`, `model.forward_from` and `model.unroll` take them.

    Raises
    ------
    ValueError
        If there is not one for each layer, a shape does not fit, or a state is given for a layer that takes none: a
        bidirectional layer takes whole sequences, from zeros.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LSTM(3, 4))
    >>> (state,) = state_from_torch(model, [(np.zeros((1, 5, 4)), np.ones((1, 5, 4)))])
    >>> state.shape
    (5, 8)
    """
    found: list[State] = []
    for i, (layer, state) in enumerate(_pairs(model, states)):
        if state is None:
            found.append(None)
            continue
        cells = stateful_cells(layer)
        if not cells:
            raise ValueError(f"layer {i}, {type(layer).__name__}, takes no initial state: give None")
        parts = [as_array(part) for part in (state if isinstance(state, list | tuple) else [state])]
        widths = [n for n in (cells[0].output_size, cells[0].state_size - cells[0].output_size) if n]
        wanted = [(len(cells), parts[0].shape[1] if parts[0].ndim == 3 else "B", width) for width in widths]
        if [part.shape for part in parts] != wanted:
            names = "(h, c)" if len(widths) == 2 else "h"
            got = ", ".join(str(part.shape) for part in parts)
            raise ValueError(f"layer {i}: {names} must have shape {', '.join(map(str, wanted))}, got {got}")
        rows = [np.ascontiguousarray(row, model.dtype) for row in np.concatenate(parts, axis=-1)]
        found.append(rows if isinstance(unrolled(layer), MultiLayer) else rows[0])
    return found


def stateful_cells(layer: Layer) -> tuple[Cell, ...]:
    """Return the cells of a layer that has a state, lowest first; none if it is bidirectional or not recurrent.

    Raises
    ------
    ValueError
        If PyTorch has no counterpart of the layer or a cell.

    Examples
    --------
    >>> from rnnbp.layers import GRU, Last
    >>> len(stateful_cells(GRU(2, 3, num_layers=2))), stateful_cells(Last())
    (2, ())
    """
    row = unrolled(layer)
    if layer.recurrent and not isinstance(row, Recurrent | MultiLayer | Bidirectional):
        raise ValueError(f"torch.nn has no {type(layer).__name__}")
    cells: tuple[Cell, ...] = ()
    if isinstance(row, Recurrent):
        cells = (row.cell,)
    elif isinstance(row, MultiLayer) and not row.bidirectional:
        cells = row.cells
    for cell in cells:
        torch_class(cell)
    return cells


def _pairs(model: Sequential, states: Sequence[Any]) -> list[tuple[Layer, Any]]:
    if len(states) != len(model.layers):
        raise ValueError(f"states must be one for each of the {len(model.layers)} layers, got {len(states)}")
    return list(zip(model.layers, states, strict=True))
