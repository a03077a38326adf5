"""Random declarations: the derived step and its derivatives equal those of an interpreter of the equation."""

import numpy as np
import pytest
from helpers import relative_error
from random_equations import RandomEquation

from rnnbp.core import Parameters
from rnnbp.layers.constant_input import step_at, transposed_jacobian

SEEDS = [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 150))]


def drawn(seed):
    """Return a random equation, its cell, and random parameters, state and input."""
    rng = np.random.default_rng(seed)
    equation = RandomEquation(rng, operations=int(rng.integers(2, 20)))
    cell = equation.cell()
    params = Parameters(cell.shapes(), dtype=np.float64)
    params.vector[:] = rng.uniform(-1, 1, params.size)
    return equation, cell, params, rng.standard_normal((2, cell.state_size)), rng.standard_normal((2, 3))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_step_and_products_of_a_random_equation_are_right(seed, rng):
    equation, cell, p, state, x = drawn(seed)
    weights = rng.standard_normal(state.shape)
    next_state, residuals = cell.step(p, state, x)
    np.testing.assert_allclose(next_state, equation.step(p, state, x).real, rtol=1e-12, atol=1e-12)

    def value(vector):
        params, s, u = np.split(vector, np.cumsum([p.size, state.size]))
        return np.sum(weights * equation.step(p.like(params), s.reshape(state.shape), u.reshape(x.shape)))

    grad = p.zeros()
    d_state, d_x, delta = cell.step_vjp(p, state, x, residuals, weights)
    cell.param_vjp(state, x, residuals, delta, grad)
    point = np.concatenate([p.vector, state.ravel(), x.ravel()])
    expected = np.array([value(step).imag for step in point + 1e-30j * np.eye(point.size)]) / 1e-30
    found = np.concatenate([grad.vector, d_state.ravel(), d_x.ravel()])
    assert relative_error(found, expected) < 1e-11


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_step_and_product_of_a_random_equation_for_fixed_points_are_those_of_the_cell(seed, rng):
    _, cell, p, state, x = drawn(seed)
    d = rng.standard_normal(state.shape)
    expected, residuals = cell.step(p, state, x)
    found, _ = step_at(cell, p, x)(np.arange(2), state)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    product = transposed_jacobian(cell, p, state, x, residuals)(np.arange(2), d)
    assert relative_error(product, cell.step_vjp(p, state, x, residuals, d)[0]) < 1e-12


@pytest.mark.parametrize("seed", SEEDS[:20])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_float32_is_preserved_by_a_random_equation(seed):
    _, cell, *arguments = drawn(seed)
    params, state, x = (a.astype(np.float32) for a in arguments)
    next_state, residuals = cell.step(params, state, x)
    found = [next_state, residuals, *cell.step_vjp(params, state, x, residuals, np.ones_like(state))]
    assert {a.dtype for a in found} == {np.dtype(np.float32)}


def test_random_equations_hold_everything_that_an_equation_can_have():
    """The generator does not lose a sort of operation, or the tests above would say less than they seem to."""
    rng, seen = np.random.default_rng(0), set()
    for _ in range(200):
        stack = list(RandomEquation(rng).results)
        while stack:
            node = stack.pop()
            seen.add(node.op)
            stack.extend(node.args)
    assert len(seen) == 12 + 5 + 2 + 2  # unary, binary, weights, symbols and numbers
