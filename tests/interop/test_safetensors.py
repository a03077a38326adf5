"""Models in .safetensors files: whole models there and back, files of others, and damaged ones."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

safetensors_numpy = pytest.importorskip("safetensors.numpy")

import rnnbp  # noqa: E402
from rnnbp import cells, interop, layers  # noqa: E402
from rnnbp.interop.safetensors_files import METADATA  # noqa: E402

pytestmark = pytest.mark.interop

MAKERS = {
    "Elman": lambda F, H, n: layers.Elman(F, H, n, activation="relu"),
    "LSTM": lambda F, H, n: layers.LSTM(F, H, n, bidirectional=True),
    "GRU": lambda F, H, n: layers.GRU(F, H, n, init=rnnbp.Orthogonal(1.5)),
    "OriginalGRU": layers.OriginalGRU,
    "Jordan": lambda F, H, n: layers.Jordan(F, H, H),
    "Dense": lambda F, H, n: layers.Dense(F, H, "tanh"),
    "Conv1D": lambda F, H, n: layers.Conv1D(F, H, n),
    "LayerNorm": lambda F, H, n: layers.LayerNorm(F),
    "Dropout": lambda F, H, n: layers.Dropout(0.25),
    "projection": lambda F, H, n: layers.Bidirectional(cells.ProjectionLSTMCell(F, H + 1, H)),
    "peepholes": lambda F, H, n: layers.Recurrent(cells.PeepholeLSTMCell(F, H)),
    "chain": lambda F, H, n: layers.Chain(layers.Residual(layers.GRU(F, F)), layers.Zoneout(cells.LSTMCell(F, H), 0.1)),
    "parallel": lambda F, H, n: layers.Parallel(layers.Conv1D(F, H, n), layers.LearnedStart(layers.GRU(F, H))),
    "highway": lambda F, H, n: layers.Highway(F, layers.Dense(F, F)),
    "stack": lambda F, H, n: layers.Recurrent(cells.Stack((cells.GRUCell(F, 2), cells.LSTMCell(2, H)))),
}


@st.composite
def models(draw) -> rnnbp.Sequential:
    """Random models, with masks, class names, a loss and info."""
    width = draw(st.integers(1, 3))
    tied = draw(st.booleans())
    row = [layers.Embedding(7, width)] if tied or draw(st.booleans()) else []
    features = width
    for name in draw(st.lists(st.sampled_from(sorted(MAKERS)), min_size=1, max_size=4)):
        row.append(MAKERS[name](width, draw(st.integers(1, 4)), draw(st.integers(1, 3))))
        shape = row[-1].out_shape(("T", "B", width))
        width = shape[-1]
    if tied:
        row += [layers.Dense(width, features), layers.TiedDense(features, 7)]
        width = 7
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    model = rnnbp.Sequential(*row, seed=draw(st.integers(0, 99)), dtype=dtype)
    rng = np.random.default_rng(model.seed)
    for name in model.params:
        if draw(st.integers(0, 3)) == 0:
            model.params.set_mask(name, draw(st.sampled_from([False, rng.random(model.params.shapes[name]) < 0.7])))
    if len(model.params) and draw(st.booleans()):
        model.freeze(draw(st.sampled_from(list(model.params))))
    model.classes = draw(st.sampled_from([None, [f"klass {k}" for k in range(width)]]))
    model.loss = draw(st.sampled_from([None, rnnbp.CrossEntropy(label_smoothing=0.1), rnnbp.MeanSquaredError()]))
    model.info = draw(st.sampled_from([{}, {"é": [1, None, "x" * 50]}]))
    model.stateful = draw(st.booleans())
    return model


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(model=models())
def test_random_models_come_back_whole(model, tmp_path):
    path = tmp_path / "model.safetensors"
    interop.save_safetensors(model, path)
    back = interop.load_safetensors(path)
    assert back.layers == model.layers
    assert back.params == model.params  # names, numbers and masks
    for name in ("seed", "dtype", "classes", "info", "stateful"):
        assert getattr(back, name) == getattr(model, name)
    assert repr(back.loss) == repr(model.loss)
    assert back.frozen == model.frozen
    assert set(interop.read_safetensors(path)) == set(interop.state_dict(model))


@pytest.mark.torch
def test_a_module_takes_the_arrays_of_the_file(tmp_path):
    pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    model = rnnbp.Sequential(rnnbp.LSTM(2, 3, num_layers=2, bidirectional=True), rnnbp.Ends(), rnnbp.Dense(6, 2))
    model.params.set_mask("2.b", False)
    interop.save_safetensors(model, tmp_path / "a.safetensors")
    module = interop.to_torch(rnnbp.Sequential(*model.layers, seed=1))
    module[2].bias = None
    module.load_state_dict(load_file(tmp_path / "a.safetensors"))
    save_file(module.state_dict(), tmp_path / "b.safetensors")
    back = interop.load_safetensors(tmp_path / "b.safetensors", interop.from_torch(module))
    assert np.array_equal(back.params.vector, model.params.vector)


def test_the_file_appears_whole_and_replaces_the_one_before(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("before")
    interop.save_safetensors(rnnbp.Sequential(rnnbp.Dense(2, 1)), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        interop.save_safetensors(rnnbp.Sequential(rnnbp.Dense(2, 1)), tmp_path / "nowhere" / "model.safetensors")


def test_weights_of_another_program_go_into_a_given_model(tmp_path, rng):
    arrays = {"lstm.weight_ih_l0": rng.random((8, 3)), "lstm.weight_hh_l0": rng.random((8, 2))}
    arrays |= {"lstm.bias_ih_l0": rng.random(8), "lstm.bias_hh_l0": rng.random(8).astype(np.float16)}
    path = tmp_path / "theirs.safetensors"
    safetensors_numpy.save_file(arrays, path)
    model = rnnbp.Sequential(rnnbp.LSTM(3, 2), dtype=np.float64)
    with pytest.raises(ValueError, match=r"theirs.safetensors' describes no model, .* load_safetensors\(path, model\)"):
        interop.load_safetensors(path)
    with pytest.raises(ValueError, match=r"missing: 0.weight_ih_l0 of shape \(8, 3\)"):
        interop.load_safetensors(path, model)
    interop.load_state_dict(model, interop.read_safetensors(path), prefixes={0: "lstm"})
    assert np.array_equal(model.params["0.w_hh"], arrays["lstm.weight_hh_l0"])
    assert np.array_equal(model.params["0.b_hh"], arrays["lstm.bias_hh_l0"])


def test_arrays_of_other_types_are_refused_by_name(tmp_path):
    safetensors_numpy.save_file(
        {"0.weight": np.ones((1, 2)), "0.bias": np.ones(1, np.int32)}, tmp_path / "a.safetensors"
    )
    with pytest.raises(ValueError, match=r"must be of F16, F32, F64, got 0\.bias of I32"):
        interop.read_safetensors(tmp_path / "a.safetensors")


def rewritten(path, change) -> None:
    """Write a file of a small model again, with its description changed."""
    interop.save_safetensors(rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 1)), path)
    arrays = safetensors_numpy.load_file(path)
    import safetensors

    description = json.loads(safetensors.safe_open(str(path), framework="numpy").metadata()[METADATA])
    change(description, arrays)
    safetensors_numpy.save_file(arrays, path, {METADATA: json.dumps(description)})


def grow(description, arrays):
    description["layers"][0]["hidden_size"] = 10**9


def grow_many(description, arrays):
    description["layers"][0]["num_layers"] = 10**9


def grow_a_bias(description, arrays):
    description["layers"].append({"type": "TiedDense", "input_size": 1, "output_size": 10**12, "tied_to": 1})


def odd_type(description, arrays):
    description["dtype"] = "V1000000000"


def lose(description, arrays):
    del arrays["0.weight_hh_l0"]


def add(description, arrays):
    arrays["2.weight"] = np.ones(3)


def reshape(description, arrays):
    arrays["1.weight"] = arrays["1.weight"].T.copy()


def retype(description, arrays):
    arrays["1.bias"] = arrays["1.bias"].astype(np.int64)


def other_class(description, arrays):
    description["layers"][1]["type"] = "os.system"


def short_mask(description, arrays):
    description["bits"]["mask"] = "AAAA"


def long_mask(description, arrays):
    description["bits"]["mask"] = "A" * 4000


def no_bits(description, arrays):
    description["bits"] = [1]


def newer(description, arrays):
    description["version"] = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (grow, r"missing 0.w|not \(1000000000"),
        (grow_many, "num_layers must be at most 1000"),
        (grow_a_bias, r"its biases are greater than its weights, and have no arrays: 2\.b"),
        (odd_type, "dtype must be one of 'float32', 'float64'; got 'V1000000000'"),
        (lose, "missing 0.weight_hh_l0"),
        (add, "unexpected 2.weight"),
        (reshape, r"1.weight of F32 \(3, 1\), not \(1, 3\)"),
        (retype, "1.bias of I64"),
        (other_class, "unknown type 'os.system'"),
        (short_mask, "a mask of 25 entries needs 4 bytes, it has 3"),
        (long_mask, "a mask of 25 entries needs 4 bytes"),
        (no_bits, "does not contain a complete model"),
        (newer, "must be of version 1, it is of 2"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(change, message, tmp_path):
    path = tmp_path / "model.safetensors"
    rewritten(path, change)
    with pytest.raises(ValueError, match=message):
        interop.load_safetensors(path)


def test_damaged_files_raise_value_errors_only(tmp_path, rng):
    path = tmp_path / "model.safetensors"
    interop.save_safetensors(rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Dense(3, 1)), path)
    content = path.read_bytes()
    for _ in range(150):
        changed = bytearray(content)
        for place in rng.integers(len(content), size=3):
            changed[place] = rng.integers(256)
        path.write_bytes(bytes(changed[: rng.integers(len(content))] if rng.random() < 0.3 else changed))
        try:
            interop.load_safetensors(path)
        except ValueError:
            continue


def test_folders_and_missing_files_are_named(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        interop.load_safetensors(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*a.safetensors'"):
        interop.load_safetensors(tmp_path / "a.safetensors")
