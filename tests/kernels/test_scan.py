"""Linear recurrences in chunks side by side have the outputs, states and gradients of one run."""

import numpy as np
import pytest
from helpers import relative_error
from test_kernels import Case

from rnnbp import cells
from rnnbp.cells.declared import DeclaredCell, affine, relu, sigmoid, stop_gradient, tanh
from rnnbp.cells.declared.linear_recurrence import linear_states
from rnnbp.kernels import BACKENDS
from rnnbp.kernels.arrays import scan
from rnnbp.kernels.arrays.scan import Scan, chunk_length
from rnnbp.kernels.loop import Loop


def numpy_kernel(cell):
    return BACKENDS["numpy"](cell, np.dtype(float))


LINEAR = (cells.DiagonalLinearCell, cells.LRUCell, cells.MinGRUCell, cells.MinLSTMCell, cells.QRNNCell)


@pytest.fixture
def short_chunks(monkeypatch):
    """Cut all sequences into chunks of about four steps."""
    monkeypatch.setattr(scan, "chunk_length", lambda steps, width: min(4, steps))


@pytest.mark.parametrize("lengths", [[17, 17, 17], [21, 20, 16, 5, 4, 1, 0], [3, 2], [0]], ids=str)
@pytest.mark.parametrize("cell", LINEAR)
def test_chunks_give_the_numbers_of_the_loop(cell, lengths, short_chunks):
    case = Case.random(cell(3, 5), lengths)
    kernel = numpy_kernel(case.cell)
    assert isinstance(kernel, Scan)
    for found, expected in zip(case.run(kernel), case.run(Loop(case.cell)), strict=True):
        assert relative_error(found, expected) < 1e-12
    assert relative_error(case.previous_states(kernel), case.previous_states(Loop(case.cell))) < 1e-12


@pytest.mark.parametrize("cell", LINEAR)
def test_backward_params_in_chunks_equals_backward_without_dx(cell, short_chunks):
    case = Case.random(cell(3, 5), [17, 9])
    kernel, weights, grad = (
        numpy_kernel(case.cell),
        dict(case.params.items()),
        case.params.zeros(),
    )
    _, _, _, d_state, vector = case.run(kernel)
    _, residuals, _ = kernel.forward(weights, case.x, case.active, case.state)
    alone = kernel.backward_params(weights, residuals, case.d_outputs, grad, case.d_state)
    np.testing.assert_allclose(alone, d_state, rtol=1e-13)
    np.testing.assert_allclose(grad.vector, vector, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("cell", LINEAR)
def test_float32_is_preserved_in_chunks(cell, short_chunks):
    case = Case.random(cell(3, 5), [17, 9], dtype=np.float32)
    found, expected = case.run(BACKENDS["numpy"](case.cell, np.dtype("f4"))), case.run(Loop(case.cell))
    assert all(a.dtype == np.float32 for a in found)
    assert max(relative_error(a, b) for a, b in zip(found, expected, strict=True)) < 1e-5


def test_only_few_long_sequences_are_cut():
    case = Case.random(cells.MinGRUCell(2, 3), [600, 600])
    kernel = numpy_kernel(case.cell)
    _, residuals, _ = kernel.forward(dict(case.params.items()), case.x, case.active, case.state)
    assert (residuals.chunks.steps, residuals.chunks.count) == (24, 25)
    _, residuals, _ = kernel.forward(dict(case.params.items()), case.x[:500], case.active[:500], case.state)
    assert residuals.chunks is None
    assert chunk_length(600, 1000) == 600


class Coupled(DeclaredCell):
    """Two states, of which each is affine in both, and an output of both."""

    state = "y a b"

    @staticmethod
    def update(x, a, b):
        f = sigmoid(affine("f", x))
        a_next, b_next = f * (a - b) + tanh(affine("i", x)), (1 - f) * a + b / (1 + f)
        return relu(a_next * b_next), a_next, b_next


def test_affine_states_are_found_whatever_the_outputs_are(short_chunks):
    case = Case.random(Coupled(3, 4), [18, 11])
    assert linear_states(case.cell.derivation.program) == slice(1, 3)
    for found, expected in zip(case.run(numpy_kernel(case.cell)), case.run(Loop(case.cell)), strict=True):
        assert relative_error(found, expected) < 1e-12


@pytest.mark.parametrize(
    "update",
    [
        lambda x, h: tanh(affine("h", x)) * h * h,
        lambda x, h: affine("h", x, h),
        lambda x, h: h / (2 + sigmoid(h)) + affine("h", x),
        lambda x, h: relu(h) + affine("h", x),
        lambda x, h: stop_gradient(h) + affine("h", x),
    ],
)
def test_other_recurrences_are_not_linear_unit_by_unit(update):
    cell = type("Other", (DeclaredCell,), {"update": staticmethod(update), "__module__": __name__})
    assert linear_states(cell(2, 3).derivation.program) is None


def test_gates_that_see_the_state_are_not_linear():
    for cell in (cells.ElmanCell, cells.LSTMCell, cells.GRUCell, cells.SRUCell, cells.IndRNNCell):
        assert linear_states(cell(2, 3).derivation.program) is None
