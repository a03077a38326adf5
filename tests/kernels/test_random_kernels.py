"""Random declarations over whole sequences: what is generated for NumPy and for the compiler equals the loop."""

import numpy as np
import pytest
from helpers import relative_error
from interpreted import interpreted
from random_equations import RandomEquation

from rnnbp.cells.declared import DeclaredCell, affine, linear, tanh
from rnnbp.core import Parameters
from rnnbp.kernels.arrays.kernel import ArrayKernel
from rnnbp.kernels.compiled import kernel as compiled
from rnnbp.kernels.loop import Loop

SEEDS = [*range(24), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(24, 60))]
ACTIVE = np.array([3, 2, 2, 1])

# Cells whose states are passed on: cotangents that are those of other values, which must not be overwritten too early.
PASSED_ON = {
    "a delay": ("h c", lambda x, h, c: (tanh(affine("h", x, c)), h)),
    "a delay of two steps": ("h c d", lambda x, h, c, d: (c + tanh(affine("a", x)), d, h)),
    "an exchange": ("h c", lambda x, h, c: (c + affine("a", x), h + affine("b", x, c))),
    "twice the same": ("h c", lambda x, h, c: (h + c + linear("a", x), h + c + linear("a", x))),
}


def passes(kernel, params, x, state, d_outputs, d_final):
    """Return all that a kernel computes."""
    outputs, residuals, final = (
        np.copy(a) if isinstance(a, np.ndarray) else a for a in kernel.forward(params, x, ACTIVE, state)
    )
    grad, again = params.zeros(), params.zeros()
    dx, d_state = kernel.backward(params, residuals, d_outputs, grad, d_final)
    residuals = kernel.forward(params, x, ACTIVE, state)[1]
    alone = kernel.backward_params(params, residuals, d_outputs, again, d_final)
    return outputs, final, np.copy(dx), np.copy(d_state), grad.vector, np.copy(alone), again.vector


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kernel", [ArrayKernel, compiled.CompiledKernel])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_generated_for_a_random_equation_equals_the_loop(kernel, seed, monkeypatch):
    monkeypatch.setattr(compiled, "module_of", interpreted)
    rng = np.random.default_rng(seed)
    F, H = int(rng.choice([1, 3, 8])), int(rng.choice([1, 3, 4, 5, 8, 9, 16]))  # also no multiples of vector widths
    check_equals_the_loop(kernel, RandomEquation(rng, operations=int(rng.integers(2, 20))).cell(F, H), rng)


@pytest.mark.parametrize("name", PASSED_ON)
@pytest.mark.parametrize("kernel", [ArrayKernel, compiled.CompiledKernel])
def test_what_is_generated_for_states_that_are_passed_on_equals_the_loop(kernel, name, rng, monkeypatch):
    monkeypatch.setattr(compiled, "module_of", interpreted)
    state, update = PASSED_ON[name]
    attributes = {"update": staticmethod(update), "state": state, "__annotations__": {}}
    check_equals_the_loop(kernel, type("PassedOn", (DeclaredCell,), attributes)(3, 4), rng)


def check_equals_the_loop(kernel, cell, rng):
    F, H = cell.input_size, cell.hidden_size
    params = Parameters(cell.shapes(), dtype=np.float64)
    params.vector[:] = rng.uniform(-0.5, 0.5, params.size)
    x, state, d_final = (rng.standard_normal(shape) for shape in ((4, 3, F), *[(3, cell.state_size)] * 2))
    d_outputs = rng.standard_normal((4, 3, H)) * (np.arange(3) < ACTIVE[:, None])[..., None]
    expected = passes(Loop(cell), params, x, state, d_outputs, d_final)
    found = passes(kernel(cell, np.dtype(np.float64)), params, x, state, d_outputs, d_final)
    for a, b in zip(found, expected, strict=True):
        assert relative_error(a, b) < 1e-11
