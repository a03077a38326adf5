"""Influence matrices, and their random estimates, by compiled code against NumPy, which other files test."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, SPIKING, gradient_error
from pairs import each, pairs, slow_but
from test_gradients import CAUSAL, batch_for, model_of, whole

import rnnbp
from rnnbp.gradients import KFRTRL, RTRL, UORO, EProp, SnAp
from rnnbp.gradients.online import compiled_influence
from rnnbp.gradients.online.compiled_influence import CompiledInfluenceMatrix
from rnnbp.gradients.online.eprop import marks_recurrent, single_cells
from rnnbp.gradients.online.influence import influence_on
from rnnbp.gradients.online.jacobian_sparsity import structure_of
from rnnbp.kernels import using
from rnnbp.layers import GRU, LSTM, Dense, Elman
from rnnbp.losses import CrossEntropy
from rnnbp.runtime import set_num_threads, threads_as_before

pytest.importorskip("numba")

NAMES = [name for name in CELLS | SPIKING if name != "a user's"]
ALGORITHMS = {
    "RTRL": RTRL(),
    "RTRL(every=2)": RTRL(every=2),
    "SnAp(1)": SnAp(1),
    "SnAp(2)": SnAp(2),
    "EProp": EProp(),
    "UORO": UORO(3),
    "UORO(every=4)": UORO(3, every=4),
    "KFRTRL": KFRTRL(3),
}


def by(backend, algorithm, model, batch):
    with using(backend):
        return whole(algorithm, model, batch, CrossEntropy())[1]


def takes(algorithm, name):
    """Return whether an algorithm takes a cell; e-prop takes those that mark their recurrent weights."""
    return algorithm != "EProp" or all(map(marks_recurrent, single_cells((CELLS | SPIKING)[name])))


def taken(table):
    return [row for row in table if takes(row[1], row[0])]


@pytest.mark.parametrize(
    ("name", "algorithm", "lengths"),
    slow_but(taken(each(NAMES, ALGORITHMS, LENGTHS)), taken(pairs(NAMES, ALGORITHMS, LENGTHS))),
)
def test_compiled_code_and_numpy_agree(name, algorithm, lengths):
    model = model_of(CAUSAL[name])
    batch = batch_for(model, LENGTHS[lengths])
    one, other = (by(backend, ALGORITHMS[algorithm], model, batch) for backend in ("compiled", "numpy"))
    assert gradient_error(model.params, one, other) < 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [Elman(3, 37), GRU(3, 20), LSTM(3, 19), LSTM(3, 17, num_layers=2)], ids=repr)
def test_groups_of_many_units_have_elementwise_entries(layer, dtype):
    """From 16 units on, sparse columns of the Jacobian are taken out of the matrix product."""
    model = model_of([layer, Dense(layer.hidden_size, 3)])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    wanted = by("numpy", RTRL(), model, batch)
    found = by("compiled", RTRL(), model.astype(dtype), batch.astype(dtype))
    assert found.dtype == dtype
    assert gradient_error(model.params, found, wanted) < (1e-12 if dtype == np.float64 else 1e-4)


def test_an_lstms_product_has_the_columns_of_the_hidden_state_alone():
    structure = structure_of(rnnbp.Stack((rnnbp.LSTMCell(3, 20),)))
    with using("compiled"):
        influence = influence_on(structure, None, 1, np.dtype(np.float32))
    assert isinstance(influence, CompiledInfluenceMatrix)
    (form,) = influence.panels.forms
    assert form.depth == 20
    assert len(form.entry_places) == 2 * 20  # of h' and c' with respect to c


def test_a_block_of_more_steps_is_worth_more_threads(monkeypatch):
    monkeypatch.setattr(compiled_influence, "threads_for", lambda flops, rows: flops)
    with using("compiled"):
        influence = influence_on(structure_of(rnnbp.Stack((rnnbp.LSTMCell(3, 20),))), None, 1, np.dtype(np.float32))
    one, three = (influence._threads(SimpleNamespace(size=n)) for n in (1, 3))
    assert three == 3 * one > 2 * 20**2 * (3 + 20 + 1)  # a product and a sum for each unit, influence and parameter


def test_both_biases_share_a_lane():
    cell = rnnbp.Stack((rnnbp.ElmanCell(2, 3),))
    with using("compiled"):
        influence = influence_on(structure_of(cell), None, 1, np.dtype(np.float32))
    places = rnnbp.Parameters(cell.shapes()).like(influence.panels.lanes_of)
    assert np.array_equal(places["0.b_ih"], places["0.b_hh"])
    assert len(np.unique(places.vector)) == 3 * (2 + 3 + 1)


@pytest.mark.parametrize("algorithm", [RTRL(), SnAp(1)], ids=repr)
def test_threads_do_not_change_a_bit(algorithm, monkeypatch):
    """Each takes panels of its own."""
    monkeypatch.setattr("rnnbp.runtime.threads.FLOPS_PER_THREAD", 1.0)
    model = model_of([Elman(3, 40), Dense(40, 3)])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    with threads_as_before():
        found = []
        for threads in (1, 3):
            set_num_threads(threads)
            found.append(by("compiled", algorithm, model, batch))
    np.testing.assert_array_equal(*found)


def test_the_first_steps_of_a_block_may_be_the_last_of_a_sequence():
    """Sequences that end within a block keep the gradient of their own steps."""
    model = model_of([GRU(3, 18), Dense(18, 3)])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    exact = whole(rnnbp.BPTT(), model, batch, CrossEntropy())[1]
    assert gradient_error(model.params, by("compiled", RTRL(), model, batch), exact) < 1e-12
