"""Layers named after their cell are classes: their repr and files, and that they compute what their cells do."""

import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest

import rnnbp
from rnnbp.cells import ALIFCell, ElmanCell, GRUCell, JordanCell, LeakyElmanCell, LIFCell, LSTMCell, OriginalGRUCell
from rnnbp.core import ForgetBias, Orthogonal
from rnnbp.layers import (
    ALIF,
    GRU,
    LIF,
    LSTM,
    CellLayer,
    Dense,
    Elman,
    Jordan,
    Layer,
    LeakyElman,
    MultiLayer,
    OriginalGRU,
    Recurrent,
    StackedLayer,
)
from rnnbp.models import Sequential
from rnnbp.runtime import from_config, to_config

STACKED = {
    Elman: lambda size, init: ElmanCell(size, 4, "tanh", init=init),
    LeakyElman: lambda size, init: LeakyElmanCell(size, 4, 10.0, "tanh", init=init),
    LSTM: lambda size, init: LSTMCell(size, 4, init=init),
    GRU: lambda size, init: GRUCell(size, 4, init=init),
    OriginalGRU: lambda size, init: OriginalGRUCell(size, 4, init=init),
    LIF: lambda size, init: LIFCell(size, 4, 20.0, 1.0, 0.3, init=init),
    ALIF: lambda size, init: ALIFCell(size, 4, 20.0, 1.0, 0.3, 200.0, 0.184, init=init),
}
stacked = pytest.mark.parametrize("layer_class", STACKED, ids=lambda layer_class: layer_class.__name__)
every = pytest.mark.parametrize("layer_class", [*STACKED, Jordan], ids=lambda layer_class: layer_class.__name__)


def make(layer_class, **options):
    return layer_class(3, 4, 2, **options) if layer_class is Jordan else layer_class(3, 4, **options)


@every
def test_a_named_layer_is_a_class(layer_class):
    layer = make(layer_class)
    assert inspect.isclass(layer_class)
    assert isinstance(layer, layer_class)
    assert isinstance(layer, CellLayer)
    assert isinstance(layer, Layer)
    assert isinstance(layer, StackedLayer) == (layer_class is not Jordan)
    assert layer == make(layer_class)
    assert layer != make(layer_class, init=Orthogonal())


@every
def test_help_describes_every_argument(layer_class):
    text = inspect.getdoc(layer_class)
    described = text.partition("Parameters\n")[2].partition("Raises\n")[0].splitlines()
    names = [name for line in described if " : " in line for name in line.partition(" : ")[0].split(", ")]
    assert sorted(names) == sorted(inspect.signature(layer_class).parameters)
    assert "{" not in text.replace("{'tanh'", "")


def test_repr_shows_the_arguments():
    layer = LSTM(3, 4, 2, bidirectional=True, init=Orthogonal(2.0))
    assert repr(layer) == (
        "LSTM(input_size=3, hidden_size=4, num_layers=2, bidirectional=True, dropout=0.0, init=Orthogonal(gain=2.0))"
    )
    assert eval(repr(layer), {"LSTM": LSTM, "Orthogonal": Orthogonal}) == layer
    assert repr(Jordan(3, 4, 2, decay=0.5)).startswith("Jordan(input_size=3, hidden_size=4, output_size=2, decay=0.5, ")


@stacked
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_parameters_and_outputs_are_those_of_the_cells(layer_class, num_layers, bidirectional):
    """To the last bit."""
    init = ForgetBias(1.0) if layer_class in (LSTM, GRU, OriginalGRU) else Orthogonal(0.9)
    above = 8 if bidirectional else 4
    cells = tuple(STACKED[layer_class](3 if k == 0 else above, init) for k in range(num_layers))
    plain = Recurrent(cells[0]) if num_layers == 1 and not bidirectional else MultiLayer(cells, bidirectional)
    models = [
        Sequential(layer, Dense(above, 2), seed=5)
        for layer in (layer_class(3, 4, num_layers, bidirectional=bidirectional, init=init), plain)
    ]
    assert models[0].params == models[1].params
    x = np.random.default_rng(0).standard_normal((5, 2, 3))
    np.testing.assert_array_equal(models[0].forward(x), models[1].forward(x))


def test_jordans_parameters_are_those_of_its_cell():
    layers = Jordan(3, 4, 2, decay=0.5, activation="linear"), Recurrent(JordanCell(3, 4, 2, 0.5, "linear"))
    assert Sequential(layers[0]).params == Sequential(layers[1]).params


@every
def test_a_named_layer_is_saved_and_loaded_with_its_arguments(layer_class, tmp_path):
    model = Sequential(make(layer_class, init=Orthogonal(0.5)), Dense(2 if layer_class is Jordan else 4, 2), seed=1)
    model.save(tmp_path / "model.npz")
    loaded = rnnbp.load(tmp_path / "model.npz")
    assert loaded.layers == model.layers
    assert loaded.params == model.params
    assert to_config(model.layers[0])["type"] == layer_class.__name__


def test_a_file_with_the_cells_of_a_layer_is_loaded(tmp_path):
    """Files of earlier versions have the cells instead of a named layer."""
    config = {"type": "MultiLayer", "cells": [to_config(LSTMCell(3, 4)), to_config(LSTMCell(8, 4))]}
    known = {c.__name__: c for c in (MultiLayer, LSTMCell, type(LSTMCell(1, 1).init))}
    layer = from_config(config | {"bidirectional": True, "dropout": 0.5}, known)
    assert layer == LSTM(3, 4, 2, bidirectional=True, dropout=0.5).unrolled


def test_a_users_layer_defines_one_method(tmp_path):
    model = Sequential(Rectified(3, 4, num_layers=2, bidirectional=True), Dense(8, 1))
    assert list(model.params)[:2] == ["0.w_ih_l0", "0.w_hh_l0"]
    model.save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz", classes=[Rectified]).params == model.params


@dataclass(frozen=True)
class Rectified(StackedLayer):
    """Rectified units.

    {parameters}
    """

    def make_cell(self, input_size):
        return ElmanCell(input_size, self.hidden_size, "relu", init=self.init)


def test_a_named_layer_is_immutable_and_compares_by_value():
    layer = GRU(3, 4, 2)
    assert replace(layer, hidden_size=5) == GRU(3, 5, 2)
    assert pickle.loads(pickle.dumps(layer)) == layer  # sent to another process
    with pytest.raises(FrozenInstanceError):
        layer.hidden_size = 5


def test_the_base_classes_cannot_be_instantiated():
    with pytest.raises(TypeError, match="abstract"):
        CellLayer()
    with pytest.raises(TypeError, match="abstract"):
        StackedLayer(3, 4)


@pytest.mark.parametrize(
    ("make_wrong", "error", "message"),
    [
        (lambda: LSTM(3, 4, 1001), ValueError, "num_layers must be at most 1000, got 1001"),
        (lambda: LSTM(3, 4, 10**12), ValueError, "num_layers must be at most 1000, got 1000000000000"),
        (lambda: LSTM(3, 4, 2, True), TypeError, "positional arguments"),
        (lambda: LSTM(3, 4, bidirectional="no"), ValueError, "bidirectional must be True or False, got 'no'"),
        (lambda: MultiLayer((LSTMCell(3, 4),), 2), ValueError, "bidirectional must be True or False, got 2"),
        (lambda: LSTM(3, 4, init="orthogonal"), ValueError, r"init must be an initializer.*'orthogonal': Orthogonal\("),
        (lambda: Jordan(3, 4, 2, init=Orthogonal), ValueError, r"init must be an initializer.*: Orthogonal\(\.\.\.\)"),
        (lambda: LIFCell(3, 4, init=3), ValueError, r"init must be an initializer, as .*Uniform\(\), got 3$"),
        (lambda: ForgetBias(1.0, base="uniform"), ValueError, "base must be an initializer, .* got 'uniform'"),
        (lambda: LIF(3, 4, tau=-1), ValueError, "tau must be a number above 0, got -1"),
        (lambda: Jordan(3, 4, 0), ValueError, "output_size must be a positive integer, got 0"),
        (lambda: Sequential(GRU(3, 4), GRU(5, 4)), ValueError, r"layer 1: GRU takes 5 features, got 4 in \(T, B, 4\)"),
    ],
)
def test_wrong_arguments_are_named(make_wrong, error, message):
    with pytest.raises(error, match=message):
        make_wrong()
