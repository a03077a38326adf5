"""Each cell against its equations, and its vector-Jacobian products against the complex step."""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers import CELLS, SPIKING, LeakyCell, made, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp.cells import Cell, ElmanCell, GRUCell, JordanCell, LSTMCell, OriginalGRUCell, Stack, state_jacobian

every_cell = pytest.mark.parametrize("cell", (CELLS | SPIKING).values(), ids=(CELLS | SPIKING).keys())
LEADS = [(), (5,), (4, 5)]


def drawn(cell, rng, lead=(5,), dtype=np.float64):
    """Return parameters with nonzero biases, a state and an input."""
    params = made(cell)
    params.vector[:] += 0.3 * rng.standard_normal(params.size)
    state, x = rng.standard_normal((*lead, cell.state_size)), rng.standard_normal((*lead, cell.input_size))
    return params.astype(dtype), state.astype(dtype), x.astype(dtype)


def logistic(a):
    return 1 / (1 + np.exp(-a))


# ---- the equations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "act"),
    [("tanh", np.tanh), ("relu", lambda a: a * (a > 0)), ("sigmoid", logistic), ("linear", lambda a: a)],
)
def test_elman_steps_equal_the_equation(name, act, rng):
    cell = ElmanCell(3, 4, name)
    p, h, x = drawn(cell, rng, lead=())
    expected = [
        act(
            sum(p["w_ih"][i, f] * x[f] for f in range(3))
            + sum(p["w_hh"][i, j] * h[j] for j in range(4))
            + p["b_ih"][i]
            + p["b_hh"][i]
        )
        for i in range(4)
    ]
    np.testing.assert_allclose(cell.step(p, h, x)[0], expected, rtol=1e-13)


def test_lstm_steps_equal_the_equations(rng):
    cell = LSTMCell(3, 4)
    p, state, x = drawn(cell, rng, lead=())
    h, c = state[:4], state[4:]
    a_i, a_f, a_g, a_o = (
        p["w_ih"][rows] @ x + p["b_ih"][rows] + p["w_hh"][rows] @ h + p["b_hh"][rows]
        for rows in (slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 16))
    )
    new_c = logistic(a_f) * c + logistic(a_i) * np.tanh(a_g)
    new_h = logistic(a_o) * np.tanh(new_c)
    np.testing.assert_allclose(cell.step(p, state, x)[0], np.append(new_h, new_c), rtol=1e-13)


def gru_gates(p, h, x):
    r, z = (
        logistic(p["w_ih"][rows] @ x + p["b_ih"][rows] + p["w_hh"][rows] @ h + p["b_hh"][rows])
        for rows in (slice(0, 4), slice(4, 8))
    )
    return r, z, slice(8, 12)


def test_gru_steps_equal_the_equations(rng):
    cell = GRUCell(3, 4)
    p, h, x = drawn(cell, rng, lead=())
    r, z, n = gru_gates(p, h, x)
    new = np.tanh(p["w_ih"][n] @ x + p["b_ih"][n] + r * (p["w_hh"][n] @ h + p["b_hh"][n]))
    np.testing.assert_allclose(cell.step(p, h, x)[0], (1 - z) * new + z * h, rtol=1e-13)


def test_original_gru_steps_equal_the_equations(rng):
    cell = OriginalGRUCell(3, 4)
    p, h, x = drawn(cell, rng, lead=())
    r, z, n = gru_gates(p, h, x)
    new = np.tanh(p["w_ih"][n] @ x + p["b_ih"][n] + p["w_hh"][n] @ (r * h) + p["b_hh"][n])
    np.testing.assert_allclose(cell.step(p, h, x)[0], (1 - z) * new + z * h, rtol=1e-13)


def test_the_two_grus_differ(rng):
    p, h, x = drawn(GRUCell(3, 4), rng)
    assert relative_error(OriginalGRUCell(3, 4).step(p, h, x)[0], GRUCell(3, 4).step(p, h, x)[0]) > 1e-3


@pytest.mark.parametrize("decay", [0.0, 0.7, 1.0])
def test_jordan_steps_equal_the_equations(decay, rng):
    cell = JordanCell(3, 4, 2, decay, "sigmoid")
    p, state, x = drawn(cell, rng, lead=())
    y, s = state[:2], state[2:]
    new_s = decay * s + y
    h = np.tanh(p["w_ih"] @ x + p["w_hh"] @ new_s + p["b_h"])
    new_y = logistic(p["w_ho"] @ h + p["b_o"])
    np.testing.assert_allclose(cell.step(p, state, x)[0], np.append(new_y, new_s), rtol=1e-13)


def test_jordan_context_is_the_decaying_sum_of_outputs(rng):
    cell = JordanCell(3, 4, 2, decay=0.5)
    p, _, _ = drawn(cell, rng)
    state, outputs = np.zeros(4), []
    for _ in range(5):
        state, _ = cell.step(p, state, rng.standard_normal(3))
        outputs.append(state[:2])
    expected = sum(0.5**k * y for k, y in enumerate(reversed(outputs[:-1])))
    np.testing.assert_allclose(state[2:], expected, rtol=1e-13)


def test_a_stack_feeds_each_cell_with_the_output_below_it_in_the_same_step(rng):
    below, above = LSTMCell(3, 4), JordanCell(4, 3, 2, 0.5)
    stack = Stack((below, above))
    p, state, x = drawn(stack, rng)
    lower, _ = below.step(p.scope("0."), state[:, 4:], x)
    upper, _ = above.step(p.scope("1."), state[:, :4], lower[:, :4])
    np.testing.assert_array_equal(stack.step(p, state, x)[0], np.concatenate([upper, lower], axis=1))


def test_a_stack_of_one_is_that_cell(rng):
    cell = GRUCell(3, 4)
    stack = Stack([cell])
    p, state, x = drawn(stack, rng)
    np.testing.assert_array_equal(stack.step(p, state, x)[0], cell.step(p.scope("0."), state, x)[0])
    assert stack.cells == (cell,)


# ---- what every cell promises ------------------------------------------------------------------------------


@every_cell
def test_cells_have_input_output_and_state_sizes(cell, rng):
    assert isinstance(cell, Cell)
    assert cell.output_size <= cell.state_size
    p, state, x = drawn(cell, rng)
    next_state, _ = cell.step(p, state, x)
    assert next_state.shape == state.shape


@every_cell
@pytest.mark.parametrize("lead", LEADS, ids=["no leading axis", "(B,)", "(T, B)"])
def test_vector_jacobian_products_equal_the_complex_step(cell, lead, rng):
    p, state, x = drawn(cell, rng, lead)
    weights = rng.standard_normal(state.shape)

    def value(vector):
        cut = np.cumsum([p.size, state.size])
        params, s, u = np.split(vector, cut)
        next_state, _ = cell.step(p.like(params), s.reshape(state.shape), u.reshape(x.shape))
        return np.sum(weights * next_state)

    point = np.concatenate([p.vector, state.ravel(), x.ravel()])
    steps = point + 1e-30j * np.eye(point.size)
    expected = np.array([value(step).imag for step in steps]) / 1e-30

    grad = p.zeros()
    _, residuals = cell.step(p, state, x)
    d_state, d_x, delta = cell.step_vjp(p, state, x, residuals, weights)
    cell.param_vjp(state, x, residuals, delta, grad)
    assert relative_error(grad.vector, expected[: p.size]) < 1e-13
    assert relative_error(d_state.ravel(), expected[p.size : p.size + state.size]) < 1e-13
    assert relative_error(d_x.ravel(), expected[p.size + state.size :]) < 1e-13


@every_cell
def test_param_vjp_adds_to_the_gradient(cell, rng):
    p, state, x = drawn(cell, rng)
    _, residuals = cell.step(p, state, x)
    _, _, delta = cell.step_vjp(p, state, x, residuals, np.ones_like(state))
    once, twice = p.zeros(), p.zeros()
    cell.param_vjp(state, x, residuals, delta, once)
    for _ in range(2):
        cell.param_vjp(state, x, residuals, delta, twice)
    np.testing.assert_allclose(twice.vector, 2 * once.vector, rtol=1e-13)


@every_cell
def test_a_step_and_its_vector_jacobian_products_are_pure(cell, rng):
    p, state, x = drawn(cell, rng)
    d_next = rng.standard_normal(state.shape)
    kept = [a.copy() for a in (p.vector, state, x, d_next)]
    first, residuals = cell.step(p, state, x)
    d_first = cell.step_vjp(p, state, x, residuals, d_next)
    second, residuals = cell.step(p, state, x)
    d_second = cell.step_vjp(p, state, x, residuals, d_next)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(d_first[0], d_second[0])
    for before, after in zip(kept, (p.vector, state, x, d_next), strict=True):
        np.testing.assert_array_equal(before, after)


@every_cell
def test_float32_is_preserved(cell, rng):
    p, state, x = drawn(cell, rng, dtype=np.float32)
    next_state, residuals = cell.step(p, state, x)
    d_state, d_x, _ = cell.step_vjp(p, state, x, residuals, np.ones_like(state))
    assert next_state.dtype == d_state.dtype == d_x.dtype == np.float32


@every_cell
def test_a_step_of_a_batch_is_that_of_single_sequences(cell, rng):
    p, state, x = drawn(cell, rng)
    together, _ = cell.step(p, state, x)
    for b in range(5):
        np.testing.assert_allclose(cell.step(p, state[b], x[b])[0], together[b], rtol=1e-12, atol=1e-15)


@every_cell
def test_the_state_jacobian_equals_the_complex_step(cell, rng):
    p, state, x = drawn(cell, rng, (2, 3))
    S = cell.state_size
    complex_params = p.astype(complex)
    columns = [cell.step(complex_params, state + 1e-30j * np.eye(S)[j], x)[0].imag / 1e-30 for j in range(S)]
    jacobian = state_jacobian(cell, p, state, x)
    assert jacobian.shape == (2, 3, S, S)
    assert relative_error(jacobian, np.stack(columns, axis=-1)) < 1e-13


def test_a_cell_may_define_its_state_jacobian():
    @dataclass(frozen=True)
    class Known(LeakyCell):
        def state_jacobian(self, params, state, x):
            return "mine"

    assert state_jacobian(Known(3, 4), {}, np.zeros(4), np.zeros(3)) == "mine"


@given(hidden=st.integers(1, 5), features=st.integers(1, 5), lead=st.lists(st.integers(0, 3), max_size=3))
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell, OriginalGRUCell])
def test_vector_jacobian_products_are_exact_for_any_sizes(make, hidden, features, lead):
    cell = make(features, hidden)
    params = made(cell)
    state, x = np.zeros((*lead, cell.state_size)), np.ones((*lead, features))
    next_state, residuals = cell.step(params, state, x)
    d_state, d_x, delta = cell.step_vjp(params, state, x, residuals, np.ones_like(state))
    grad = params.zeros()
    cell.param_vjp(state, x, residuals, delta, grad)
    assert next_state.shape == d_state.shape == state.shape
    assert d_x.shape == x.shape
    assert np.isfinite(grad.vector).all()


# ---- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ElmanCell(3, -3), "hidden_size must be a positive integer, got -3"),
        (lambda: ElmanCell(0, 3), "input_size must be a positive integer, got 0"),
        (lambda: ElmanCell(3, 4, "tahn"), r"activation must be one of .*; got 'tahn'. Did you mean 'tanh'\?"),
        (lambda: LSTMCell(3, 2.5), "hidden_size must be a positive integer, got 2.5"),
        (lambda: LSTMCell("3", 2), "input_size must be a positive integer, got '3'"),
        (lambda: GRUCell(3, 0), "hidden_size must be a positive integer, got 0"),
        (lambda: OriginalGRUCell(3, True), "hidden_size must be a positive integer, got True"),
        (lambda: JordanCell(3, 4, 0), "output_size must be a positive integer, got 0"),
        (lambda: JordanCell(3, 4, 2, 1.5), "decay must be a number between 0 and 1, got 1.5"),
        (lambda: JordanCell(3, 4, 2, 0, "sigmod"), "got 'sigmod'. Did you mean 'sigmoid'"),
        (lambda: Stack(()), "cells must contain at least one cell, got none"),
        (
            lambda: Stack((LSTMCell(3, 4), GRUCell(8, 2))),
            "cell 1 of the stack takes 8 features, but cell 0 below it has 4 outputs",
        ),
        (
            lambda: Stack((LSTMCell(3, 4), "gru")),
            r"cell 1 of the stack must be a cell \(rnnbp.cells.Cell\), got 'gru', which has no input_size, ",
        ),
        (lambda: Stack(4), "cells must be a sequence of cells, got 4"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
