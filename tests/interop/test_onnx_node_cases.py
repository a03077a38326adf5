"""The cases that ONNX's specification gives for RNN, LSTM and GRU: every one is imported, and its outputs are ours."""

from importlib import import_module

import numpy as np
import pytest

import rnnbp
from rnnbp import kernels

onnx = pytest.importorskip("onnx")
node_cases = import_module("onnx.backend.test.case.node")
for operator in ("rnn", "lstm", "gru"):
    import_module(f"onnx.backend.test.case.node.{operator}")

from rnnbp.interop.onnx.importing import from_proto  # noqa: E402

pytestmark = pytest.mark.interop
CASES = {
    case.name: case for case in node_cases._NodeTestCases if case.model.graph.node[0].op_type in ("RNN", "LSTM", "GRU")
}
WEIGHTS = ("W", "R", "B", "P")


def with_stored_weights(case):
    """Return the model of a case with its weights stored, and its data by name: in the case they are inputs."""
    (inputs, outputs), *_ = case.data_sets
    proto = onnx.ModelProto.FromString(case.model.SerializeToString())
    data = dict(zip((one.name for one in proto.graph.input), inputs, strict=True))
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in data.items() if name in WEIGHTS
    )
    kept = [one for one in proto.graph.input if one.name not in WEIGHTS]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    return proto, data, dict(zip((one.name for one in proto.graph.output), outputs, strict=True))


def as_the_operator(y, name, layout, directions):
    """Return our outputs with the axes of the operator's Y, or Y_h."""
    if name == "Y":
        y = y.reshape(*y.shape[:2], directions, -1)
        return y.swapaxes(0, 1) if layout else y.swapaxes(1, 2)
    y = y.reshape(len(y), directions, -1)
    return y if layout else y.swapaxes(0, 1)


@pytest.mark.parametrize("name", CASES)
def test_outputs_of_the_specification_are_ours(name):
    proto, data, expected = with_stored_weights(CASES[name])
    node = proto.graph.node[0]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    layout, directions = attributes.get("layout", 0), 2 if attributes.get("direction") == b"bidirectional" else 1
    x = data["X"].swapaxes(0, 1) if layout else data["X"]
    checked = 0
    with kernels.using("numpy"):
        for output in set(expected) - {"Y_c"}:
            model = from_proto(proto, output)
            assert model.info["onnx"]["input axes"] == (["B", "T", "F"] if layout else ["T", "B", "F"])
            y = as_the_operator(model.forward(x, data.get("sequence_lens")), output, layout, directions)
            np.testing.assert_allclose(y, expected[output], rtol=1e-5, atol=1e-6)
            checked += 1
        if "Y_c" in expected:
            np.testing.assert_allclose(inner_states(proto, x, directions), expected["Y_c"], rtol=1e-5, atol=1e-6)
    assert checked


def inner_states(proto, x, directions):
    """Return c after the last step of each direction, (D, B, H): the state of the layer that is run alone."""
    model = from_proto(proto, "Y_h")
    if directions == 1:
        assert [type(layer) for layer in model.layers] == [rnnbp.Reverse, rnnbp.LSTM, rnnbp.Last]
        return cell_states(rnnbp.LSTM, model.layers[1], dict(model.scopes(model.params)[1].items()), x[::-1])[None]
    params, H = dict(model.scopes(model.params)[0].items()), model.layers[0].hidden_size
    assert H
    forward = {name.removesuffix("_l0"): a for name, a in params.items() if not name.endswith("_reverse")}
    reverse = {name.removesuffix("_l0_reverse"): a for name, a in params.items() if name.endswith("_reverse")}
    halves = [(forward, x), (reverse, x[::-1])]
    return np.stack([cell_states(rnnbp.LSTM, model.layers[0], weights, steps) for weights, steps in halves])


def cell_states(make, layer, params, x):
    model = rnnbp.Sequential(make(layer.input_size, layer.hidden_size))
    for name, array in params.items():
        model.params[f"0.{name}"] = array
    state = model.start(x.shape[1])
    for step in x:
        _, state = model.step(step, state)
    return state[0][:, layer.hidden_size :]


def test_there_are_as_many_cases_as_the_specification_has():
    counts = {
        op: sum(case.model.graph.node[0].op_type == op for case in CASES.values()) for op in ("RNN", "LSTM", "GRU")
    }
    assert min(counts.values()) >= 3, counts


def test_the_state_before_the_first_step_may_be_an_input(rng):
    """As in the case with peepholes, whose state is zero; here it is not."""
    proto, data, _ = with_stored_weights(CASES["test_lstm_with_peepholes"])
    model = from_proto(proto)
    x, H = data["X"], model.layers[0].cell.hidden_size
    h, c = rng.standard_normal((2, 1, x.shape[1], H)).astype(np.float32)
    feeds = {**{k: v for k, v in data.items() if k not in WEIGHTS}, "initial_h": h, "initial_c": c}
    proto.ir_version = 10
    onnxruntime = pytest.importorskip("onnxruntime")
    (expected,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)
    with kernels.using("numpy"):
        state = [np.concatenate([h[0], c[0]], axis=1), None]
        y, _ = model.evaluate(x, rnnbp.layers.Run(np.full(x.shape[1], len(x))), state)
    np.testing.assert_allclose(y[None], expected, rtol=1e-5, atol=1e-6)
