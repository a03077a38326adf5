"""Leaky rate units: their equation and the limits of small and large tau. test_cells.py tests their derivatives."""

import numpy as np
import pytest
from helpers import made

from rnnbp.cells import ElmanCell, LeakyElmanCell
from rnnbp.layers import LeakyElman, MultiLayer, Recurrent


@pytest.mark.parametrize("tau", [1, 2.5, 40])
@pytest.mark.parametrize(("name", "act"), [("tanh", np.tanh), ("relu", lambda a: a * (a > 0)), ("linear", lambda a: a)])
def test_leaky_steps_equal_the_equation(name, act, tau, rng):
    cell = LeakyElmanCell(3, 4, tau, name)
    p, h, x = made(cell), rng.standard_normal(4), rng.standard_normal(3)
    expected = [
        h[i]
        + (
            -h[i]
            + act(
                sum(p["w_ih"][i, f] * x[f] for f in range(3))
                + sum(p["w_hh"][i, j] * h[j] for j in range(4))
                + p["b_ih"][i]
                + p["b_hh"][i]
            )
        )
        / tau
        for i in range(4)
    ]
    np.testing.assert_allclose(cell.step(p, h, x)[0], expected, rtol=1e-12)


def test_a_leaky_cell_with_tau_1_is_an_elman_cell(rng):
    leaky, elman = LeakyElmanCell(3, 4, tau=1), ElmanCell(3, 4)
    p, h, x, d = made(elman), rng.standard_normal((5, 4)), rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    (found, r), (wanted, q) = leaky.step(p, h, x), elman.step(p, h, x)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    for one, other in zip(leaky.step_vjp(p, h, x, r, d), elman.step_vjp(p, h, x, q, d), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_smaller_steps_converge_to_the_differential_equation():
    """tau dh/dt = -h + tanh(w h + u): steps of 1 with tau = n are steps of 1 / n with tau = 1."""
    p = made(LeakyElmanCell(1, 1))
    p["w_hh"], p["w_ih"], p["b_ih"], p["b_hh"] = 0.5, 1.0, 0.3, 0.0

    def after_one_tau(n):
        h, cell = np.zeros(1), LeakyElmanCell(1, 1, tau=n)
        for _ in range(n):
            h, _ = cell.step(p, h, np.ones(1))
        return h[0]

    exact = after_one_tau(20_000)
    errors = [abs(after_one_tau(n) - exact) for n in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)  # Euler's method is of first order
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.1)


def test_the_layer_unrolls_its_cell():
    assert LeakyElman(3, 4, tau=5, activation="relu").unrolled == Recurrent(LeakyElmanCell(3, 4, 5, "relu"))
    layer = LeakyElman(3, 4, num_layers=2, tau=5)
    assert layer.unrolled == MultiLayer((LeakyElmanCell(3, 4, 5), LeakyElmanCell(4, 4, 5)), False, 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeakyElmanCell(3, 4, tau=0.5), "tau must be a number of 1 or more, got 0.5"),
        (lambda: LeakyElmanCell(3, 0), "hidden_size must be a positive integer, got 0"),
        (lambda: LeakyElmanCell(-1, 4), "input_size must be a positive integer, got -1"),
        (lambda: LeakyElmanCell(3, 4, activation="tahn"), r"got 'tahn'. Did you mean 'tanh'\?"),
        (lambda: LeakyElman(3, 4, tau=0), "tau must be a number of 1 or more, got 0"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
