"""Faults planted in the reverse pass of declared cells are found by the complex step: tests that can fail."""

import inspect
from dataclasses import replace

import declarations
import numpy as np
import pytest
from helpers import relative_error
from test_cells import drawn

import rnnbp.cells
from rnnbp.cells.declared import DeclaredCell, derivation, layout, numpy_step, residuals, reverse
from rnnbp.cells.declared.reverse import PARTIAL_DERIVATIVES, Cotangent

CELLS = [
    *(rnnbp.cells.LSTMCell, rnnbp.cells.GRUCell, rnnbp.cells.OriginalGRUCell, rnnbp.cells.ElmanCell),
    *(rnnbp.cells.LeakyElmanCell, rnnbp.cells.ALIFCell),
    *(
        cell
        for _, cell in inspect.getmembers(declarations, inspect.isclass)
        if issubclass(cell, DeclaredCell) and cell is not DeclaredCell
    ),
]


def negated(op, place):
    """The sign of one partial derivative."""

    def plant(monkeypatch):
        true = PARTIAL_DERIVATIVES[op]

        def wrong(y, *args):
            return tuple(-d if k == place else d for k, d in enumerate(true(y, *args)))

        monkeypatch.setitem(PARTIAL_DERIVATIVES, op, wrong)

    return plant


def replaced(op, function):
    """Another formula for the partial derivatives of an operation."""
    return lambda monkeypatch: monkeypatch.setitem(PARTIAL_DERIVATIVES, op, function)


def overwriting(monkeypatch):
    """A value that is used twice: the last cotangent in place of the sum."""

    def wrong(terms, node, cotangent):
        terms.setdefault(node, {})[cotangent.root] = cotangent.factor

    monkeypatch.setattr(reverse, "_add", wrong)


def first_root_alone(monkeypatch):
    """Cotangents with different roots: the first in place of the sum."""
    monkeypatch.setattr(reverse, "_merged", lambda graph, terms: Cotangent(*next(iter(terms.items()))))


def no_terms_beside_weights(monkeypatch):
    """The state's cotangent through weights alone."""
    true = reverse.Reverse.d_state

    def wrong(self, name, symbol):
        return self.products[symbol] if symbol in self.products else true(self, name, symbol)

    monkeypatch.setattr(reverse.Reverse, "d_state", wrong)


def no_weights(monkeypatch):
    """The state's cotangent without that through weights."""

    def wrong(self, name, symbol):
        return reverse.total(symbol.graph, [term.value for term in self.states[name]])

    monkeypatch.setattr(reverse.Reverse, "d_state", wrong)


def next_column(monkeypatch):
    """The second gate's weights multiplied by the cotangent of the first."""
    true = layout.layout_of

    def wrong(equation, found):
        right = true(equation, found)
        blocks = tuple(replace(block, column=0) if block.column == 1 else block for block in right.blocks)
        return replace(right, blocks=blocks)

    monkeypatch.setattr("rnnbp.cells.declared.program.layout_of", wrong)


def reversed_residuals(monkeypatch):
    """Stored values that are read in another order than they are written."""
    true = numpy_step.StepVJP.source

    def wrong(self):
        source = true(self)
        before, sign, after = source.partition(" = blocks(residuals")
        if not sign:  # a single one
            return source
        lines = before.split("\n")
        lines[-1] = "    " + ", ".join(reversed(lines[-1].strip().split(", ")))
        return "\n".join(lines) + sign + after

    monkeypatch.setattr(numpy_step.StepVJP, "source", wrong)


FAULTS = {
    **{f"sign of {op} {place}": negated(op, place) for op in ("add", "sub", "mul", "div") for place in (0, 1)},
    **{
        f"sign of {op}": negated(op, 0)
        for op in ("neg", "sigmoid", "tanh", "relu", "exp", "softplus", "maximum", "spike", "sin", "cos")
    },
    "sigmoid without 1 - y": replaced("sigmoid", lambda y, a: (y,)),
    "tanh with y for y y": replaced("tanh", lambda y, a: (1 - y,)),
    "tanh without its derivative": replaced("tanh", lambda y, a: (1,)),
    "relu that always passes": replaced("relu", lambda y, a: (1,)),
    "factors exchanged": replaced("mul", lambda y, a, b: (a, b)),
    "second factor constant": replaced("mul", lambda y, a, b: (b, 0)),
    "quotient without its square": replaced("div", lambda y, a, b: (1 / b, -y)),
    "softplus through its value": replaced("softplus", lambda y, a: (y,)),
    "stop_gradient that does not": replaced("stop_gradient", lambda y, a: (1,)),
    "overwriting": overwriting,
    "first root alone": first_root_alone,
    "no terms beside weights": no_terms_beside_weights,
    "no weights": no_weights,
    "the column of another gate": next_column,
    "reversed residuals": reversed_residuals,
}


@pytest.fixture
def derived_afresh():
    """Derive before and after the fault, so that no other test meets it."""
    derivation.derived.cache_clear()
    yield
    derivation.derived.cache_clear()


def worst(cell):
    """The greatest error of the vector-Jacobian products against the complex step."""
    rng = np.random.default_rng(0)
    p, state, x = drawn(cell, rng, (3,))
    state = np.abs(state)
    weights = rng.standard_normal(state.shape)

    def value(vector):
        params, s, u = np.split(vector, np.cumsum([p.size, state.size]))
        return np.sum(weights * cell.step(p.like(params), s.reshape(state.shape), u.reshape(x.shape))[0])

    point = np.concatenate([p.vector, state.ravel(), x.ravel()])
    expected = np.array([value(step).imag for step in point + 1e-30j * np.eye(point.size)]) / 1e-30
    grad, (_, residuals) = p.zeros(), cell.step(p, state, x)
    d_state, d_x, delta = cell.step_vjp(p, state, x, residuals, weights)
    cell.param_vjp(state, x, residuals, delta, grad)
    return relative_error(np.concatenate([grad.vector, d_state.ravel(), d_x.ravel()]), expected)


def test_without_a_fault_every_cell_agrees(derived_afresh):
    assert max(worst(make(2, 3)) for make in CELLS) < 1e-13


@pytest.mark.parametrize(
    "plant",
    [pytest.param(f, id=name, marks=[pytest.mark.slow] * (k % 3 > 0)) for k, (name, f) in enumerate(FAULTS.items())],
)
def test_a_fault_in_the_reverse_pass_is_found(plant, monkeypatch, derived_afresh):
    """By a wrong gradient of some cell, or by code that does not run."""
    plant(monkeypatch)
    try:
        assert max(worst(make(2, 3)) for make in CELLS) > 1e-3
    except NameError as error:
        assert "local variable" in str(error)  # noqa: PT017


def test_a_value_that_is_not_stored_is_found(monkeypatch, derived_afresh):
    """Each stored value left out in turn: generated code does not run without it."""
    true = residuals.stored_values
    for k in range(4):
        derivation.derived.cache_clear()
        monkeypatch.setattr(
            "rnnbp.cells.declared.program.stored_values", lambda *a, k=k: true(*a)[:k] + true(*a)[k + 1 :]
        )
        monkeypatch.setattr(layout.Layout, "gates", property(lambda self: ()))
        with pytest.raises((NameError, ValueError)):
            worst(rnnbp.cells.GRUCell(2, 3))
