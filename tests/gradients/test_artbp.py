"""ARTBP: its expectation is full BPTT's gradient, over all truncations and over seeds; its schedules."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from helpers import CELLS, ENDS, LENGTHS, gradient_error, leaves
from pairs import each, pairs, slow_but
from test_forward import F, K, T, problem, reader, z_score

import rnnbp
from rnnbp.cells import ElmanCell
from rnnbp.data import SequenceBatch
from rnnbp.gradients import ARTBP, BPTT, Geometric, Guarantee, PowerLaw, TruncatedBPTT
from rnnbp.gradients.truncated import SpanRunner
from rnnbp.layers import GRU, LSTM, Bidirectional, Dense, Dropout, Embedding, FixedPoint, Last, MeanOverTime, Window
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.solvers import Tolerance

SCHEDULES = [Geometric(0.4), PowerLaw(2.0), PowerLaw(3.0, alpha=6.0)]


def total(algorithm, model, batch, **options):
    """Return the sum of the yielded gradients."""
    return np.sum([g.vector for g in algorithm.gradients(model, batch, CrossEntropy(), **options)], axis=0)


def full(model, batch, **options):
    (g,) = BPTT().gradients(model, batch, CrossEntropy(), **options)
    return g


@dataclass
class Scripted:
    """A generator with prescribed truncations."""

    script: tuple

    def random(self):
        cut, *self.script = self.script
        return 0.0 if cut else 1.0


def chance_of(script, truncation) -> float:
    """Return the probability of these truncations."""
    chance, elapsed = 1.0, 0
    for cut in script:
        elapsed += 1
        c = truncation.chance(elapsed)
        chance *= c if cut else 1 - c
        elapsed = 0 if cut else elapsed
    return chance


def mean_over_all_cuts(algorithm, model, batch, monkeypatch):
    mean, whole = 0, 0
    for script in product((False, True), repeat=T - 1):
        monkeypatch.setattr(np.random, "default_rng", lambda seed, script=script: Scripted(script))
        chance = chance_of(script, algorithm.truncation)
        mean, whole = mean + chance * total(algorithm, model, batch), whole + chance
    assert whole == pytest.approx(1, rel=1e-14)
    return mean


ROWS = [CELLS, SCHEDULES, ENDS, LENGTHS]


@pytest.mark.parametrize(("name", "truncation", "end", "lengths"), slow_but(each(*ROWS), pairs(*ROWS)), ids=str)
def test_the_expectation_over_all_truncations_is_the_gradient(name, truncation, end, lengths, monkeypatch):
    model, batch = problem([*reader(CELLS[name]), *ENDS[end]], LENGTHS[lengths])
    found = mean_over_all_cuts(ARTBP(truncation), model, batch, monkeypatch)
    assert gradient_error(model.params, found, full(model, batch).vector) < 1e-12


@pytest.mark.parametrize(
    "layers",
    [
        [LSTM(F, 4, num_layers=2), Dense(4, K), MeanOverTime()],
        [Window(1, 0), GRU(2 * F, 4), GRU(4, 2), Dense(2, K)],
        [FixedPoint(ElmanCell(F, 4), tolerance=Tolerance(1e-13, 1e-13), warm_start=True), Dense(4, K)],
    ],
    ids=["two layers, mean", "window", "fixed points"],
)
def test_the_expectation_is_the_gradient_for_any_causal_model(layers, monkeypatch):
    """The gradient with respect to the running sum of a mean over time is truncated and compensated like any other."""
    model, batch = problem(layers)
    found = mean_over_all_cuts(ARTBP(Geometric(0.3)), model, batch, monkeypatch)
    assert gradient_error(model.params, found, full(model, batch).vector) < 1e-12


# ---- wrong factors ------------------------------------------------------------------------------


def wrong(monkeypatch, change):
    """Change the factors of ARTBP."""
    right = SpanRunner.gradient

    def gradient(self, backward_pass, new, factors):
        return right(self, backward_pass, new, [change(f) for f in factors])

    monkeypatch.setattr(SpanRunner, "gradient", gradient)


FACTORS = {"missing": lambda f: 1.0, "squared": lambda f: f * f, "a hundredth off": lambda f: 1.01 * f}


@pytest.mark.parametrize(("name", "change"), each(CELLS, FACTORS))
def test_the_expectation_with_a_wrong_factor_is_not_the_gradient(name, change, monkeypatch):
    wrong(monkeypatch, FACTORS[change])
    model, batch = problem(reader(CELLS[name]))
    found = mean_over_all_cuts(ARTBP(Geometric(0.4)), model, batch, monkeypatch)
    assert gradient_error(model.params, found, full(model, batch).vector) > 1e-4


# ---- over seeds ---------------------------------------------------------------------------------

SEEDS = 700


def score_over_seeds(truncation):
    """Return the deviation of the mean's component along the gradient, in standard errors."""
    model, batch = problem(reader(CELLS["Elman linear"]))
    found = np.array([total(ARTBP(truncation, seed), model, batch) for seed in range(SEEDS)])
    return abs(z_score(found, full(model, batch).vector))


@pytest.mark.slow
def test_the_mean_over_seeds_is_unbiased():
    """Within 3.3 standard errors: of a thousand right algorithms one would not be."""
    assert score_over_seeds(PowerLaw(2.0)) < 3.3


@pytest.mark.slow
def test_missing_factors_are_detected_over_seeds(monkeypatch):
    wrong(monkeypatch, FACTORS["missing"])
    assert score_over_seeds(PowerLaw(2.0)) > 10


@pytest.mark.slow
def test_the_certificate_tells_right_from_wrong(monkeypatch):
    model, batch = problem(reader(CELLS["GRU"]))
    guarantees = {"ARTBP": ARTBP(Geometric(0.4))}
    found = rnnbp.compare_gradients(model, batch, algorithms=guarantees, seeds=300, lags=0)
    assert found.table["guarantee"].tolist() == ["unbiased"]
    assert found.ok, found
    wrong(monkeypatch, FACTORS["missing"])
    assert rnnbp.compare_gradients(model, batch, algorithms=guarantees, seeds=300, lags=0).failed == ["ARTBP"]


# ---- without truncation, and what is yielded ----------------------------------------------------------


@pytest.mark.parametrize(("name", "end", "lengths"), pairs(CELLS, ENDS, LENGTHS))
def test_without_truncation_it_is_full_bptt(name, end, lengths):
    model, batch = problem([*reader(CELLS[name]), *ENDS[end]], LENGTHS[lengths])
    (g,) = ARTBP(Geometric(0)).gradients(model, batch, CrossEntropy())
    exact = full(model, batch)
    assert g.loss == pytest.approx(exact.loss, rel=1e-12)
    assert gradient_error(model.params, g.vector, exact.vector) < 1e-12
    assert g.span == (0, T)
    assert g.cost.steps == exact.cost.steps


def test_truncation_at_nearly_every_step_is_elmans_copy_back():
    """With a probability of 1 - 1e-12 every step is truncated."""
    model, batch = problem(reader(CELLS["GRU"]))
    found = total(ARTBP(Geometric(1 - 1e-12)), model, batch)
    np.testing.assert_allclose(found, total(TruncatedBPTT(1, 1), model, batch), rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_segments_cover_time_once_and_add_up(end, seed):
    model, batch = problem([*reader(CELLS["LSTM"]), *end])
    found, exact = list(ARTBP(PowerLaw(2.0), seed).gradients(model, batch, CrossEntropy())), full(model, batch)
    assert [t for g in found for t in range(*g.span)] == list(range(T))
    assert sum(g.loss for g in found) == pytest.approx(exact.loss, rel=1e-12)
    assert sum(g.cost.steps for g in found) == batch.lengths.sum()
    for one, other in zip(leaves(found[-1].state), leaves(exact.state), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    if not end:
        running = np.arange(T)[:, None] < batch.lengths
        outputs = np.concatenate([g.outputs for g in found])
        np.testing.assert_allclose(outputs[running], exact.outputs[running], rtol=1e-12)


def test_a_given_state_and_dropout_give_the_gradient_of_bptt(rng):
    model, batch = problem([Dropout(0.3), LSTM(F, 4), Dense(4, K)])
    state = [None, rng.standard_normal((3, 8)), None]
    given = np.random.default_rng(3)
    found = total(ARTBP(Geometric(0)), model, batch, state=state, rng=given)
    again = np.random.default_rng(3)
    again.integers(2**63)  # the seed of the truncations is drawn before the masks
    exact = full(model, batch, state=state, rng=again)
    assert gradient_error(model.params, found, exact.vector) < 1e-12


def test_a_seed_gives_the_same_truncations_and_a_generator_new_ones():
    model, batch = problem(reader(CELLS["GRU"]))
    one, same, other = (total(ARTBP(Geometric(0.4), seed=s), model, batch) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    rng = np.random.default_rng(0)
    calls = [total(ARTBP(Geometric(0.4)), model, batch, rng=rng) for _ in range(4)]
    assert len({c.tobytes() for c in calls}) > 1
    assert Guarantee("unbiased", ARTBP()).seeded(3) == ARTBP(seed=3)


def test_float32_models_and_tokens_are_taken(rng):
    model = Sequential(Embedding(5, F), GRU(F, 4), Dense(4, K))
    batch = SequenceBatch.from_array(rng.integers(5, size=(T, 3)), targets=rng.integers(K, size=(T, 3)))
    found = list(ARTBP(Geometric(0.4)).gradients(model, batch, CrossEntropy()))
    assert all(g.vector.dtype == g.outputs.dtype == np.float32 for g in found)
    exact = total(ARTBP(Geometric(0.4)), model.astype(np.float64), batch)
    assert np.abs(sum(g.vector for g in found) - exact).max() < 1e-5 * np.abs(exact).max()


def test_memory_is_that_of_the_longest_segment():
    model, batch = problem([LSTM(F, 3), Dense(3, K)])
    x = np.random.default_rng(0).standard_normal((200, 2, F))
    batch = SequenceBatch.from_array(x, targets=np.zeros((200, 2), int))
    found = list(ARTBP(Geometric(0.2)).gradients(model, batch, CrossEntropy()))
    length = np.array([stop - start for start, stop in (g.span for g in found)])
    stored = np.array([g.cost.peak_bytes for g in found])
    per_step, constant = np.polyfit(length, stored, 1)  # the constant is the batch's x, of which residuals have views
    np.testing.assert_allclose(stored, per_step * length + constant, rtol=1e-9)
    assert length.max() < 50
    assert stored.max() < full(model, batch).cost.peak_bytes / 3


def test_parameters_may_change_between_truncations():
    model, batch = problem(reader(CELLS["GRU"]))
    before = full(model, batch).loss
    for seed in range(30):
        for g in ARTBP(PowerLaw(3.0), seed).gradients(model, batch, CrossEntropy()):
            model.params.vector -= 0.5 * g.vector
    assert full(model, batch).loss < 0.8 * before


@pytest.mark.slow
def test_a_trainer_trains_with_artbp():
    train, test = rnnbp.datasets.load_japanese_vowels()
    model = rnnbp.Sequential(GRU(12, 16), Last(), Dense(16, 9))
    trainer = rnnbp.Trainer(model, CrossEntropy(), ARTBP(PowerLaw(10.0)), rnnbp.Adam(0.01))
    trainer.fit(train, epochs=3, batch_size=16, progress=False)
    assert trainer.evaluate(test)["accuracy"] > 0.5


# ---- schedules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "alpha"), slow_but([(2.0, 4.0)], [(2.0, 4.0), (20.0, 4.0), (20.0, 6.0), (1.5, 5.0)]))
def test_segments_of_a_power_law_have_its_mean_exactly(mean, alpha):
    """The mean length is the sum of the probabilities that a segment is longer than 0, 1, 2, ... steps."""
    steps = np.arange(1, 200_000)
    longer = np.cumprod(1 - np.array([PowerLaw(mean, alpha).chance(n) for n in steps]))
    assert 1 + longer.sum() == pytest.approx(mean, rel=1e-6)
    far, near = (np.log((alpha - 2) * mean + steps[n]) for n in (99_999, 9_999))
    assert np.log(longer[99_999] / longer[9_999]) / (far - near) == pytest.approx(1 - alpha, rel=1e-3)


@pytest.mark.slow
def test_segments_have_the_schedules_lengths():
    model, batch = problem([GRU(F, 1), Dense(1, K)])
    x = np.zeros((1200, 1, F))
    batch = SequenceBatch.from_array(x, targets=np.zeros((1200, 1), int))
    for truncation in (Geometric(0.1), PowerLaw(10.0, alpha=6.0)):
        spans = [g.span for g in ARTBP(truncation).gradients(model, batch, CrossEntropy())]
        assert 1200 / len(spans) == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ARTBP(0.1), "truncation must be an object with a method 'chance', got 0.1"),
        (lambda: ARTBP(Geometric), "truncation must be an object with a method 'chance', got <class"),
        (lambda: ARTBP(seed=-1), "seed must be an integer of 0 or more, got -1"),
        (lambda: Geometric(-0.1), "probability must be a number between 0 and 1, got -0.1"),
        (lambda: Geometric(1), "probability must be below 1, got 1: no gradient would be"),
        (lambda: PowerLaw(1), "mean must be a number above 1, got 1"),
        (lambda: PowerLaw(alpha=2), "alpha must be a number above 2, got 2"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_chances_of_a_user_defined_schedule_are_checked():
    @dataclass(frozen=True)
    class Sure:
        def chance(self, elapsed):
            return 1.0 * elapsed

    model, batch = problem(reader(CELLS["GRU"]))
    with pytest.raises(ValueError, match=r"a chance must be at least 0 and below 1, got 1.0 of .*Sure"):
        next(ARTBP(Sure()).gradients(model, batch, CrossEntropy()))


def test_a_noncausal_layer_is_refused():
    model, batch = problem([Bidirectional(CELLS["GRU"]), Dense(8, K)])
    with pytest.raises(ValueError, match=r"ARTBP takes causal layers, but layer 0 \(Bidirectional\) sees .* use BPTT"):
        next(ARTBP().gradients(model, batch, CrossEntropy()))


def test_a_batch_without_targets_is_refused():
    model, batch = problem(reader(CELLS["GRU"]))
    with pytest.raises(ValueError, match="batch has no targets"):
        next(ARTBP().gradients(model, SequenceBatch(batch.x, batch.lengths, None, batch.order), CrossEntropy()))
