"""Forward mode: directional derivatives against the gradient and differences; forward gradients unbiased."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, ENDS, LENGTHS

from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, ForwardGradient, jvp
from rnnbp.layers import GRU, LSTM, Bidirectional, Dense, Dropout, Last, Recurrent
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

T, F, K = 6, 3, 3


def problem(layers, lengths=LENGTHS["unequal lengths"], seed=0):
    """Return a model in float64 and random sequences with labels."""
    rng = np.random.default_rng(seed)
    model = Sequential(*layers, seed=seed, dtype=np.float64)
    model.params.vector[:] += 0.2 * rng.standard_normal(model.params.size)
    x = rng.standard_normal((T, 3, F))
    x[np.arange(T)[:, None] >= lengths] = 0
    shape = (T, 3) if model.out_shape[0] == "T" else (3,)
    return model, SequenceBatch.from_array(x, lengths, rng.integers(K, size=shape))


def reader(cell):
    return [Recurrent(cell), Dense(cell.output_size, K)]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("name", CELLS)
def test_the_slope_is_the_gradient_times_the_direction(name, end, rng):
    model, batch = problem([*reader(CELLS[name]), *end])
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    for length in (1.0, 1e-8, 1e8):
        v = length * rng.standard_normal(model.params.size)
        tangent = jvp(model, batch, CrossEntropy(), v)
        assert abs(tangent.slope - g.vector @ v) < 1e-12 * np.linalg.norm(g.vector) * np.linalg.norm(v)
        assert tangent.loss == pytest.approx(g.loss, rel=1e-14)


def test_slope_and_tangents_agree_with_central_differences(rng):
    model, batch = problem(reader(CELLS["LSTM"]))
    v, h = rng.standard_normal(model.params.size), 1e-5
    tangent = jvp(model, batch, CrossEntropy(), v)
    losses, outputs = [], []
    for sign in (1, -1):
        other = model.astype(np.float64)
        other.params.vector[:] += sign * h * v
        y = other.forward(batch)
        outputs.append(y)
        losses.append(CrossEntropy()(y, batch.targets, batch.lengths)[0])
    assert tangent.slope == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-7)
    real = np.arange(T)[:, None] < batch.lengths
    expected = (outputs[0] - outputs[1]) / (2 * h)
    np.testing.assert_allclose(tangent.d_outputs[real], expected[real], atol=1e-8)
    np.testing.assert_allclose(tangent.outputs[real], model.forward(batch)[real], rtol=1e-14)


@pytest.mark.parametrize("loss", [MeanSquaredError(), BinaryCrossEntropy()], ids=repr)
def test_the_slope_is_exact_for_other_losses(loss, rng):
    model, batch = problem([GRU(F, 4), Dense(4, K)])
    targets = rng.random((T, 3, K))
    targets[0, 0] = np.nan
    batch = replace(batch, targets=targets)
    v = rng.standard_normal(model.params.size)
    (g,) = BPTT().gradients(model, batch, loss)
    assert jvp(model, batch, loss, v).slope == pytest.approx(g.vector @ v, rel=1e-12)


def test_the_slope_is_exact_from_a_given_state_with_dropout_and_for_bidirectional_models(rng):
    model, batch = problem([Dropout(0.3), LSTM(F, 4), Dense(4, K)])
    state = [None, rng.standard_normal((3, 8)), None]
    v = rng.standard_normal(model.params.size)
    (g,) = BPTT().gradients(model, batch, CrossEntropy(), state, np.random.default_rng(3))
    tangent = jvp(model, batch, CrossEntropy(), v, state, np.random.default_rng(3))
    assert tangent.slope == pytest.approx(g.vector @ v, rel=1e-12)
    np.testing.assert_allclose(tangent.state[1], g.state[1], rtol=1e-14)
    assert tangent.state[0] is None
    assert tangent.state[1].dtype == np.float64
    model, batch = problem([Bidirectional(CELLS["GRU"]), Dense(8, K)])
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    v = rng.standard_normal(model.params.size)
    assert jvp(model, batch, CrossEntropy(), v).slope == pytest.approx(g.vector @ v, rel=1e-12)


def test_a_direction_of_zeros_has_no_slope():
    model, batch = problem(reader(CELLS["GRU"]))
    assert jvp(model, batch, CrossEntropy(), np.zeros(model.params.size)).slope == 0


@pytest.mark.parametrize(
    "direction", [np.zeros(3), np.zeros(3, complex), np.full(123, np.nan)], ids=["shape", "complex", "NaN"]
)
def test_a_direction_that_does_not_fit_is_refused(direction):
    model, batch = problem(reader(CELLS["GRU"]))
    with pytest.raises(ValueError, match=r"direction must be real and finite of shape \(P,\) = \(123,\), got"):
        jvp(model, batch, CrossEntropy(), direction)


# ---- forward gradients --------------------------------------------------------------------------


def test_one_direction_is_the_slope_times_the_direction():
    model, batch = problem(reader(CELLS["Elman tanh"]))
    (g,) = ForwardGradient(seed=4).gradients(model, batch, CrossEntropy())
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    v = np.random.default_rng(4).standard_normal(model.params.size)
    np.testing.assert_allclose(g.vector, (exact.vector @ v) * v, rtol=1e-11)
    assert g.loss == pytest.approx(exact.loss, rel=1e-14)
    assert g.cost.steps == batch.lengths.sum()
    np.testing.assert_allclose(g.outputs, exact.outputs, rtol=1e-14, atol=1e-15)
    assert g.span == (0, T)


SEEDS = 3000


def z_score(vectors: np.ndarray, exact: np.ndarray) -> float:
    """Return the deviation of the mean's component along the exact gradient from 1, in standard errors."""
    along = vectors @ exact / (exact @ exact)
    return float((along.mean() - 1) / (along.std(ddof=1) / np.sqrt(len(along))))


@pytest.mark.slow
def test_the_mean_over_seeds_is_unbiased():
    """Along the gradient within 3.3 standard errors (one run in a thousand would not be), and no further from it than
    (P + 1) / n allows; a factor of 1.1 would be noticed."""
    model, batch = problem([Recurrent(CELLS["Elman tanh"]), Last(), Dense(4, K)])
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    found = np.array(
        [next(ForwardGradient(seed=s).gradients(model, batch, CrossEntropy())).vector for s in range(SEEDS)]
    )
    assert abs(z_score(found, exact.vector)) < 3.3
    assert abs(z_score(1.2 * found, exact.vector)) > 3.3
    P = model.params.size
    error = np.linalg.norm(found.mean(axis=0) - exact.vector) / np.linalg.norm(exact.vector)
    assert error == pytest.approx(np.sqrt((P + 1) / SEEDS), rel=0.2)
    variance = ((found - exact.vector) ** 2).sum(axis=1).mean() / (exact.vector @ exact.vector)
    assert variance == pytest.approx(P + 1, rel=0.2)


def test_several_directions_are_averaged():
    model, batch = problem(reader(CELLS["GRU"]))
    (g,) = ForwardGradient(directions=3, seed=1).gradients(model, batch, CrossEntropy())
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    v = np.random.default_rng(1).standard_normal((3, model.params.size))
    np.testing.assert_allclose(g.vector, (v @ exact.vector) @ v / 3, rtol=1e-10)
    assert g.cost.steps == 3 * batch.lengths.sum()


def test_a_generator_gives_new_directions_and_one_set_of_masks():
    model, batch = problem([Dropout(0.5), *reader(CELLS["GRU"])])
    rng = np.random.default_rng(7)
    first, second = (next(ForwardGradient(2).gradients(model, batch, CrossEntropy(), rng=rng)) for _ in range(2))
    assert not np.array_equal(first.vector, second.vector)
    rng = np.random.default_rng(7)
    v = np.random.default_rng(rng.integers(2**63)).standard_normal((2, model.params.size))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy(), rng=rng)
    np.testing.assert_allclose(first.vector, (v @ exact.vector) @ v / 2, rtol=1e-10)


def test_float32_models_get_float32():
    model, batch = problem(reader(CELLS["GRU"]))
    (g,) = ForwardGradient().gradients(model.astype(np.float32), batch.astype(np.float32), CrossEntropy())
    assert g.vector.dtype == g.outputs.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"directions": 0}, "directions must be a positive integer, got 0"), ({"seed": -1}, "seed must be an integer")],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ForwardGradient(**arguments)
