"""The layers, with their parameters, that each of Keras's layers becomes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp import layers
from rnnbp.core.activations import ACTIVATIONS
from rnnbp.interop.keras.cells import CLASSES, cell_of, is_own, parameters_from_keras
from rnnbp.layers import Layer
from rnnbp.runtime import some

Array = np.ndarray
KerasLayer = Any  # keras.layers.Layer, which is not imported with this file


@dataclass(frozen=True)
class Part:
    """A layer with its parameters: each an array, or None where Keras has none, and whether it is trained.

    Parameters
    ----------
    layer : Layer
    arrays : tuple of ndarray or None
        In the order of ``layer.shapes()``.
    trained : tuple of bool
    """

    layer: Layer
    arrays: tuple[Array | None, ...] = ()
    trained: tuple[bool, ...] = ()


def translated(layer: KerasLayer) -> tuple[list[Part], bool]:
    """Return the parts that a layer becomes, and whether it ends with a softmax, which they leave out."""
    name = type(layer).__name__
    if not type(layer).__module__.startswith("keras."):
        raise ValueError("a class of your own has no counterpart")
    if name == "Masking":
        return [], False
    if name == "TimeDistributed":
        if type(layer.layer).__name__ not in ("Dense", "Dropout", "Activation", "LayerNormalization", "ReLU"):
            raise ValueError(f"layer={type(layer.layer).__name__} has no counterpart at every step")
        return translated(layer.layer)
    if name in ("Dense", "Activation") and layer.activation.__name__ == "softmax" and not is_own(layer.activation):
        return ([_dense(layer, "linear")] if name == "Dense" else []), True
    if name in CLASSES or name == "Bidirectional":
        return _recurrent(layer), False
    if name not in TRANSLATIONS:
        taken = some(sorted([*TRANSLATIONS, *CLASSES, "Bidirectional", "Masking", "TimeDistributed"]), 30)
        raise ValueError(f"has no counterpart; taken are {taken}")
    return [TRANSLATIONS[name](layer)], False


def _part(layer: Layer, *variables: Any, arrays: Sequence[Array | None] | None = None) -> Part:
    """Return a part of Keras's variables, whose arrays are `arrays` where they are arranged in another way."""
    values = tuple(_numbers(v) for v in variables) if arrays is None else tuple(arrays)
    return Part(layer, values, tuple(v is not None and v.trainable for v in variables))


def _numbers(variable: Any) -> Array | None:
    return None if variable is None else _array(variable)


def _array(variable: Any) -> Array:
    import keras

    return keras.ops.convert_to_numpy(variable)


def _features(layer: KerasLayer) -> int:
    """Return the number of features of a layer's input."""
    if not layer.built:
        raise ValueError("is not built: give keras.Input(...) as the first layer, or call the model once")
    return int(layer.get_build_config()["input_shape"][-1])


def _activation(layer: KerasLayer) -> str:
    name = str(layer.activation.__name__)
    if name not in ACTIVATIONS or is_own(layer.activation):
        raise ValueError(f"activation={name!r} has no counterpart; taken are {', '.join(sorted(ACTIVATIONS))}")
    return name


def _dense(layer: KerasLayer, activation: str | None = None) -> Part:
    made = layers.Dense(_features(layer), layer.units, activation or _activation(layer))
    return _part(made, layer.kernel, layer.bias, arrays=[_array(layer.kernel).T, _numbers(layer.bias)])


def _convolution(layer: KerasLayer) -> Part:
    if layer.data_format != "channels_last":
        raise ValueError(f"data_format must be 'channels_last', got {layer.data_format!r}")
    made = layers.Conv1D(
        _features(layer),
        layer.filters,
        layer.kernel_size[0],
        stride=layer.strides[0],
        dilation=layer.dilation_rate[0],
        groups=layer.groups,
        padding=layer.padding,
        activation=_activation(layer),
    )
    kernel = _array(layer.kernel).transpose(2, 1, 0)
    return _part(made, layer.kernel, layer.bias, arrays=[kernel, _numbers(layer.bias)])


def _normalization(layer: KerasLayer) -> Part:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    last = len(layer.get_build_config()["input_shape"]) - 1
    if [axis % (last + 1) for axis in axes] != [last]:
        raise ValueError(f"axis must be the last one, -1, got {layer.axis}")
    if getattr(layer, "rms_scaling", False):
        raise ValueError("rms_scaling=True has no counterpart")
    return _part(layers.LayerNorm(_features(layer), float(layer.epsilon)), layer.gamma, layer.beta)


def _fixed_normalization(layer: KerasLayer) -> Part:
    F = _features(layer)
    mean, variance = (np.ravel(_array(value)) for value in (layer.mean, layer.variance))
    if layer.invert or mean.size not in (1, F):
        raise ValueError("taken is axis=-1 or None, and invert=False")
    means, scales = (tuple(np.broadcast_to(value, F).tolist()) for value in (mean, np.sqrt(variance)))
    return Part(layers.Normalize(means, scales))


def _dropout(layer: KerasLayer) -> Part:
    if layer.noise_shape is not None:
        raise ValueError(f"noise_shape={layer.noise_shape} has no counterpart: every value is dropped by itself")
    return Part(layers.Dropout(float(layer.rate)))


def _relu(layer: KerasLayer) -> Part:
    for argument, default in {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}.items():
        if getattr(layer, argument) != default:
            raise ValueError(f"{argument} must be {default}, got {getattr(layer, argument)}")
    return Part(layers.Activation("relu"))


def _average(layer: KerasLayer) -> Part:
    if layer.keepdims or layer.data_format != "channels_last":
        raise ValueError(f"taken is keepdims=False, channels_last; got keepdims={layer.keepdims}, {layer.data_format}")
    return Part(layers.MeanOverTime())


TRANSLATIONS: dict[str, Callable[[KerasLayer], Part]] = {
    "Dense": _dense,
    "Embedding": lambda layer: _part(layers.Embedding(layer.input_dim, layer.output_dim), layer.embeddings),
    "Conv1D": _convolution,
    "LayerNormalization": _normalization,
    "Normalization": _fixed_normalization,
    "Dropout": _dropout,
    "SpatialDropout1D": lambda layer: Part(layers.VariationalDropout(float(layer.rate))),
    "GaussianNoise": lambda layer: Part(layers.Noise(float(layer.stddev))),
    "Activation": lambda layer: Part(layers.Activation(_activation(layer))),
    "ReLU": _relu,
    "GlobalAveragePooling1D": _average,
}


def _recurrent(layer: KerasLayer) -> list[Part]:
    """Return the parts of a recurrent layer, with what reverses and reduces time around it."""
    name = type(layer).__name__
    if name == "Bidirectional":
        if layer.merge_mode != "concat":
            raise ValueError(f"merge_mode must be 'concat', got {layer.merge_mode!r}")
        both = [layer.forward_layer, layer.backward_layer]
        if [type(one).__name__ not in CLASSES for one in both] != [False, False]:
            raise ValueError(f"layer must be one of {', '.join(CLASSES)}, got {type(both[0]).__name__}")
        if both[0].go_backwards:
            raise ValueError("go_backwards=True of the first layer has no counterpart")
    else:
        both = [layer]
    cells = [cell_of(_checked(one, len(both) == 2), _features(one)) for one in both]
    if cells[0] != cells[-1]:
        raise ValueError(f"backward_layer must be as the forward one, {cells[0]!r}, got {cells[-1]!r}")
    arrays, trained = list[Array | None](), list[bool]()
    for one in both:
        variables = [one.cell.kernel, one.cell.recurrent_kernel, one.cell.bias]
        arrays += parameters_from_keras(cells[0], _array(variables[0]), _array(variables[1]), _numbers(variables[2]))
        of_bias = variables[2] is None or variables[2].trainable  # a bias that is absent is masked
        trained += [variables[0].trainable, variables[1].trainable, of_bias, of_bias]
    made = Part(_layer(cells[0], len(both) == 2, float(both[0].recurrent_dropout)), tuple(arrays), tuple(trained))
    below = [Part(layers.VariationalDropout(float(both[0].dropout)))] if both[0].dropout else []
    if len(both) == 1 and layer.go_backwards:
        below.append(Part(layers.Reverse()))
    above = [] if both[0].return_sequences else [Part(layers.Ends() if len(both) == 2 else layers.Last())]
    return [*below, made, *above]


def _checked(layer: KerasLayer, bidirectional: bool) -> KerasLayer:
    """Return a recurrent layer if all its options have a counterpart."""
    for argument in ("stateful", "return_state"):
        if getattr(layer, argument):
            raise ValueError(f"{argument}=True has no counterpart")
    for argument in ("dropout", "recurrent_dropout"):
        if getattr(layer, argument) and bidirectional:
            raise ValueError(f"{argument}={getattr(layer, argument)} in a Bidirectional has no counterpart")
    if layer.recurrent_dropout and type(layer).__name__ == "GRU":
        raise ValueError(
            f"recurrent_dropout={layer.recurrent_dropout} has no counterpart: of a GRU it also drops what is carried "
            "from step to step"
        )
    return layer


def _layer(cell: Any, bidirectional: bool, dropout: float) -> Layer:
    """Return the layer of a cell: the one that is named after it, if there is one."""
    name = type(cell).__name__.removesuffix("Cell")
    if dropout:
        return layers.RecurrentDropout(cell, dropout)
    if name in ("Elman", "LSTM", "GRU", "OriginalGRU"):
        options = {"activation": cell.activation} if name == "Elman" else {}
        made: Layer = getattr(layers, name)(cell.input_size, cell.hidden_size, bidirectional=bidirectional, **options)
        return made
    return layers.Bidirectional(cell) if bidirectional else layers.Recurrent(cell)
