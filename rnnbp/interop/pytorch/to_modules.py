"""PyTorch's modules from models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp import layers
from rnnbp.cells import Cell, ElmanCell, GRUCell, LSTMCell, ProjectionLSTMCell
from rnnbp.interop.pytorch.parameter_names import has_bias, torch_names
from rnnbp.interop.pytorch.state_dicts import state_dict
from rnnbp.layers import Bidirectional, CellLayer, Layer, MultiLayer, Recurrent
from rnnbp.layers.cell_layer import unrolled
from rnnbp.models import Sequential
from rnnbp.runtime import flag, refuses_by_name, require

if TYPE_CHECKING:
    from rnnbp.interop.pytorch.torch_modules import SequenceModel

ACTIVATIONS = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "ReLU", "linear": "Identity"}
Module = Any  # torch.nn.Module, which is not imported with this file


@refuses_by_name
def to_torch(model: Sequential, batch_first: bool = False) -> SequenceModel:
    """Make a PyTorch module of a model, with copies of its weights.

    The layers that `from_torch` makes are taken, and `Last`, `Ends`, `MeanOverTime`, `TimeStatistics`, `Normalize`,
    `Reverse` and `VariationalDropout`. Outputs and gradients are those
    of the model to rounding. The module is a `torch.nn.Sequential` with the names of `torch_names`: ``module[0]`` is a
    `torch.nn.LSTM` where layer 0 is an `rnnbp.LSTM`. It takes padded sequences (T, B, F) of equal length, or a
    PackedSequence. ``module(x)`` returns the outputs; ``module.run(x, states)`` starts from given states, h or (h, c)
    for each layer, and returns the final ones too. As every new module it is in training mode: ``module.eval()`` turns
    dropout off.

    A bias that a mask fixes at zero becomes ``bias=False``, a vector of an `Embedding` that is fixed at zero its
    ``padding_idx``, unless a `TiedDense` shares it; of any other mask the gradient is multiplied by it, so that the
    entries stay zero in training. Frozen parameters have ``requires_grad=False``.

    Parameters
    ----------
    model : Sequential
    batch_first : bool, default False
        Whether the module takes (B, T, F).

    Returns
    -------
    SequenceModel
        On the CPU, of the model's dtype. Class names and the loss are not in it.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If PyTorch has no counterpart of a layer, naming it.

    See Also
    --------
    from_torch : a model from modules.
    state_to_torch : states in PyTorch's form.

    Examples
    --------
    >>> import rnnbp, torch
    >>> model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=0)
    >>> module = to_torch(model, batch_first=True)
    >>> module
    SequenceModel(
      (0): GRU(3, 4, batch_first=True)
      (1): Last()
      (2): Linear(in_features=4, out_features=2, bias=True)
    )
    >>> x = torch.randn(6, 5, 3)
    >>> bool(np.allclose(module(x).detach(), model.forward(x.numpy().swapaxes(0, 1)), atol=1e-6))
    True
    """
    torch = require("torch", extra="torch")
    from rnnbp.interop.pytorch.torch_modules import SequenceModel

    flag("batch_first", batch_first)
    options = {"dtype": getattr(torch, str(model.dtype))}
    modules = [_module(model, i, options, batch_first) for i in range(len(model.layers))]
    for layer, module in zip(model.layers, modules, strict=True):
        if isinstance(layer, layers.TiedDense):
            module.weight = modules[layer.tied_to].weight
    made = SequenceModel(*modules, batch_first=batch_first)
    made.load_state_dict({name: torch.from_numpy(array) for name, array in state_dict(model).items()})
    names = torch_names(model)
    masks = {theirs: model.params.mask(ours) for ours, theirs in names.items()}
    made.fix({name: torch.from_numpy(mask) for name, mask in masks.items() if not _in_module(made, name, mask)})
    for ours in set(model.frozen) & names.keys():
        made.get_parameter(names[ours]).requires_grad_(False)
    return made


def _in_module(module: Module, name: str, mask: np.ndarray) -> bool:
    """Return whether a mask fixes nothing, or just the row that is an Embedding's padding_idx."""
    padding = getattr(module[int(name.partition(".")[0])], "padding_idx", None)
    return bool(mask.all()) or padding is not None


def _module(model: Sequential, number: int, options: dict[str, Any], batch_first: bool) -> Module:
    layer = model.layers[number]
    if isinstance(layer, CellLayer | MultiLayer | Recurrent | Bidirectional):
        options = options | {"batch_first": batch_first}
    make = _translations().get(type(layer), _recurrent if isinstance(unrolled(layer), RECURRENT) else None)
    try:
        if make is None:
            taken = ", ".join(sorted(kind.__name__ for kind in _translations()))
            raise ValueError(f"taken are {taken}, Elman, LSTM, GRU and layers of their cells or of ProjectionLSTMCell")
        if layer.shapes() and not isinstance(layer, layers.Embedding):
            options = options | {"bias": has_bias(model, number)}
        made = make(layer, options)
    except ValueError as error:
        raise ValueError(f"layer {number}, {layer!r}, has no counterpart in PyTorch: {error}") from None
    if isinstance(layer, layers.Embedding):
        shared = any(other.tied_to == number for other in model.layers if isinstance(other, layers.TiedDense))
        made.padding_idx = None if shared else _padding_idx(model.params.mask(f"{number}.w"))
    return made


def _translations() -> dict[type[Layer], Callable[[Any, dict[str, Any]], Module]]:
    """Return the functions that make a module of a layer and of the options dtype, and bias if it has parameters."""
    import torch
    from torch import nn

    from rnnbp.interop.pytorch import torch_layers as own

    return {
        layers.Dense: _dense,
        layers.TiedDense: _dense,
        layers.Embedding: lambda layer, options: nn.Embedding(layer.tokens, layer.output_size, **options),
        layers.Conv1D: _convolution,
        layers.LayerNorm: lambda layer, options: nn.LayerNorm(layer.size, layer.eps, **options),
        layers.Activation: lambda layer, options: getattr(nn, ACTIVATIONS[layer.name])(),
        layers.Dropout: lambda layer, options: nn.Dropout(layer.rate),
        layers.Last: lambda layer, options: own.Last(),
        layers.Ends: lambda layer, options: own.Ends(),
        layers.MeanOverTime: lambda layer, options: own.MeanOverTime(),
        layers.TimeStatistics: lambda layer, options: own.TimeStatistics(),
        layers.Reverse: lambda layer, options: own.Reverse(),
        layers.VariationalDropout: lambda layer, options: own.VariationalDropout(layer.rate),
        layers.Normalize: lambda layer, options: own.Normalize(
            torch.tensor(layer.mean, **options), torch.tensor(layer.scale, **options)
        ),
    }


def _dense(layer: layers.Dense, options: dict[str, Any]) -> Module:
    from torch import nn

    from rnnbp.interop.pytorch import torch_layers as own

    if layer.activation == "linear":
        return nn.Linear(layer.input_size, layer.output_size, **options)
    return own.Dense(layer.input_size, layer.output_size, activation=layer.activation, **options)


def _convolution(layer: layers.Conv1D, options: dict[str, Any]) -> Module:
    from torch import nn

    from rnnbp.interop.pytorch import torch_layers as own

    sizes = layer.input_size, layer.output_size, layer.kernel_size
    options = options | {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    if layer.padding == "causal":
        return own.CausalConv1d(*sizes, activation=layer.activation, **options)
    if layer.activation == "linear":
        return nn.Conv1d(*sizes, padding=layer.padding, **options)
    return own.Conv1D(*sizes, activation=layer.activation, padding=layer.padding, **options)


RECURRENT = (Recurrent, MultiLayer, Bidirectional)


def _recurrent(layer: Layer, options: dict[str, Any]) -> Module:
    """Return the recurrent module of a layer of cells."""
    from torch import nn

    row = unrolled(layer)
    cells = row.cells if isinstance(row, MultiLayer) else (row.cell,)  # type: ignore[attr-defined]
    name, sizes, own = torch_class(cells[0])
    for cell in cells[1:]:
        if torch_class(cell) != (name, sizes, own):
            raise ValueError(f"all cells of a torch.nn.{name} have the same sizes, got {cells[0]!r} and {cell!r}")
    return getattr(nn, name)(
        cells[0].input_size,
        *sizes,
        len(cells),
        bidirectional=isinstance(row, Bidirectional) or (isinstance(row, MultiLayer) and row.bidirectional),
        dropout=row.dropout if isinstance(row, MultiLayer) else 0.0,
        **own,
        **options,
    )


def torch_class(cell: Cell) -> tuple[str, tuple[int], dict[str, Any]]:
    """Return the name of the class in `torch.nn` that runs a cell, its hidden size, and its own options.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> torch_class(ElmanCell(3, 4, "relu"))
    ('RNN', (4,), {'nonlinearity': 'relu'})
    """
    match cell:
        case ElmanCell(activation="tanh" | "relu" as nonlinearity):
            return "RNN", (cell.hidden_size,), {"nonlinearity": nonlinearity}
        case ElmanCell():
            raise ValueError(f"the activations of torch.nn.RNN are tanh and relu, got {cell.activation}")
        case LSTMCell():
            return "LSTM", (cell.hidden_size,), {}
        case GRUCell():
            return "GRU", (cell.hidden_size,), {}
        case ProjectionLSTMCell() if cell.projection_size < cell.hidden_size:
            return "LSTM", (cell.hidden_size,), {"proj_size": cell.projection_size}
        case ProjectionLSTMCell():
            raise ValueError(f"proj_size must be less than hidden_size = {cell.hidden_size}: {cell.projection_size}")
        case _:
            raise ValueError(f"torch.nn has no {type(cell).__name__}")


def _padding_idx(mask: np.ndarray) -> int | None:
    """Return the only row that is fixed at zero, or None where the mask is of another form."""
    rows = np.flatnonzero(~mask.any(axis=1))
    return int(rows[0]) if len(rows) == 1 and mask.sum() == mask.size - mask.shape[1] else None
