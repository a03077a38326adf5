"""Random declarations over whole sequences: what is generated for NumPy and for the compiler equals the loop."""

import numpy as np
import pytest
from helpers import relative_error
from interpreted import interpreted
from random_equations import RandomEquation

from rnnbp.core import Parameters
from rnnbp.kernels.arrays.kernel import ArrayKernel
from rnnbp.kernels.compiled import kernel as compiled
from rnnbp.kernels.loop import Loop

SEEDS = [*range(24), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(24, 60))]
ACTIVE = np.array([3, 2, 2, 1])


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
    cell = RandomEquation(rng, operations=int(rng.integers(2, 20))).cell(F, H)
    params = Parameters(cell.shapes(), dtype=np.float64)
    params.vector[:] = rng.uniform(-0.5, 0.5, params.size)
    x, state, d_final = (rng.standard_normal(shape) for shape in ((4, 3, F), *[(3, cell.state_size)] * 2))
    d_outputs = rng.standard_normal((4, 3, H)) * (np.arange(3) < ACTIVE[:, None])[..., None]
    expected = passes(Loop(cell), params, x, state, d_outputs, d_final)
    found = passes(kernel(cell, np.dtype(np.float64)), params, x, state, d_outputs, d_final)
    for a, b in zip(found, expected, strict=True):
        assert relative_error(a, b) < 1e-11
