"""Recurrent backpropagation: every cell, solver and adjoint; statistics, memory, failures, and spectral penalties."""

import tracemalloc
from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
from helpers import CELLS, gradient_error
from pairs import each, pairs, slow_but

import rnnbp
from rnnbp.cells import ElmanCell, GRUCell, LSTMCell
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, ComplexStep, RecurrentBackprop, SpectralPenalty, TruncatedBPTT, check_gradient
from rnnbp.layers import Dense, FixedPoint, Last, Normalize, Recurrent, Run
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential
from rnnbp.solvers import (
    GMRES,
    Accept,
    Anderson,
    Broyden,
    ConvergenceError,
    ConvergenceWarning,
    Damped,
    Direct,
    Iteration,
    Neumann,
    Newton,
    Relaxation,
    Tolerance,
    Warn,
)

TIGHT = Tolerance(1e-12, 1e-12, iterations=2000)
SOLVERS = [Iteration(), Damped(0.8), Relaxation(2.0), Anderson(), Broyden(), Newton()]
ADJOINTS = [*SOLVERS, Direct(), GMRES()]
LENGTHS = np.array([3, 2, 1])


def model_of(cell, solver=None, tolerance=TIGHT, **options) -> Sequential:
    """Return a model with an output at every step and half its initial weights, so that every cell contracts."""
    layer = FixedPoint(cell, Iteration() if solver is None else solver, tolerance, **options)
    model = Sequential(layer, Dense(cell.output_size, 2), dtype=np.float64)
    model.params.vector *= 0.5
    return model


def batch_of(features: int = 3, lengths=LENGTHS, seed: int = 1) -> SequenceBatch:
    rng = np.random.default_rng(seed)
    T, B = lengths[0], len(lengths)
    padding = np.arange(T)[:, None] >= lengths
    x = np.where(padding[:, :, None], 0, rng.standard_normal((T, B, features)))
    return replace(SequenceBatch.from_array(x, lengths), targets=rng.standard_normal((T, B, 2)))


def gradient(algorithm, model, batch=None, loss=None):
    (g,) = algorithm.gradients(model, batch_of() if batch is None else batch, loss or MeanSquaredError())
    return g


@cache
def expected(name: str) -> np.ndarray:
    """Return the gradient by the complex step through the converged fixed point."""
    return gradient(ComplexStep(), model_of(CELLS[name])).vector


@pytest.mark.parametrize(
    ("name", "solver", "adjoint"),
    slow_but(each(CELLS, SOLVERS, ADJOINTS), pairs(list(CELLS)[::3], SOLVERS, ADJOINTS)),
    ids=str,
)
def test_every_cell_solver_and_adjoint_gives_the_complex_steps_gradient(name, solver, adjoint):
    model = model_of(CELLS[name], solver)
    g = gradient(RecurrentBackprop(adjoint, TIGHT), model)
    assert gradient_error(model.params, g.vector, expected(name)) < 1e-9
    np.testing.assert_allclose(g.loss, MeanSquaredError()(g.outputs, batch_of().targets, LENGTHS)[0])


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_complex_step_through_every_solver_gives_the_same_gradient(solver):
    name = "Stack LSTM > GRU"
    indices = [0, 17, 60, 100, 150, -1]
    found = gradient(ComplexStep(indices=indices), model_of(CELLS[name], solver)).vector[indices]
    assert np.abs(found - expected(name)[indices]).max() < 1e-10 * np.abs(expected(name)).max()


@pytest.mark.parametrize("name", CELLS)
def test_bptt_through_the_iterations_gives_the_same_gradient(name):
    tolerance = Tolerance(1e-14, 1e-14, iterations=2000)
    model = model_of(CELLS[name], tolerance=tolerance)
    through = gradient(BPTT(), model)
    implicit = gradient(RecurrentBackprop(Direct(), TIGHT), model)
    assert gradient_error(model.params, implicit.vector, through.vector) < 1e-9
    assert through.cost.steps == implicit.cost.steps > 5 * LENGTHS.sum()


@pytest.mark.parametrize(
    ("adjoint", "warm_start"),
    slow_but([(Direct(), True), (Iteration(), False)], each(ADJOINTS, [False, True])),
    ids=str,
)
def test_gradient_with_respect_to_the_input_is_exact(adjoint, warm_start):
    model = Sequential(Dense(3, 3, "tanh"), FixedPoint(GRUCell(3, 4), tolerance=TIGHT, warm_start=warm_start))
    implicit = RecurrentBackprop(adjoint, TIGHT).implicit(model)
    report = check_gradient(implicit, batch_of(), samples=5)
    table = report.table
    assert (table["computed"] - table["expected"]).abs().max() < 1e-9 * table["expected"].abs().max()


@pytest.mark.parametrize("adjoint", [Direct(), Anderson()], ids=str)
def test_complex_step_through_the_adjoint_is_the_second_derivative(adjoint):
    # along a direction, against central differences of the gradient
    model, h = model_of(ElmanCell(3, 4)), 1e-30
    implicit = RecurrentBackprop(adjoint, TIGHT).implicit(model)
    batch, direction = batch_of(), np.random.default_rng(2).standard_normal(model.params.size)

    def slope(vector):
        params, grad = model.params.like(vector), model.params.like(np.zeros_like(vector))
        y, residuals, _ = implicit.unroll(params, batch.x, rnnbp.layers.Run(batch.lengths))
        implicit.backward(params, residuals, MeanSquaredError()(y, batch.targets, batch.lengths)[1], grad)
        return grad.vector

    found = slope(model.params.vector + 1j * h * direction).imag / h
    d = 1e-5 * direction
    central = (slope(model.params.vector + d) - slope(model.params.vector - d)) / 2e-5
    assert np.abs(found - central).max() < 1e-7 * np.abs(central).max()


@pytest.mark.parametrize("terms", [1, 2, 7])
def test_neumann_adjoint_is_the_truncated_series(terms):
    cell, batch = ElmanCell(3, 4), batch_of(lengths=np.array([1, 1]))
    model = model_of(cell)
    g = gradient(RecurrentBackprop(Neumann(terms)), model, batch)
    params, x = model.params, batch.x[0]
    z = model.layers[0].solve(params.scope("0."), batch.x).state[0]
    dy = MeanSquaredError()(g.outputs, batch.targets, batch.lengths)[1][0]
    after, _ = cell.step(params.scope("0."), z, x)
    slope, W = 1 - after * after, params["0.w_hh"]
    d = dy @ params["1.w"]
    a = sum(_powers(d, slope, W, terms))
    np.testing.assert_allclose(params.like(g.vector)["0.w_ih"], (slope * a).T @ x, rtol=0, atol=1e-15)
    np.testing.assert_allclose(params.like(g.vector)["0.w_hh"], (slope * a).T @ z, rtol=0, atol=1e-15)


def _powers(d, slope, W, terms):
    for _ in range(terms):
        yield d
        d = (d * slope) @ W


def test_more_neumann_terms_come_nearer_and_one_is_a_descent_direction():
    model = model_of(CELLS["Stack LSTM > GRU"])
    exact = expected("Stack LSTM > GRU")
    errors = [np.linalg.norm(gradient(RecurrentBackprop(Neumann(k)), model).vector - exact) for k in (1, 2, 4, 8, 16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-2 * errors[0]
    first = gradient(RecurrentBackprop(Neumann(1)), model).vector
    assert first @ exact > 0


def test_float32_gradient_is_the_float64_one_rounded():
    model = model_of(LSTMCell(3, 8))
    exact = gradient(RecurrentBackprop(Direct(), TIGHT), model).vector
    layer = FixedPoint(LSTMCell(3, 8))
    single = Sequential(layer, Dense(8, 2))
    single.params.vector[:] = model.params.vector
    for adjoint in ADJOINTS:
        g = gradient(RecurrentBackprop(adjoint), single, batch_of().astype(np.float32))
        assert g.vector.dtype == np.float32
        assert np.abs(g.vector - exact).max() < 2e-4 * np.abs(exact).max()


def test_gradient_does_not_depend_on_the_initial_state(rng):
    model = model_of(GRUCell(3, 4), warm_start=True)
    start = [rng.standard_normal((3, 4)), None]
    cold = gradient(RecurrentBackprop(Direct(), TIGHT), model)
    (warm,) = RecurrentBackprop(Direct(), TIGHT).gradients(model, batch_of(), MeanSquaredError(), start)
    assert gradient_error(model.params, warm.vector, cold.vector) < 1e-10
    np.testing.assert_allclose(warm.state[0], cold.state[0], atol=1e-10)


def test_the_cotangent_of_the_final_state_is_that_of_the_last_outputs(rng):
    model = RecurrentBackprop(Direct(), TIGHT).implicit(model_of(ElmanCell(3, 4), warm_start=True))
    layer, params, batch = model.layers[0], model.params.scope("0."), batch_of()
    y, residuals, last = layer.forward(params, batch.x, Run(batch.lengths))
    d_last, d_y = rng.standard_normal(last.shape), np.zeros_like(y)
    d_y[batch.lengths - 1, range(3)] = d_last
    expected, found = params.zeros(), params.zeros()
    layer.backward(params, residuals, d_y, expected)
    _, d_first = layer.backward(params, residuals, np.zeros_like(y), found, d_last)
    assert expected.vector.any()
    np.testing.assert_array_equal(d_first, np.zeros_like(d_last))
    np.testing.assert_allclose(found.vector, expected.vector, rtol=1e-12)


def test_gradient_of_a_model_with_other_layers_is_exact(rng):
    mixed = Sequential(
        Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
        Dense(3, 4, "tanh"),
        FixedPoint(ElmanCell(4, 5), tolerance=TIGHT, warm_start=True),
        Recurrent(GRUCell(5, 3)),
        FixedPoint(ElmanCell(3, 3), Anderson(), TIGHT),
        Last(),
        Dense(3, 2),
        dtype=np.float64,
    )
    batch = replace(batch_of(), targets=np.array([0, 1, 1]))
    g = gradient(RecurrentBackprop(GMRES(), TIGHT), mixed, batch, CrossEntropy())
    oracle = gradient(ComplexStep(), mixed, batch, CrossEntropy())
    assert gradient_error(mixed.params, g.vector, oracle.vector) < 1e-9


def test_small_cotangent_is_solved_to_the_same_relative_accuracy():
    # under an absolute tolerance an adjoint of size 1e-9 would count as converged without an iteration
    model = model_of(ElmanCell(3, 4))
    batch = batch_of()
    y = model.forward(batch)
    near = replace(batch, targets=y + 1e-9 * (batch.targets - y))
    for adjoint in ADJOINTS:
        small = gradient(RecurrentBackprop(adjoint), model, near).vector
        whole = gradient(RecurrentBackprop(Direct(), TIGHT), model, batch).vector
        assert np.abs(small * 1e9 - whole).max() < 1e-4 * np.abs(whole).max()


def test_steps_with_a_zero_cotangent_have_a_zero_adjoint():
    cell = ElmanCell(3, 4)
    model = Sequential(FixedPoint(cell, tolerance=TIGHT), Last(), Dense(4, 2), dtype=np.float64)
    batch = replace(batch_of(lengths=np.array([9, 5, 1])), targets=np.array([0, 1, 1]))
    g = gradient(RecurrentBackprop(Direct(), TIGHT), model, batch, CrossEntropy())
    through = gradient(BPTT(), model, batch, CrossEntropy())
    assert gradient_error(model.params, g.vector, through.vector) < 1e-9
    perfect = replace(batch_of(), targets=model_of(cell).forward(batch_of()))
    assert not gradient(RecurrentBackprop(), model_of(cell), perfect).vector.any()


@pytest.mark.parametrize("adjoint", ADJOINTS, ids=str)
def test_history_has_the_statistics_of_the_adjoints(adjoint):
    cell = CountedProducts(3, 4)
    model, algorithm = model_of(cell), RecurrentBackprop(adjoint, TIGHT)
    cell.rows.clear()
    gradient(algorithm, model)
    (found,) = algorithm.history
    assert found.count == LENGTHS.sum()
    assert 0 < found.iterations < 100
    assert 0 <= found.residual < 1e-11
    # the products of the gradient with respect to the weights are not counted
    assert found.evaluations == sum(cell.rows) - LENGTHS.sum()
    gradient(algorithm, model)
    assert algorithm.history == [found, found]
    assert replace(algorithm).history == []
    assert replace(algorithm) == algorithm


class CountedProducts(ElmanCell):
    """A cell that records the number of rows of each product with its transposed Jacobian."""

    rows: ClassVar[list[int]] = []

    def step_vjp(self, params, state, x, residuals, d_next):
        self.rows.append(len(d_next))
        return super().step_vjp(params, state, x, residuals, d_next)


def test_history_of_a_batch_without_a_gradient_has_no_iterations():
    algorithm, batch = RecurrentBackprop(GMRES(), TIGHT), batch_of()
    gradient(algorithm, model_of(ElmanCell(3, 4)), replace(batch, targets=np.full_like(batch.targets, np.nan)))
    (found,) = algorithm.history
    assert (found.iterations, found.residual) == (0, 0)


def test_history_of_a_direct_solve_a_series_and_a_failure():
    model = model_of(GRUCell(3, 4))
    direct, series = RecurrentBackprop(Direct(), TIGHT), RecurrentBackprop(Neumann(4))
    gradient(direct, model)
    gradient(series, model)
    assert direct.history[0].iterations == 1
    assert direct.history[0].evaluations == 6 * (4 + 2)  # a column each, before and after
    assert (series.history[0].iterations, series.history[0].evaluations) == (3, 6 * 3)
    assert np.isnan(series.history[0].residual)
    hasty = RecurrentBackprop(Iteration(), Tolerance(1e-12, 1e-12, iterations=3))
    with pytest.raises(ConvergenceError):
        gradient(hasty, model)
    assert hasty.history[0].iterations == 3
    assert hasty.history[0].residual > 1e-6


@pytest.mark.parametrize("adjoint", [Relaxation(), Iteration(), Anderson(2), Broyden()], ids=str)
def test_adjoint_that_has_not_converged_is_an_error(adjoint):
    model = model_of(GRUCell(3, 4))
    algorithm = RecurrentBackprop(adjoint, Tolerance(1e-12, 1e-12, iterations=3))
    with pytest.raises(ConvergenceError, match=r"of 6 adjoints were not found by .* within 3 iterations") as caught:
        gradient(algorithm, model)
    assert "spectral radius" in str(caught.value)
    assert 0 < caught.value.spectral_radius < 1
    with pytest.warns(ConvergenceWarning, match="adjoints"):
        wrong = gradient(replace(algorithm, on_failure=Warn()), model)
    exact = gradient(RecurrentBackprop(Direct(), TIGHT), model)
    assert gradient_error(model.params, wrong.vector, exact.vector) > 1e-4


def test_adjoint_at_a_repelling_fixed_point_is_found_by_all_but_the_plain_iteration():
    # the state oscillates, Newton finds the repelling fixed point, and there the adjoint iteration diverges as well
    model = model_of(ElmanCell(3, 4), Newton())
    model.params["0.w_hh"] = -2.5 * np.eye(4)
    batch = replace(batch_of(), x=0.1 * batch_of().x)
    with pytest.raises(ConvergenceError, match="adjoints were not found by Iteration"):
        gradient(RecurrentBackprop(Iteration(), TIGHT), model, batch)
    oracle = gradient(ComplexStep(), model, batch)
    for adjoint in (Direct(), GMRES(), Newton(), Anderson(), Broyden(), Damped(0.4)):
        g = gradient(RecurrentBackprop(adjoint, TIGHT), model, batch)
        assert gradient_error(model.params, g.vector, oracle.vector) < 1e-9


def test_gradient_of_a_nonfinite_loss_is_nonfinite():
    model = model_of(ElmanCell(3, 4))
    model.params["1.w"] = np.nan
    assert np.isnan(gradient(RecurrentBackprop(), model).vector).any()


def test_memory_does_not_grow_with_the_iterations():
    cell, batch = ElmanCell(16, 64), batch_of(16, np.full(64, 1))
    stored, peak, stored_by_bptt = [], [], []
    for iterations in (10, 1000):
        layer = FixedPoint(cell, tolerance=Tolerance(0, 0, iterations), on_failure=Accept())
        model = Sequential(layer, Dense(64, 2), dtype=np.float64)
        algorithm = RecurrentBackprop(Relaxation(), Tolerance(0, 0, iterations), Accept())
        gradient(algorithm, model, batch)
        tracemalloc.start()
        g = gradient(algorithm, model, batch)
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        stored.append(g.cost.peak_bytes)
        assert g.cost.steps == 64 * (iterations + 1)
        if iterations == 10:
            stored_by_bptt.append(gradient(BPTT(), model, batch).cost.peak_bytes)
    assert stored[0] == stored[1] < stored_by_bptt[0] / 8
    assert peak[1] < 1.05 * peak[0]


def test_truncated_bptt_by_spans_adds_up_to_full_bptt():
    model = model_of(ElmanCell(3, 4), tolerance=Tolerance(1e-13, 1e-13), warm_start=True)
    whole = gradient(BPTT(), model)
    total = sum(g.vector for g in TruncatedBPTT(1, 3).gradients(model, batch_of(), MeanSquaredError()))
    assert gradient_error(model.params, total, whole.vector) < 1e-12


def test_gradient_of_the_penalty_is_exact(rng):
    model = model_of(ElmanCell(3, 4))
    model.params["0.w_hh"] = 0.5 * np.eye(4) + 0.1 * rng.standard_normal((4, 4))
    algorithm = SpectralPenalty(RecurrentBackprop(Direct(), TIGHT), ["0.w_hh", "1.w"], weight=3.0, radius=0.3)
    value, vector = algorithm.penalty(model.params)
    norms = [np.linalg.norm(model.params[name], 2) for name in ("0.w_hh", "1.w")]
    np.testing.assert_allclose(value, sum(1.5 * max(0, n - 0.3) ** 2 for n in norms))
    for k in range(0, model.params.size, 3):
        sides = []
        for h in (1e-6, -1e-6):
            shifted = model.params.copy()
            shifted.vector[k] += h
            sides.append(algorithm.penalty(shifted)[0])
        np.testing.assert_allclose(vector[k], (sides[0] - sides[1]) / 2e-6, atol=1e-8)
    plain, penalized = gradient(algorithm.gradient, model), gradient(algorithm, model)
    np.testing.assert_allclose(penalized.loss, plain.loss + value)
    np.testing.assert_allclose(penalized.vector, plain.vector + vector)


def test_penalty_is_added_once_a_batch():
    model = model_of(ElmanCell(3, 4), tolerance=Tolerance(1e-13, 1e-13), warm_start=True)
    algorithm = SpectralPenalty(TruncatedBPTT(1, 3), ["0.w_hh"], radius=0.01)
    whole = gradient(SpectralPenalty(BPTT(), ["0.w_hh"], radius=0.01), model)
    spans = list(algorithm.gradients(model, batch_of(), MeanSquaredError()))
    np.testing.assert_allclose(sum(g.loss for g in spans), whole.loss)
    np.testing.assert_allclose(sum(g.vector for g in spans), whole.vector, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RecurrentBackprop("direct"), "adjoint must be a rnnbp Solver, got 'direct'"),
        (lambda: RecurrentBackprop(Direct), "adjoint must be a rnnbp Solver"),
        (lambda: RecurrentBackprop(tolerance=1e-9), "tolerance must be a rnnbp Tolerance, got 1e-09"),
        (lambda: RecurrentBackprop(on_failure=print), "on_failure must be a rnnbp OnFailure"),
        (lambda: SpectralPenalty(RecurrentBackprop, ["w"]), "gradient must be an object with a method"),
        (lambda: SpectralPenalty(BPTT(), ["w"], weight=-1), "weight must be a number above 0, got -1"),
        (lambda: SpectralPenalty(BPTT(), ["w"], radius=0), "radius must be a number above 0"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_model_without_a_fixed_point_is_refused():
    with pytest.raises(ValueError, match="a model with a FixedPoint layer, got Sequential"):
        gradient(RecurrentBackprop(), Sequential(Recurrent(ElmanCell(3, 4)), Dense(4, 2)))


def test_penalty_refuses_names_that_are_not_matrices():
    with pytest.raises(ValueError, match=r"got '0.whh'. Did you mean '0.w_hh'"):
        gradient(SpectralPenalty(BPTT(), ["0.whh"]), model_of(ElmanCell(3, 4)))
