"""The step of declared cells at a constant input, and its product with a cotangent, as generated for fixed points."""

import numpy as np
import pytest
from helpers import CELLS, made

from rnnbp.cells import GRUCell
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.numpy_fixed_point import constant_operands, fixed_point_functions

DECLARED = {name: cell for name, cell in CELLS.items() if isinstance(cell, DeclaredCell)}


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("name", DECLARED)
def test_step_and_products_are_those_of_the_cell(name, dtype, rng):
    cell, rows = DECLARED[name], 5
    functions, constants = fixed_point_functions(cell.derivation.program), cell.constants
    state, d, x = (
        rng.standard_normal((rows, n)).astype(dtype) for n in (cell.state_size, cell.state_size, cell.input_size)
    )
    if dtype == np.complex128:
        state = state + 1e-30j * rng.standard_normal(state.shape)
    params = dict(made(cell).items())
    weights = cell.with_constrained(params) if isinstance(cell, ConstrainedCell) else params
    expected, residuals = cell.step(params, state, x)
    given = functions["given"](weights, state, x, constants)
    next_state, found = functions["step"](weights, state, given, constants)
    np.testing.assert_allclose(next_state, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(np.concatenate([state[:, :0], *found], axis=-1), residuals, rtol=1e-14, atol=1e-15)
    factors = functions["factors"](weights, state, residuals, constants)
    d_state = functions["state_vjp"](weights, factors, d, constants)
    np.testing.assert_allclose(d_state, cell.step_vjp(params, state, x, residuals, d)[0], rtol=1e-12, atol=1e-14)


def test_products_with_the_input_are_not_computed_in_every_iteration():
    program = GRUCell(2, 3).derivation.program
    given = constant_operands(program.equation.results.values(), ["state"])
    assert [value.op for value in given] == ["weighted"] * 3
    assert all(value.args == (program.equation.x,) for value in given)
