"""Declared cells through ONNX's Scan: the body is the equation, in single and double precision."""

import inspect

import numpy as np
import pytest

import rnnbp
from rnnbp import cells, kernels
from rnnbp.cells.declared import DeclaredCell, affine, tanh

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import helper
from onnx_models import B, T, session_of

from rnnbp.interop.onnx.exporting import to_proto
from rnnbp.interop.onnx.importing import from_proto

pytestmark = pytest.mark.interop
F, H = 3, 4
LENGTHS = np.array([3, T, 1, 2], np.int32)
NAMES = [
    name
    for name in dir(cells)
    if inspect.isclass(cls := getattr(cells, name)) and issubclass(cls, DeclaredCell) and cls(F, H).is_derived
]
OPERATORS = ("Elman", "GRU", "LSTM", "CoupledLSTM", "PeepholeLSTM", "OriginalGRU")
WITH_OPERATOR = {f"{name}Cell" for name in OPERATORS} | {name for name in NAMES if name.startswith("General")}
DTYPES = {np.float32: {"rtol": 1e-5, "atol": 1e-5}, np.float64: {"rtol": 1e-12, "atol": 1e-13}}


class CubicCell(DeclaredCell):
    """A user's cell, with a number and an element-wise parameter."""

    tau: float = 2.0
    state, parameters = "y x2", "scale"

    @staticmethod
    def update(x, y, x2, scale, tau):
        a = tanh(affine("a", x, y)) * scale
        return y + (a * a * a - y) / tau, x2 - a


@pytest.fixture(autouse=True)
def _without_compiling():
    with kernels.using("numpy"):
        yield


def check(model, rng, classes=()):
    """Check the runtime and the imported model, and return this and the file."""
    model.params.vector[:] += 0.1 * rng.standard_normal(model.params.size)
    proto, x = to_proto(model), rng.standard_normal((T, B, F)).astype(model.dtype)
    again, session = from_proto(proto, classes=classes), session_of(proto)
    for lengths in (np.full(B, T, np.int32), LENGTHS):
        expected = model.forward(x, lengths)
        (found,) = session.run(None, {"x": x, "lengths": lengths})
        np.testing.assert_allclose(found, expected, **DTYPES[model.dtype.type])
        rounding = (
            4 * np.finfo(model.dtype).eps
        )  # a stack runs its cells together, the imported model one after another
        np.testing.assert_allclose(again.forward(x, lengths), expected, rtol=0, atol=rounding)
    return again, proto


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_cell_runs_in_single_and_double_precision(name, rng):
    cell = getattr(cells, name)(F, H)
    for dtype in DTYPES:
        again, proto = check(rnnbp.Sequential(rnnbp.Recurrent(cell), dtype=dtype), rng)
        scans = sum(node.op_type == "Scan" for node in proto.graph.node)
        assert scans == (dtype == np.float64 or name not in WITH_OPERATOR)
    if name not in OPERATORS:
        assert again.dtype == np.float64


def test_both_directions_and_their_ends(rng):
    layers = [rnnbp.Bidirectional(cells.JANETCell(F, H)), rnnbp.Ends(), rnnbp.Dense(2 * H, 2)]
    again, _ = check(rnnbp.Sequential(*layers), rng)
    assert again.layers == tuple(layers)
    again, _ = check(rnnbp.Sequential(rnnbp.LSTM(F, H, bidirectional=True), rnnbp.Ends(), dtype=np.float64), rng)
    assert again.layers == (rnnbp.LSTM(F, H, bidirectional=True), rnnbp.Ends())


def test_a_learned_start_and_a_stack(rng):
    stack = rnnbp.Stack((cells.JANETCell(F, H), rnnbp.LSTMCell(H, 2)))
    again, _ = check(rnnbp.Sequential(rnnbp.LearnedStart(rnnbp.Recurrent(stack))), rng)
    assert [type(layer) for layer in again.layers] == [rnnbp.LearnedStart] * 2


def test_a_stream_in_spans_is_the_whole_sequence(rng):
    model = rnnbp.Sequential(rnnbp.LeakyElman(F, H), seed=1)
    session, x = session_of(to_proto(model, states=True, lengths=False)), rng.standard_normal((T, B, F), np.float32)
    y, h = session.run(None, {"x": x[:3], "0.h": np.zeros((B, H), np.float32)})
    rest, _ = session.run(None, {"x": x[3:], "0.h": h})
    np.testing.assert_allclose(np.concatenate([y, rest]), model.forward(x), rtol=1e-5, atol=1e-6)


def test_a_users_cell_is_imported_with_its_class(rng):
    again, proto = check(rnnbp.Sequential(rnnbp.Recurrent(CubicCell(F, H, tau=3.0))), rng, classes=[CubicCell])
    assert again.layers[0].cell == CubicCell(F, H, tau=3.0)
    with pytest.raises(ValueError, match=r"operator Scan: .*unknown type '.*CubicCell'"):
        from_proto(proto)


def test_a_subclass_with_another_equation_is_not_taken_for_its_base_class(rng):
    class Other(cells.ElmanCell):
        @staticmethod
        def update(x, h, activation):
            return cells.ElmanCell.update(x, h, activation) + h

    _, proto = check(rnnbp.Sequential(rnnbp.Recurrent(Other(F, H))), rng, classes=[Other])
    assert not any(node.op_type == "RNN" for node in proto.graph.node)


def changed(attribute):
    """Return a model with a Scan of which something was changed."""
    proto = to_proto(rnnbp.Sequential(rnnbp.LeakyElman(F, H)))
    (node,) = (one for one in proto.graph.node if one.op_type == "Scan")
    if attribute == "body":
        body = next(one.g for one in node.attribute if one.name == "body")
        next(one for one in body.node if one.op_type == "Tanh").op_type = "Sigmoid"
    elif attribute == "doc_string":
        node.doc_string = "a sum"
    elif attribute == "cell":
        node.doc_string = '{"rnnbp:cell": {"type": "Uniform"}}'
    elif attribute == "running":
        node.input[-1] = "x"
    else:
        node.attribute.append(helper.make_attribute("scan_input_directions", [1, 0]))
    return proto


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("body", "its body is not the equation of LeakyElmanCell in this version of rnnbp"),
        ("doc_string", "only those of export_onnx, which describe their cell, are supported"),
        ("cell", "it describes .*Uniform.*, which is no declared cell"),
        ("running", "the last input must tell which steps sequences have, got outputs"),
        ("scan_input_directions", "attribute 'scan_input_directions' is not supported"),
    ],
)
def test_another_scan_is_refused(attribute, message):
    with pytest.raises(ValueError, match=f"node '0', operator Scan: .*{message}"):
        from_proto(changed(attribute))
