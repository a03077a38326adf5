"""Compiled iterations towards fixed points: every cell, solver and dtype gives what the solvers in NumPy give."""

import numpy as np
import pytest
from helpers import CELLS, made
from random_equations import RandomEquation

from rnnbp import kernels
from rnnbp.cells import ElmanCell, LSTMCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.gradients.adjoint_function import AdjointFunction
from rnnbp.layers import FixedPoint
from rnnbp.layers.constant_input import step_at, transposed_jacobian
from rnnbp.layers.fixed_point_iterations import StepFunction
from rnnbp.solvers import GMRES, Accept, Anderson, Broyden, Damped, Iteration, Relaxation, Tolerance

pytest.importorskip("numba")

DECLARED = {name: cell for name, cell in CELLS.items() if isinstance(cell, DeclaredCell)}
ROWS = 70  # more than are iterated together
ONCE = Tolerance(0, 0, iterations=1)


def arguments(cell, dtype, rng, rows=ROWS):
    """Return weights of half the size, states, inputs and cotangents."""
    weights = {name: (0.5 * w).astype(dtype) for name, w in made(cell).items()}
    sizes = cell.state_size, cell.input_size, cell.state_size
    return weights, *(rng.standard_normal((rows, size)).astype(dtype) for size in sizes)


def by_both(solve):
    """Return what a function returns with compiled iterations and with NumPy's."""
    found = []
    for backend in ("compiled", "numpy"):
        with kernels.using(backend):
            found.append(solve())
    return found


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("name", DECLARED)
def test_one_iteration_is_the_step_and_its_product(name, dtype, tolerance, rng):
    cell = DECLARED[name]
    weights, state, x, d = arguments(cell, dtype, rng)
    expected, residuals = cell.step(weights, state, x)
    with kernels.using("compiled"):
        found = StepFunction(cell, weights, x).solve(Iteration(), state, ONCE, 1.0)
        np.testing.assert_allclose(found.z, expected, rtol=0, atol=tolerance)
        assert found.z.dtype == dtype
        adjoint = AdjointFunction(transposed_jacobian(cell, weights, state, x, residuals), d)
        found = adjoint.solve(Iteration(), expected, ONCE, 1.0)
    product = cell.step_vjp(weights, state, x, residuals, expected)[0]
    np.testing.assert_allclose(found.z, product + d, rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", [*range(40), *(pytest.param(s, marks=pytest.mark.slow) for s in range(40, 130))])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_instructions_of_a_random_equation_compute_its_step_and_its_product(seed):
    rng = np.random.default_rng(seed)
    cell = RandomEquation(rng, operations=int(rng.integers(2, 20))).cell()
    weights, state, x, d = arguments(cell, np.float64, rng, rows=3)
    expected, residuals = cell.step(weights, state, x)
    adjoint = AdjointFunction(transposed_jacobian(cell, weights, state, x, residuals), d)
    product = cell.step_vjp(weights, state, x, residuals, state)[0] + d
    with kernels.using("compiled"):
        found = StepFunction(cell, weights, x).solve(Iteration(), state, ONCE, 1.0).z
        of_adjoint = adjoint.solve(Iteration(), state, ONCE, 1.0).z
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(of_adjoint, product, rtol=1e-10, atol=1e-10 * max(1, np.abs(product).max()))


SOLVERS = [Iteration(), Damped(0.6), Relaxation(), Anderson(), Anderson(2, 0.7), Broyden(), Broyden(3)]


@pytest.mark.parametrize("tolerance", [Tolerance(1e-9, 0), Tolerance(1e-12, 1e-9), Tolerance(0, 0, 4)], ids=str)
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_compiled_solvers_take_the_iterations_of_those_in_numpy(solver, tolerance, rng):
    cell = LSTMCell(3, 5)  # parts that are no multiple of the vector width
    weights, state, x, _ = arguments(cell, np.float64, rng)

    def solve():
        function = StepFunction(cell, weights, x)
        return function.solve(solver, state, tolerance, 1.0), function.evaluations

    (compiled, evaluations), (numpy, others) = by_both(solve)
    assert len(set(numpy.iterations)) > 1 or tolerance.iterations == 4
    np.testing.assert_array_equal(compiled.iterations, numpy.iterations)
    np.testing.assert_array_equal(compiled.converged, numpy.converged)
    np.testing.assert_allclose(compiled.z, numpy.z, rtol=0, atol=1e-11)
    np.testing.assert_allclose(compiled.residual, numpy.residual, rtol=1e-3, atol=1e-14)
    assert evaluations == others == (numpy.iterations + 1).sum()


@pytest.mark.parametrize("solver", [GMRES(), GMRES(3), Anderson(), Broyden(), Relaxation()], ids=str)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, Tolerance(1e-12, 1e-12)), (np.float32, Tolerance(1e-5, 0))], ids=str
)
def test_adjoints_are_those_of_numpy(solver, dtype, tolerance, rng):
    cell = ElmanCell(3, 20)
    weights, state, x, d = arguments(cell, dtype, rng)
    _, residuals = cell.step(weights, state, x)

    def solve():
        function = AdjointFunction(transposed_jacobian(cell, weights, state, x, residuals), d)
        return function.solve(solver, d, tolerance, 1.0)

    compiled, numpy = by_both(solve)
    assert compiled.converged.all()
    np.testing.assert_allclose(compiled.z, numpy.z, rtol=0, atol=10 * tolerance.absolute)
    assert np.abs(compiled.iterations - numpy.iterations).max() <= (solver == GMRES(3) or dtype == np.float32)


def test_rows_do_not_depend_on_the_rows_that_are_solved_with_them(rng):
    cell = ElmanCell(3, 20)
    weights, state, x, _ = arguments(cell, np.float32, rng)
    weights["w_ih"][:] = 0  # the products with the input are NumPy's, which may round otherwise in other rows
    with kernels.using("compiled"):
        for solver in (Iteration(), Anderson(), Broyden(3)):
            together = StepFunction(cell, weights, x).solve(solver, state, Tolerance(), 1.0)
            for row in (0, 63, 64, 69):
                alone = StepFunction(cell, weights, x[[row]]).solve(solver, state[[row]], Tolerance(), 1.0)
                np.testing.assert_array_equal(alone.z[0], together.z[row])
                assert alone.iterations[0] == together.iterations[row]


@pytest.mark.parametrize("solver", [Iteration(), Anderson(), Broyden()], ids=str)
def test_divergence_is_reported_in_the_rows_that_diverge(solver):
    cell = ElmanCell(1, 2, "linear")
    weights = {"w_ih": np.ones((2, 1)), "w_hh": np.array([[1e200, 0], [0, 0.5]]), "b_ih": np.zeros(2)}
    weights["b_hh"] = np.zeros(2)
    start = np.array([[1e200, 0], [0, 0], [np.nan, 0]])
    with kernels.using("compiled"):
        found = StepFunction(cell, weights, np.zeros((3, 1))).solve(solver, start, Tolerance(), 1.0)
    np.testing.assert_array_equal(found.converged, [False, True, False])
    assert not np.isfinite(found.residual[[0, 2]]).any()


def test_no_rows_and_no_iterations_are_solved(rng):
    cell = ElmanCell(3, 4)
    weights, state, x, _ = arguments(cell, np.float64, rng)
    with kernels.using("compiled"):
        assert StepFunction(cell, weights, x[:0]).solve(Anderson(), state[:0], Tolerance(), 1.0).z.shape == (0, 4)
        found = StepFunction(cell, weights, x).solve(Anderson(), state, Tolerance(0, 0, 0), 1.0)
    np.testing.assert_array_equal(found.z, state)
    assert not found.converged.any()


class HalvedStep(ElmanCell):
    """A cell that does something else than its equation says."""

    def step(self, params, state, x):
        next_state, residuals = super().step(params, state, x)
        return next_state / 2, residuals


class OneIteration(Iteration):
    """A solver of a user's own."""

    def solve(self, function, start, tolerance):
        return super().solve(function, start, Tolerance(0, 0, iterations=1))


def test_what_a_subclass_overrides_is_not_left_out(rng):
    cell = HalvedStep(3, 4)
    weights, _, x, _ = arguments(cell, np.float64, rng)
    assert step_at(cell, weights, x).equation() is None
    layer = FixedPoint(ElmanCell(3, 4), OneIteration(), on_failure=Accept())
    params = made(layer)
    with kernels.using("compiled"):
        found = layer.solve(params, x[None])
    np.testing.assert_array_equal(found.iterations, 1)
