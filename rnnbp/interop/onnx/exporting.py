"""Export of models to ONNX."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.interop.onnx.builder import Builder
from rnnbp.interop.onnx.export_layers import add_layer, lengths_above
from rnnbp.interop.onnx.functions import OPSET
from rnnbp.interop.onnx.place import Place
from rnnbp.layers import Chain, Conv1D, Embedding, Last, Layer, MeanOverTime, Parallel, Window
from rnnbp.models import Sequential
from rnnbp.models.inference import input_features
from rnnbp.runtime import flag, of_type, refuses_by_name, replacing, to_config

ALL_STEPS = np.array([np.iinfo(np.int32).max], np.int32)  # which the graph limits to T


@refuses_by_name
def export_onnx(
    model: Any, path: str | Path, *, batch_first: bool = False, lengths: bool = True, states: bool = False
) -> None:
    """Write a model to an ONNX file, which ONNX Runtime and other runtimes run without this package.

    Recurrent layers become the operators RNN, LSTM and GRU, and those of other cells that are declared by their
    equation the operator Scan, whose body is the equation; so do all in float64, in which ONNX Runtime (1.32) does not
    run the three. The batch and the time axis are dynamic. Layers over time, as `rnnbp.MeanOverTime`, are functions of
    standard operators, which the file contains. Opset 18, IR version 8. The outputs are those of `model.forward`, in
    evaluation mode: of a classifier logits, without softmax.

    Parameters
    ----------
    model : Sequential
    path : str or Path
        The file appears only once it is complete.
    batch_first : bool, default False
        Whether the input and outputs at every step have the axes (B, T, ...) instead of (T, B, ...).
    lengths : bool, default True
        Whether the graph has the input ``lengths``, int32 (B,): the number of steps of each sequence. Without it all
        have T steps, and a runtime cannot tell padding from steps.
    states : bool, default False
        Whether the graph has the state before the first step as inputs ``0.h``, ``0.c``, ... (B, H), and that after the
        last step as outputs ``0.h_next``, ... ``0`` is the number of the layer; in a layer of several, ``0.l1.h``. So a
        stream can be run span by span. Without it the state before the first step is zero.

    Raises
    ------
    ValueError
        If no operator computes what a layer does, which the message names; or with `states`, if a layer is non-causal
        or has another state.
    ImportError
        If onnx is not installed.

    See Also
    --------
    import_onnx : the other direction.

    References
    ----------
    The ONNX operators, https://onnx.ai/onnx/operators

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LSTM(12, 64), rnnbp.Last(), rnnbp.Dense(64, 9))
    >>> export_onnx(model, "vowels.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("vowels.onnx")  # doctest: +SKIP
    >>> (y,) = session.run(None, {"x": x, "lengths": np.array([20, 13], np.int32)})  # doctest: +SKIP
    """
    of_type("model", model, Sequential)
    for name, value in {"batch_first": batch_first, "lengths": lengths, "states": states}.items():
        flag(name, value)
    proto = to_proto(model, batch_first=batch_first, lengths=lengths, states=states)
    with replacing(path) as beside:
        beside.write_bytes(proto.SerializeToString())


def to_proto(model: Any, *, batch_first: bool = False, lengths: bool = True, states: bool = False) -> Any:
    """Return a model as an onnx.ModelProto; the arguments are those of `export_onnx`."""
    builder = Builder(model.dtype)
    if states:
        _check_states(model)
    axes: tuple[str | int, ...] = ("batch", "time") if batch_first else ("time", "batch")
    tokens = isinstance(model.layers[0], Embedding)
    features: tuple[str | int, ...] = () if tokens else (_features(model),)
    x = builder.input("x", np.int64 if tokens else model.dtype, (*axes, *features))
    if batch_first:
        x = builder.add("Transpose", x, name="time first", perm=[1, 0] if tokens else [1, 0, 2])
    limit = builder.input("lengths", np.int32, ("batch",)) if lengths else builder.store("all steps", ALL_STEPS)
    real = builder.add("Lengths", x, limit, name="lengths of all")
    for i, (layer, scope) in enumerate(zip(model.layers, model.scopes(model.params), strict=True)):
        place = Place(builder, f"layer {i}, {type(layer).__name__},", str(i), real, lengths, states)
        x, real = add_layer(place, layer, scope, x), lengths_above(place, layer)
    *_, width = model.out_shape
    if model.per_step:
        if lengths:
            x = builder.add("ZeroPadding", x, real, name="zero padding")
        if batch_first:
            x = builder.add("Transpose", x, name="batch first", perm=[1, 0, 2])
        builder.output("y", x, (*axes, width))
    else:
        builder.output("y", x, ("batch", width))
    builder.outputs.insert(0, builder.outputs.pop())  # before the states
    proto = builder.model(import_module("rnnbp").__version__, _metadata(model, batch_first), repr(model))
    builder.onnx.checker.check_model(proto, full_check=True)
    return proto


def _features(model: Any) -> str | int:
    try:
        return input_features(model.layers)
    except ValueError:  # they take any number
        return "features"


def _check_states(model: Any) -> None:
    """Raise unless the states of a model are those of recurrent operators."""
    for i, layer in enumerate(model.layers):
        if not layer.causal:
            raise ValueError(f"states=True: layer {i}, {type(layer).__name__}, is non-causal, it takes whole sequences")
        for part in _parts(layer):
            if isinstance(part, Conv1D | Last | MeanOverTime | Window):
                name = type(part).__name__
                raise ValueError(f"states=True: layer {i}, {name}, has a state that is none of a recurrent operator")


def _parts(layer: Any) -> Iterator[Layer]:
    """Yield the layers that a layer consists of, itself if it is one."""
    inner = layer.layers if isinstance(layer, Chain) else layer.branches if isinstance(layer, Parallel) else ()
    for one in inner:
        yield from _parts(one)
    if not inner:
        yield layer


def _metadata(model: Any, batch_first: bool) -> dict[str, str]:
    """Return what a model knows besides its layers, as text: class and feature names, the loss, `info`, the version."""
    return {
        "rnnbp:version": import_module("rnnbp").__version__,
        "rnnbp:opset": str(OPSET),
        "rnnbp:axes": "batch time features" if batch_first else "time batch features",
        "rnnbp:classes": json.dumps(model.classes),
        "rnnbp:features": json.dumps(model.feature_names),
        "rnnbp:loss": json.dumps(to_config(model.loss)),
        "rnnbp:info": json.dumps(model.info),
    }
