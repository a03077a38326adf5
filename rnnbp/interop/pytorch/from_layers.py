"""The layer that each of PyTorch's modules becomes."""

from collections.abc import Callable
from typing import Any

from rnnbp import layers
from rnnbp.cells import ProjectionLSTMCell
from rnnbp.layers import Layer

Module = Any  # torch.nn.Module, which is not imported with this file


def translations() -> dict[type, Callable[[Module], Layer]]:
    """Return the functions that make a layer of a module, by its exact type: a subclass may compute something else."""
    from torch import nn

    from rnnbp.interop.pytorch import torch_layers as own

    return {
        nn.RNN: _rnn,
        nn.LSTM: _lstm,
        nn.GRU: lambda module: layers.GRU(*_sizes(module), **_options(module)),
        nn.RNNCell: lambda cell: layers.Elman(cell.input_size, cell.hidden_size, activation=cell.nonlinearity),
        nn.LSTMCell: lambda cell: layers.LSTM(cell.input_size, cell.hidden_size),
        nn.GRUCell: lambda cell: layers.GRU(cell.input_size, cell.hidden_size),
        nn.Linear: lambda module: layers.Dense(module.in_features, module.out_features),
        own.Dense: lambda module: layers.Dense(module.in_features, module.out_features, module.activation),
        nn.Embedding: _embedding,
        nn.Conv1d: _convolution,
        own.Conv1D: _convolution,
        own.CausalConv1d: _convolution,
        nn.LayerNorm: _layer_norm,
        nn.Dropout: lambda module: layers.Dropout(module.p),
        nn.Identity: lambda module: layers.Activation("linear"),
        nn.Tanh: lambda module: layers.Activation("tanh"),
        nn.Sigmoid: lambda module: layers.Activation("sigmoid"),
        nn.ReLU: lambda module: layers.Activation("relu"),
        own.Last: lambda module: layers.Last(),
        own.Ends: lambda module: layers.Ends(),
        own.MeanOverTime: lambda module: layers.MeanOverTime(),
        own.TimeStatistics: lambda module: layers.TimeStatistics(),
        own.Reverse: lambda module: layers.Reverse(),
        own.VariationalDropout: lambda module: layers.VariationalDropout(module.p),
        own.Normalize: lambda module: layers.Normalize(module.mean.tolist(), module.scale.tolist()),
    }


def _sizes(module: Module) -> tuple[int, int, int]:
    return module.input_size, module.hidden_size, module.num_layers


def _options(module: Module) -> dict[str, Any]:
    """Return the options of a recurrent module; its dropout has no effect where it has one layer."""
    return {"bidirectional": module.bidirectional, "dropout": float(module.dropout) if module.num_layers > 1 else 0.0}


def _rnn(module: Module) -> Layer:
    return layers.Elman(*_sizes(module), activation=module.nonlinearity, **_options(module))


def _lstm(module: Module) -> Layer:
    input_size, hidden_size, num_layers = _sizes(module)
    if not module.proj_size:
        return layers.LSTM(input_size, hidden_size, num_layers, **_options(module))
    below = module.proj_size * (2 if module.bidirectional else 1)
    widths = [input_size] + [below] * (num_layers - 1)
    return layers.MultiLayer(
        tuple(ProjectionLSTMCell(width, hidden_size, module.proj_size) for width in widths), **_options(module)
    )


def _embedding(module: Module) -> Layer:
    if module.max_norm is not None:
        raise ValueError(f"max_norm, which changes the weights as they are used, has no counterpart: {module.max_norm}")
    if module.scale_grad_by_freq:
        raise ValueError("scale_grad_by_freq=True, which divides the gradient by counts, has no counterpart")
    return layers.Embedding(module.num_embeddings, module.embedding_dim)


def _convolution(module: Module) -> Layer:
    from rnnbp.interop.pytorch.torch_layers import CausalConv1d

    if module.padding_mode != "zeros":
        raise ValueError(f"padding_mode must be 'zeros', got {module.padding_mode!r}")
    padding: Any = module.padding if isinstance(module.padding, str) else int(module.padding[0])
    return layers.Conv1D(
        module.in_channels,
        module.out_channels,
        module.kernel_size[0],
        stride=module.stride[0],
        dilation=module.dilation[0],
        groups=module.groups,
        padding="causal" if isinstance(module, CausalConv1d) else padding,
        activation=getattr(module, "activation", "linear"),
    )


def _layer_norm(module: Module) -> Layer:
    if len(module.normalized_shape) != 1:
        raise ValueError(f"normalized_shape must be the number of features, got {module.normalized_shape}")
    return layers.LayerNorm(module.normalized_shape[0], float(module.eps))
