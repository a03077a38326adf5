"""Models from Keras's models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp import layers
from rnnbp.core.activations import ACTIVATIONS
from rnnbp.interop.keras_cells import CLASSES, cell_of, parameters_from_keras
from rnnbp.layers import Layer
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.runtime import require, some, unused

if TYPE_CHECKING:
    import keras

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


def from_keras(model: keras.Model | keras.layers.Layer) -> Sequential:
    """Make a model of a Keras model, with copies of its weights.

    Taken are `keras.Sequential` and functional models whose layers are in a row, nested or not, of SimpleRNN, LSTM and
    GRU (with both ``reset_after``), alone or in a Bidirectional that concatenates, Dense, Embedding, Conv1D,
    LayerNormalization, Dropout, GaussianNoise, Activation, ReLU, GlobalAveragePooling1D, Masking, TimeDistributed, and
    single layers. Outputs are Keras's to rounding, with any of its backends.

    Inputs are (T, B, F) here, and (B, T, F) in Keras. ``return_sequences=False`` becomes `rnnbp.Last`, after a
    Bidirectional `rnnbp.Ends`; ``go_backwards=True`` an `rnnbp.Reverse` below. Masks become lengths, which are given
    with the inputs: `keras_lengths` returns those of ``Masking`` and of ``mask_zero=True``. One bias in Keras is `b_ih`
    here, and `b_hh` is fixed at zero by a mask, as are both where ``use_bias=False``. Weights that are not trainable
    are frozen. A softmax at the end is left out: the model's loss is then `rnnbp.CrossEntropy`, and ``predict_proba``
    returns what Keras's ``predict`` does. Initializers (``unit_forget_bias``), regularizers and constraints belong to
    training in Keras, and are not translated.

    Parameters
    ----------
    model : keras.Model or keras.layers.Layer
        Built, that is, its weights must exist.

    Returns
    -------
    Sequential

    Raises
    ------
    ImportError
        If Keras is not installed.
    ValueError
        If a layer or an argument has no counterpart here, naming it.

    See Also
    --------
    to_keras : the way back.

    Examples
    --------
    >>> import keras, rnnbp
    >>> theirs = keras.Sequential([keras.Input((None, 3)), keras.layers.GRU(4), keras.layers.Dense(2)])
    >>> model = from_keras(theirs)
    >>> model
    Sequential(GRU, Last, Dense; 118 parameters, float32)
    >>> x = np.random.default_rng(0).standard_normal((6, 5, 3)).astype("float32")
    >>> bool(np.allclose(model.forward(x), theirs.predict(x.swapaxes(0, 1), verbose=0), atol=1e-6))
    True
    """
    require("keras", extra="keras")
    rows = list(_members(model, ""))
    parts, softmax = list[Part](), False
    for number, (path, layer) in enumerate(rows):
        try:
            found, softmax = _translated(layer)
        except ValueError as error:
            raise ValueError(f"layer {path}, {type(layer).__name__}: {error}") from None
        if softmax and number < len(rows) - 1:
            raise ValueError(f"layer {path}, {type(layer).__name__}: softmax is taken from the last layer alone")
        parts += found
    made = Sequential(*(part.layer for part in parts), dtype=_dtype(rows))
    for number, part in enumerate(parts):
        for name, array, trained in zip(part.layer.shapes(), part.arrays, part.trained, strict=True):
            _set(made, f"{number}.{name}", array, trained)
    if softmax:
        made.loss = CrossEntropy()
    return made


def _set(model: Sequential, name: str, array: Array | None, trained: bool) -> None:
    if array is not None:
        model.params[name] = array
    elif name.endswith(".w"):  # the gain of a LayerNormalization
        model.params[name] = 1
    else:
        model.params.set_mask(name, False)
    if not trained:
        model.freeze(name)


def keras_lengths(x: Array, mask_value: float = 0) -> Array:
    """Return the number of steps of each sequence up to the padding that Keras would mask.

    Parameters
    ----------
    x : ndarray (T, B, F), or integer tokens (T, B)
        A step is masked where all its features, or its token, are `mask_value`.
    mask_value : float, default 0
        As ``keras.layers.Masking(mask_value)`` has it; 0 for ``Embedding(mask_zero=True)``.

    Returns
    -------
    ndarray (B,)
        For ``model.forward(x, lengths)``.

    Raises
    ------
    ValueError
        If a step is masked that is followed by one that is not, which lengths cannot say, or all steps are.

    Examples
    --------
    >>> keras_lengths(np.array([[5, 2], [3, 0], [1, 0]]))
    array([3, 1])
    """
    real = (np.asarray(x) != mask_value).reshape(*x.shape[:2], -1).any(axis=-1)
    lengths = real.sum(axis=0)
    wrong = np.flatnonzero((lengths == 0) | (real != (np.arange(len(real))[:, None] < lengths)).any(axis=0))
    if len(wrong):
        b = int(wrong[0])
        steps = "".join("x" if step else "." for step in real[:, b])
        raise ValueError(f"masked steps must be at the end of a sequence, and not all of it; sequence {b} has {steps}")
    return lengths


def _members(model: KerasLayer, path: str) -> Iterator[tuple[str, KerasLayer]]:
    """Yield the name and each layer of a model, those of models inside it in their place."""
    import keras

    start = f"{path}/" if path else ""
    if not isinstance(model, keras.Model):
        yield path or getattr(model, "name", "0"), model
        return
    row = model.layers if isinstance(model, keras.Sequential) else _functional_row(model)
    for layer in row:
        if not isinstance(layer, keras.layers.InputLayer):
            yield from _members(layer, start + layer.name)


def _functional_row(model: KerasLayer) -> list[KerasLayer]:
    """Return the layers of a functional model from the input to the output, if they are in a row."""
    outputs = getattr(model, "outputs", None)
    if not outputs:
        raise ValueError(
            f"{model.name} is a {type(model).__name__}, whose call is code, which is not translated: give its layers "
            "in a row, keras.Sequential([keras.Input(...), ...])"
        )
    row: list[KerasLayer] = []
    tensors = outputs
    while tensors:
        if len(tensors) != 1:
            at = f"layer {row[-1].name}" if row else model.name
            raise ValueError(f"the layers of {model.name} must be in a row: {at} has {len(tensors)} inputs or outputs")
        operation, node, _ = tensors[0]._keras_history
        row.append(operation)
        tensors = operation._inbound_nodes[node].input_tensors
    return row[::-1]


def _translated(layer: KerasLayer) -> tuple[list[Part], bool]:
    """Return the parts that a layer becomes, and whether it ends with a softmax, which they leave out."""
    name = type(layer).__name__
    if not type(layer).__module__.startswith("keras."):
        raise ValueError("a class of your own has no counterpart")
    if name == "Masking":
        return [], False
    if name == "TimeDistributed":
        if type(layer.layer).__name__ not in ("Dense", "Dropout", "Activation", "LayerNormalization", "ReLU"):
            raise ValueError(f"layer={type(layer.layer).__name__} has no counterpart at every step")
        return _translated(layer.layer)
    if name in ("Dense", "Activation") and layer.activation.__name__ == "softmax":
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
    import keras

    return None if variable is None else keras.ops.convert_to_numpy(variable)


def _features(layer: KerasLayer) -> int:
    """Return the number of features of a layer's input."""
    if not layer.built:
        raise ValueError("is not built: give keras.Input(...) as the first layer, or call the model once")
    return int(layer.get_build_config()["input_shape"][-1])


def _activation(layer: KerasLayer) -> str:
    name = str(layer.activation.__name__)
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r} has no counterpart; taken are {', '.join(sorted(ACTIVATIONS))}")
    return name


def _dense(layer: KerasLayer, activation: str | None = None) -> Part:
    made = layers.Dense(_features(layer), layer.units, activation or _activation(layer))
    return _part(made, layer.kernel, layer.bias, arrays=[_numbers(layer.kernel).T, _numbers(layer.bias)])  # type: ignore[union-attr]


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
    kernel = _numbers(layer.kernel).transpose(2, 1, 0)  # type: ignore[union-attr]
    return _part(made, layer.kernel, layer.bias, arrays=[kernel, _numbers(layer.bias)])


def _normalization(layer: KerasLayer) -> Part:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    last = len(layer.get_build_config()["input_shape"]) - 1
    if [axis % (last + 1) for axis in axes] != [last]:
        raise ValueError(f"axis must be the last one, -1, got {layer.axis}")
    if getattr(layer, "rms_scaling", False):
        raise ValueError("rms_scaling=True has no counterpart")
    return _part(layers.LayerNorm(_features(layer), float(layer.epsilon)), layer.gamma, layer.beta)


def _dropout(layer: KerasLayer) -> Part:
    unused("noise_shape", layer.noise_shape, None, "here, where every value is dropped by itself")
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
    "Dropout": _dropout,
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
    cells = [cell_of(_checked(one), _features(one)) for one in both]
    if cells[0] != cells[-1]:
        raise ValueError(f"backward_layer must be as the forward one, {cells[0]!r}, got {cells[-1]!r}")
    arrays, trained = list[Array | None](), list[bool]()
    for one in both:
        variables = [one.cell.kernel, one.cell.recurrent_kernel, one.cell.bias]
        kernel, recurrent, bias = map(_numbers, variables)
        assert kernel is not None
        assert recurrent is not None
        arrays += parameters_from_keras(cells[0], kernel, recurrent, bias)
        of_bias = variables[2] is None or variables[2].trainable  # a bias that is absent is masked
        trained += [variables[0].trainable, variables[1].trainable, of_bias, of_bias]
    made = Part(_layer(cells[0], len(both) == 2), tuple(arrays), tuple(trained))
    below = [Part(layers.Reverse())] if len(both) == 1 and layer.go_backwards else []
    above = [] if both[0].return_sequences else [Part(layers.Ends() if len(both) == 2 else layers.Last())]
    return [*below, made, *above]


def _checked(layer: KerasLayer) -> KerasLayer:
    """Return a recurrent layer if all its options have a counterpart."""
    for argument, default in {
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "stateful": False,
        "return_state": False,
    }.items():
        if getattr(layer, argument) != default:
            raise ValueError(f"{argument}={getattr(layer, argument)} has no counterpart: taken is {default}")
    return layer


def _layer(cell: Any, bidirectional: bool) -> Layer:
    """Return the layer of a cell: the one that is named after it, if there is one."""
    name = type(cell).__name__.removesuffix("Cell")
    if name in ("Elman", "LSTM", "GRU", "OriginalGRU"):
        options = {"activation": cell.activation} if name == "Elman" else {}
        made: Layer = getattr(layers, name)(cell.input_size, cell.hidden_size, bidirectional=bidirectional, **options)
        return made
    return layers.Bidirectional(cell) if bidirectional else layers.Recurrent(cell)


def _dtype(rows: list[tuple[str, KerasLayer]]) -> np.dtype:
    found = {layer.dtype_policy.name for _, layer in rows if layer.weights} or {"float32"}
    if len(found) > 1 or not found <= {"float32", "float64"}:
        raise ValueError(f"dtype must be float32 for all layers or float64 for all, got {some(sorted(found))}")
    return np.dtype(found.pop())
