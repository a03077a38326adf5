"""Model files: a loaded model equals the saved one, and damaged files are refused."""

import importlib
import json
import sys

import numpy as np
import pytest
from helpers import CELLS, LeakyCell

from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, Stack
from rnnbp.core import ForgetBias, Orthogonal
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Elman,
    Embedding,
    Flatten,
    Jordan,
    Last,
    MeanOverTime,
    MultiLayer,
    Normalize,
    OriginalGRU,
    Recurrent,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential, load
from rnnbp.runtime import read_archive, write_archive


@pytest.fixture
def model() -> Sequential:
    return Sequential(LSTM(3, 4), Dropout(0.2), Last(), Dense(4, 2), seed=1)


LAYERS = [
    [LSTM(3, 4, init=ForgetBias(1.0, base=Orthogonal(0.9))), Last(), Dense(4, 2, "tanh")],
    [GRU(3, 4, num_layers=2, bidirectional=True, dropout=0.1), MeanOverTime()],
    [Normalize([1.0, 2.0, 3.0], [0.5, 1.0, 2.0]), Elman(3, 4, activation="relu"), Jordan(4, 3, 2, decay=0.5)],
    [Recurrent(Stack((LSTMCell(3, 2), ElmanCell(2, 2)))), OriginalGRU(2, 2), TimeStatistics()],
    [MultiLayer((LSTMCell(3, 2), GRUCell(2, 3))), Bidirectional(ElmanCell(3, 2)), Dropout(0.3), Resample(3)],
    [Window(2, 1), Dense(12, 2), Flatten(9)],
    [Embedding(4, 3), GRU(3, 2)],
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", LAYERS, ids=lambda layers: " > ".join(type(n).__name__ for n in layers))
def test_a_loaded_model_equals_the_saved_one(layers, dtype, tmp_path, rng):
    model = Sequential(*layers, seed=7, dtype=dtype)
    model.params.vector[:] += 1
    model.info = {"place": ["a", "b"]}
    model.classes, model.loss = ["a", "b"], CrossEntropy([1.0, 2.0])
    model.save(tmp_path / "model.npz")
    other = load(tmp_path / "model.npz")
    assert other.layers == model.layers
    assert other.params == model.params
    assert (other.dtype, other.seed, other.info) == (model.dtype, 7, model.info)
    assert (other.classes, repr(other.loss)) == (("a", "b"), repr(model.loss))
    x = rng.integers(4, size=(6, 2)) if isinstance(layers[0], Embedding) else rng.standard_normal((6, 2, 3))
    np.testing.assert_array_equal(other.forward(x, [6, 2]), model.forward(x, [6, 2]))
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_every_cell_can_be_saved(cell, tmp_path):
    model = Sequential(Recurrent(cell))
    model.save(tmp_path / "model.npz")
    assert load(str(tmp_path / "model.npz"), classes=[LeakyCell]).layers == model.layers


def test_user_defined_classes_must_be_passed_to_load(tmp_path):
    Sequential(Recurrent(LeakyCell(3, 4))).save(tmp_path / "model.npz")
    with pytest.raises(
        ValueError, match=r"unknown type 'helpers.LeakyCell'.* A class of your own is given as classes="
    ):
        load(tmp_path / "model.npz")


MINE = """
from rnnbp.cells.declared import DeclaredCell, affine, tanh

class Mine(DeclaredCell):
    gain: float = 2.0

    @staticmethod
    def update(x, h, gain):
        return tanh(gain * affine("h", x, h))

class LSTMCell(Mine):
    pass

def local():
    class Inner(Mine):
        pass
    return Inner
"""


@pytest.fixture
def my_cells(tmp_path, monkeypatch):
    """Return an imported module of declared cells, which is forgotten after the test."""
    (tmp_path / "my_cells.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_cells")
    sys.modules.pop("my_cells", None)


def saved(cell, tmp_path):
    """Return a model of a cell, and its file."""
    model = Sequential(Recurrent(cell))
    model.save(tmp_path / "model.npz")
    return model, tmp_path / "model.npz"


def test_a_declared_cell_is_found_where_its_module_is_imported(my_cells, tmp_path):
    model, path = saved(Stack((my_cells.Mine(3, 4, 0.5), LSTMCell(4, 2))), tmp_path)
    assert load(path).layers == model.layers


def test_a_declared_cell_is_not_taken_for_one_of_the_package_with_its_name(my_cells, tmp_path):
    model, path = saved(my_cells.LSTMCell(3, 4), tmp_path)
    assert type(load(path).layers[0].cell) is my_cells.LSTMCell
    assert load(path).layers == model.layers


def test_a_file_does_not_import_the_module_that_it_names(my_cells, tmp_path):
    model, path = saved(my_cells.Mine(3, 4), tmp_path)
    del sys.modules["my_cells"]
    message = (
        "unknown type 'my_cells.Mine'. A file does not import anything by itself: import the module 'my_cells' before, "
        r"which defines the declared cell, or give the class as classes=\[Mine\]"
    )
    with pytest.raises(ValueError, match=message):
        load(path)
    assert "my_cells" not in sys.modules
    assert load(path, classes=[my_cells.Mine]).layers == model.layers


def test_a_class_within_a_function_is_given_as_an_argument(my_cells, tmp_path):
    inner = my_cells.local()
    model, path = saved(inner(3, 4), tmp_path)
    with pytest.raises(ValueError, match=r"unknown type 'my_cells.Inner'.* given as classes=\[Inner\]"):
        load(path)
    assert load(path, classes=[inner]).layers == model.layers


def test_a_given_class_need_not_be_in_the_module_it_was_saved_from(my_cells, tmp_path):
    _, path = saved(my_cells.Mine(3, 4), tmp_path)
    moved = type("Mine", (my_cells.Mine,), {"__module__": "elsewhere"})
    assert type(load(path, classes=[moved]).layers[0].cell) is moved


@pytest.mark.parametrize(
    "name",
    ["subprocess.Popen", "os.system", "builtins.eval", "helpers.LeakyCell", "sys.modules", "antigravity.fly", "."],
)
def test_nothing_but_declared_cells_is_taken_from_imported_modules(name, my_cells, tmp_path):
    _, path = saved(my_cells.Mine(3, 4), tmp_path)
    with pytest.raises(ValueError, match=f"unknown type {name!r}"):
        load(rewritten(path, layers=[{"type": name, "args": "true", "input_size": 3, "hidden_size": 4}]))
    assert "antigravity" not in sys.modules


def test_training_continues_after_loading(tmp_path, rng):
    model = Sequential(LSTM(3, 4), Last(), Dense(4, 2))
    model.save(tmp_path / "model.npz")
    other = load(tmp_path / "model.npz")
    batch = SequenceBatch.from_array(rng.standard_normal((5, 2, 3)), targets=np.array([0, 1]))
    for m in (model, other):
        (g,) = BPTT().gradients(m, batch, CrossEntropy())
        m.params.vector -= 0.1 * g.vector
    assert other.params == model.params


def rewritten(path, **changes):
    """Return the path of the file after changes of its header or its vector."""
    header, arrays = read_archive(path, "rnnbp model")
    arrays["vector"] = changes.pop("vector", arrays["vector"])
    rest = {k: v for k, v in (header | changes).items() if v is not None and k not in ("kind", "version")}
    write_archive(path, "rnnbp model", rest, arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": [{"type": "ndarray", "shape": [10]}]}, "unknown type 'ndarray'"),
        ({"layers": [{"type": "Parameters", "shapes": []}]}, "unknown type 'Parameters'"),
        ({"layers": [{"type": "Dens", "input_size": 3}]}, "unknown type 'Dens'. Did you mean 'Dense'"),
        ({"layers": [{"type": "Dense", "input_size": 3}]}, "a Dense cannot be made of"),
        ({"layers": [{"type": "LSTMCell", "input_size": 3, "hidden_size": 4}]}, "does not contain a complete model"),
        ({"layers": [3]}, "does not contain a complete model"),
        ({"layers": []}, "does not contain a complete model"),
        ({"layers": None}, "does not contain a complete model: 'layers'"),
        ({"dtype": "object"}, "dtype must be float32 or float64, got 'object'"),
        ({"seed": "one"}, "seed must be an integer of 0 or more, got 'one'"),
        ({"vector": np.zeros(153)}, r"its layers have 154 parameters, its vector has shape \(153,\)"),
        ({"vector": np.zeros((154, 1))}, r"its vector has shape \(154, 1\)"),
        ({"vector": np.zeros(154)}, "its vector must be of float32, it is of float64"),
        ({"vector": np.zeros(154, complex)}, "its vector must be of float32, it is of complex128"),
        ({"classes": "ab"}, "classes must be a list of names, got 'ab'"),
        (
            {"layers": [{"type": "Dense", "input_size": 10**9, "output_size": 10**9}]},
            "its layers have 1000000001000000000 parameters",
        ),
    ],
)
def test_an_inconsistent_file_is_refused(model, tmp_path, changes, message):
    path = tmp_path / "model.npz"
    model.save(path)
    with pytest.raises(ValueError, match=message) as error:
        load(rewritten(path, **changes))
    assert "model.npz" in str(error.value)


@pytest.mark.parametrize("damage", [b"", b"nonsense", "cut", "flipped"])
def test_a_damaged_file_is_refused(model, tmp_path, damage):
    path = tmp_path / "model.npz"
    model.save(path)
    content = path.read_bytes()
    if damage == "cut":
        damage = content[: len(content) // 2]
    elif damage == "flipped":
        middle = content.index(b"vector") + 300
        damage = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"model.npz' is not a file of 'rnnbp model', or it is damaged"):
        load(path)


def test_a_file_of_another_type_is_refused(tmp_path):
    write_archive(tmp_path / "other.npz", "rnnbp checkpoint", {}, {})
    with pytest.raises(ValueError, match="must be a file of 'rnnbp model'; it is 'rnnbp checkpoint'"):
        load(tmp_path / "other.npz")


def test_a_folder_in_place_of_a_file_is_refused(model, tmp_path):
    with pytest.raises(IsADirectoryError, match=r"path must name a file of 'rnnbp model', and '.*' is a folder"):
        load(tmp_path)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        model.save(tmp_path)


def test_a_missing_file_and_a_missing_folder_are_named(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.npz"):
        load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        model.save(tmp_path / "nowhere" / "model.npz")


def test_a_layer_that_does_not_store_its_arguments_cannot_be_saved(tmp_path):
    class Odd(Dense):
        def __init__(self, size):
            super().__init__(size, size)

    with pytest.raises(ValueError, match="a Odd cannot be saved: it does not keep its argument 'size'"):
        Sequential(Odd(3)).save(tmp_path / "model.npz")


def test_a_model_file_has_only_numbers_and_json(model, tmp_path):
    """NumPy reads it with pickling off, and the header is JSON."""
    model.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        assert sorted(file.files) == ["header", "vector"]
        header = json.loads(file["header"].tobytes())
    assert [layer["type"] for layer in header["layers"]] == ["LSTM", "Dropout", "Last", "Dense"]
