"""UORO: formulas, variance, memory. test_online_signs.py tests that it is unbiased."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, LENGTHS
from test_forward import problem, reader
from test_online import linear_step

import rnnbp
from rnnbp.gradients import BPTT, UORO
from rnnbp.gradients.online.jacobian_sparsity import structure_of
from rnnbp.gradients.online.uoro import RankOneInfluenceMatrix
from rnnbp.layers import Dense, Recurrent
from rnnbp.losses import CrossEntropy


def test_an_update_equals_the_published_formula(rng):
    """rho0, rho1 and both updates, computed sequence by sequence."""
    step = linear_step(CELLS["LSTM"], rng)
    state, params = rng.standard_normal((3, 8)), rng.standard_normal((3, step.params.size))
    signs = np.random.default_rng(5)
    influence = RankOneInfluenceMatrix(structure_of(step.cell), state.copy(), params.copy(), signs)
    influence.advance(step, np.zeros((3, 8)))
    nu = 2 * np.random.default_rng(5).integers(2, size=(3, 8)) - 1
    action = step.immediate_jacobian.vjp(step.deltas)
    for b in range(3):
        jvp, immediate_vjp = step.jacobian[b] @ state[b], nu[b] @ action[:, b]
        rho0 = np.sqrt(np.linalg.norm(params[b]) / np.linalg.norm(jvp))
        rho1 = np.sqrt(np.linalg.norm(immediate_vjp) / np.linalg.norm(nu[b]))
        np.testing.assert_allclose(influence.state[b], rho0 * jvp + rho1 * nu[b], rtol=1e-12)
        np.testing.assert_allclose(influence.params[b], params[b] / rho0 + immediate_vjp / rho1, rtol=1e-11, atol=1e-14)


def test_the_gradient_of_one_unit_over_one_step_has_no_variance():
    """nu is 1 or -1, and the only one there is."""
    model, batch = problem([Recurrent(rnnbp.ElmanCell(3, 1)), Dense(1, 3)], np.array([1, 1, 1]))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    for seed in range(5):
        (g,) = UORO(seed).gradients(model, batch, CrossEntropy())
        np.testing.assert_allclose(g.vector, exact.vector, rtol=1e-12)


def test_memory_does_not_grow_with_time():
    model, batch = problem(reader(CELLS["LSTM"]), LENGTHS["equal lengths"])
    longer = replace(
        batch, x=np.tile(batch.x, (5, 1, 1)), targets=np.tile(batch.targets, (5, 1)), lengths=batch.lengths * 5
    )
    (short,), (long,) = (UORO().gradients(model, b, CrossEntropy()) for b in (batch, longer))
    S, P = 8, 4 * 4 * (3 + 4 + 2)
    assert short.cost.peak_bytes == long.cost.peak_bytes == 8 * 3 * (S + P)
    assert long.cost.steps == 5 * short.cost.steps == 5 * 18


def test_the_factors_reduce_the_variance(monkeypatch):
    """With rho = 1, the variance is larger."""
    model, batch = problem(reader(CELLS["Elman sigmoid"]))

    def variance():
        found = [next(UORO(seed).gradients(model, batch, CrossEntropy())).vector for seed in range(100)]
        return np.var(found, axis=0).sum()

    balanced = variance()
    monkeypatch.setattr("rnnbp.gradients.online.uoro.balanced", lambda left, right: (left, right))
    assert variance() > 1.5 * balanced


def test_a_noncausal_model_is_refused():
    model, batch = problem([rnnbp.LSTM(3, 2, bidirectional=True), Dense(4, 3)])
    with pytest.raises(ValueError, match="UORO takes causal layers, but layer 0"):
        list(UORO().gradients(model, batch, CrossEntropy()))
