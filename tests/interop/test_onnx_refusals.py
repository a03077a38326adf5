"""ONNX files that are refused: what is not supported is named, and a file that is damaged or hostile does no harm."""

import numpy as np
import pytest

import rnnbp
from rnnbp.interop import import_onnx

onnx = pytest.importorskip("onnx")
from onnx import helper, numpy_helper  # noqa: E402
from onnx_graphs import B, F, H, chain_graph, operator_graph  # noqa: E402
from onnx_models import random_example  # noqa: E402

from rnnbp.interop.onnx.exporting import to_proto  # noqa: E402
from rnnbp.interop.onnx.importing import from_proto  # noqa: E402
from rnnbp.interop.onnx.reading import check_proto  # noqa: E402

pytestmark = pytest.mark.interop
LENGTHS = np.array([2, 5, 3], np.int32)


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


def doubling(op, times):
    """Return nodes that double a stored array again and again."""
    attributes = {"axis": 0} if op == "Concat" else {}
    nodes = [helper.make_node(op, [f"a{k}"] * 2, [f"a{k + 1}"], **attributes) for k in range(times)]
    return [*nodes, helper.make_node("MatMul", ["x", f"a{times}"], ["y"])]


def test_arrays_that_grow_without_limit_are_refused():
    proto = chain_graph(doubling("Concat", 40), {"a0": np.ones((2, 4), np.float32)}, ["time", "batch", F])
    with pytest.raises(ValueError, match=r"operator Concat: the arrays that are computed .* are too large"):
        from_proto(proto)
    nodes = [helper.make_node("Add", ["row", "column"], ["table"]), helper.make_node("MatMul", ["x", "table"], ["y"])]
    arrays = {"row": np.ones((1, 2**14), np.float32), "column": np.ones((2**14, 1), np.float32)}
    with pytest.raises(ValueError, match=r"operator Add: the arrays that are computed .* are too large"):
        from_proto(chain_graph(nodes, arrays, ["time", "batch", F]))
    nodes = [helper.make_node("Gather", ["row", "many"], ["table"]), helper.make_node("MatMul", ["x", "table"], ["y"])]
    with pytest.raises(ValueError, match=r"operator Gather: the arrays that are computed .* are too large"):
        from_proto(chain_graph(nodes, arrays | {"many": np.zeros(2**14, np.int64)}, ["time", "batch", F]))


def test_layers_without_end_are_refused():
    nodes = [helper.make_node("Tanh", ["x" if k == 0 else f"v{k}"], [f"v{k + 1}"]) for k in range(1001)]
    with pytest.raises(ValueError, match=r"operator Tanh: .*more than 1000 layers in a row are not supported"):
        from_proto(chain_graph(nodes, {}, ["time", "batch", F], "v1001"))


def test_half_precision_is_refused(rng):
    proto = operator_graph("RNN", rng, {"B": np.zeros((1, 2 * H), np.float16)})
    with pytest.raises(ValueError, match="the array 'B' is of float16; float32 and float64 are supported"):
        from_proto(proto)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("info", "5", "'rnnbp:info' must be a JSON object, got 5"),
        ("info", "[1]", r"'rnnbp:info' must be a JSON object, got \[1\]"),
        ("loss", "5", "'rnnbp:loss' must be a loss, got 5"),
        ("features", '"ab"', "features must be a list of names, got 'ab'"),
    ],
)
def test_metadata_of_another_type_is_refused(rng, key, text, message):
    proto = operator_graph("RNN", rng)
    proto.metadata_props.add(key=f"rnnbp:{key}", value=text)
    with pytest.raises(ValueError, match=message):
        from_proto(proto)


def test_a_graph_without_outputs_is_refused(rng):
    proto = operator_graph("RNN", rng)
    proto.graph.ClearField("output")
    with pytest.raises(ValueError, match="the graph has no output"):
        from_proto(proto)
