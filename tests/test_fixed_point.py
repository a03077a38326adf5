"""The FixedPoint layer: where it settles, its statistics, the way back through its iterations, what is refused."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, leaves, made, padded, real, relative_error, spans_of

import rnnbp
from rnnbp.cells import Cell, ElmanCell, GRUCell
from rnnbp.contraction import SpectralProjection, check_names, spectral_radius
from rnnbp.gradients import check_gradient
from rnnbp.layers import FixedPoint, Run
from rnnbp.params import Parameters
from rnnbp.solvers import (
    Accept,
    Anderson,
    Broyden,
    Damped,
    Iteration,
    Neumann,
    Newton,
    Relaxation,
    SettlingError,
    SettlingWarning,
    Tolerance,
    Warn,
)

TIGHT = Tolerance(1e-12, 1e-12, iterations=2000)
SOLVERS = [Iteration(), Damped(0.8), Relaxation(2.0), Anderson(), Broyden(), Newton()]
WITH_RATE = SOLVERS[:3]


@dataclass(frozen=True)
class CountingCell:
    """Another cell, and how many rows each of its steps computed."""

    cell: Cell
    rows: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.cell, name)

    def step(self, params, state, x):
        self.rows.append(len(state))
        return self.cell.step(params, state, x)


def calm(cell, dtype=np.float64) -> Parameters:
    """Parameters half as large as the cell's own way makes them: contracting."""
    params = made(cell)
    params.vector *= 0.5
    return params.astype(dtype)


def settled_error(report) -> float:
    """The worst difference, relative to the largest entry of all: at a fixed point some parameters (a gate that
    says how fast the state follows) have no influence, and what is left of their gradient is the tolerance.
    """
    table = report.table
    return float((table["computed"] - table["expected"]).abs().max() / table["expected"].abs().max())


def swinging() -> tuple[ElmanCell, Parameters]:
    """A cell whose state jumps to and fro between -1 and 1."""
    cell = ElmanCell(3, 4)
    params = made(cell)
    params["w_hh"] = -3 * np.eye(4)
    return cell, params


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("name", CELLS)
def test_every_state_is_its_steps_own_image(name, lengths, solver, rng):
    cell, x = CELLS[name], padded(lengths, rng)
    layer, params = FixedPoint(cell, solver, TIGHT), calm(cell)
    settled = layer.settle(params, x, lengths)
    running = np.arange(6)[:, None] < lengths
    again, _ = cell.step(params, settled.state, x)
    assert np.abs(again - settled.state)[running].max() < 4e-12
    assert settled.converged[running].all()
    assert not settled.state[~running].any()
    assert (settled.iterations[running] > 0).all()
    assert not settled.iterations[~running].any()
    np.testing.assert_array_equal(settled.last, settled.state[lengths - 1, range(3)])
    y, _, state = layer.forward(params, x, Run(lengths))
    np.testing.assert_array_equal(y, settled.state[:, :, : cell.output_size])
    assert state is None


@pytest.mark.parametrize("solver", [Iteration(), Anderson(), Newton()], ids=str)
def test_float32_stays_float32(solver, rng):
    cell = GRUCell(3, 4)
    layer, x = FixedPoint(cell, solver), rng.standard_normal((2, 3, 3)).astype(np.float32)
    y, _, _ = layer.forward(calm(cell, np.float32), x, Run(np.array([2, 2, 1])))
    assert y.dtype == np.float32
    exact = FixedPoint(cell, solver, TIGHT).settle(calm(cell, np.float32).astype(np.float64), x, [2, 2, 1]).state
    np.testing.assert_allclose(y, exact, atol=1e-4)


@pytest.mark.parametrize(
    ("solver", "warm_start"), [*((solver, False) for solver in WITH_RATE), (Iteration(), True)], ids=str
)
@pytest.mark.parametrize("name", CELLS)
def test_way_back_through_the_iterations(name, solver, warm_start):
    layer = FixedPoint(CELLS[name], solver, Tolerance(1e-13, 1e-13, iterations=2000), warm_start)
    report = check_gradient(layer, samples=2)
    assert settled_error(report) < 1e-9, report


@pytest.mark.parametrize("iterations", [1, 2, 5])
@pytest.mark.parametrize("solver", WITH_RATE, ids=str)
def test_way_back_through_too_few_iterations_is_exact_too(solver, iterations):
    # nothing has settled, so all of it is a net of so many layers, and the derivative is that net's
    tolerance = Tolerance(0, 0, iterations)
    for warm_start in (False, True):
        layer = FixedPoint(CELLS["a user's"], solver, tolerance, warm_start, Accept())
        report = check_gradient(layer, tolerance=1e-12)
        assert report.ok, report


def test_iterations_are_a_recurrent_layer_whose_input_is_held(rng):
    cell, x = ElmanCell(3, 4), rng.standard_normal((1, 2, 3))
    params = made(cell)
    layer = FixedPoint(cell, tolerance=Tolerance(0, 0, iterations=5), on_failure=Accept())
    y, _, _ = layer.forward(params, x, Run(np.ones(2, int)))
    over_time, _, _ = rnnbp.Recurrent(cell).forward(params, np.repeat(x, 5, axis=0), Run(np.full(2, 5)))
    np.testing.assert_allclose(y[0], over_time[-1], rtol=1e-14)


def test_settled_sequences_are_not_computed(rng):
    cell = CountingCell(ElmanCell(3, 4))
    x = rng.standard_normal((1, 5, 3)) * np.array([0.001, 0.01, 0.1, 1, 10])[:, None]
    settled = FixedPoint(cell).settle(made(cell), x)
    assert len(set(settled.iterations.ravel())) > 2
    assert sum(cell.rows) == (settled.iterations + 1).sum() == settled.evaluations
    assert cell.rows[-1] < 5


def test_steps_settle_together_without_a_warm_start(rng):
    cell = CountingCell(ElmanCell(3, 4))
    x = rng.standard_normal((50, 2, 3))
    settled = FixedPoint(cell).settle(calm(cell), x)
    assert len(cell.rows) == settled.iterations.max() + 1
    assert cell.rows[0] == 100


def test_warm_start_takes_fewer_iterations_to_the_same_place(rng):
    cell = ElmanCell(3, 4)
    x = np.cumsum(0.01 * rng.standard_normal((40, 3, 3)), axis=0)
    lengths = np.array([40, 30, 7])
    x[np.arange(40)[:, None] >= lengths] = 0
    cold = FixedPoint(cell, tolerance=TIGHT).settle(made(cell), x, lengths)
    warm = FixedPoint(cell, tolerance=TIGHT, warm_start=True).settle(made(cell), x, lengths)
    np.testing.assert_allclose(warm.state, cold.state, atol=1e-10)
    assert warm.iterations.sum() < 0.95 * cold.iterations.sum()
    still = np.repeat(x[-1:], 5, axis=0)
    np.testing.assert_array_equal(FixedPoint(cell, warm_start=True).settle(made(cell), still).iterations[1:], 0)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("cuts", [[0, 6], [0, 2, 6], [0, 1, 4, 6]])
def test_runs_span_by_span(cuts, warm_start, rng):
    lengths = LENGTHS["unequal lengths"]
    layer, x = FixedPoint(GRUCell(3, 4), tolerance=TIGHT, warm_start=warm_start), padded(lengths, rng)
    params = made(layer)
    whole, _, end = layer.forward(params, x, Run(lengths))
    outputs, state = spans_of(layer, params, x, lengths, cuts)
    np.testing.assert_allclose(real(np.concatenate(outputs), lengths), real(whole, lengths), atol=1e-14)
    assert len(leaves(state)) == warm_start
    for a, b in zip(leaves(state), leaves(end), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_padding_has_no_influence(rng):
    lengths = LENGTHS["unequal lengths"]
    layer, x = FixedPoint(ElmanCell(3, 4)), padded(lengths, rng)
    noisy = np.where(x == 0, 1e6, x)
    params = made(layer)
    np.testing.assert_array_equal(
        layer.forward(params, x, Run(lengths))[0], layer.forward(params, noisy, Run(lengths))[0]
    )


def test_start_chooses_among_fixed_points():
    cell = ElmanCell(1, 1)
    params = Parameters(cell.shapes(), dtype=np.float64)
    params["w_hh"] = 2  # tanh(2 z) = z at 0 and at +-0.9575
    layer, x = FixedPoint(cell), np.zeros((1, 3, 1))
    settled = layer.settle(params, x, start=np.array([[0.1], [0.0], [-0.1]]))
    np.testing.assert_allclose(settled.state[0, :, 0], [0.957504, 0, -0.957504], atol=1e-5)


@pytest.mark.parametrize("solver", [Iteration(), Anderson(mixing=0.5)], ids=str)
def test_what_does_not_settle_is_an_error_with_the_spectral_radius(solver, rng):
    cell, params = swinging()
    layer, x = FixedPoint(cell, solver, Tolerance(0, 0, iterations=30)), rng.standard_normal((2, 3, 3))
    with pytest.raises(SettlingError, match=r"of 5 fixed points were not found.*30 iterations") as caught:
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


def test_what_swings_is_not_told_to_go_on():
    """At both ends of its swing the units are saturated: the radius there is small, and says nothing."""
    cell, params = swinging()
    with pytest.raises(SettlingError, match=r"Below 1, but far from rest: .* more iterations do not help") as caught:
        FixedPoint(cell).settle(params, np.full((1, 1, 3), 0.3))
    assert caught.value.spectral_radius < 0.5


def test_what_is_slow_is_told_to_go_on():
    cell = ElmanCell(3, 4)
    params = Parameters(cell.shapes(), dtype=np.float64)
    params["w_hh"] = 0.99 * np.eye(4)
    with pytest.raises(SettlingError, match=r"Below 1 it can settle: allow more iterations"):
        FixedPoint(cell, tolerance=Tolerance(1e-9, 0, 30)).settle(
            params, np.zeros((1, 1, 3)), start=np.full((1, 4), 0.1)
        )


@pytest.mark.parametrize("solver", [Damped(0.4), Relaxation(0.5), Anderson(), Broyden(), Newton()], ids=str)
def test_other_solvers_settle_what_swings(solver, rng):
    cell, params = swinging()
    x = 0.1 * rng.standard_normal((1, 3, 3))
    settled = FixedPoint(cell, solver, TIGHT).settle(params, x)
    assert (spectral_radius(cell, params, settled.state, x) > 1).all()
    with pytest.raises(SettlingError):
        FixedPoint(cell).settle(params, x)


def test_running_off_to_infinity_is_an_error_without_a_warning(rng):
    layer = FixedPoint(ElmanCell(3, 4, "linear"))
    params = made(layer)
    params["w_hh"] = 1e30 * np.eye(4)
    with pytest.raises(SettlingError, match=r"residual of (inf|nan)"):
        layer.settle(params, rng.standard_normal((1, 2, 3)))


def test_failure_may_be_a_warning_or_nothing(rng):
    cell, params = swinging()
    x = rng.standard_normal((1, 3, 3))
    with pytest.warns(SettlingWarning, match="spectral radius"):
        FixedPoint(cell, on_failure=Warn()).settle(params, x)
    settled = FixedPoint(cell, on_failure=Accept()).settle(params, x)
    assert not settled.converged.any()
    np.testing.assert_array_equal(settled.iterations, 500)
    assert (settled.residual > 0.1).all()


def test_accelerated_iterations_have_no_way_back(rng):
    layer = FixedPoint(ElmanCell(3, 4), Anderson())
    params = made(layer)
    y, tape, _ = layer.forward(params, rng.standard_normal((1, 2, 3)), Run(np.ones(2, int)))
    with pytest.raises(ValueError, match=r"Anderson\(memory=5, mixing=1.0\) is not known: use RecurrentBackprop"):
        layer.backward(params, tape, y, params.zeros())


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
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        FixedPoint(**{"cell": ElmanCell(2, 2)} | arguments)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="FixedPoint takes 3 features, got 2"):
        FixedPoint(ElmanCell(3, 4)).out_shape(("T", "B", 2))


def test_saved_model_settles_alike(tmp_path, rng):
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
def test_projection_bounds_the_norm_and_makes_the_net_settle(radius, rng):
    model = rnnbp.Sequential(FixedPoint(ElmanCell(3, 20)), dtype=np.float64)
    turning = rng.standard_normal((20, 20))
    model.params["0.w_hh"] = turning - turning.T
    before = model.params["0.w_hh"].copy()
    x = 0.1 * rng.standard_normal((1, 4, 3))
    with pytest.raises(SettlingError):
        model.forward(x)
    SpectralProjection(["0.w_hh"], radius)(type("Trainer", (), {"model": model})(), {})
    np.testing.assert_allclose(np.linalg.norm(model.params["0.w_hh"], 2), radius)
    np.testing.assert_allclose(
        relative_error(model.params["0.w_hh"] * np.linalg.norm(before, 2) / radius, before), 0, atol=1e-12
    )
    model.forward(x)
    kept = model.params.vector.copy()
    SpectralProjection(["0.w_hh"], 1.1).project(model.params)
    np.testing.assert_array_equal(model.params.vector, kept)


def test_projection_names_what_it_does_not_find():
    params = Parameters({"0.w_hh": (2, 2), "0.b_hh": (2,)})
    with pytest.raises(ValueError, match=r"'0.w_h'. Did you mean '0.w_hh'"):
        SpectralProjection(["0.w_h"]).project(params)
    with pytest.raises(ValueError, match=r"matrices among the parameters, got '0.b_hh'"):
        check_names(params, ["0.b_hh"])
    with pytest.raises(ValueError, match="radius must be a number above 0"):
        SpectralProjection(["0.w_hh"], 0)
