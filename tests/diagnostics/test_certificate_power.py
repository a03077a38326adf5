"""Power of the certificate: biased stochastic gradients fail, unbiased ones pass, inconclusive ones are undecided."""

import dataclasses
from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers import CELLS
from pairs import slow_but
from test_forward import problem, reader

import rnnbp
from rnnbp.data import SequenceBatch
from rnnbp.gradients import ARTBP, BPTT, KFRTRL, UORO, ForwardGradient, Geometric, Guarantee, PowerLaw, TruncatedBPTT
from rnnbp.gradients.online.sign_estimates import balanced, random_signs
from rnnbp.layers import GRU, LSTM, Dense, Elman, Last
from rnnbp.losses import CrossEntropy


class LastThreeSteps:
    """UORO's estimate of the influence matrix restricted to the last three steps."""

    stored = ()

    def __init__(self, rng):
        self.rng, self.products = rng, []

    def advance(self, steps, signal):
        signs = random_signs(self.rng, steps.state.shape, steps.state.dtype)
        new_states, new_params = balanced(signs, steps.immediate_vjp(signs))
        found = 0
        for rows in steps.rows:
            n = rows.stop - rows.start
            moved = [(np.einsum("nij,nj->ni", steps.jacobian[rows], s[:n]), p[:n]) for s, p in self.products[-2:]]
            self.products = [*(balanced(*pair) for pair in moved), (new_states[rows], new_params[rows])]
            state, params = (sum(product[i] for product in self.products) for i in (0, 1))
            found = found + (signal[rows] * state).sum(axis=1) @ params
        return found


class Forgetful(UORO):
    """UORO without the terms at lags of 3 and more."""

    def initial_influence(self, parts, batch_size, rng):
        return LastThreeSteps(self.generator(rng))


@dataclasses.dataclass(frozen=True)
class Scaled:
    """An algorithm whose gradient is that of another, times a number."""

    inner: object
    factor: float
    seed: int = 0

    def gradients(self, *arguments, **options):
        for g in dataclasses.replace(self.inner, seed=self.seed).gradients(*arguments, **options):
            yield dataclasses.replace(g, vector=self.factor * g.vector)


@dataclasses.dataclass(frozen=True)
class SameSigns(UORO):
    """UORO with the same signs at every step."""

    def initial_influence(self, parts, batch_size, rng):
        influence = super().initial_influence(parts, batch_size, rng)
        seed = self.seed

        class Again:
            def integers(self, high, size):
                return np.stack([np.random.default_rng(seed).integers(high, size=size[1]) for _ in range(size[0])])

        influence.signs.rng = Again()
        return influence


def certify(algorithm, layers, seed=0, lengths=None, **options):
    """Return the row of an algorithm under the guarantee 'unbiased', and the certificate."""
    model, batch = problem(layers, np.array([6, 6, 6]) if lengths is None else lengths, seed)
    unbiased = {"it": Guarantee("unbiased", algorithm)}
    found = rnnbp.compare_gradients(model, batch, algorithms=unbiased, lags=0, **options)
    return found.table.iloc[0], found


def tiny(hidden=2):
    """Return a network for which UORO's signs over short sequences can be enumerated."""
    rng = np.random.default_rng(hidden)
    model = rnnbp.Sequential(Elman(2, hidden), Last(), Dense(hidden, 2), dtype=np.float64)
    x = rng.standard_normal((4, 1, 2))
    return model, SequenceBatch.from_array(x, targets=np.array([1]))


# ---- over all draws -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layers", [[GRU(3, 2), Dense(2, 3)], [Elman(3, 3), Last(), Dense(3, 3)]], ids=["GRU", "Elman"])
@pytest.mark.parametrize("factor", [1.0, 0.5, 1.0001])
def test_a_wrong_factor_in_forward_gradients_is_detected(factor, layers, seed):
    row, found = certify(Scaled(ForwardGradient(), factor), layers, seed)
    assert row["test"] == "all draws"
    assert row["bias"] == pytest.approx(abs(factor - 1), abs=1e-12)
    assert found.ok is (factor == 1)
    assert found.failed == ([] if factor == 1 else ["it"])


@pytest.mark.parametrize(("chance", "seed"), slow_but([(0.3, 0)], product([0.1, 0.3, 0.6], range(4))))
def test_wrong_random_truncation_is_detected_over_all_outcomes(chance, seed):
    row, found = certify(ARTBP(Geometric(chance)), reader(CELLS["Elman linear"]), seed)
    assert (row["test"], row["runs"]) == ("all draws", 2**5)
    assert row["bias"] < 1e-12
    assert found.ok


@pytest.mark.parametrize(("algorithm", "ok"), slow_but([(Forgetful(), False)], [(UORO(), True), (KFRTRL(), True)]))
def test_wrong_random_signs_are_detected_over_all_outcomes(algorithm, ok):
    model, batch = tiny()
    found = rnnbp.compare_gradients(model, batch, algorithms={"it": Guarantee("unbiased", algorithm)}, lags=0)
    assert found.table["test"].tolist() == ["all draws"]
    assert found.ok is ok, found
    assert found.table["smallest_bias"].tolist() == [1e-9]


@pytest.mark.slow
def test_a_seed_used_several_times_is_not_taken_for_a_generator():
    """With one generator its signs would differ, and it would be unbiased."""
    model, batch = tiny()
    found = rnnbp.compare_gradients(model, batch, algorithms={"it": Guarantee("unbiased", SameSigns())}, lags=0)
    assert found.table["test"].tolist() == ["samples"]
    assert found.failed == ["it"]


# ---- by samples ---------------------------------------------------------------------------------

NETWORKS = {
    "LSTM": [LSTM(3, 4), Last(), Dense(4, 3)],
    "GRU": [GRU(3, 4), Last(), Dense(4, 3)],
    "Elman": [Elman(3, 4), Last(), Dense(4, 3)],
}


def dropped(layers, seed):
    """Return the norm of the gradient at lags of 3 and more, relative to the gradient."""
    model, batch = problem(layers, np.array([6, 6, 6]), seed)
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    cut = sum(part.vector for part in TruncatedBPTT(3, 3).gradients(model, batch, CrossEntropy()))
    return np.linalg.norm(g.vector - cut) / np.linalg.norm(g.vector)


@pytest.mark.slow
def test_uoro_without_lags_above_2_is_detected():
    row, found = certify(Forgetful(), NETWORKS["GRU"], seed=1)
    assert dropped(NETWORKS["GRU"], seed=1) > 0.05 >= row["smallest_bias"]
    assert found.failed == ["it"], found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "algorithm"), [("LSTM", UORO()), ("GRU", KFRTRL()), ("Elman", ARTBP(PowerLaw(2.0)))], ids=str
)
def test_unbiased_algorithms_pass(name, algorithm):
    row, found = certify(algorithm, NETWORKS[name])
    assert found.ok, found
    assert row["smallest_bias"] <= 0.05


@pytest.mark.slow
def test_half_a_forward_gradient_with_unknown_random_numbers_is_detected():
    by_integers = lambda seed: Scaled(ForwardGradient(4), 0.5, int(seed))  # noqa: E731
    row, found = certify(by_integers, NETWORKS["Elman"])
    assert row["test"] == "samples"
    assert row["smallest_factor"] < 0.5
    assert found.failed == ["it"]


@pytest.mark.slow
def test_an_unbiased_algorithm_of_too_large_variance_is_undecided():
    by_integers = lambda seed: ForwardGradient(32, int(seed))  # noqa: E731
    row, found = certify(by_integers, NETWORKS["Elman"], max_runs=150)
    assert row["ok"] is pd.NA
    assert found.undecided == ["it"]
    assert found.failed == []
    assert not found.ok
    assert found.verdict.startswith("inconclusive: it (a bias of ")
    assert "inconclusive" in repr(found).splitlines()[-1]
    _, found = certify(by_integers, NETWORKS["Elman"], max_runs=150, power=1.0)
    assert found.ok  # so large a bias would be detected


# ---- heavy tails --------------------------------------------------------------------------------


def long_sequences(seed):
    """Return 20 steps of a linear network; samples of its gradient are products of up to 19 factors 1 / 0.7."""
    rng = np.random.default_rng(seed)
    model = rnnbp.Sequential(Elman(2, 3, activation="linear"), Last(), Dense(3, 2), dtype=np.float64, seed=seed)
    model.params["0.w_hh"] = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    return model, SequenceBatch.from_array(0.3 * rng.standard_normal((20, 2, 2)), targets=np.array([0, 1]))


def of_long_sequences(algorithm, seed, **options):
    model, batch = long_sequences(seed)
    unbiased = {"it": Guarantee("unbiased", algorithm)}
    return rnnbp.compare_gradients(model, batch, algorithms=unbiased, seeds=5, lags=0, **options)


@pytest.mark.slow
def test_unbiased_heavy_tailed_truncation_is_not_rejected():
    by_integers = lambda seed: ARTBP(Geometric(0.3), int(seed))  # noqa: E731
    for algorithm in (ARTBP(Geometric(0.3)), by_integers):
        found = of_long_sequences(algorithm, 0, power=0.6, max_runs=200)
        assert found.undecided == ["it"]
        assert found.table["test"].tolist() == ["heavy-tailed samples"]
        assert found.verdict.startswith("inconclusive: it (heavy-tailed samples)")


# ---- nothing to test ----------------------------------------------------------------------------


def test_no_guarantees_are_not_a_success():
    model, batch = problem(NETWORKS["GRU"])
    for algorithms in (["TruncatedBPTT(1, 1)"], []):
        found = rnnbp.compare_gradients(model, batch, algorithms=algorithms, lags=0)
        assert not found.ok
        assert found.failed == found.undecided == found.passed == []
        assert found.verdict.startswith("no guarantees to test (full BPTT")
