"""Models exported to ONNX, run by ONNX Runtime: the same numbers, for every length, batch and initial state."""

import json

import numpy as np
import pytest

import rnnbp
from rnnbp import cells, kernels
from rnnbp.cells.activation_choice import FUNCTIONS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_models import B, T, error, random_example, round_trip_errors, session_of  # noqa: E402

from rnnbp.interop.onnx.exporting import to_proto  # noqa: E402
from rnnbp.interop.onnx.functions import BODIES  # noqa: E402
from rnnbp.interop.onnx.importing import from_proto  # noqa: E402

pytestmark = pytest.mark.interop
F = 4
ALL = np.full(B, T, np.int32)
LENGTHS = np.array([3, T, 1, 2], np.int32)
COEFFICIENTS = {2: (0.4, 0.3), 1: (0.4,), 0: ()}
LAYERS = {
    "LSTM": [rnnbp.LSTM(F, 3)],
    "three layers": [rnnbp.LSTM(F, 3, num_layers=3)],
    "bidirectional": [rnnbp.GRU(F, 3, num_layers=2, bidirectional=True)],
    "reverse": [rnnbp.Reverse(), rnnbp.LSTM(F, 3), rnnbp.Reverse()],
    "stack": [rnnbp.Recurrent(rnnbp.Stack((rnnbp.LSTMCell(F, 3), cells.PeepholeLSTMCell(3, 2))))],
    "original GRU": [rnnbp.OriginalGRU(F, 3)],
    **{f"Elman {name}": [rnnbp.Elman(F, 3, activation=name)] for name in ("tanh", "relu", "sigmoid", "linear")},
    "peepholes": [rnnbp.Bidirectional(cells.PeepholeLSTMCell(F, 3))],
    "coupled": [rnnbp.Recurrent(cells.CoupledLSTMCell(F, 3))],
    "coupled peepholes": [rnnbp.Recurrent(cells.GeneralCoupledPeepholeLSTMCell(F, 3, clip=0.5))],
    "clipped, bidirectional": [rnnbp.Bidirectional(cells.GeneralGRUCell(F, 3, reset="before", clip=0.2))],
    "clipped LSTM": [rnnbp.Recurrent(cells.GeneralLSTMCell(F, 3, ("sigmoid", "tanh", "softsign"), clip=0.2))],
    "embedding": [rnnbp.Embedding(5, 4), rnnbp.LSTM(4, 2)],
    "normalized": [rnnbp.Normalize([1, 2, 3, 4], [1, 2, 3, 0]), rnnbp.Dropout(0.5), rnnbp.Noise(0.1)],
    "dense": [rnnbp.Dense(F, 3, "tanh"), rnnbp.Dense(3, 2, "relu")],
    "layer norm": [rnnbp.LayerNorm(F), rnnbp.Dense(F, 2, "sigmoid")],
    "convolution": [rnnbp.Conv1D(F, 3, 2, activation="relu"), rnnbp.LSTM(3, 2)],
    "strided convolution": [rnnbp.Conv1D(F, 3, 2, stride=2, padding=1), rnnbp.GRU(3, 2), rnnbp.Last()],
    "activation": [rnnbp.LSTM(F, 3), rnnbp.Activation("tanh"), rnnbp.Activation("linear"), rnnbp.GRU(3, 2)],
    "attention": [rnnbp.VariationalDropout(0.5), rnnbp.AttentionPooling(F, 3), rnnbp.Dense(F, 2)],
    "tied": [rnnbp.Embedding(5, 4), rnnbp.LSTM(4, 4), rnnbp.TiedDense(4, 5)],
    "recurrent dropout": [rnnbp.RecurrentDropout(rnnbp.LSTMCell(F, 3), 0.5)],
    "learned start": [rnnbp.LearnedStart(rnnbp.LSTM(F, 3, num_layers=2)), rnnbp.LearnedStart(rnnbp.GRU(3, 2))],
    "learned start of a stack": [
        rnnbp.LearnedStart(rnnbp.Recurrent(rnnbp.Stack((rnnbp.LSTMCell(F, 3), rnnbp.GRUCell(3, 2)))))
    ],
    "residual": [rnnbp.Residual(rnnbp.LayerNorm(F), rnnbp.GRU(F, F)), rnnbp.Last()],
    "highway": [rnnbp.Highway(F, rnnbp.Dense(F, 3, "relu"), rnnbp.Dense(3, F)), rnnbp.Highway(F, rnnbp.LSTM(F, F))],
    "parallel": [
        rnnbp.Parallel(
            rnnbp.Conv1D(F, 2, 3, stride=2, padding=1),
            rnnbp.Chain(rnnbp.GRU(F, 3), rnnbp.Conv1D(3, 2, 3, stride=2, padding=1)),
        ),
        rnnbp.MeanOverTime(),
    ],
    "pooled branches": [
        rnnbp.Parallel(rnnbp.Chain(rnnbp.LSTM(F, 3), rnnbp.Last()), rnnbp.MeanOverTime()),
        rnnbp.Dense(7, 2),
    ],
    "last": [rnnbp.LSTM(F, 3), rnnbp.Last()],
    "ends": [rnnbp.LSTM(F, 3, bidirectional=True), rnnbp.Dropout(0.5), rnnbp.Ends(), rnnbp.Dense(6, 2)],
    "mean": [rnnbp.MeanOverTime()],
    "statistics": [rnnbp.TimeStatistics()],
    "window": [rnnbp.Window(2, 1)],
    "flatten": [rnnbp.Flatten(7)],
    "resample": [rnnbp.Resample(4)],
    **{
        f"activation {name}": [rnnbp.Recurrent(cells.GeneralElmanCell(F, 3, (name, *COEFFICIENTS[len(taken)])))]
        for name, (_, taken) in FUNCTIONS.items()
    },
}


@pytest.fixture(autouse=True)
def _without_compiling():
    with kernels.using("numpy"):
        yield


def inputs(model, rng):
    tokens = isinstance(model.layers[0], rnnbp.Embedding)
    return rng.integers(0, 5, (T, B)) if tokens else rng.standard_normal((T, B, F)).astype(np.float32)


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_runtime_and_the_imported_model_compute_our_outputs(layers, rng):
    model = rnnbp.Sequential(*layers, seed=1)
    model.params.vector[:] += 0.2 * rng.standard_normal(model.params.size).astype(np.float32)
    proto, x = to_proto(model), inputs(model, rng)
    session, again = session_of(proto), from_proto(proto)
    for lengths in (ALL, LENGTHS):
        expected = model.forward(x, lengths)
        (found,) = session.run(None, {"x": x, "lengths": lengths})
        assert error(found, expected) < 1e-5
        assert error(again.forward(x, lengths), expected) < 1e-6


@pytest.mark.parametrize("seed", range(25))
def test_random_models_are_the_same_after_a_round_trip(seed):
    in_runtime, imported = round_trip_errors(random_example(seed), batch_first=bool(seed % 2))
    assert in_runtime < 1e-5
    assert imported < 1e-6


def test_batch_and_time_are_dynamic(rng):
    model = rnnbp.Sequential(rnnbp.LSTM(F, 3, bidirectional=True), rnnbp.Ends(), seed=2)
    session = session_of(to_proto(model, lengths=False))
    for steps, batch in ((1, 1), (9, 2), (4, 7)):
        x = rng.standard_normal((steps, batch, F)).astype(np.float32)
        (found,) = session.run(None, {"x": x})
        assert error(found, model.forward(x)) < 1e-5


def test_a_graph_has_no_node_that_its_outputs_do_not_depend_on():
    proto = to_proto(rnnbp.Sequential(rnnbp.LSTM(F, 3), rnnbp.Dense(3, 2)), lengths=False)
    assert [node.op_type for node in proto.graph.node] == ["LSTM", "Squeeze", "MatMul", "Add", "Identity"]
    assert not proto.functions
    assert {entry.domain for entry in proto.opset_import} == {""}


def test_outputs_past_the_end_of_a_sequence_are_zero(rng):
    model = rnnbp.Sequential(rnnbp.GRU(F, 3), rnnbp.Dense(3, 2), seed=1)
    (found,) = session_of(to_proto(model)).run(None, {"x": inputs(model, rng), "lengths": LENGTHS})
    assert not found[LENGTHS[0] :, 0].any()
    assert found[: LENGTHS[0], 0].all()


def test_a_stream_in_spans_is_the_whole_sequence(rng):
    model = rnnbp.Sequential(rnnbp.LSTM(F, 3, num_layers=2), rnnbp.GRU(3, 2), rnnbp.Dense(2, 2), seed=3)
    proto = to_proto(model, states=True, lengths=False)
    session, x = session_of(proto), inputs(model, rng)
    names = [one.name for one in proto.graph.input[1:]]
    assert names == ["0.l0.h", "0.l0.c", "0.l1.h", "0.l1.c", "1.h"]
    states = {name: np.zeros((B, 2 if name == "1.h" else 3), np.float32) for name in names}
    found = []
    for part in (x[:2], x[2:3], x[3:]):
        y, *after = session.run(None, {"x": part, **states})
        states = dict(zip(names, after, strict=True))
        found.append(y)
    assert [one.name for one in proto.graph.output] == ["y", *(f"{name}_next" for name in names)]
    assert error(np.concatenate(found), model.forward(x)) < 1e-5


@pytest.mark.parametrize(
    "layers", [LAYERS["LSTM"], LAYERS["window"], LAYERS["flatten"]], ids=["LSTM", "window", "flatten"]
)
def test_batch_first_has_the_batch_as_first_axis(layers, rng):
    model = rnnbp.Sequential(*layers, seed=1)
    proto, x = to_proto(model, batch_first=True), inputs(model, rng)
    (found,) = session_of(proto).run(None, {"x": x.swapaxes(0, 1), "lengths": LENGTHS})
    found = found.swapaxes(0, 1) if model.per_step else found
    assert error(found, model.forward(x, LENGTHS)) < 1e-5
    assert [dim.dim_param for dim in proto.graph.input[0].type.tensor_type.shape.dim[:2]] == ["batch", "time"]
    assert error(from_proto(proto).forward(x, LENGTHS), model.forward(x, LENGTHS)) < 1e-6


def test_a_sequence_that_is_too_long_to_be_flattened_is_an_error():
    session = session_of(to_proto(rnnbp.Sequential(rnnbp.Flatten(3))))
    x = np.ones((T, B, F), np.float32)
    session.run(None, {"x": x, "lengths": np.full(B, 3, np.int32)})
    with pytest.raises(Exception, match="Reshape"):
        session.run(None, {"x": x, "lengths": np.full(B, 4, np.int32)})


def test_the_file_says_what_the_model_knows(tmp_path):
    model = rnnbp.Sequential(rnnbp.LSTM(F, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    model.classes, model.loss, model.info = ["no", "yes"], rnnbp.CrossEntropy(), {"author": "Ada"}
    rnnbp.interop.export_onnx(model, tmp_path / "model.onnx")
    proto = onnx.load(tmp_path / "model.onnx")
    found = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(found["rnnbp:classes"]) == ["no", "yes"]
    assert json.loads(found["rnnbp:info"]) == {"author": "Ada"}
    assert found["rnnbp:version"] == proto.producer_version == rnnbp.__version__
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 18)
    again = rnnbp.interop.import_onnx(tmp_path / "model.onnx")
    assert again.classes == ("no", "yes")
    assert again.predict([np.ones((3, F))]) == model.predict([np.ones((3, F))])
    assert again.info["author"] == "Ada"


def test_every_function_is_used_by_a_layer():
    used = set()
    for layers in (*LAYERS.values(), [rnnbp.LeakyElman(F, 3)]):
        used |= {function.name for function in to_proto(rnnbp.Sequential(*layers)).functions}
    assert used == set(BODIES)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ([rnnbp.Jordan(F, 3, 2)], {}, "layer 0, Jordan, cannot be exported to ONNX: no operator computes JordanCell"),
        ([rnnbp.FixedPoint(cells.ElmanCell(F, 3))], {}, "layer 0, FixedPoint, cannot be exported to ONNX: FixedPoint"),
        ([rnnbp.Zoneout(cells.GRUCell(F, 3))], {}, "layer 0, Zoneout, cannot be exported to ONNX: Zoneout is none"),
        (
            [rnnbp.LearnedStart(rnnbp.GRU(F, 3))],
            {"states": True},
            "layer 0, LearnedStart, .* starts in a learned state",
        ),
        ([rnnbp.Reverse()], {"states": True}, "states=True: layer 0, Reverse, is non-causal"),
        ([rnnbp.Elman(F, 3), rnnbp.Last()], {"states": True}, "states=True: layer 1, Last, has a state"),
        ([rnnbp.Residual(rnnbp.Conv1D(F, F, 2))], {"states": True}, "states=True: layer 0, Conv1D, has a state"),
    ],
)
def test_what_no_operator_computes_is_named(layers, options, message):
    with pytest.raises(ValueError, match=message):
        to_proto(rnnbp.Sequential(*layers), **options)
