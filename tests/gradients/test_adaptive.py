"""Adaptive truncation: the decay against closed forms and other measurements, the bound against the bias, and K."""

import dataclasses

import numpy as np
import pytest
from helpers import CELLS, ENDS, LENGTHS, gradient_error
from pairs import each, pairs, slow_but
from test_forward import F, K, T, problem, reader

import rnnbp
from rnnbp.cells import ElmanCell
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, AdaptiveTruncation, Choice, GradientDecay, TruncatedBPTT, gradient_decay
from rnnbp.layers import GRU, LSTM, Bidirectional, Dense, Dropout, Embedding, Last, MeanOverTime, Recurrent
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

LONG = 36


def total(algorithm, model, batch, **options):
    """Return the sum of the yielded gradients."""
    return np.sum([g.vector for g in algorithm.gradients(model, batch, CrossEntropy(), **options)], axis=0)


def contracting(radius, activation="tanh", end=(), seed=0, lengths=None):
    """Return an Elman network whose recurrent matrix is a scaled rotation, and long random sequences."""
    rng = np.random.default_rng(seed)
    model = Sequential(Recurrent(ElmanCell(F, 6, activation)), *end, Dense(6, K), seed=seed, dtype=np.float64)
    model.params["0.w_hh"] = radius * np.linalg.qr(rng.standard_normal((6, 6)))[0]
    x = rng.standard_normal((LONG, 5, F))
    targets = rng.integers(K, size=5 if end else (LONG, 5))
    return model, SequenceBatch.from_array(x, lengths, targets)


# ---- the decay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [0.3, 0.7, 0.9, 1.1])
def test_the_decay_rate_of_a_scaled_rotation_is_its_spectral_radius(radius):
    model, batch = contracting(radius, "linear", [Last()])
    decay = gradient_decay(model, batch, CrossEntropy(), LONG)
    assert decay.rate == pytest.approx(radius, rel=1e-9)
    np.testing.assert_allclose(decay.norms / decay.norms[0], radius ** np.arange(LONG), rtol=1e-9)


@pytest.mark.parametrize("name", CELLS)
def test_norms_are_those_of_the_error_flow(name):
    """`error_flow` computes them otherwise: it reruns each sequence's steps from stored states."""
    model, batch = problem([*reader(CELLS[name]), Last()], np.array([6, 6, 6]))
    decay = gradient_decay(model, batch, CrossEntropy(), T)
    flow = rnnbp.diagnostics.error_flow(model, batch, CrossEntropy())
    np.testing.assert_allclose(decay.norms, flow["norm"], rtol=1e-12)
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    assert decay.size == pytest.approx(np.linalg.norm(g.vector), rel=1e-12)
    assert decay.steps == 2 * 3 * T


def test_with_outputs_at_every_step_the_decay_is_that_of_the_losses_at_window_ends():
    """Each window's last step by itself, as the last step of the sequences that reach it."""
    model, batch = problem(reader(CELLS["GRU"]), np.array([6, 6, 3]))
    decay = gradient_decay(model, batch, CrossEntropy(), window=2)
    ended = Sequential(*model.layers, Last(), dtype=np.float64)
    ended.params.vector[:] = model.params.vector
    norms, vector = np.zeros(2), np.zeros(model.params.size)
    for stop, state in zip((2, 4, 6), states_before(model, batch, (0, 2, 4)), strict=True):
        n = int((batch.lengths >= stop).sum())
        window = SequenceBatch(batch.x[stop - 2 : stop, :n], np.full(n, 2), batch.targets[stop - 1, :n], np.arange(n))
        state, fraction = [state[:n], None, None], n / batch.lengths.sum()
        norms += fraction * gradient_decay(ended, window, CrossEntropy(), 2, state).norms
        vector += fraction * total(BPTT(), ended, window, state=state)
    np.testing.assert_allclose(decay.norms, norms, rtol=1e-12)
    assert decay.size == pytest.approx(np.linalg.norm(vector), rel=1e-12)
    assert decay.steps == batch.lengths.sum()


def states_before(model, batch, steps):
    """Yield the first layer's state before each of these steps."""
    yield np.zeros((batch.size, model.layers[0].cell.state_size))
    for t in steps[1:]:
        (g,) = BPTT().gradients(model, batch.span(0, t), CrossEntropy())
        yield g.state[0]


def test_bounds_and_rates_equal_those_computed_by_hand():
    decay = GradientDecay(norms=np.array([8.0, 4.0, 1.0, 0.5]), gain=2.0, size=40.0, steps=0)
    assert (decay.start, decay.rate) == (2, pytest.approx(np.sqrt(1 / 8)))
    beta = np.sqrt(1 / 8)
    tail = 4 / (1 - beta)
    np.testing.assert_allclose(decay.left_out(4), [8 + tail, tail, beta * tail, beta**2 * tail])
    np.testing.assert_allclose(decay.left_out(1), [8 + tail])
    np.testing.assert_allclose(decay.bounds(2), 2 * np.array([8 + tail, tail]) / (40 - 2 * beta**2 * tail))
    assert np.isinf(dataclasses.replace(decay, size=1.0).bounds(3)).all()
    assert np.isinf(dataclasses.replace(decay, norms=np.array([1.0, 2.0, 3.0, 4.0])).bounds(3)).all()
    assert np.isnan(GradientDecay(np.array([1.0]), 2.0, 40.0, 0).rate)
    assert np.isinf(GradientDecay(np.array([1.0]), 2.0, 40.0, 0).bounds(2)).all()
    np.testing.assert_array_equal(GradientDecay(np.array([1.0, 0.0]), 2.0, 40.0, 0).bounds(3)[1:], 0)


# ---- the bound and the bias ---------------------------------------------------------------------


CASES = [(0.5, "tanh"), (0.8, "tanh"), (0.95, "tanh"), (0.8, "linear")]


@pytest.mark.parametrize(
    ("case", "end", "seed"), slow_but(each(CASES, ENDS, [0]), pairs(CASES, ENDS, range(3))), ids=str
)
def test_the_bound_exceeds_the_bias_by_a_limited_factor(case, end, seed):
    """The bound is within a factor of 10 of the bias if every sequence's loss is sampled, of 60 if a few steps' are."""
    model, batch = contracting(*case, ENDS[end], seed)
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    size = np.linalg.norm(g.vector)
    lags = np.array([1, 2, 4, 8, 14])
    bias = [np.linalg.norm(total(TruncatedBPTT(1, lag), model, batch) - g.vector) / size for lag in lags]
    bounds = gradient_decay(model, batch, CrossEntropy(), window=24).bounds(LONG)[lags - 1]
    assert (bias <= bounds).all(), bounds / bias
    assert (bounds < (10 if ENDS[end] else 60) * np.array(bias)).all(), bounds / bias


@pytest.mark.parametrize("tolerance", [0.3, 0.1, 0.01, 1e-4])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_gradient_is_truncated_at_the_smallest_lag_within_the_tolerance(end, tolerance):
    model, batch = contracting(0.8, end=end)
    algorithm = AdaptiveTruncation(tolerance, k1=3, window=24)
    found = list(algorithm.gradients(model, batch, CrossEntropy()))
    (choice,) = algorithm.history
    decay = gradient_decay(model, batch, CrossEntropy(), 24)
    bounds = decay.bounds(LONG)
    assert choice == Choice(choice.lag, bounds[choice.lag - 1], decay.rate)
    assert bounds[choice.lag - 1] <= tolerance
    assert (bounds[: choice.lag - 1] > tolerance).all()
    expected = list(TruncatedBPTT(3, choice.lag + 2).gradients(model, batch, CrossEntropy()))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.vector, other.vector)
        assert one.span == other.span
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    bias = np.linalg.norm(sum(o.vector for o in found) - g.vector) / np.linalg.norm(g.vector)
    assert bias <= choice.bound <= tolerance
    assert found[0].cost.steps == expected[0].cost.steps + decay.steps
    assert [o.cost for o in found[1:]] == [o.cost for o in expected[1:]]


def chosen(algorithm, model, batch) -> Choice:
    for _ in algorithm.gradients(model, batch, CrossEntropy()):
        pass
    return algorithm.history[-1]


@pytest.mark.parametrize("radius", [0.3, 0.5, 0.7, 0.8])
def test_the_lag_follows_the_spectral_radius(radius):
    """A twentieth of the tolerance takes log(20) / log(1 / radius) more steps, up to rounding."""
    model, batch = contracting(radius, "linear", [Last()])
    few, many = (chosen(AdaptiveTruncation(t), model, batch) for t in (0.1, 0.005))
    assert abs(many.lag - few.lag - np.log(20) / -np.log(radius)) < 1
    assert few.rate == pytest.approx(radius, rel=1e-9)
    M_size = few.bound * (1 - radius) / radius ** (few.lag - 1)  # delta(K) = C radius^(K-1) / (1 - radius)
    assert many.bound == pytest.approx(M_size * radius ** (many.lag - 1) / (1 - radius), rel=1e-6)


@pytest.mark.parametrize(("name", "k1", "end", "lengths"), pairs(CELLS, [None, 2], ENDS, LENGTHS))
def test_without_tolerance_it_is_full_bptt(name, k1, end, lengths):
    model, batch = problem([*reader(CELLS[name]), *ENDS[end]], LENGTHS[lengths])
    algorithm = AdaptiveTruncation(tolerance=0, k1=k1)
    found = list(algorithm.gradients(model, batch, CrossEntropy()))
    assert algorithm.history[-1].lag == T
    assert len(found) == (1 if k1 is None else 3)
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    assert sum(f.loss for f in found) == pytest.approx(g.loss, rel=1e-12)
    assert gradient_error(model.params, sum(f.vector for f in found), g.vector) < 1e-12


@pytest.mark.parametrize("name", CELLS)
def test_the_lag_stays_between_least_and_most(name):
    model, batch = problem(reader(CELLS[name]))
    assert chosen(AdaptiveTruncation(1e9, least=3), model, batch).lag in (3, T)
    assert chosen(AdaptiveTruncation(0, most=4), model, batch).lag == 4
    assert chosen(AdaptiveTruncation(0.5, least=2, most=2), model, batch).lag == 2


@pytest.mark.parametrize("radius", [1.0, 1.2])
def test_gradients_that_do_not_decay_are_not_truncated(radius):
    model, batch = contracting(radius, "linear", [Last()])
    choice = chosen(AdaptiveTruncation(0.5), model, batch)
    assert (choice.lag, choice.bound) == (LONG, np.inf)
    model, batch = problem([*reader(CELLS["GRU"]), MeanOverTime()])
    assert chosen(AdaptiveTruncation(0.5), model, batch).lag == T  # the sum forgets nothing


def test_sequences_too_short_to_estimate_the_decay_are_not_truncated():
    model, batch = problem(reader(CELLS["GRU"]), np.array([6, 1, 1]))
    choice = chosen(AdaptiveTruncation(0.5), model, batch)
    assert choice.lag == T
    assert np.isnan(choice.rate)


def test_the_decay_of_unequal_lengths_is_that_of_the_longer_half():
    lengths = np.array([36, 33, 30, 5, 1])
    model, batch = contracting(0.7, "tanh", [Last()], lengths=lengths)
    decay = gradient_decay(model, batch, CrossEntropy(), 100)
    assert len(decay.norms) == 30
    half = SequenceBatch(batch.x[:, :3], lengths[:3], batch.targets[:3], np.arange(3))
    flow = rnnbp.diagnostics.error_flow(model, half, CrossEntropy())
    np.testing.assert_allclose(decay.norms, flow["norm"], rtol=1e-10)
    assert decay.steps == 99 + 3 * 30


# ---- how it is used -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_given_state_and_dropout_give_the_gradient_of_bptt(end, rng):
    """The decay is measured from the given state, without dropout; what is yielded has its masks."""
    model, batch = problem([Dropout(0.3), LSTM(F, 4), Dense(4, K), *end], np.array([6, 6, 4]))
    state = [None, rng.standard_normal((3, 8)), None, *([None] * len(end))]
    algorithm = AdaptiveTruncation(0)
    found = total(algorithm, model, batch, state=state, rng=np.random.default_rng(3))
    (g,) = BPTT().gradients(model, batch, CrossEntropy(), state, np.random.default_rng(3))
    assert gradient_error(model.params, found, g.vector) < 1e-12
    with_it, without = (gradient_decay(model, batch, CrossEntropy(), 4, s).norms for s in (state, None))
    assert not np.allclose(with_it, without)


def test_float32_models_and_tokens_are_taken(rng):
    model = Sequential(Embedding(5, F), GRU(F, 4), Dense(4, K))
    batch = SequenceBatch.from_array(rng.integers(5, size=(20, 3)), targets=rng.integers(K, size=(20, 3)))
    algorithm = AdaptiveTruncation(0.2, k1=1)
    found = list(algorithm.gradients(model, batch, CrossEntropy()))
    assert all(g.vector.dtype == g.outputs.dtype == np.float32 for g in found)
    exact = gradient_decay(model.astype(np.float64), batch, CrossEntropy(), 100)
    assert algorithm.history[-1].rate == pytest.approx(exact.rate, rel=1e-3)


def test_other_losses_are_taken(rng):
    model, batch = contracting(0.7)
    batch = dataclasses.replace(batch, targets=rng.standard_normal((LONG, 5, K)))
    algorithm = AdaptiveTruncation(0.1, k1=1)
    found = np.sum([g.vector for g in algorithm.gradients(model, batch, MeanSquaredError())], axis=0)
    (g,) = BPTT().gradients(model, batch, MeanSquaredError())
    assert 1 < algorithm.history[-1].lag < LONG
    assert np.linalg.norm(found - g.vector) < 0.1 * np.linalg.norm(g.vector)


def test_windows_without_a_label_are_not_truncated():
    model, batch = problem(reader(CELLS["GRU"]), np.array([6, 6, 6]))
    targets = np.full_like(batch.targets, -1)
    targets[2] = 0  # no window of three steps but the first ends in a label
    first = gradient_decay(model, dataclasses.replace(batch, targets=targets), CrossEntropy(), 3)
    assert first.size > 0
    targets[2], targets[1] = -1, 0
    choice = chosen(AdaptiveTruncation(0.5, window=3), model, dataclasses.replace(batch, targets=targets))
    assert choice.lag == T


@pytest.mark.slow
def test_a_trainer_trains_with_adaptive_truncation():
    train, test = rnnbp.datasets.load_japanese_vowels()
    model = Sequential(GRU(12, 8), Last(), Dense(8, 9))
    algorithm = AdaptiveTruncation(0.3)
    trainer = rnnbp.Trainer(model, CrossEntropy(), algorithm, rnnbp.Adam(0.02))
    trainer.fit(train, epochs=4, batch_size=30, progress=False)
    assert len(algorithm.history) == 4 * 9
    assert trainer.evaluate(test)["accuracy"] > 0.5
    assert len({choice.lag for choice in algorithm.history}) > 1


def test_histories_are_neither_compared_nor_shared():
    one, other = AdaptiveTruncation(0.2), AdaptiveTruncation(0.2)
    chosen(one, *problem(reader(CELLS["GRU"])))
    assert one == other
    assert other.history == []
    assert dataclasses.replace(one, tolerance=0.3).history == []
    assert repr(one) == "AdaptiveTruncation(tolerance=0.2, k1=None, window=100, least=1, most=None)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": -0.1}, "tolerance must be a number of 0 or more, got -0.1"),
        ({"k1": 0}, "k1 must be a positive integer, got 0"),
        ({"window": 0}, "window must be a positive integer, got 0"),
        ({"least": 0}, "least must be a positive integer, got 0"),
        ({"least": 5, "most": 4}, "most must be an integer >= least = 5, got 4"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveTruncation(**arguments)


def test_a_noncausal_layer_is_refused():
    model, batch = problem([Bidirectional(CELLS["GRU"]), Dense(8, K)])
    with pytest.raises(ValueError, match=r"AdaptiveTruncation takes causal layers, but layer 0 \(Bidirectional\)"):
        next(AdaptiveTruncation().gradients(model, batch, CrossEntropy()))
    with pytest.raises(ValueError, match=r"gradient_decay takes causal layers, but layer 0 \(Bidirectional\)"):
        gradient_decay(model, batch, CrossEntropy(), 3)


def test_a_batch_without_targets_is_refused():
    model, batch = problem(reader(CELLS["GRU"]))
    with pytest.raises(ValueError, match="batch has no targets"):
        next(AdaptiveTruncation().gradients(model, dataclasses.replace(batch, targets=None), CrossEntropy()))
