"""ONNX models imported: every option of the operators as ONNX Runtime computes it."""

import numpy as np
import pytest

import rnnbp
from rnnbp import cells, kernels
from rnnbp.cells.activation_choice import FUNCTIONS
from rnnbp.interop.onnx.operators import ONNX_NAMES

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import helper, numpy_helper  # noqa: E402
from onnx_graphs import B, F, H, T, chain_graph, operator_graph  # noqa: E402
from onnx_models import error, session_of  # noqa: E402

from rnnbp.interop.onnx.exporting import to_proto  # noqa: E402
from rnnbp.interop.onnx.importing import from_proto  # noqa: E402

pytestmark = pytest.mark.interop
LENGTHS = np.array([2, T, 3], np.int32)


@pytest.fixture(autouse=True)
def _without_compiling():
    with kernels.using("numpy"):
        yield


def sequences(rng):
    return rng.standard_normal((T, B, F)).astype(np.float32)


def outputs_of(proto, x, **feeds):
    """Return the output Y (T, D, B, H) as ONNX Runtime computes it, as (T, B, D H)."""
    (y,) = session_of(proto).run(None, {"X": x, **feeds})
    return y.swapaxes(1, 2).reshape(*y.shape[:1], y.shape[2], -1)


def coefficients(names):
    """Return the attributes of activations with coefficients, for those that take some."""
    counts = [len(FUNCTIONS[next(ours for ours, name in ONNX_NAMES.items() if name == one)][1]) for one in names]
    alpha, beta = [0.4] * sum(count > 0 for count in counts), [0.3] * sum(count > 1 for count in counts)
    given = {"activation_alpha": alpha, "activation_beta": beta}
    return {"activations": list(names), **{name: values for name, values in given.items() if values}}


LSTM_NAMES = ("HardSigmoid", "Elu", "ScaledTanh")
OPERATORS = {
    "RNN": ("RNN", {}, cells.ElmanCell),
    **{f"RNN {name}": ("RNN", coefficients([name]), None) for name in ONNX_NAMES.values()},
    "RNN, clipped": ("RNN", {"clip": 0.4}, cells.GeneralElmanCell),
    "LSTM": ("LSTM", {}, cells.LSTMCell),
    "LSTM, coupled": ("LSTM", {"input_forget": 1}, cells.CoupledLSTMCell),
    "LSTM, other activations": ("LSTM", coefficients(LSTM_NAMES), cells.GeneralLSTMCell),
    "LSTM, coupled, clipped": ("LSTM", {"input_forget": 1, "clip": 0.4}, cells.GeneralLSTMCell),
    "GRU": ("GRU", {}, cells.OriginalGRUCell),
    "GRU, reset after": ("GRU", {"linear_before_reset": 1}, cells.GRUCell),
    "GRU, other activations": ("GRU", {**coefficients(["HardSigmoid", "Softsign"]), "clip": 0.6}, cells.GeneralGRUCell),
    "GRU, reset after, clipped": ("GRU", {"linear_before_reset": 1, "clip": 0.6}, cells.GeneralGRUCell),
}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("op", "attributes", "cell"), OPERATORS.values(), ids=OPERATORS)
def test_an_operator_computes_what_the_runtime_computes(op, attributes, cell, direction, rng):
    if direction == "bidirectional":
        attributes = {k: v * 2 if isinstance(v, list) else v for k, v in attributes.items()}
    proto = operator_graph(op, rng, {"sequence_lens": ["batch"]}, direction=direction, **attributes)
    model, x = from_proto(proto), sequences(rng)
    for lengths in (np.full(B, T, np.int32), LENGTHS):
        assert error(model.forward(x, lengths), outputs_of(proto, x, sequence_lens=lengths)) < 1e-5
    assert cell is None or any(cell in (type(one), *_cells(one)) for one in model.layers)


def _cells(layer):
    from rnnbp.layers.cell_layer import unrolled

    inner = unrolled(layer)
    return [type(one) for one in getattr(inner, "cells", [getattr(inner, "cell", None)])]


@pytest.mark.parametrize("coupled", [0, 1])
@pytest.mark.parametrize("options", [{}, {"clip": 0.5}, coefficients(LSTM_NAMES)], ids=["plain", "clip", "activations"])
def test_peepholes_are_those_of_the_runtime(options, coupled, rng):
    p = rng.standard_normal((1, 3 * H)).astype(np.float32)
    proto, x = operator_graph("LSTM", rng, {"P": p}, input_forget=coupled, **options), sequences(rng)
    assert error(from_proto(proto).forward(x), outputs_of(proto, x)) < 1e-5


@pytest.mark.parametrize("op", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_stored_initial_state_is_a_learned_one(op, direction, rng):
    names = ["initial_h", "initial_c"] if op == "LSTM" else ["initial_h"]
    states = {name: np.repeat(rng.standard_normal((1, 1, H)), B, axis=1).astype(np.float32) for name in names}
    proto, x = operator_graph(op, rng, states, direction=direction), sequences(rng)
    model = from_proto(proto)
    assert any(isinstance(layer, rnnbp.LearnedStart) for layer in model.layers)
    assert error(model.forward(x), outputs_of(proto, x)) < 1e-5


def test_layout_1_is_the_same_with_the_batch_first(rng):
    """ONNX Runtime does not take it: the same weights in layout 0 are compared."""
    first = operator_graph("GRU", np.random.default_rng(1), direction="bidirectional")
    second = operator_graph("GRU", np.random.default_rng(1), direction="bidirectional", layout=1)
    x, models = sequences(rng), [from_proto(first), from_proto(second)]
    assert [model.info["onnx"]["input axes"] for model in models] == [["T", "B", "F"], ["B", "T", "F"]]
    np.testing.assert_array_equal(models[0].forward(x), models[1].forward(x))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_final_states_are_the_last_outputs_of_each_direction(direction, rng):
    proto, x = operator_graph("LSTM", rng, {"sequence_lens": ["batch"]}, output=1, direction=direction), sequences(rng)
    (y,) = session_of(proto).run(None, {"X": x, "sequence_lens": LENGTHS})
    assert error(from_proto(proto).forward(x, LENGTHS), y.swapaxes(0, 1).reshape(B, -1)) < 1e-5


@pytest.mark.parametrize("op", ["Split", "Gather"])
def test_directions_that_are_taken_apart_and_joined_are_one_layer(op, rng):
    """As exporters of Keras models write them; one direction alone is a layer of that direction."""
    proto, x = operator_graph("LSTM", rng, direction="bidirectional"), sequences(rng)
    store, graph = proto.graph.initializer, proto.graph
    store.extend(numpy_helper.from_array(np.array(value), name) for name, value in (("k0", 0), ("k1", 1), ("one", [1])))
    if op == "Split":
        graph.node.append(helper.make_node("Split", ["Y"], ["a", "b"], axis=1, num_outputs=2))
        graph.node.extend(helper.make_node("Squeeze", [name, "one"], [f"{name}2"]) for name in "ab")
    else:
        graph.node.extend(
            helper.make_node("Gather", ["Y", k], [name], axis=1) for k, name in (("k0", "a2"), ("k1", "b2"))
        )
    graph.node.append(helper.make_node("Concat", ["a2", "b2"], ["y"], axis=2))
    for name, layers in (("y", [rnnbp.LSTM]), ("a2", [rnnbp.LSTM]), ("b2", [rnnbp.Reverse, rnnbp.LSTM, rnnbp.Reverse])):
        graph.output[0].name = name
        model = from_proto(proto)
        assert [type(layer) for layer in model.layers] == layers
        (expected,) = session_of(proto).run(None, {"X": x})
        assert error(model.forward(x), expected) < 1e-5


def test_a_softmax_at_the_end_becomes_the_loss(rng):
    arrays = {"w": rng.standard_normal((F, 4)).astype(np.float32), "b": rng.standard_normal(4).astype(np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["x", "time"], ["m"], keepdims=0),
        helper.make_node("Gemm", ["m", "w", "b"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"]),
    ]
    proto = chain_graph(nodes, arrays | {"time": np.array([0])}, ["time", "batch", F])
    model, x = from_proto(proto), sequences(rng)
    assert [type(layer) for layer in model.layers] == [rnnbp.MeanOverTime, rnnbp.Dense]
    assert isinstance(model.loss, rnnbp.CrossEntropy)
    (y,) = session_of(proto).run(None, {"x": x})
    np.testing.assert_allclose(model.predict_proba(list(x.swapaxes(0, 1))), y, rtol=1e-5)


def test_a_model_of_double_precision_is_imported_in_it(rng):
    model = rnnbp.Sequential(rnnbp.LSTM(F, H), rnnbp.Last(), rnnbp.Dense(H, 2), dtype=np.float64)
    again = from_proto(to_proto(model))
    assert again.dtype == np.float64
    x = rng.standard_normal((T, B, F))
    np.testing.assert_array_equal(again.forward(x, LENGTHS), model.forward(x, LENGTHS))


def test_an_imported_model_can_be_trained(rng):
    model = from_proto(operator_graph("GRU", rng, clip=2.0))
    data = rnnbp.SequenceDataset(list(sequences(rng).swapaxes(0, 1)), targets=list(rng.standard_normal((B, T, H))))
    history = rnnbp.Trainer(model, rnnbp.MeanSquaredError()).fit(data, epochs=3, progress=False)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
