"""Hessian-vector products against differences of gradients, their symmetry; Newton-CG."""

import numpy as np
import pytest
from helpers import CELLS, relative_error
from test_forward import F, K, problem, reader

import rnnbp
from rnnbp.core import Parameters
from rnnbp.gradients import BPTT, ForwardGradient, RecurrentBackprop, TruncatedBPTT, hvp
from rnnbp.layers import LSTM, Bidirectional, Dense, Last, MeanOverTime, TimeStatistics
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from rnnbp.optimizers import LBFGS, NewtonCG

MODELS = {
    **{name: reader(cell) for name, cell in CELLS.items()},
    "LSTM, last": [LSTM(F, 4), Last(), Dense(4, K)],
    "two LSTMs, mean": [LSTM(F, 3, num_layers=2), MeanOverTime(), Dense(3, K)],
    "bidirectional": [Bidirectional(CELLS["GRU"]), Dense(8, K)],
    "statistics": [TimeStatistics(), Dense(2 * F, 4, "tanh"), Dense(4, K)],
}


def gradient_at(model, batch, loss, vector):
    other = model.astype(np.float64)
    other.params.vector[:] = vector
    return next(BPTT().gradients(other, batch, loss)).vector


@pytest.mark.parametrize("layers", MODELS.values(), ids=MODELS.keys())
def test_the_hessian_vector_product_agrees_with_differences_of_gradients(layers, rng):
    model, batch = problem(layers)
    v, h, p = rng.standard_normal(model.params.size), 1e-5, model.params.vector
    found = hvp(model, batch, CrossEntropy(), v)
    ahead, behind = (gradient_at(model, batch, CrossEntropy(), p + s * h * v) for s in (1, -1))
    assert relative_error(found.product, (ahead - behind) / (2 * h)) < 1e-7
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    assert relative_error(found.gradient, g.vector) < 1e-13
    assert found.loss == pytest.approx(g.loss, rel=1e-14)
    assert found.steps == g.cost.steps


@pytest.mark.parametrize("layers", MODELS.values(), ids=MODELS.keys())
def test_the_hessian_vector_product_is_symmetric_and_linear(layers, rng):
    model, batch = problem(layers)
    u, v = rng.standard_normal((2, model.params.size))
    at_u, at_v, at_both = (hvp(model, batch, CrossEntropy(), d).product for d in (u, v, u - 1e6 * v))
    size = np.linalg.norm(at_u) * np.linalg.norm(v)
    assert abs(v @ at_u - u @ at_v) < 1e-12 * size
    assert relative_error(at_both, at_u - 1e6 * at_v) < 1e-12


@pytest.mark.parametrize("loss", [MeanSquaredError(), BinaryCrossEntropy()], ids=repr)
def test_the_hessian_vector_product_is_exact_for_other_losses(loss, rng):
    model, batch = problem([LSTM(F, 4), Dense(4, K)])
    batch = rnnbp.SequenceBatch(batch.x, batch.lengths, rng.random((6, 3, K)), batch.order)
    v, h, p = rng.standard_normal(model.params.size), 1e-5, model.params.vector
    ahead, behind = (gradient_at(model, batch, loss, p + s * h * v) for s in (1, -1))
    assert relative_error(hvp(model, batch, loss, v).product, (ahead - behind) / (2 * h)) < 1e-7


def test_the_hessian_of_least_squares_is_its_closed_form(rng):
    """A linear network with a squared error: H = 2/n X'X, with ones for the bias."""
    x, y = rng.standard_normal((20, 1, 4)), rng.standard_normal((20, 1))
    data = rnnbp.SequenceDataset(list(x), list(y[:, 0]), dtype=np.float64)
    model = rnnbp.Sequential(Last(), Dense(4, 1), dtype=np.float64)
    X = np.hstack([x[:, 0], np.ones((20, 1))])
    H = np.array([hvp(model, data.batch(), MeanSquaredError(), e).product for e in np.eye(5)])
    np.testing.assert_allclose(H, 2 / 20 * X.T @ X, rtol=1e-12, atol=1e-14)


def test_the_hessian_vector_product_takes_other_gradient_algorithms(rng):
    model, batch = problem(reader(CELLS["GRU"]))
    v = rng.standard_normal(model.params.size)
    expected = hvp(model, batch, CrossEntropy(), v).product
    assert relative_error(hvp(model, batch, CrossEntropy(), v, gradient=TruncatedBPTT(2, 6)).product, expected) < 1e-12
    fixed_point = rnnbp.FixedPoint(rnnbp.ElmanCell(F, 4), tolerance=rnnbp.Tolerance(1e-13, 1e-13))
    model, batch = problem([fixed_point, Dense(4, K)])
    v = rng.standard_normal(model.params.size)
    adjoint = RecurrentBackprop(rnnbp.Direct(), tolerance=rnnbp.Tolerance(1e-13, 1e-13))
    found = hvp(model, batch, CrossEntropy(), v, gradient=adjoint).product
    assert relative_error(found, hvp(model, batch, CrossEntropy(), v).product) < 1e-9


def test_wrong_directions_and_nondifferentiable_algorithms_are_refused():
    model, batch = problem(reader(CELLS["GRU"]))
    with pytest.raises(ValueError, match=r"direction must be real and finite of shape \(P,\) = \(123,\)"):
        hvp(model, batch, CrossEntropy(), np.ones(5))
    with pytest.raises(ValueError, match="the complex step is taken from real parameters"):
        hvp(model, batch, CrossEntropy(), np.ones(123), gradient=ForwardGradient())


# ---- Newton-CG ----------------------------------------------------------------------------------


def rosenbrock(w: np.ndarray) -> tuple[float, np.ndarray]:
    x, y = w
    value = (1 - x) ** 2 + 100 * (y - x * x) ** 2
    return value, np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


def test_newton_cg_finds_the_minimum_with_and_without_the_product():
    for exact in (True, False):
        params = Parameters({"w": (2,)}, np.array([-1.2, 1.0]))

        def product(v, params=params):
            x, y = params.vector
            return np.array([[2 - 400 * (y - 3 * x * x), -400 * x], [-400 * x, 200]]) @ v

        minimum = NewtonCG(iterations=200).minimize(rosenbrock, params, product=product if exact else None)
        assert minimum.converged
        np.testing.assert_allclose(params.vector, 1, atol=1e-4)
        assert 0 < minimum.iterations <= minimum.evaluations


def test_one_newton_step_solves_a_quadratic(rng):
    a = rng.standard_normal((6, 6))
    H, b = a @ a.T + np.eye(6), rng.standard_normal(6)
    params, directions = Parameters({"w": (6,)}, np.zeros(6)), []

    def product(v):
        directions.append(v)
        return H @ v

    minimum = NewtonCG(iterations=20, tolerance=1e-8).minimize(
        lambda w: (w @ H @ w / 2 - b @ w, H @ w - b), params, product=product
    )
    assert minimum.converged
    assert directions
    np.testing.assert_allclose(params.vector, np.linalg.solve(H, b), rtol=1e-6)


def test_newton_cg_takes_no_step_at_a_minimum():
    params, optimizer = Parameters({"w": (2,)}, np.ones(2)), NewtonCG()
    minimum = optimizer.minimize(rosenbrock, params)
    assert (minimum.converged, minimum.iterations, optimizer.steps) == (True, 0, 0)
    np.testing.assert_array_equal(params.vector, 1)


def test_newton_cg_stops_after_the_given_iterations():
    params, optimizer = Parameters({"w": (2,)}, np.array([-1.2, 1.0])), NewtonCG(iterations=3)
    minimum = optimizer.minimize(rosenbrock, params)
    assert (minimum.iterations, minimum.converged, optimizer.steps) == (3, False, 3)


def test_newton_cg_does_not_step_to_where_the_objective_is_not_finite():
    params = Parameters({"w": (1,)}, np.array([4.0]))

    def cliff(w: np.ndarray) -> tuple[float, np.ndarray]:
        return (float(w[0]), np.ones(1)) if w[0] >= 1 else (np.nan, np.full(1, np.nan))

    minimum = NewtonCG().minimize(cliff, params)
    assert 1 <= params.vector[0] <= 4
    assert minimum.value == params.vector[0]
    with pytest.raises(ValueError, match="not finite at the parameters that minimize was given"):
        NewtonCG().minimize(lambda w: (np.nan, w), params)


def test_newton_cg_refuses_single_steps_and_learning_rates():
    with pytest.raises(TypeError, match=r"NewtonCG cannot step by one gradient: call minimize\(objective, params\)"):
        NewtonCG().step(Parameters({"w": (2,)}), np.zeros(2))
    with pytest.raises(ValueError, match="NewtonCG finds its step sizes itself: learning_rate stays 1, got 2"):
        NewtonCG().learning_rate = 2
    with pytest.raises(ValueError, match="tolerance must be a number of 0 or more, got -1"):
        NewtonCG(tolerance=-1)


@pytest.mark.parametrize("optimizer", [NewtonCG(6), LBFGS(6)], ids=repr)
def test_a_trainer_trains_by_minimization(optimizer):
    data = rnnbp.datasets.delayed_recall(40, delay=4, seed=0)
    model = rnnbp.Sequential(rnnbp.Elman(3, 6), rnnbp.Last(), rnnbp.Dense(6, 2), dtype=np.float64)
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), optimizer)
    history = trainer.fit(data, epochs=4, batch_size=16, progress=False)
    assert (np.diff(history["loss"]) <= 0).all()
    assert history["loss"].iloc[-1] < 0.05
    assert trainer.evaluate(data)["accuracy"] == 1


def test_a_trainer_gives_newton_cg_the_hessian_over_the_whole_dataset():
    """The products of the batches are summed, so that the batch size does not matter, and their steps are counted."""
    data = rnnbp.datasets.delayed_recall(20, delay=3, seed=1)
    vectors, steps = [], []
    for batch_size in (20, 7):
        model = rnnbp.Sequential(rnnbp.GRU(3, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64)
        trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), NewtonCG(2))
        history = trainer.fit(data, epochs=1, batch_size=batch_size, progress=False)
        vectors.append(model.params.vector)
        steps.append(history["steps"].iloc[0])
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=1e-6)
    assert steps[0] > 20 * 4 * 5  # two steps take more than five evaluations and products
