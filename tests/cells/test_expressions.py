"""How equations are simplified as they are recorded, and the limits of initializers and cells, by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from rnnbp import cells
from rnnbp.cells.declared.expressions import EquationError, Graph
from rnnbp.cells.lru import LRUCell
from rnnbp.core import Parameters


@pytest.fixture
def graph() -> Graph:
    return Graph("example")


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda a, b: 0 - a, "neg(a)"),
        (lambda a, b: a - 0, "a"),
        (lambda a, b: 0 + a, "a"),
        (lambda a, b: a + 0, "a"),
        (lambda a, b: a - -b, "add(a, b)"),
        (lambda a, b: a + -b, "sub(a, b)"),
        (lambda a, b: -a + b, "sub(b, a)"),
        (lambda a, b: a - b, "sub(a, b)"),
        (lambda a, b: 1 * a, "a"),
        (lambda a, b: a * 1, "a"),
        (lambda a, b: -1 * a, "neg(a)"),
        (lambda a, b: a * -1, "neg(a)"),
        (lambda a, b: -2 * a, "mul(-2, a)"),
        (lambda a, b: -a * b, "neg(mul(a, b))"),
        (lambda a, b: a * -b, "neg(mul(a, b))"),
        (lambda a, b: -a * -b, "mul(a, b)"),
        (lambda a, b: a / 1, "a"),
        (lambda a, b: a / 2, "div(a, 2)"),
        (lambda a, b: 0 - (0 - a), "a"),
    ],
)
def test_neutral_elements_and_double_signs_are_left_out(write, text, graph):
    assert repr(write(graph.symbol("state", "a"), graph.symbol("state", "b"))) == text


def test_operations_of_numbers_are_computed(graph):
    two, three = graph.constant(2.0), graph.constant(3.0)
    assert [(two + three).label, (two - three).label, (two * three).label, (-two).label] == [5, -1, 6, -2]


def test_division_by_zero_is_a_mistake_of_the_equation(graph):
    with pytest.raises(EquationError, match=r"example\.update: a is divided by 0"):
        graph.symbol("state", "a") / 0


def test_eigenvalues_of_a_linear_recurrent_unit_are_in_a_ring():
    cell = LRUCell(2, 400)
    params = Parameters(cell.shapes(), dtype=np.float64)
    made = type(cell.init)(low=0.5, high=0.9, phase=1.0)
    made(cell, params, np.random.default_rng(0))
    radius, phase = np.exp(-np.exp(params["nu"])), np.exp(params["theta"])
    assert 0.5 <= radius.min() < 0.52
    assert 0.88 < radius.max() <= 0.9
    assert np.mean(radius**2) == pytest.approx((0.5**2 + 0.9**2) / 2, abs=0.02)  # uniform in the area
    assert 0 < phase.min() < 0.01
    assert 0.99 < phase.max() <= 1
    np.testing.assert_allclose(np.exp(params["gamma"]), np.sqrt(1 - radius**2), rtol=1e-12)
    at_zero = SimpleNamespace(hidden_size=3)
    one = Parameters({"nu": (3,), "gamma": (3,)}, dtype=np.float64)
    type(cell.init)(low=0.0, high=1e-9)(at_zero, one, np.random.default_rng(0))
    np.testing.assert_allclose(np.exp(-np.exp(one["nu"])), 1e-3)  # no smaller, so that its logarithm is finite


@pytest.mark.parametrize(
    ("options", "name"),
    [({"low": -0.1}, "low"), ({"low": 1.0}, "low"), ({"low": 0.5, "high": 0.5}, "high"), ({"high": 1.0}, "high")],
)
@pytest.mark.parametrize("more", [{}, {"phase": math.pi}])
def test_the_ring_of_eigenvalues_is_within_the_unit_circle(options, name, more):
    with pytest.raises(ValueError, match=f"{name} must be"):
        type(LRUCell(2, 3).init)(**options, **more)


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_the_decay_of_a_context_is_from_0_to_1(decay):
    with pytest.raises(ValueError, match="decay must be"):
        cells.JordanCell(2, 3, 2, decay=decay)


def test_a_stack_has_the_output_of_its_last_cell():
    stack = cells.Stack((cells.ElmanCell(2, 3), cells.ElmanCell(3, 5)))
    assert (stack.output_size, stack.state_size, stack.input_size) == (5, 8, 2)
