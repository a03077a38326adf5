"""What the package guarantees of each algorithm, and the guarantee of an algorithm that a user gives."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

import rnnbp
from rnnbp.gradients import (
    ARTBP,
    BPTT,
    RTRL,
    BlockRTRL,
    ComplexStep,
    FiniteDifference,
    ForwardGradient,
    SnAp,
    TruncatedBPTT,
)
from rnnbp.gradients.artbp import Geometric
from rnnbp.gradients.cost_measurement import run_seeds, total_of
from rnnbp.gradients.guarantees import FEW, Guarantee, select_guarantees, standard_guarantees
from rnnbp.gradients.history import History
from rnnbp.gradients.lag_decomposition import exact_fractions, final_steps, gradient_by_lag
from rnnbp.gradients.unbiased import Problem


def problem(per_step: bool = False, **options):
    end = [] if per_step else [rnnbp.Last()]
    model = rnnbp.Sequential(rnnbp.Elman(2, 3), *end, rnnbp.Dense(3, 2), dtype=np.float64, seed=1)
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((n, 2)) for n in (5, 4)]
    targets = [rng.integers(2, size=len(one)) for one in x] if per_step else np.array([0, 1])
    return model, rnnbp.SequenceDataset(x, targets, dtype=np.float64, **options).batch(), rnnbp.CrossEntropy()


@pytest.mark.parametrize(
    ("steps", "name", "level"),
    [
        (10, "TruncatedBPTT(5, 10)", "exact"),
        (11, "TruncatedBPTT(5, 10)", "approximate"),
        (1, "TruncatedBPTT(1, 1)", "exact"),
        (2, "TruncatedBPTT(1, 1)", "approximate"),
        (50, "TruncatedBPTT(1, T)", "exact"),
    ],
)
def test_a_truncation_is_exact_for_sequences_that_it_does_not_cut(steps, name, level):
    assert standard_guarantees(steps, 9)[name].level == level


def test_algorithms_are_called_by_their_arguments():
    standard = standard_guarantees(20, 9)
    assert standard["TruncatedBPTT(1, T)"].algorithm == TruncatedBPTT(1, 20)
    assert standard["BPTT(slots=2)"].algorithm == BPTT(slots=2)
    assert standard["TruncatedBPTT(5, 10)"].algorithm == TruncatedBPTT(5, 10)
    assert standard["TruncatedBPTT(1, 1)"].algorithm == TruncatedBPTT(1, 1)
    assert standard["BlockRTRL(10)"].algorithm == BlockRTRL(10)
    assert [standard[f"SnAp({n})"].algorithm for n in (1, 2)] == [SnAp(1), SnAp(2)]
    assert [standard_guarantees(steps, 9)["ARTBP"].algorithm.truncation.mean for steps in (3, 6, 30)] == [2, 2, 10]


def test_numerical_gradients_are_included_for_few_parameters():
    found = standard_guarantees(5, FEW)
    assert found["ComplexStep"] == Guarantee("exact", ComplexStep(), 1e-12)
    assert found["FiniteDifference"] == Guarantee("exact", FiniteDifference(), 1e-6)
    assert not {"ComplexStep", "FiniteDifference"} & standard_guarantees(5, FEW + 1).keys()


def test_an_algorithm_has_the_guarantee_of_its_like():
    standard = standard_guarantees(20, 9)
    given = [
        BPTT(slots=7),
        RTRL(),
        ARTBP(Geometric(0.5)),
        TruncatedBPTT(3, 4),
        TruncatedBPTT(5, 10),
        FiniteDifference(),
    ]
    found = select_guarantees(given, standard).values()
    levels = ["exact", "exact", "unbiased", "approximate", "approximate", "exact"]
    assert [one.level for one in found] == levels
    assert [one.algorithm for one in found] == given
    assert [one.tolerance for one in found] == [*[1e-12] * 5, 1e-6]
    assert select_guarantees({"mine": TruncatedBPTT(1, 20)}, standard)["mine"].level == "exact"
    assert select_guarantees({"mine": standard["UORO"]}, standard) == {"mine": standard["UORO"]}
    assert select_guarantees(None, standard) == standard
    with pytest.raises(ValueError, match="algorithm 'mine' must be a gradient algorithm or a Guarantee, got 3"):
        select_guarantees({"mine": 3}, standard)


def test_a_stochastic_algorithm_is_copied_with_seeds():
    stochastic, made = Guarantee("unbiased", ForwardGradient(2)), Guarantee("unbiased", lambda seed: ("made", seed))
    assert (stochastic.stochastic, stochastic.seeded(4)) == (True, ForwardGradient(2, seed=4))
    assert (made.stochastic, made.seeded(4)) == (True, ("made", 4))
    exact = Guarantee("exact", BPTT())
    assert not exact.stochastic
    assert exact.seeded(4) is exact.algorithm


@pytest.mark.parametrize("per_step", [False, True])
def test_copies_of_sequences_have_the_same_mean_gradient(per_step):
    weights = [np.array([1.0, 2, 0, 1, 3]), np.array([2.0, 1, 1, 0])] if per_step else [1.0, 3.0]
    resets = [np.arange(5) == 2, np.arange(4) == 1] if per_step else None
    model, batch, loss = problem(per_step, weights=weights, resets=resets)
    exact = total_of(BPTT(), model, batch, loss)
    copied = Problem(Guarantee("exact", BPTT()), model, batch, loss, exact.vector).copies(3)
    assert copied.batch.size == 6
    found = total_of(BPTT(), model, copied.batch, loss)
    np.testing.assert_allclose(found.vector, exact.vector, rtol=1e-12, atol=1e-15)
    assert found.loss == pytest.approx(exact.loss, rel=1e-13)
    np.testing.assert_allclose(copied.sample(0), exact.vector, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("takes", "replayable"), [((int, np.random.Generator), True), ((int,), False)])
def test_a_seed_can_be_replaced_by_its_generator_if_both_give_the_same_gradient(takes, replayable):
    model, batch, loss = problem()

    def made(seed):
        if not isinstance(seed, takes):
            raise TypeError("a seed is an integer")
        return ForwardGradient(seed=seed)

    own = Problem(Guarantee("unbiased", made), model, batch, loss, np.zeros(model.params.size))
    assert own.replayable() == replayable
    other = dataclasses.replace(
        own, guarantee=Guarantee("unbiased", lambda seed: ForwardGradient(seed=seed if isinstance(seed, int) else 99))
    )
    assert not other.replayable()


def test_the_runs_of_an_algorithm_are_those_of_its_seeds():
    model, batch, loss = problem()
    runs = run_seeds(Guarantee("unbiased", ForwardGradient()), model, batch, loss, [3, 5, 6, 7])
    expected = [total_of(ForwardGradient(seed=seed), model, batch, loss).vector for seed in (3, 5, 6, 7)]
    np.testing.assert_array_equal(runs.vectors, expected)
    np.testing.assert_array_equal(runs.first.vector, expected[0])
    exact = run_seeds(Guarantee("exact", BPTT()), model, batch, loss, [3, 5])
    assert exact.vectors.shape == (1, model.params.size)
    assert exact.allocated > model.params.vector.nbytes
    assert exact.seconds > 0


def test_the_memory_of_a_gradient_is_the_most_it_has_at_a_time():
    model = rnnbp.Sequential(rnnbp.Elman(1, 8), rnnbp.Last(), rnnbp.Dense(8, 2), dtype=np.float64, seed=1)
    batch = rnnbp.SequenceDataset([np.ones((500, 1))], np.array([1]), dtype=np.float64).batch()
    allocated = run_seeds(Guarantee("exact", BPTT()), model, batch, rnnbp.CrossEntropy(), [3]).allocated
    assert allocated > 500 * 8 * 8  # a state at each step, of which none is left in the end


@pytest.mark.parametrize("before", [False, True])
def test_measuring_memory_leaves_tracing_as_it_was(before):
    model, batch, loss = problem()
    if before:
        tracemalloc.start()
    try:
        run_seeds(Guarantee("exact", BPTT()), model, batch, loss, [3])
        assert tracemalloc.is_tracing() == before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("per_step", [False, True])
def test_terms_by_lag_add_up_to_the_gradient_of_the_last_steps(per_step):
    model, batch, loss = problem(per_step)
    end = final_steps(model, batch, loss, 3)
    assert (end.steps, final_steps(model, batch, loss, 99).steps) == (3, 4)
    exact = gradient_by_lag(model, end, loss, BPTT())
    (g,) = BPTT().gradients(model, end.batch, loss, end.states[0])
    np.testing.assert_allclose(exact.sum(axis=0), g.vector, rtol=1e-12, atol=1e-15)
    assert end.states[0] is not None  # the sequences have begun before
    fractions = exact_fractions(gradient_by_lag(model, end, loss, TruncatedBPTT(1, 2)), exact)
    np.testing.assert_allclose(fractions, [1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(exact_fractions(gradient_by_lag(model, end, loss, RTRL()), exact), 1, rtol=1e-9)


def test_the_last_steps_of_sequences_have_their_own_weights():
    weights = [np.array([1.0, 2, 3, 4, 5]), np.array([6.0, 7, 8, 9])]
    model, batch, loss = problem(True, weights=weights)
    np.testing.assert_array_equal(final_steps(model, batch, loss, 2).batch.weights, [[4, 8], [5, 9]])
    model, batch, loss = problem(True, weights=[2.0, 3.0])
    np.testing.assert_array_equal(final_steps(model, batch, loss, 2).batch.weights, [2, 3])


def test_earlier_labels_than_the_last_steps_are_left_out():
    model, batch, _ = problem(True)
    for loss, left_out in ((rnnbp.CrossEntropy(ignore=5), 5), (rnnbp.losses.Loss(), -1)):
        targets = final_steps(model, batch, loss, 3).batch.targets
        np.testing.assert_array_equal(targets[:-1], np.full((2, 2), left_out))
        np.testing.assert_array_equal(targets[-1], batch.targets[batch.lengths - 1, range(2)])


def test_a_history_drops_the_oldest_of_more_than_a_thousand_records():
    history = History(range(1001))
    assert (len(history), history.total, history[0], history[-2:]) == (1000, 1001, 1, [999, 1000])
    assert history == list(range(1, 1001))
    assert history != list(range(1000))
    assert history != 5
