"""Solvers: every solver on every problem, its statistics, the rows it evaluates, and failures to converge."""

from dataclasses import replace

import numpy as np
import pytest

from rnnbp.solvers import (
    GMRES,
    Anderson,
    Broyden,
    ConvergenceError,
    ConvergenceWarning,
    Damped,
    Direct,
    Iteration,
    Neumann,
    Newton,
    Raise,
    Relaxation,
    Solution,
    Solver,
    Tolerance,
    Warn,
    convergence_error,
    imaginary_scale,
    solve,
)

NONLINEAR = [Iteration(), Damped(0.7), Relaxation(2.0), Anderson(), Broyden(), Newton()]
LINEAR = [GMRES(), Direct()]
TIGHT = Tolerance(1e-12, 1e-12, iterations=2000)
R, S = 7, 5


def contraction(rng: np.random.Generator, radius: float = 0.8):
    """Return M (S, S) of spectral norm `radius` and b (R, S)."""
    M = rng.standard_normal((S, S))
    return M * (radius / np.linalg.norm(M, 2)), rng.standard_normal((R, S))


class Counted:
    """A function that counts its calls and the rows it evaluates."""

    def __init__(self, function):
        self.function, self.rows, self.calls = function, 0, 0

    def __call__(self, rows, z):
        self.rows += len(rows)
        self.calls += 1
        return self.function(rows, z)


def linear(M, b):
    return lambda rows, z: z @ M.T + b[rows]


def squashed(M, b):
    return lambda rows, z: np.tanh(z @ M.T + b[rows])


@pytest.mark.parametrize("solver", [*NONLINEAR, *LINEAR], ids=str)
def test_solution_of_a_linear_problem_is_its_closed_form(solver, rng):
    M, b = contraction(rng)
    found = solver.solve(linear(M, b), np.zeros((R, S)), TIGHT)
    assert found.converged.all()
    np.testing.assert_allclose(found.z, np.linalg.solve(np.eye(S) - M, b.T).T, rtol=0, atol=2e-11)


@pytest.mark.parametrize("solver", NONLINEAR, ids=str)
def test_a_row_takes_as_many_iterations_as_alone(solver, rng):
    """Rows converge one after another, from the first to the last, the others keeping what was learned of them."""
    M, b = contraction(rng)
    rates = np.linspace(0.1, 1.2, R)[:, None]
    together = solver.solve(lambda rows, z: np.tanh(rates[rows] * (z @ M.T) + b[rows]), np.zeros((R, S)), TIGHT)
    alone = [
        solver.solve(lambda _, z, r=r: np.tanh(rates[r] * (z @ M.T) + b[r]), np.zeros((1, S)), TIGHT).iterations[0]
        for r in range(R)
    ]
    assert len(set(alone)) > 2
    np.testing.assert_array_equal(together.iterations, alone)


@pytest.mark.parametrize("solver", NONLINEAR, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, TIGHT), (np.float32, Tolerance())])
def test_reported_residual_is_that_of_the_returned_state(solver, dtype, tolerance, rng):
    M, b = (a.astype(dtype) for a in contraction(rng))
    f = squashed(M, b)
    found = solver.solve(f, np.zeros((R, S), dtype), tolerance)
    assert found.z.dtype == dtype
    assert found.converged.all()
    residual = np.abs(f(np.arange(R), found.z) - found.z).max(axis=1)
    np.testing.assert_allclose(found.residual, residual, rtol=0, atol=4 * np.finfo(dtype).eps)
    assert tolerance.met(residual, found.z).all()


@pytest.mark.parametrize("solver", NONLINEAR, ids=str)
def test_complex_step_through_a_solver_is_the_implicit_derivative(solver, rng):
    M, b = contraction(rng)
    direction, h = rng.standard_normal((R, S)), 1e-30
    z = solve(solver, squashed(M, b + 1j * h * direction), np.zeros((R, S), complex), TIGHT, h).z
    J = (1 - z.real**2)[:, :, None] * M
    expected = np.linalg.solve(np.eye(S) - J, ((1 - z.real**2) * direction)[:, :, None])[:, :, 0]
    np.testing.assert_allclose(z.imag / h, expected, rtol=0, atol=1e-10)


def test_imaginary_scale_is_the_largest_imaginary_part_or_one():
    assert imaginary_scale(np.zeros(2)) == 1
    assert imaginary_scale(np.zeros(2, complex)) == 1
    assert imaginary_scale(np.array([1 - 3e-20j]), np.array([2e-20j])) == 3e-20


@pytest.mark.parametrize("solver", [Iteration(), Damped(0.5), Relaxation(1.0), Anderson(), Broyden()], ids=str)
def test_converged_rows_are_not_evaluated(solver):
    pull = np.array([[0.0], [0.3], [0.6], [0.9]])
    f = Counted(lambda rows, z: np.cos(pull[rows] * z))
    found = solver.solve(f, np.ones((4, 1)), Tolerance(1e-9, 0, 1000))
    assert len(set(found.iterations)) == 4
    assert f.calls == found.iterations.max() + 1
    assert f.rows == (found.iterations + 1).sum()


@pytest.mark.parametrize("solver", [Anderson(), Anderson(2), Broyden(), Broyden(3), Newton()], ids=str)
def test_rows_are_solved_independently(solver, rng):
    M, b = contraction(rng)
    together = solver.solve(squashed(M, b), np.zeros((R, S)), TIGHT)
    for r in range(R):
        alone = solver.solve(squashed(M, b[r : r + 1]), np.zeros((1, S)), TIGHT)
        np.testing.assert_allclose(alone.z[0], together.z[r], rtol=0, atol=1e-10)


def test_accelerated_solvers_take_fewer_iterations(rng):
    M, b = contraction(rng, 0.99)
    needed = {
        type(s).__name__: s.solve(linear(M, b), np.zeros((R, S)), TIGHT).iterations.max()
        for s in (Iteration(), Anderson(), Broyden(), Newton())
    }
    assert needed["Anderson"] < needed["Iteration"] / 2
    assert needed["Broyden"] < needed["Iteration"] / 2
    assert needed["Newton"] <= 5


def test_anderson_solves_a_linear_problem_of_its_memory_in_as_many_iterations(rng):
    M, b = contraction(rng)
    found = Anderson(memory=S).solve(linear(M, b), np.zeros((R, S)), Tolerance(1e-9, 0))
    assert found.iterations.max() <= S + 3  # like GMRES, plus iterations for the ridge (Walker & Ni 2011)


def test_other_solvers_converge_where_the_plain_iteration_oscillates():
    def oscillating(rows, z):
        return 4 - 2.5 * z

    assert not Iteration().solve(oscillating, np.zeros((1, 1)), Tolerance()).converged[0]
    for solver in (Damped(0.4), Relaxation(0.5), Anderson(), Broyden(), Newton(), GMRES(), Direct()):
        np.testing.assert_allclose(solver.solve(oscillating, np.zeros((1, 1)), Tolerance()).z, 4 / 3.5, atol=1e-4)


def test_newton_halves_a_step_that_increases_the_residual():
    def f(rows, z):  # its Newton steps from 3 alternate with growing size: f(z) - z = -arctan(z)
        return z - np.arctan(z)

    found = Newton().solve(f, np.full((2, 1), 3.0) * [[1], [0.1]], TIGHT)
    assert found.converged.all()
    np.testing.assert_allclose(found.z, 0, atol=1e-11)


def test_relaxation_follows_the_differential_equation():
    found = Relaxation(0.01).solve(lambda rows, z: 0 * z + 2, np.zeros((1, 1)), Tolerance(0, 0, iterations=100))
    np.testing.assert_allclose(found.z, 2 * (1 - np.exp(-1)), rtol=1e-12)  # dz/dt = 2 - z, for one time constant


@pytest.mark.parametrize("terms", [1, 2, 5])
def test_neumann_returns_the_truncated_series(terms, rng):
    M, b = contraction(rng)
    f = Counted(linear(M, b))
    found = Neumann(terms).solve(f, b, TIGHT)
    series = sum(b @ np.linalg.matrix_power(M.T, k) for k in range(terms))
    np.testing.assert_allclose(found.z, series, rtol=0, atol=1e-14)
    assert f.calls == terms - 1
    assert np.isnan(found.residual).all()


def test_iteration_limit_and_divergence_are_reported():
    found = Iteration().solve(lambda rows, z: 2 * z + 1, np.zeros((3, 1)), Tolerance(iterations=4))
    assert not found.converged.any()
    np.testing.assert_array_equal(found.iterations, 4)
    np.testing.assert_array_equal(found.z, 15)
    np.testing.assert_array_equal(found.residual, 16)
    diverged = Iteration().solve(lambda rows, z: z * z + 10, np.zeros((3, 1)), Tolerance())
    assert not diverged.converged.any()
    assert diverged.iterations.max() < 20
    assert not np.isfinite(diverged.residual).any()


def test_start_at_a_fixed_point_is_returned_unchanged():
    start = np.full((2, 3), 0.25)
    found = Anderson().solve(lambda rows, z: z, start, TIGHT)
    np.testing.assert_array_equal(found.z, start)
    np.testing.assert_array_equal(found.iterations, 0)
    assert not len(Iteration().solve(lambda rows, z: z, np.zeros((0, 3)), TIGHT).z)


def test_singular_linear_system_does_not_converge():
    found = Direct().solve(lambda rows, z: z + 1, np.zeros((1, 1)), Tolerance())
    assert not found.converged[0]


def test_error_names_the_worst_row_and_what_to_do():
    solution = Solution(
        np.zeros((3, 1)), np.array([4, 4, 4]), np.array([0.0, 2.0, 1.0]), np.array([True, False, False])
    )
    error = convergence_error("fixed points", Iteration(), Tolerance(), solution, "row {}".format, lambda row: 1.5)
    assert isinstance(error, ConvergenceError)
    assert error.spectral_radius == 1.5
    assert error.solution is solution
    text = str(error)
    for part in (
        "2 of 3 fixed points",
        "Iteration()",
        "500 iterations",
        "row 1",
        "residual of 2 ",
        "spectral radius 1.5",
    ):
        assert part in text
    assert "contracting" in text
    far = convergence_error("adjoints", Iteration(), Tolerance(), solution, "row {}".format, lambda row: 0.99)
    assert "far from a fixed point" in str(far)
    near = replace(solution, z=np.full((3, 1), 30.0))
    slow = convergence_error("adjoints", Iteration(), Tolerance(), near, "row {}".format, lambda row: 0.99)
    assert "Below 1 it can converge: allow more iterations" in str(slow)
    nonfinite = replace(solution, residual=np.array([0.0, np.nan, 1.0]))
    assert "far from a fixed point" in str(
        convergence_error("adjoints", Iteration(), Tolerance(), nonfinite, "row {}".format, lambda row: 0.99)
    )
    with pytest.raises(ConvergenceError, match="2 of 3"):
        Raise()(error)
    with pytest.warns(ConvergenceWarning, match="2 of 3"):
        Warn()(error)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Damped(0), "rate must be a number above 0 and at most 1, got 0"),
        (lambda: Damped(1.5), "rate must be a number above 0"),
        (lambda: Relaxation(-1), "step must be a number above 0, got -1"),
        (lambda: Anderson(0), "memory must be a positive integer, got 0"),
        (lambda: Anderson(mixing=2), "mixing must be"),
        (lambda: Broyden(0), "memory must be a positive integer"),
        (lambda: Newton(0), "krylov must be a positive integer"),
        (lambda: GMRES(-1), "krylov must be a positive integer"),
        (lambda: Neumann(0), "terms must be a positive integer, got 0"),
        (lambda: Tolerance(absolute=-1), "absolute must be a number of 0 or more, got -1"),
        (lambda: Tolerance(relative=np.nan), "relative must be a number"),
        (lambda: Tolerance(iterations=-1), "iterations must be an integer of 0 or more"),
    ],
)
def test_arguments_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_solver_without_a_search_raises_not_implemented():
    with pytest.raises(NotImplementedError, match="Solver does not define search"):
        Solver().solve(lambda rows, z: z, np.zeros((1, 1)), Tolerance())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gmres_solves_a_rotation_whose_residual_stagnates(dtype):
    """(I - M) v is orthogonal to v here, so that a step along the residual does not decrease it."""
    turn = np.array([[0, 1], [-1, 0]], dtype)
    M, b = np.eye(2, dtype=dtype) - turn, np.array([[1, 2], [3e9, -1e9], [1e-20, 0]], dtype)
    found = GMRES().solve(linear(M, b), np.zeros((3, 2), dtype), Tolerance(0, 1e-5))
    assert found.converged.all()
    np.testing.assert_allclose(found.z, b @ turn, rtol=1e-4)


def test_gmres_takes_as_many_products_as_the_krylov_space_needs(rng):
    M, b = contraction(rng)
    f = Counted(linear(M, b))
    GMRES().solve(f, np.zeros((R, S)), Tolerance(1e-4, 0))
    assert f.calls <= S + 2  # before and after S products


def test_constant_rows_are_passed_as_the_same_array_that_cannot_be_written_to():
    seen = []

    def f(rows, z):
        seen.append(rows)
        return np.cos(np.array([[0.0], [0.9]])[rows] * z)

    Iteration().solve(f, np.ones((2, 1)), Tolerance())
    assert len({id(rows) for rows in seen}) == 2
    assert not any(rows.flags.writeable for rows in seen)
