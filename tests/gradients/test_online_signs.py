"""The stochastic online algorithms are unbiased: over all signs, and over thousands of draws."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, SPIKING, LeakyCell, gradient_error
from pairs import each, slow_but
from test_forward import problem, reader

import rnnbp
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, KFRTRL, UORO
from rnnbp.gradients.online import kf_rtrl, sign_estimates, uoro
from rnnbp.gradients.online.decomposition import decompose
from rnnbp.gradients.online.jacobian_compression import JacobianEntries
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.sign_estimates import balanced, random_signs
from rnnbp.layers import GRU, LSTM, Dense, Dropout, Embedding, Last, MeanOverTime, Recurrent
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

ALGORITHMS = {"UORO": UORO, "KFRTRL": KFRTRL}
ALL = CELLS | SPIKING
PAIRS = [(name, a) for name in ALL for a in ALGORITHMS if (name, a) != ("a user's", "KFRTRL")]
K = 3


def copies(batch: SequenceBatch, n: int) -> SequenceBatch:
    """Return a batch with n adjacent copies of each sequence; the mean loss is the same."""
    targets = np.repeat(batch.targets, n, axis=batch.targets.ndim - 1)
    return SequenceBatch(np.repeat(batch.x, n, axis=1), np.repeat(batch.lengths, n), targets, np.arange(n * batch.size))


# ---- over all signs -----------------------------------------------------------------------------


class AllSigns:
    """A generator whose sequence b draws pattern b of all patterns, `bits` per step, `calls` times.

    A step's bits are drawn sequence by sequence, or bit by bit.
    """

    def __init__(self, steps, bits, calls=1, bit_by_bit=False):
        patterns = (np.arange(2 ** (steps * bits))[:, None] >> np.arange(steps * bits)) & 1
        by_step = np.repeat(patterns.reshape(-1, steps, bits).swapaxes(0, 1), calls, axis=0)
        self.bits, self.drawn = (by_step.swapaxes(1, 2) if bit_by_bit else by_step).ravel(), 0

    def integers(self, high, size):
        start, self.drawn = self.drawn, self.drawn + int(np.prod(size))
        return self.bits[start : self.drawn].reshape(size)


SMALL = {
    "Elman": [Recurrent(rnnbp.ElmanCell(2, 2)), Dense(2, K)],
    "Jordan": [Recurrent(rnnbp.JordanCell(2, 2, 1, 0.5)), Dense(1, K)],
    "LSTM": [LSTM(2, 1), Dense(1, K)],
    "GRU": [GRU(2, 2), Dense(2, K)],
    "original GRU": [Recurrent(rnnbp.OriginalGRUCell(2, 2)), Dense(2, K)],
    "Stack": [Recurrent(rnnbp.Stack((rnnbp.ElmanCell(2, 1), rnnbp.GRUCell(1, 2)))), Dense(2, K)],
    "a user's": [Recurrent(LeakyCell(2, 3)), Dense(2, K)],
    "Dense > LSTM": [Dense(2, 1, "tanh"), LSTM(1, 1), Dense(1, K)],
    "Embedding > LSTM": [Embedding(4, 1), LSTM(1, 1), Dense(1, K)],
    "GRU > mean": [GRU(2, 1), MeanOverTime(), Dense(1, K)],
}
SMALL_PAIRS = [(name, a) for name in SMALL for a in ALGORITHMS if (name, a) != ("a user's", "KFRTRL")]


def over_all_signs(name, algorithm, state=None, steps=3, inputs=1.0):
    """Return the relative error of the mean gradient over all signs; `inputs` is the inputs' standard deviation."""
    rng = np.random.default_rng(3)
    model = Sequential(*SMALL[name], dtype=np.float64)
    model.params.vector[:] += 0.4 * rng.standard_normal(model.params.size)
    tokens = isinstance(model.layers[0], Embedding)
    x = rng.integers(4, size=(steps, 1)) if tokens else inputs * rng.standard_normal((steps, 1, 2))
    targets = rng.integers(K, size=(steps, 1) if model.out_shape[0] == "T" else 1)
    batch = SequenceBatch(x, np.array([steps]), targets, np.arange(1))
    parts = decompose(model, algorithm)
    if algorithm == "UORO":
        bits, calls = parts.cell.state_size, 1
    else:
        step = LinearizedSteps(
            parts.cell, parts.params, np.zeros((1, parts.cell.state_size)), np.zeros((1, parts.cell.input_size))
        )
        bits, calls = 2, len(kf_rtrl.by_delta_columns(step))  # each product draws its own signs

    class Exhaustive(ALGORITHMS[algorithm]):
        def generator(self, rng):
            return AllSigns(steps, bits, calls, bit_by_bit=algorithm == "KFRTRL")

    many = copies(batch, 2 ** (steps * bits))
    begin = None if state is None else [np.repeat(state, many.size, axis=0), None]
    (exact,) = BPTT().gradients(model, batch, CrossEntropy(), None if state is None else [state, None])
    (g,) = Exhaustive().gradients(model, many, CrossEntropy(), begin)
    return gradient_error(model.params, g.vector, exact.vector)


@pytest.mark.parametrize(("name", "algorithm"), SMALL_PAIRS)
def test_the_mean_over_all_signs_is_the_gradient(name, algorithm):
    assert over_all_signs(name, algorithm) < 1e-12


@pytest.mark.parametrize(("name", "algorithm"), [p for p in SMALL_PAIRS if p[0] in ("Elman", "GRU", "original GRU")])
def test_the_mean_over_all_signs_is_the_gradient_from_a_given_state(name, algorithm, rng):
    assert over_all_signs(name, algorithm, rng.standard_normal((1, 2))) < 1e-12


def one_sided_balance(left, right):
    """Return rho left, and right without the factor 1 / rho."""
    return balanced(left, right)[0], right


def without_signs(rng, shape, dtype):
    rng.integers(2, size=shape)
    return np.ones(shape, dtype)


def scaled_jacobian(factor):
    """Return an attribute with which the recurrent Jacobian is multiplied by a factor."""
    jacobian = JacobianEntries.jacobian
    return {"jacobian": lambda entries: factor * jacobian(entries)}


def spoil(monkeypatch, balanced=None, random_signs=None, jacobian=None):
    if balanced is not None:
        for module in (uoro, kf_rtrl):
            monkeypatch.setattr(module, "balanced", balanced)
    if random_signs is not None:
        monkeypatch.setattr(sign_estimates, "random_signs", random_signs)
    if jacobian is not None:
        monkeypatch.setattr(JacobianEntries, "jacobian", jacobian)


WRONG = {
    "without 1 / rho": {"balanced": one_sided_balance},
    "no signs": {"random_signs": without_signs},
    "twice the Jacobian": scaled_jacobian(2.0),
    "no Jacobian": scaled_jacobian(0.0),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("wrong", [*WRONG.values(), scaled_jacobian(1.001)], ids=[*WRONG, "1.001 times the Jacobian"])
@pytest.mark.parametrize("name", ["Elman", "LSTM", "original GRU"])
def test_the_mean_over_all_signs_of_a_wrong_variant_is_not_the_gradient(name, algorithm, wrong, monkeypatch):
    spoil(monkeypatch, **wrong)
    assert over_all_signs(name, algorithm) > 1e-5


# ---- over draws ---------------------------------------------------------------------------------

SEEDS, COPIES = 40, 60
LIMIT = 6.0  # Student's t with 39 degrees of freedom is beyond it once in two million times


def sampled_gradients(algorithm, model, batch, seeds=SEEDS, n=COPIES):
    """Return gradients (seeds, P), each the mean over n draws."""
    many = copies(batch, n)
    return np.array([next(algorithm(seed).gradients(model, many, CrossEntropy())).vector for seed in range(seeds)])


def worst_score(found, exact):
    """Return the largest deviation of the mean from the gradient over parameters, in standard errors."""
    spread = found.std(axis=0, ddof=1) / np.sqrt(len(found)) + 1e-13 * np.abs(exact).max()
    return float(np.abs((found.mean(axis=0) - exact) / spread).max())


@pytest.mark.parametrize(
    ("name", "algorithm"),
    slow_but([("LSTM", "UORO"), ("Jordan", "KFRTRL")], PAIRS),
)
def test_the_mean_over_draws_is_unbiased(name, algorithm):
    """Over 2400 draws a sequence, at each of up to 200 parameters: one unbiased algorithm in ten thousand would fail by
    chance. Spiking cells have their surrogate derivative, as with BPTT.
    """
    model, batch = problem(reader(ALL[name]))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    assert worst_score(sampled_gradients(ALGORITHMS[algorithm], model, batch), exact.vector) < LIMIT


@pytest.mark.parametrize(("wrong", "algorithm", "name"), each(WRONG, ALGORITHMS, ["Elman tanh", "GRU"]))
def test_a_wrong_variant_is_detected_over_draws(wrong, algorithm, name, monkeypatch):
    model, batch = problem(reader(CELLS[name]))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    spoil(monkeypatch, **WRONG[wrong])
    assert worst_score(sampled_gradients(ALGORITHMS[algorithm], model, batch), exact.vector) > LIMIT


@pytest.mark.parametrize("algorithm", slow_but(["KFRTRL"], ALGORITHMS))
def test_every_sequence_has_its_own_signs(algorithm):
    """The mean over 20 copies has a 20th of the variance of one; with the same signs it would have all of it."""
    model, batch = problem(reader(CELLS["GRU"]), LENGTHS["equal lengths"])
    one, many = (
        sampled_gradients(ALGORITHMS[algorithm], model, batch, seeds=100, n=n).var(axis=0).sum() for n in (1, 20)
    )
    assert one / many == pytest.approx(20, rel=0.5)


# ---- the protocol -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_seed_gives_the_same_signs_and_another_seed_others(algorithm):
    model, batch = problem(reader(CELLS["LSTM"]))
    a, b, c = (next(ALGORITHMS[algorithm](s).gradients(model, batch, CrossEntropy())).vector for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_generator_gives_new_signs_at_each_call(algorithm):
    model, batch = problem(reader(CELLS["LSTM"]))
    make, rng = ALGORITHMS[algorithm], np.random.default_rng(7)
    first, second = (next(make().gradients(model, batch, CrossEntropy(), rng=rng)).vector for _ in range(2))
    assert not np.allclose(first, second)
    seeds = np.random.default_rng(7).integers(2**63, size=2)
    for found, seed in zip((first, second), seeds, strict=True):
        np.testing.assert_array_equal(found, next(make(int(seed)).gradients(model, batch, CrossEntropy())).vector)


@pytest.mark.parametrize("algorithm", slow_but(["UORO"], ALGORITHMS))
def test_the_mean_over_draws_is_unbiased_with_dropout_within_the_network(algorithm):
    """BPTT has the same masks, as it is given the same copies and seed."""
    model, batch = problem([LSTM(3, 3), Dropout(0.5), GRU(3, 2), Dense(2, K)])
    many = copies(batch, 100)

    class OwnGenerator(ALGORITHMS[algorithm]):
        """Signs from another generator than the masks."""

        def generator(self, rng):
            return np.random.default_rng(self.seed)

    masks = [np.random.default_rng(1) for _ in range(SEEDS)]
    runs = [OwnGenerator(s).gradients(model, many, CrossEntropy(), rng=rng) for s, rng in enumerate(masks)]
    found = [next(g).vector for g in runs]
    (exact,) = BPTT().gradients(model, many, CrossEntropy(), rng=np.random.default_rng(1))
    assert worst_score(np.array(found), exact.vector) < LIMIT


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_dropout_masks_are_drawn_after_the_seed_of_the_signs(algorithm):
    model, batch = problem([Dropout(0.5), *reader(CELLS["GRU"])])
    rng = np.random.default_rng(7)
    rng.integers(2**63)
    (exact,) = BPTT().gradients(model, batch, CrossEntropy(), rng=rng)
    (g,) = ALGORITHMS[algorithm]().gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(7))
    assert g.loss == pytest.approx(exact.loss, rel=1e-14)
    running = np.arange(6)[:, None] < batch.lengths
    np.testing.assert_allclose(g.outputs[running], exact.outputs[running], rtol=1e-13)


@pytest.mark.parametrize("every", [1, 2, 4, 9])
@pytest.mark.parametrize("end", [[], [Last()]], ids=["each step", "last step"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_spans_add_up(algorithm, end, every):
    model, batch = problem([*reader(CELLS["Stack LSTM > GRU"]), *end])
    (whole,) = ALGORITHMS[algorithm](3).gradients(model, batch, CrossEntropy())
    parts = list(ALGORITHMS[algorithm](3, every=every).gradients(model, batch, CrossEntropy()))
    assert [g.span for g in parts] == [(t, min(t + every, 6)) for t in range(0, 6, every)]
    np.testing.assert_allclose(sum(g.vector for g in parts), whole.vector, rtol=1e-10, atol=1e-14)
    assert sum(g.loss for g in parts) == pytest.approx(whole.loss, rel=1e-13)


@pytest.mark.parametrize(("name", "algorithm"), PAIRS)
def test_float32_is_near_float64(name, algorithm):
    model, batch = problem(reader(ALL[name]))
    (wanted,) = ALGORITHMS[algorithm](2).gradients(model, batch, CrossEntropy())
    (g,) = ALGORITHMS[algorithm](2).gradients(model.astype(np.float32), batch.astype(np.float32), CrossEntropy())
    assert g.vector.dtype == g.outputs.dtype == np.float32
    assert gradient_error(model.params, g.vector, wanted.vector) < 1e-4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_parameters_of_the_readout_have_no_variance(algorithm):
    model, batch = problem(reader(CELLS["GRU"]))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    (g,) = ALGORITHMS[algorithm]().gradients(model, batch, CrossEntropy())
    top = model.params.place("1.w").start
    np.testing.assert_allclose(g.vector[top:], exact.vector[top:], rtol=1e-12)
    assert not np.allclose(g.vector[:top], exact.vector[:top])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_gradient_is_exact_for_zero_weights_and_inputs(algorithm):
    """Where the products are zero, nothing is divided by their norm."""
    model, batch = problem(reader(CELLS["original GRU"]))
    model.params.vector[:] = 0
    batch = replace(batch, x=np.zeros_like(batch.x))
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    (g,) = ALGORITHMS[algorithm]().gradients(model, batch, CrossEntropy())
    np.testing.assert_allclose(g.vector, exact.vector, atol=1e-15)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_trainer_passes_its_generator(algorithm):
    rng = np.random.default_rng(0)
    data = rnnbp.SequenceDataset(list(rng.standard_normal((8, 5, 2))), targets=[0, 1] * 4)

    def trained(seed):
        model = Sequential(GRU(2, 3), Last(), Dense(3, 2), dtype=np.float64)
        trainer = rnnbp.Trainer(model, CrossEntropy(), ALGORITHMS[algorithm](), rnnbp.SGD(0.1), seed=seed)
        trainer.fit(data, epochs=2, batch_size=8, progress=False)
        return model.params.vector

    np.testing.assert_array_equal(trained(1), trained(1))
    assert not np.allclose(trained(1), trained(2), rtol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_wrong_arguments_are_refused(algorithm):
    with pytest.raises(ValueError, match="seed must be an integer of 0 or more, got -1"):
        ALGORITHMS[algorithm](-1)
    with pytest.raises(ValueError, match="every must be a positive integer, got 0"):
        ALGORITHMS[algorithm](every=0)


# ---- products -----------------------------------------------------------------------------------


def test_balanced_factors_have_one_length_and_the_same_product(rng):
    left, right = rng.standard_normal((5, 3)), 100 * rng.standard_normal((5, 2, 4))
    a, b = balanced(left, right)
    np.testing.assert_allclose(np.einsum("ni,njk->nijk", a, b), np.einsum("ni,njk->nijk", left, right), rtol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), np.linalg.norm(b.reshape(5, -1), axis=1), rtol=1e-13)


def test_balanced_factors_of_a_zero_product_are_zero():
    left = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    right = np.array([[1.0], [0.0], [0.0]])
    a, b = balanced(left, right)
    assert not a.any()
    assert not b.any()


def test_random_signs_are_independent_and_have_zero_mean(rng):
    found = random_signs(rng, (1000, 4), np.float32)
    assert found.dtype == np.float32
    assert set(found.ravel().tolist()) == {-1.0, 1.0}
    assert abs(found.mean()) < 4 / np.sqrt(4000)
    assert abs((found[:, 0] * found[:, 1]).mean()) < 4 / np.sqrt(1000)
