"""Keras's models from models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp import layers
from rnnbp.core import Parameters
from rnnbp.interop.keras.cells import import_keras, keras_class, parameters_to_keras, table_name
from rnnbp.layers import Bidirectional, Layer, MultiLayer, Recurrent, RecurrentDropout
from rnnbp.layers.cell_layer import unrolled
from rnnbp.models import Sequential
from rnnbp.models.inference import input_features
from rnnbp.runtime import refuses_by_name

if TYPE_CHECKING:
    import keras

Array = np.ndarray
KerasLayer = Any  # keras.layers.Layer, which is not imported with this file
Made = tuple[KerasLayer, list[tuple[str, Array, bool]]]  # a layer with its variables: name, values, whether trained

POINTWISE = (layers.Dense, layers.LayerNorm, layers.Activation, layers.Dropout, layers.Noise)


@refuses_by_name
def to_keras(model: Sequential, mask_value: float | None = None) -> keras.Sequential:
    """Make a Keras model of a model, with copies of its weights.

    The layers that `from_keras` makes are taken, of several layers too. Outputs are those of the model to rounding,
    with any of Keras's backends. Inputs of the Keras model are (B, T, F), here (T, B, F). Sequences of unequal length
    are padded with `mask_value`, and Keras masks them, but for a Conv1D, which has no masks there. Class names and the
    loss are not in it, so that it has no softmax.

    Both biases of a cell become one in Keras, their sum, but for `rnnbp.GRU`; ``use_bias=False`` where both are fixed
    at zero by a mask. Frozen parameters are not trainable.

    Parameters
    ----------
    model : Sequential
    mask_value : float, optional
        The model begins with ``keras.layers.Masking(mask_value)``, or for tokens with ``mask_zero=True``, for which it
        must be 0. Default: no mask.

    Returns
    -------
    keras.Sequential
        Built, of the model's dtype.

    Raises
    ------
    ImportError
        If Keras, or its backend, is not installed.
    ValueError
        If Keras has no counterpart of a layer or of a mask of parameters, naming it.

    See Also
    --------
    from_keras : a model from a Keras model.

    Examples
    --------
    >>> import keras, rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LSTM(3, 4, num_layers=2), rnnbp.Last(), rnnbp.Dense(4, 2, "tanh"))
    >>> theirs = to_keras(model, mask_value=0)
    >>> [type(layer).__name__ for layer in theirs.layers]
    ['Masking', 'LSTM', 'LSTM', 'Dense']
    >>> x = np.random.default_rng(0).standard_normal((6, 5, 3)).astype("float32")
    >>> bool(np.allclose(theirs.predict(x.swapaxes(0, 1), verbose=0), model.forward(x), atol=1e-6))
    True
    """
    keras = import_keras()
    tokens = isinstance(model.layers[0], layers.Embedding)
    if tokens and mask_value not in (None, 0):
        raise ValueError(f"mask_value must be 0 for tokens, got {mask_value}")
    row: list[Made] = []
    if mask_value is not None and not tokens:
        row.append((keras.layers.Masking(mask_value, dtype=str(model.dtype)), []))
    reducers = _reducers(model.layers)
    for i, layer in enumerate(model.layers):
        if i in reducers.values() or (isinstance(layer, layers.Reverse) and _runs_backward(model.layers, i)):
            continue
        try:
            if isinstance(unrolled(layer), Recurrent | MultiLayer | Bidirectional | RecurrentDropout):
                row += _recurrent(model, i, sequences=i not in reducers)
            elif type(layer) in TRANSLATIONS:
                row.append(_other(model, i, mask_value is not None))
            else:
                raise ValueError(f"taken are {', '.join(kind.__name__ for kind in TRANSLATIONS)} and recurrent layers")
        except ValueError as error:
            raise ValueError(f"layer {i}, {layer!r}, has no counterpart in Keras: {error}") from None
    shape = (None,) if tokens else (None, input_features(model.layers))
    given = keras.Input(shape, dtype="int32" if tokens else str(model.dtype))
    made = keras.Sequential([given, *(layer for layer, _ in row)])
    for layer, variables in row:
        for name, values, trained in variables:
            variable = _attribute(layer, name)
            variable.assign(values)
            variable.trainable = trained
    return made


def _attribute(layer: KerasLayer, name: str) -> Any:
    for part in name.split("."):
        layer = getattr(layer, part)
    return layer


def _reducers(row: tuple[Layer, ...]) -> dict[int, int]:
    """Return the places of the recurrent layers of whose outputs only the last are used, with those of the reducers.

    Layers that treat every step by itself may be in between: they are applied to the last outputs alone.
    """
    found = {}
    for i, layer in enumerate(row):
        if isinstance(layer, layers.Last | layers.Ends):
            below = next((k for k in reversed(range(i)) if not isinstance(row[k], POINTWISE)), None)
            if below is None or not row[below].recurrent:
                name = type(layer).__name__
                raise ValueError(f"layer {i}, {name}: Keras has no layer for the last step but a recurrent one's own")
            found[below] = i
    return found


def _runs_backward(row: tuple[Layer, ...], i: int) -> bool:
    """Return whether the layer above a Reverse is one that Keras runs backward in time."""
    above = unrolled(row[i + 1]) if i + 1 < len(row) else None
    return isinstance(above, Recurrent | RecurrentDropout) or (
        isinstance(above, MultiLayer) and not above.bidirectional
    )


def _recurrent(model: Sequential, i: int, sequences: bool) -> list[Made]:
    """Return the layers of Keras for a recurrent layer, with dropout between them."""
    import keras

    layer, scope = unrolled(model.layers[i]), model.scopes(model.params)[i]
    rows: Any = [(layer, scope)]
    if isinstance(layer, MultiLayer):
        rows = list(zip(layer.layers, layer.scopes(scope), strict=True))
    both = isinstance(rows[0][0], Bidirectional)
    backward = i > 0 and isinstance(model.layers[i - 1], layers.Reverse) and not both
    made: list[Made] = []
    for k, (row, params) in enumerate(rows):
        if isinstance(layer, MultiLayer) and layer.dropout and k:
            made.append((keras.layers.Dropout(layer.dropout, dtype=str(model.dtype)), []))
        cell, halves = row.cell, _halves(params, row.cell, both)
        name, options = keras_class(cell)
        if isinstance(row, RecurrentDropout) and name == "GRU":
            raise ValueError("recurrent_dropout of Keras's GRU also drops what is carried from step to step")
        options |= {
            "use_bias": True in [_use_bias(half, table_name(cell)) for half in halves],
            "return_sequences": sequences or k < len(rows) - 1,
            "go_backwards": backward and k == 0,
            "recurrent_dropout": row.rate if isinstance(row, RecurrentDropout) else 0.0,
            "dtype": str(model.dtype),
        }
        one = getattr(keras.layers, name)(cell.hidden_size, **options)
        whole = keras.layers.Bidirectional(one, dtype=str(model.dtype)) if both else one
        variables: list[tuple[str, Array, bool]] = []
        for start, half in zip(["forward_layer.", "backward_layer."] if both else [""], halves, strict=True):
            variables += _cell_variables(start, cell, half, options["use_bias"])
        made.append((whole, variables))
    return made


def _halves(params: Parameters, cell: Any, both: bool) -> list[Parameters]:
    """Return the parameters of the cell forward in time, and of the one backward in time if there is one."""
    shapes = cell.shapes()
    return [params.renamed(shapes), params.renamed(shapes, params.size // 2)] if both else [params]


def _cell_variables(start: str, cell: Any, params: Parameters, use_bias: bool) -> list[tuple[str, Array, bool]]:
    names = ["kernel", "recurrent_kernel", "bias"]
    trained = [_trained(params, "w_ih"), _trained(params, "w_hh"), _trained(params, "b_ih") or _trained(params, "b_hh")]
    rows = zip(names, parameters_to_keras(cell, params), trained, strict=True)
    return [(f"{start}cell.{name}", values, train) for name, values, train in rows if use_bias or name != "bias"]


def _use_bias(params: Parameters, name: str) -> bool:
    """Return whether a cell has a bias in Keras, or raise an error where a mask says what Keras cannot."""
    _check_unmasked(params, "w_ih", "w_hh")
    masks = [params.mask(b) for b in ("b_ih", "b_hh")]
    if any(mask.any() != mask.all() for mask in masks) or (name == "GRU" and masks[0].any() != masks[1].any()):
        raise ValueError("the masks of its biases fix some of them at zero, which Keras cannot")
    return any(bool(mask.any()) for mask in masks)


def _check_unmasked(params: Parameters, *names: str) -> None:
    for name in names:
        if not params.mask(name).all():
            raise ValueError(f"the mask of {name} fixes entries at zero, which Keras cannot")


def _trained(params: Parameters, name: str) -> bool:
    if params.frozen_vector is None:
        return True
    here = params.frozen_vector[params.place(name)]
    if here.any() != here.all():
        raise ValueError(f"some entries of {name} are frozen and some are not, which Keras cannot")
    return not bool(here.any())


def _other(model: Sequential, i: int, masked: bool) -> Made:
    """Return the layer of Keras for a layer that is not recurrent."""
    import keras

    layer, params = model.layers[i], model.scopes(model.params)[i]
    options: dict[str, Any] = {"dtype": str(model.dtype)}
    names = list(params)
    if isinstance(layer, layers.Embedding):
        options["mask_zero"] = masked
        if not masked or params.mask("w")[1:].sum() != params["w"][1:].size:
            _check_unmasked(params, "w")
    else:
        _check_unmasked(params, *(name for name in names if name != "b"))
        if "b" in names:
            has_bias = bool(params.mask("b").any())
            if has_bias:
                _check_unmasked(params, "b")
            else:
                names.remove("b")
            options["center" if isinstance(layer, layers.LayerNorm) else "use_bias"] = has_bias
    make, keras_names, arranged = TRANSLATIONS[type(layer)]
    variables = [
        (theirs, arranged(params[name]), _trained(params, name))
        for name, theirs in zip(names, keras_names, strict=False)
    ]
    return make(keras.layers, layer, options), variables


def _convolution(keras_layers: Any, layer: layers.Conv1D, options: dict[str, Any]) -> KerasLayer:
    padding = "valid" if layer.padding == 0 else layer.padding
    if isinstance(padding, int):
        raise ValueError(f"padding must be 'valid', 'same' or 'causal', got {padding}")
    return keras_layers.Conv1D(
        layer.output_size,
        layer.kernel_size,
        strides=layer.stride,
        dilation_rate=layer.dilation,
        groups=layer.groups,
        padding=padding,
        activation=layer.activation,
        **options,
    )


# For each layer the function that makes Keras's, the names of its variables, and how their axes are arranged there.
TRANSLATIONS: dict[type[Layer], tuple[Callable[[Any, Any, dict[str, Any]], KerasLayer], list[str], Any]] = {
    layers.Dense: (
        lambda k, layer, options: k.Dense(layer.output_size, activation=layer.activation, **options),
        ["kernel", "bias"],
        np.transpose,
    ),
    layers.Embedding: (
        lambda k, layer, options: k.Embedding(layer.tokens, layer.output_size, **options),
        ["embeddings"],
        np.asarray,
    ),
    layers.Conv1D: (_convolution, ["kernel", "bias"], np.transpose),
    layers.LayerNorm: (
        lambda k, layer, options: k.LayerNormalization(epsilon=layer.eps, **options),
        ["gamma", "beta"],
        np.asarray,
    ),
    layers.Activation: (lambda k, layer, options: k.Activation(layer.name, **options), [], np.asarray),
    layers.Dropout: (lambda k, layer, options: k.Dropout(layer.rate, **options), [], np.asarray),
    layers.Normalize: (
        lambda k, layer, options: k.Normalization(mean=layer.mean, variance=np.square(layer.scale), **options),
        [],
        np.asarray,
    ),
    layers.VariationalDropout: (lambda k, layer, options: k.SpatialDropout1D(layer.rate, **options), [], np.asarray),
    layers.Noise: (lambda k, layer, options: k.GaussianNoise(layer.scale, **options), [], np.asarray),
    layers.MeanOverTime: (lambda k, layer, options: k.GlobalAveragePooling1D(**options), [], np.asarray),
}
