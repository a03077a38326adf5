"""The FixedPoint layer: its fixed points, solver statistics, backward pass through the iterations, and errors."""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, leaves, made, padded, real, relative_error, spans_of
from pairs import each, pairs, slow_but

import rnnbp
from rnnbp.cells import Cell, ElmanCell, GRUCell
from rnnbp.core import Parameters
from rnnbp.gradients import check_gradient
from rnnbp.layers import FixedPoint, Run
from rnnbp.solvers import (
    Accept,
    Anderson,
    Broyden,
    ConvergenceError,
    ConvergenceWarning,
    Damped,
    Iteration,
    Neumann,
    Newton,
    Relaxation,
    SpectralProjection,
    Tolerance,
    Warn,
)
from rnnbp.solvers.contraction import check_names, spectral_radius

TIGHT = Tolerance(1e-12, 1e-12, iterations=2000)
SOLVERS = [Iteration(), Damped(0.8), Relaxation(2.0), Anderson(), Broyden(), Newton()]
WITH_RATE = SOLVERS[:3]


@dataclass(frozen=True)
class CountingCell:
    """A cell that counts the rows of each of its steps."""

    cell: Cell
    rows: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.cell, name)

    def step(self, params, state, x):
        self.rows.append(len(state))
        return self.cell.step(params, state, x)


def contracting(cell, dtype=np.float64) -> Parameters:
    """Return half of the cell's initial parameters, so that the step is a contraction."""
    params = made(cell)
    params.vector *= 0.5
    return params.astype(dtype)


def largest_relative_error(report) -> float:
    """Return the largest error relative to the largest entry of the whole gradient.

    Some parameters (of a gate that sets the rate of the state) do not affect the fixed point: their gradient is zero
    up to the tolerance of the solver, and an error relative to it would say nothing.
    """
    table = report.table
    return float((table["computed"] - table["expected"]).abs().max() / table["expected"].abs().max())


def oscillating() -> tuple[ElmanCell, Parameters]:
    """Return a cell and parameters whose state oscillates between -1 and 1."""
    cell = ElmanCell(3, 4)
    params = made(cell)
    params["w_hh"] = -3 * np.eye(4)
    return cell, params


@pytest.mark.parametrize(("name", "solver", "lengths"), pairs(CELLS, SOLVERS, LENGTHS), ids=str)
def test_every_state_is_a_fixed_point_of_its_step(name, lengths, solver, rng):
    cell, lengths = CELLS[name], LENGTHS[lengths]
    x = padded(lengths, rng)
    layer, params = FixedPoint(cell, solver, TIGHT), contracting(cell)
    found = layer.solve(params, x, lengths)
    running = np.arange(6)[:, None] < lengths
    again, _ = cell.step(params, found.state, x)
    assert np.abs(again - found.state)[running].max() < 4e-12
    assert found.converged[running].all()
    assert not found.state[~running].any()
    assert (found.iterations[running] > 0).all()
    assert not found.iterations[~running].any()
    np.testing.assert_array_equal(found.last, found.state[lengths - 1, range(3)])
    y, _, state = layer.forward(params, x, Run(lengths))
    np.testing.assert_array_equal(y, found.state[:, :, : cell.output_size])
    assert state is None


@pytest.mark.parametrize("solver", [Iteration(), Anderson(), Newton()], ids=str)
def test_float32_parameters_give_float32_fixed_points(solver, rng):
    cell = GRUCell(3, 4)
    layer, x = FixedPoint(cell, solver), rng.standard_normal((2, 3, 3)).astype(np.float32)
    y, _, _ = layer.forward(contracting(cell, np.float32), x, Run(np.array([2, 2, 1])))
    assert y.dtype == np.float32
    exact = FixedPoint(cell, solver, TIGHT).solve(contracting(cell, np.float32).astype(np.float64), x, [2, 2, 1]).state
    np.testing.assert_allclose(y, exact, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "solver", "warm_start"), each(CELLS, [*WITH_RATE, Iteration()], [False] * 3 + [True]), ids=str
)
def test_backward_pass_through_the_iterations_is_exact(name, solver, warm_start):
    layer = FixedPoint(CELLS[name], solver, Tolerance(1e-13, 1e-13, iterations=2000), warm_start)
    report = check_gradient(layer, samples=2)
    assert largest_relative_error(report) < 1e-9, report


@pytest.mark.parametrize(
    ("solver", "iterations"), slow_but(each(WITH_RATE, [1, 2, 5]), product(WITH_RATE, [1, 2, 5])), ids=str
)
def test_backward_pass_through_unconverged_iterations_is_exact(solver, iterations):
    # without convergence the layer is a feedforward network of that many layers, differentiated as such
    tolerance = Tolerance(0, 0, iterations)
    for warm_start in (False, True):
        layer = FixedPoint(CELLS["a user's"], solver, tolerance, warm_start, Accept())
        report = check_gradient(layer, tolerance=1e-12)
        assert report.ok, report


def test_gradient_of_a_fixed_point_is_as_exact_as_its_tolerance():
    errors = [
        check_gradient(FixedPoint(ElmanCell(3, 4), tolerance=Tolerance(t, t))).max_error for t in (1e-6, 1e-9, 1e-15)
    ]
    assert errors[2] < 1e-12 < errors[1] < 1e-7 < errors[0] < 1e-3


def test_iterations_equal_a_recurrent_layer_with_constant_input(rng):
    cell, x = ElmanCell(3, 4), rng.standard_normal((1, 2, 3))
    params = made(cell)
    layer = FixedPoint(cell, tolerance=Tolerance(0, 0, iterations=5), on_failure=Accept())
    y, _, _ = layer.forward(params, x, Run(np.ones(2, int)))
    over_time, _, _ = rnnbp.Recurrent(cell).forward(params, np.repeat(x, 5, axis=0), Run(np.full(2, 5)))
    np.testing.assert_allclose(y[0], over_time[-1], rtol=1e-14)


def test_converged_sequences_are_not_computed(rng):
    cell = CountingCell(ElmanCell(3, 4))
    x = rng.standard_normal((1, 5, 3)) * np.array([0.001, 0.01, 0.1, 1, 10])[:, None]
    layer = FixedPoint(cell)
    cell.rows.clear()  # of the trial step at construction
    found = layer.solve(made(cell), x)
    assert len(set(found.iterations.ravel())) > 2
    assert sum(cell.rows) == (found.iterations + 1).sum() == found.evaluations
    assert cell.rows[-1] < 5


def test_steps_are_solved_together_without_a_warm_start(rng):
    cell = CountingCell(ElmanCell(3, 4))
    x = rng.standard_normal((50, 2, 3))
    layer = FixedPoint(cell)
    cell.rows.clear()  # of the trial step at construction
    found = layer.solve(contracting(cell), x)
    assert len(cell.rows) == found.iterations.max() + 1
    assert cell.rows[0] == 100


def test_warm_start_takes_fewer_iterations_to_the_same_fixed_points(rng):
    cell = ElmanCell(3, 4)
    x = np.cumsum(0.01 * rng.standard_normal((40, 3, 3)), axis=0)
    lengths = np.array([40, 30, 7])
    x[np.arange(40)[:, None] >= lengths] = 0
    cold = FixedPoint(cell, tolerance=TIGHT).solve(made(cell), x, lengths)
    warm = FixedPoint(cell, tolerance=TIGHT, warm_start=True).solve(made(cell), x, lengths)
    np.testing.assert_allclose(warm.state, cold.state, atol=1e-10)
    assert warm.iterations.sum() < 0.95 * cold.iterations.sum()
    constant = np.repeat(x[-1:], 5, axis=0)
    np.testing.assert_array_equal(FixedPoint(cell, warm_start=True).solve(made(cell), constant).iterations[1:], 0)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("cuts", [[0, 6], [0, 2, 6], [0, 1, 4, 6]])
def test_spans_give_the_fixed_points_of_the_whole_sequence(cuts, warm_start, rng):
    lengths = LENGTHS["unequal lengths"]
    layer, x = FixedPoint(GRUCell(3, 4), tolerance=TIGHT, warm_start=warm_start), padded(lengths, rng)
    params = made(layer)
    whole, _, end = layer.forward(params, x, Run(lengths))
    outputs, state = spans_of(layer, params, x, lengths, cuts)
    np.testing.assert_allclose(real(np.concatenate(outputs), lengths), real(whole, lengths), atol=1e-14)
    assert len(leaves(state)) == warm_start
    for a, b in zip(leaves(state), leaves(end), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_padding_does_not_change_the_outputs(rng):
    lengths = LENGTHS["unequal lengths"]
    layer, x = FixedPoint(ElmanCell(3, 4)), padded(lengths, rng)
    noisy = np.where(x == 0, 1e6, x)
    params = made(layer)
    np.testing.assert_array_equal(
        layer.forward(params, x, Run(lengths))[0], layer.forward(params, noisy, Run(lengths))[0]
    )


def test_start_determines_which_fixed_point_is_found():
    cell = ElmanCell(1, 1)
    params = Parameters(cell.shapes(), dtype=np.float64)
    params["w_hh"] = 2  # tanh(2 z) = z at 0 and at +-0.9575
    layer, x = FixedPoint(cell), np.zeros((1, 3, 1))
    found = layer.solve(params, x, start=np.array([[0.1], [0.0], [-0.1]]))
    np.testing.assert_allclose(found.state[0, :, 0], [0.957504, 0, -0.957504], atol=1e-5)


@pytest.mark.parametrize("solver", [Iteration(), Anderson(mixing=0.5)], ids=str)
def test_failure_to_converge_is_an_error_with_the_spectral_radius(solver, rng):
    cell, params = oscillating()
    layer, x = FixedPoint(cell, solver, Tolerance(0, 0, iterations=30)), rng.standard_normal((2, 3, 3))
    with pytest.raises(ConvergenceError, match=r"of 5 fixed points were not found.*30 iterations") as caught:
        layer.forward(params, x, Run(np.array([2, 2, 1])))
    error = caught.value
    worst = int(np.argmax(error.solution.residual))
    place = f"step {worst // 3} of sequence {worst % 3}"
    assert place in str(error)
    packed = np.concatenate([x[0], x[1, :2]])
    rho = spectral_radius(cell, params, error.solution.z[worst], packed[worst])
    np.testing.assert_allclose(error.spectral_radius, rho)
    assert f"spectral radius {rho:.4g}" in str(error)
    assert "SpectralProjection" in str(error)
    assert "Damped()" in str(error)


def test_more_iterations_are_not_advised_for_an_oscillating_state():
    """At both extremes of the oscillation the units are saturated, so that the radius there is small."""
    cell, params = oscillating()
    with pytest.raises(
        ConvergenceError, match=r"Below 1, but far from a fixed point: .* more iterations do not help"
    ) as caught:
        FixedPoint(cell).solve(params, np.full((1, 1, 3), 0.3))
    assert caught.value.spectral_radius < 0.5


def test_more_iterations_are_advised_for_slow_convergence():
    cell = ElmanCell(3, 4)
    params = Parameters(cell.shapes(), dtype=np.float64)
    params["w_hh"] = 0.99 * np.eye(4)
    with pytest.raises(ConvergenceError, match=r"Below 1 it can converge: allow more iterations"):
        FixedPoint(cell, tolerance=Tolerance(1e-9, 0, 30)).solve(
            params, np.zeros((1, 1, 3)), start=np.full((1, 4), 0.1)
        )


@pytest.mark.parametrize("solver", [Damped(0.4), Relaxation(0.5), Anderson(), Broyden(), Newton()], ids=str)
def test_other_solvers_converge_where_the_plain_iteration_oscillates(solver, rng):
    cell, params = oscillating()
    x = 0.1 * rng.standard_normal((1, 3, 3))
    found = FixedPoint(cell, solver, TIGHT).solve(params, x)
    assert (spectral_radius(cell, params, found.state, x) > 1).all()
    with pytest.raises(ConvergenceError):
        FixedPoint(cell).solve(params, x)


def test_overflow_is_an_error_without_a_warning(rng):
    layer = FixedPoint(ElmanCell(3, 4, "linear"))
    params = made(layer)
    params["w_hh"] = 1e30 * np.eye(4)
    with pytest.raises(ConvergenceError, match=r"residual of (inf|nan)"):
        layer.solve(params, rng.standard_normal((1, 2, 3)))


def test_failure_to_converge_may_be_a_warning_or_accepted(rng):
    cell, params = oscillating()
    x = rng.standard_normal((1, 3, 3))
    with pytest.warns(ConvergenceWarning, match="spectral radius"):
        FixedPoint(cell, on_failure=Warn()).solve(params, x)
    found = FixedPoint(cell, on_failure=Accept()).solve(params, x)
    assert not found.converged.any()
    np.testing.assert_array_equal(found.iterations, 500)
    assert (found.residual > 0.1).all()


def test_accelerated_iterations_have_no_backward_pass(rng):
    layer = FixedPoint(ElmanCell(3, 4), Anderson())
    params = made(layer)
    y, residuals, _ = layer.forward(params, rng.standard_normal((1, 2, 3)), Run(np.ones(2, int)))
    with pytest.raises(ValueError, match=r"Anderson\(memory=5, mixing=1.0\) is not defined: use RecurrentBackprop"):
        layer.backward(params, residuals, y, params.zeros())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": 3}, "cell must be a cell"),
        ({"solver": "anderson"}, "solver must be a rnnbp Solver, got 'anderson'"),
        ({"solver": Anderson}, "solver must be a rnnbp Solver"),
        ({"solver": Neumann(1)}, "solver must be one for nonlinear equations"),
        ({"tolerance": 1e-6}, "tolerance must be a rnnbp Tolerance, got 1e-06"),
        ({"on_failure": None}, "on_failure must be a rnnbp OnFailure"),
    ],
)
def test_arguments_of_another_type_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FixedPoint(**{"cell": ElmanCell(2, 2)} | arguments)


def test_wrong_number_of_features_is_refused():
    with pytest.raises(ValueError, match="FixedPoint takes 3 features, got 2"):
        FixedPoint(ElmanCell(3, 4)).out_shape(("T", "B", 2))


def test_loaded_model_gives_the_same_outputs(tmp_path, rng):
    layer = FixedPoint(GRUCell(3, 4), Anderson(3), Tolerance(1e-7, 0, 50), True, Warn())
    model = rnnbp.Sequential(layer, rnnbp.Last(), rnnbp.Dense(4, 2), dtype=np.float64)
    model.save(tmp_path / "model.npz")
    loaded = rnnbp.load(tmp_path / "model.npz")
    assert loaded.layers[0] == layer
    x = rng.standard_normal((3, 2, 3))
    np.testing.assert_array_equal(loaded.forward(x), model.forward(x))


def test_spectral_radius_is_the_largest_eigenvalue(rng):
    cell, params = ElmanCell(2, 5), made(ElmanCell(2, 5))
    state, x = rng.standard_normal((3, 5)), rng.standard_normal((3, 2))
    rho = spectral_radius(cell, params, state, x)
    after, _ = cell.step(params, state, x)
    for r in range(3):
        J = (1 - after[r] ** 2)[:, None] * params["w_hh"]
        np.testing.assert_allclose(rho[r], np.abs(np.linalg.eigvals(J)).max())


@pytest.mark.parametrize("radius", [0.5, 0.95])
def test_projection_bounds_the_norm_and_makes_the_iteration_converge(radius, rng):
    model = rnnbp.Sequential(FixedPoint(ElmanCell(3, 20)), dtype=np.float64)
    rotation = rng.standard_normal((20, 20))
    model.params["0.w_hh"] = rotation - rotation.T
    before = model.params["0.w_hh"].copy()
    x = 0.1 * rng.standard_normal((1, 4, 3))
    with pytest.raises(ConvergenceError):
        model.forward(x)
    SpectralProjection(["0.w_hh"], radius)(type("Trainer", (), {"model": model})(), {})
    np.testing.assert_allclose(np.linalg.norm(model.params["0.w_hh"], 2), radius)
    np.testing.assert_allclose(
        relative_error(model.params["0.w_hh"] * np.linalg.norm(before, 2) / radius, before), 0, atol=1e-12
    )
    model.forward(x)
    projected = model.params.vector.copy()
    SpectralProjection(["0.w_hh"], 1.1).project(model.params)
    np.testing.assert_array_equal(model.params.vector, projected)


def test_projection_refuses_names_that_are_not_matrices():
    params = Parameters({"0.w_hh": (2, 2), "0.b_hh": (2,)})
    with pytest.raises(ValueError, match=r"'0.w_h'. Did you mean '0.w_hh'"):
        SpectralProjection(["0.w_h"]).project(params)
    with pytest.raises(ValueError, match=r"matrices among the parameters, got '0.b_hh'"):
        check_names(params, ["0.b_hh"])
    with pytest.raises(ValueError, match="radius must be a number above 0"):
        SpectralProjection(["0.w_hh"], 0)


def test_prediction_stores_no_iterations_and_gives_the_outputs_of_the_forward_pass(rng):
    layer, x = FixedPoint(ElmanCell(3, 4), tolerance=TIGHT), rng.standard_normal((2, 3, 3))
    params, run = contracting(layer.cell), Run(np.array([2, 2, 1]))
    expected, residuals, _ = layer.forward(params, x, run)
    for backend in ("numpy", "compiled"):
        with rnnbp.kernels.using(backend):
            found, _ = layer.prepare(params)(x, run, None)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
    assert residuals.repeated > 0
