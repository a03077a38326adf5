"""Models from Keras's models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.interop.keras.cells import import_keras
from rnnbp.interop.keras.from_layers import Part, translated
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name, some

if TYPE_CHECKING:
    import keras

Array = np.ndarray
KerasLayer = Any  # keras.layers.Layer, which is not imported with this file


def from_keras(model: keras.Model | keras.layers.Layer) -> Sequential:
    """Make a model of a Keras model, with copies of its weights.

    Taken are `keras.Sequential` and functional models whose layers are in a row, nested or not, of SimpleRNN, LSTM and
    GRU (with both ``reset_after``), alone or in a Bidirectional that concatenates, Dense, Embedding, Conv1D,
    LayerNormalization, Normalization, Dropout, SpatialDropout1D, GaussianNoise, Activation, ReLU,
    GlobalAveragePooling1D, Masking, TimeDistributed, and single layers. Outputs are Keras's to rounding, with any of
    its backends.

    Inputs are (T, B, F) here, and (B, T, F) in Keras. ``return_sequences=False`` becomes `rnnbp.Last`, after a
    Bidirectional `rnnbp.Ends`; ``go_backwards=True`` an `rnnbp.Reverse` below. Masks become lengths, which are given
    with the inputs: `keras_lengths` returns those of ``Masking`` and of ``mask_zero=True``. One bias in Keras is `b_ih`
    here, and `b_hh` is fixed at zero by a mask, as are both where ``use_bias=False``. The ``dropout`` of a recurrent
    layer is an `rnnbp.VariationalDropout` below it, ``recurrent_dropout`` an `rnnbp.layers.RecurrentDropout`. Weights
    that are not trainable are frozen. A softmax at the end is left out: the model's loss is then `rnnbp.CrossEntropy`,
    and ``predict_proba`` returns what Keras's ``predict`` does. Initializers (``unit_forget_bias``), regularizers and
    constraints belong to training in Keras, and are not translated.

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
    to_keras : a Keras model from a model.

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
    layers = import_keras().layers
    if not isinstance(model, layers.Layer):
        raise ValueError(
            f"model must be a Keras model or layer, got {model!r}: keras.saving.load_model(path) reads one"
        )
    rows = list(_members(model, ""))
    _check_used_once(rows)
    parts, softmax = list[Part](), False
    for number, (path, layer) in enumerate(rows):
        try:
            found, softmax = translated(layer)
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


@refuses_by_name
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
    if "call" in vars(model) or (
        getattr(model, "outputs", None) and not type(model).call.__module__.startswith("keras.")
    ):
        raise ValueError(f"{model.name} is a {type(model).__name__} whose call is code, which is not translated")
    row = model.layers if isinstance(model, keras.Sequential) else _functional_row(model)
    for layer in row:
        if not isinstance(layer, keras.layers.InputLayer):
            yield from _members(layer, start + layer.name)


def _check_used_once(rows: list[tuple[str, KerasLayer]]) -> None:
    seen: dict[int, str] = {}
    for path, layer in rows:
        if seen.setdefault(id(layer), path) != path or [one for _, one in rows].count(layer) > 1:
            raise ValueError(f"layer {path} is used twice, with the same weights: here every layer has its own")


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


def _dtype(rows: list[tuple[str, KerasLayer]]) -> np.dtype:
    found = {layer.dtype_policy.name for _, layer in rows if layer.weights} or {"float32"}
    if len(found) > 1 or not found <= {"float32", "float64"}:
        raise ValueError(f"dtype must be float32 for all layers or float64 for all, got {some(sorted(found))}")
    return np.dtype(found.pop())
