"""ONNX models imported: every option of the operators as ONNX Runtime computes it, and what is refused."""

import numpy as np
import pytest

import rnnbp
from rnnbp import cells, kernels
from rnnbp.cells.activation_choice import FUNCTIONS
from rnnbp.interop import import_onnx
from rnnbp.interop.onnx_operators import ONNX_NAMES

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import helper, numpy_helper  # noqa: E402
from onnx_graphs import B, F, H, T, chain_graph, operator_graph  # noqa: E402
from onnx_models import error, random_example, session_of  # noqa: E402

from rnnbp.interop.onnx_export import to_proto  # noqa: E402
from rnnbp.interop.onnx_import import from_proto  # noqa: E402
from rnnbp.interop.onnx_reading import check_proto  # noqa: E402

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


# ---- what is refused ------------------------------------------------------------------------------------

REFUSED = {
    "unknown activation": ("RNN", {"activations": ["Gelu"]}, "attribute 'activations': 'Gelu' is not supported"),
    "no coefficient": ("RNN", {"activations": ["Affine"]}, "'activation_alpha' has no value for Affine"),
    "too many": ("RNN", {"activation_alpha": [1.0]}, "'activation_alpha' has 1 values more than"),
    "too few names": ("LSTM", {"activations": ["Tanh"]}, "attribute 'activations' must be 3 names"),
    "a number as a flag": ("LSTM", {"input_forget": 2}, "attribute 'input_forget' must be 0 or 1, got 2"),
    "two directions": (
        "RNN",
        {"direction": "bidirectional", "activations": ["Tanh", "Relu"]},
        "'activations' differs between the directions",
    ),
}


@pytest.mark.parametrize(("op", "attributes", "message"), REFUSED.values(), ids=REFUSED)
def test_an_attribute_that_is_not_supported_is_named(op, attributes, message, rng):
    with pytest.raises(ValueError, match=rf"node 'the node', operator {op}: .*{message}"):
        from_proto(operator_graph(op, rng, **attributes))


STATES = {
    "of each sequence": (
        "GRU",
        {"initial_h": np.arange(B * H, dtype=np.float32).reshape(1, B, H)},
        "forward",
        "same for",
    ),
    "of both directions": ("GRU", {"initial_h": np.ones((2, B, H), np.float32)}, "bidirectional", "must be zero"),
    "as an input of a reverse layer": (
        "GRU",
        {"initial_h": [1, "batch", H]},
        "reverse",
        "backward in time take no state",
    ),
    "of stored lengths": ("GRU", {"sequence_lens": LENGTHS}, "forward", "sequence_lens must be an input"),
    "of another shape": ("GRU", {"B": np.ones((1, 5), np.float32)}, "forward", r"input B must have shape \(1, 18\)"),
}


@pytest.mark.parametrize(("op", "extra", "direction", "message"), STATES.values(), ids=STATES)
def test_inputs_that_are_not_supported_are_named(op, extra, direction, message, rng):
    with pytest.raises(ValueError, match=f"node 'the node', operator {op}: .*{message}"):
        from_proto(operator_graph(op, rng, extra, direction=direction))


NODES = {
    "an operator": (
        [helper.make_node("Sin", ["x"], ["y"], name="n")],
        "node 'n', operator Sin: the",
    ),
    "another domain": ([helper.make_node("Mine", ["x"], ["y"], name="n", domain="com.mine")], "operator com.mine.Mine"),
    "an unnamed node": ([helper.make_node("Sin", ["x"], ["y"])], "node 'y', operator Sin"),
    "a softmax inside": (
        [helper.make_node("Softmax", ["x"], ["s"]), helper.make_node("Tanh", ["s"], ["y"], name="n")],
        "node 'n', operator Tanh: a softmax is supported at the end",
    ),
    "a softmax over time": ([helper.make_node("Softmax", ["x"], ["y"], axis=0)], "attribute 'axis' = 0 must be"),
    "a reshape": ([helper.make_node("Reshape", ["x", "flat"], ["y"])], "a reshape of the axes .* is not supported"),
    "a maximum": ([helper.make_node("ReduceMax", ["x", "flat"], ["y"])], "operator ReduceMax: the operator is not"),
}


@pytest.mark.parametrize(("nodes", "message"), NODES.values(), ids=NODES)
def test_an_operator_that_is_not_supported_is_named(nodes, message):
    proto = chain_graph(nodes, {"flat": np.array([5, -1])}, ["time", "batch", F])
    proto.opset_import.append(helper.make_opsetid("com.mine", 1))
    with pytest.raises(ValueError, match=message):
        from_proto(proto)


def test_a_step_past_the_end_of_shorter_sequences_is_refused(rng):
    proto = operator_graph("GRU", rng, {"sequence_lens": ["batch"]})
    proto.graph.initializer.append(numpy_helper.from_array(np.array(-1), "last"))
    proto.graph.node.append(helper.make_node("Gather", ["Y", "last"], ["y"], name="n", axis=0))
    proto.graph.output[0].name = "y"
    with pytest.raises(ValueError, match="node 'n', operator Gather: a step of sequences with lengths"):
        from_proto(proto)


def test_a_function_of_another_definition_is_refused():
    proto = to_proto(rnnbp.Sequential(rnnbp.MeanOverTime()))
    function = next(one for one in proto.functions if one.name == "MeanOverTime")
    function.node[-1].op_type = "Mul"
    with pytest.raises(ValueError, match=r"the function rnnbp\.MeanOverTime is none of this version"):
        from_proto(proto)


def test_lengths_of_something_else_are_refused():
    proto = to_proto(rnnbp.Sequential(rnnbp.LSTM(F, H), rnnbp.MeanOverTime()))
    (node,) = (one for one in proto.graph.node if one.op_type == "Lengths")
    node.input[0] = "0.w"
    with pytest.raises(ValueError, match=r"operator rnnbp\.Lengths: input 0 must be the outputs of layers"):
        from_proto(proto)


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_file_is_refused_or_read_and_nothing_else(seed):
    """Forty files with a few bytes changed each."""
    rng = np.random.default_rng(seed)
    data = to_proto(random_example(seed).model).SerializeToString()
    read = 0
    for _ in range(40):
        damaged = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        try:
            proto = onnx.ModelProto.FromString(bytes(damaged))
        except Exception:  # no message of Protocol Buffers
            continue
        try:
            check_proto(proto)
            read += isinstance(from_proto(proto), rnnbp.Sequential)
        except ValueError:
            continue
    assert read < 40


def test_a_file_that_refers_to_another_one_is_refused(tmp_path, rng):
    (tmp_path / "secret").write_bytes(b"0" * 72)
    proto = operator_graph("RNN", rng)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="the array 'W' is in another file, which is not opened"):
        import_onnx(tmp_path / "model.onnx")


def test_files_that_are_no_models_are_refused(tmp_path, rng):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ValueError, match="is not an ONNX file"):
        import_onnx(path)
    proto = operator_graph("RNN", rng)
    path.write_bytes(proto.SerializeToString()[:-40])
    with pytest.raises(ValueError, match=r"model\.onnx"):
        import_onnx(path)
    proto.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ValueError, match=r"onnx\.checker refuses the model"):
        check_proto(proto)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        import_onnx(tmp_path)
    with pytest.raises(FileNotFoundError):
        import_onnx(tmp_path / "none.onnx")


def test_half_precision_is_refused(rng):
    proto = operator_graph("RNN", rng, {"B": np.zeros((1, 2 * H), np.float16)})
    with pytest.raises(ValueError, match="the array 'B' is of float16; float32 and float64 are supported"):
        from_proto(proto)
