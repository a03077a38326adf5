"""KF-RTRL: formulas, variance, memory. test_online_signs.py tests that it is unbiased."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, LENGTHS
from pairs import slow_but
from test_forward import problem, reader
from test_online import linear_step
from test_online_signs import sampled_gradients

import rnnbp
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients import BPTT, KFRTRL, UORO
from rnnbp.gradients.online.jacobian_sparsity import structure_of
from rnnbp.gradients.online.kf_rtrl import KroneckerInfluenceMatrix, by_delta_columns
from rnnbp.layers import LSTM, Dense, Embedding, Last, Recurrent
from rnnbp.losses import CrossEntropy

KRONECKER = [name for name in CELLS if name != "a user's"]


def test_updates_equal_the_published_formula(rng):
    """The product of an LSTM, p1, p2 and both updates, computed sequence by sequence."""
    steps = [linear_step(CELLS["LSTM"], rng) for _ in range(3)]
    structure = structure_of(steps[0].cell)
    influence = KroneckerInfluenceMatrix(structure, steps[0].params.shapes, np.random.default_rng(5))
    signs = np.random.default_rng(5)
    u, A = np.zeros((3, 8)), np.zeros((3, 8, 16))
    for t, step in enumerate(steps):
        influence.advance(step, np.zeros((3, 8)))
        c1, c2 = 2 * signs.integers(2, size=(2, 3)) - 1
        for b in range(3):
            v = np.concatenate([step.x[b], step.state[b, :4], [1]])
            D, HA = side_by_side(step.deltas)[:, b], step.jacobian[b] @ A[b]
            p2 = np.sqrt(np.linalg.norm(D) / np.linalg.norm(v))
            p1 = np.sqrt(np.linalg.norm(HA) / np.linalg.norm(u[b])) if t else 1.0
            u[b] = c1[b] * p1 * u[b] + c2[b] * p2 * v
            A[b] = c1[b] / p1 * HA + c2[b] / p2 * D
    (product,) = influence.products
    np.testing.assert_allclose(product.inputs, u, rtol=1e-11)
    np.testing.assert_allclose(product.states, A, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "sets"),
    [
        ("Elman tanh", [["w_ih", "w_hh", "b_ih", "b_hh"]]),
        ("LSTM", [["w_ih", "w_hh", "b_ih", "b_hh"]]),
        ("GRU", [["w_ih", "b_ih"], ["w_hh", "b_hh"]]),
        ("original GRU", [["w_ih", "b_ih", "b_hh"], ["w_hh"], ["w_hh"]]),
        ("Jordan", [["w_ih", "w_hh", "b_h"], ["w_ho", "b_o"]]),
        ("Stack LSTM > GRU", [["0.w_ih", "0.w_hh", "0.b_ih", "0.b_hh"], ["1.w_ih", "1.b_ih"], ["1.w_hh", "1.b_hh"]]),
    ],
)
def test_each_cell_has_its_kronecker_products(name, sets, rng):
    assert [[outer.name for outer in outers] for outers in by_delta_columns(linear_step(CELLS[name], rng))] == sets


@pytest.mark.parametrize("name", KRONECKER)
def test_the_gradient_of_one_step_has_no_variance(name):
    model, batch = problem(reader(CELLS[name]), np.array([1, 1, 1]))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    for seed in range(3):
        (g,) = KFRTRL(seed).gradients(model, batch, CrossEntropy())
        np.testing.assert_allclose(g.vector, exact.vector, rtol=1e-12, atol=1e-16)


def test_the_gradient_of_one_token_has_no_variance():
    model, batch = problem([Embedding(5, 2), LSTM(2, 3), Dense(3, 3)], np.array([1, 1, 1]))
    batch = replace(batch, x=np.array([[3, 0, 3]] * 6))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    (g,) = KFRTRL().gradients(model, batch, CrossEntropy())
    np.testing.assert_allclose(g.vector, exact.vector, rtol=1e-12, atol=1e-16)


def variance(algorithm, model, batch):
    return sampled_gradients(algorithm, model, batch, n=10).var(axis=0).sum()


@pytest.mark.parametrize("name", slow_but(["LSTM", "Jordan with decay", "original GRU"], KRONECKER))
def test_variance_is_below_that_of_uoro(name):
    model, batch = problem(reader(CELLS[name]))
    assert variance(KFRTRL, model, batch) < 0.7 * variance(UORO, model, batch)


@pytest.mark.slow
def test_variance_relative_to_uoro_falls_with_the_number_of_units():
    """Mujika et al., section 3: UORO's variance grows with the number of units relative to KF-RTRL's."""
    ratios = []
    for hidden in (2, 8, 32):
        model, batch = problem([Recurrent(rnnbp.ElmanCell(3, hidden)), Dense(hidden, 3)])
        ratios.append(variance(UORO, model, batch) / variance(KFRTRL, model, batch))
    assert ratios == sorted(ratios)
    assert ratios[2] > 5 * ratios[0]


def test_memory_does_not_grow_with_time():
    model, batch = problem(reader(CELLS["LSTM"]), LENGTHS["equal lengths"])
    longer = replace(
        batch, x=np.tile(batch.x, (5, 1, 1)), targets=np.tile(batch.targets, (5, 1)), lengths=batch.lengths * 5
    )
    (short,), (long,) = (KFRTRL().gradients(model, b, CrossEntropy()) for b in (batch, longer))
    S, K, V = 8, 16, 3 + 4 + 1
    assert short.cost.peak_bytes == long.cost.peak_bytes == 8 * 3 * (V + S * K)
    assert long.cost.steps == 5 * short.cost.steps == 5 * 18


@pytest.mark.slow
def test_parameters_may_change_in_the_middle_of_a_sequence():
    """The loss falls within one sequence, whose task is to output the bit of two steps ago."""
    rng = np.random.default_rng(0)
    bits = rng.integers(2, size=1500)
    data = rnnbp.SequenceDataset([np.eye(2)[bits]], targets=[np.concatenate([[0, 0], bits[:-2]])])
    model = rnnbp.Sequential(rnnbp.Elman(2, 8), Dense(8, 2), dtype=np.float64)
    optimizer = rnnbp.Adam(0.01)
    losses = []
    for g in KFRTRL(every=1).gradients(model, data.batch(), CrossEntropy()):
        optimizer.step(model.params, g.vector * len(bits))
        losses.append(g.loss * len(bits))
    assert np.mean(losses[:50]) > 0.6
    assert np.mean(losses[-100:]) < 0.2


@pytest.mark.slow
def test_a_stochastic_algorithm_without_variance_passes_the_certificate():
    model, batch = problem([*reader(CELLS["GRU"]), Last()], np.array([1, 1, 1]))
    found = rnnbp.compare_gradients(model, batch, algorithms=["KFRTRL", "UORO"])
    assert found.ok
    assert found.table.set_index("algorithm").loc["KFRTRL", "distance"] < 1e-14


@pytest.mark.parametrize("cell", [CELLS["a user's"], rnnbp.Stack((CELLS["a user's"],))], ids=["cell", "stack"])
def test_a_cell_that_does_not_say_how_its_parameters_act_is_refused(cell):
    model, batch = problem([LSTM(3, 3), *reader(cell)])
    message = r"KFRTRL takes cells that define .*got .*LeakyCell\(.*outer_products\(state, x, residuals\).*use UORO\(\)"
    with pytest.raises(ValueError, match=message):
        list(KFRTRL().gradients(model, batch, CrossEntropy()))
