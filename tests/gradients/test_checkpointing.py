"""Checkpointed BPTT: valid and optimal schedules, the gradient of plain BPTT, and memory within its budget."""

import tracemalloc
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from helpers import CELLS, LeakyCell, gradient_error, leaves
from pairs import each, pairs, slow_but

import rnnbp
from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, ComplexStep, TruncatedBPTT
from rnnbp.gradients.base import residual_bytes
from rnnbp.gradients.checkpointing.binomial import advances, split
from rnnbp.gradients.checkpointing.budget import Plan, Sizes, bytes_of, plan_within
from rnnbp.gradients.checkpointing.schedules import (
    Advance,
    Backward,
    Free,
    Record,
    Store,
    residuals_evaluations,
    snapshots_evaluations,
    store_residuals,
    store_snapshots,
)
from rnnbp.kernels.blocks import BLOCK
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Elman,
    Embedding,
    FixedPoint,
    Jordan,
    Last,
    Layer,
    MeanOverTime,
    MultiLayer,
    Noise,
    Normalize,
    Recurrent,
    Window,
)
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.training import Trainer

F, K = 3, 3
T = 3 * BLOCK + 6
LENGTHS = {"equal lengths": np.full(3, T), "unequal lengths": np.array([T, 2 * BLOCK + 5, 4])}
PUBLISHED = {5: 6.29, 10: 3.64, 20: 2.75, 50: 1.95, 100: 1.90}  # forward evaluations a step for T = 1,000
GRID = [*product(range(1, 31), range(1, 12)), (100, 3), (1000, 5), (1000, 50), (1000, 1000), (2000, 7)]


# ---- schedules ----------------------------------------------------------------------------------


def replay(segments, actions):
    """Check a schedule, and return its evaluations and the peak numbers of stored states and residuals."""
    states, residuals, current = set(), set(), None
    left, evaluations, peak_states, peak_residuals = segments, 0, 0, 0

    def is_known(start):
        return start in (0, current) or start in states or start - 1 in residuals

    for action in actions:
        match action:
            case Advance(start, stop):
                assert start < stop
                assert is_known(start)
                evaluations, current = evaluations + stop - start, stop
                continue
            case Store(segment):
                assert is_known(segment)
                states.add(segment)
                peak_states = max(peak_states, len(states))
                continue
            case Free(segment):
                states.remove(segment)
            case Record(segment):
                assert is_known(segment)
                residuals.add(segment)
                evaluations, peak_residuals = evaluations + 1, max(peak_residuals, len(residuals))
            case Backward(segment):
                assert segment == left - 1, "in reverse order, each once"
                residuals.remove(segment)
                left = segment
        current = None
    assert left == 0
    assert not states
    assert not residuals
    return evaluations, peak_states, peak_residuals


def test_schedules_are_valid_and_take_the_evaluations_of_the_closed_form():
    for segments, slots in GRID:
        evaluations, states, residuals = replay(segments, store_snapshots(segments, slots))
        assert evaluations == snapshots_evaluations(segments, slots), (segments, slots)
        assert states <= slots, (segments, slots)
        assert residuals == 1, (segments, slots)
        evaluations, states, residuals = replay(segments, store_residuals(segments, slots))
        assert evaluations == residuals_evaluations(segments, slots), (segments, slots)
        assert states == 0, (segments, slots)
        assert residuals == min(segments, slots), (segments, slots)


@cache
def fewest(segments, slots, residuals):
    """Return the fewest evaluations by the dynamic programmes of Gruslys et al.: eq. 1 (states), eq. 3 (residuals)."""
    if segments == 0:
        return 0
    if slots == 1:
        return segments * (segments + 1) // 2
    if residuals:
        return min(
            y + fewest(segments - y, slots - 1, True) + fewest(y - 1, slots, True) for y in range(1, segments + 1)
        )
    if segments == 1:
        return 1
    return min(y + fewest(segments - y, slots - 1, False) + fewest(y, slots, False) for y in range(1, segments))


def test_the_closed_form_is_the_optimum():
    for segments, slots in product(range(1, 41), range(1, 12)):
        assert snapshots_evaluations(segments, slots) == fewest(segments, slots, False)
        assert residuals_evaluations(segments, slots) == fewest(segments, slots, True)


def test_a_split_is_optimal():
    for links, slots in product(range(2, 60), range(1, 10)):
        y = split(links, slots)
        assert 1 <= y < links
        behind = advances(links - y, slots - 1) if slots > 1 else 0
        assert slots > 1 or links - y == 1
        assert y + behind + advances(y, slots) == advances(links, slots)


@pytest.mark.parametrize(("slots", "published"), PUBLISHED.items())
def test_forward_evaluations_per_step_are_the_published_ones(slots, published):
    """Slots that store residuals: the last evaluation of a step records its residuals, and the initial state takes no
    slot. Slots that store states, the initial one among them: each step is evaluated once more for its residuals.
    """
    assert round(residuals_evaluations(1000, slots) / 1000, 2) == published
    assert residuals_evaluations(1000, slots) == advances(1001, slots)
    assert snapshots_evaluations(1000, slots) == 1000 + advances(1000, slots)


def test_enough_slots_take_one_forward_pass():
    assert residuals_evaluations(1000, 1000) == 1000
    assert snapshots_evaluations(1000, 1000) == 1999


def test_a_long_schedule_needs_no_recursion():
    assert replay(10_000, store_residuals(10_000, 10_000)) == (10_000, 0, 10_000)
    assert replay(10_000, store_snapshots(10_000, 9_000))[0] == snapshots_evaluations(10_000, 9_000)


# ---- the gradient -------------------------------------------------------------------------------


MODELS = {
    **{name: [Recurrent(cell), Dense(cell.output_size, K)] for name, cell in CELLS.items()},
    "Dense > three layers > Dense": [
        Normalize([0.1] * F, [2.0] * F),
        Dense(F, 4, "tanh"),
        MultiLayer((JordanCell(4, 3, 2, 0.4), LSTMCell(2, 3), GRUCell(3, 2))),
        Dense(2, K),
    ],
    "Window > GRU": [Window(2, 0), GRU(3 * F, 4), Dense(4, K)],
    "Dropout > LSTM": [Dropout(0.3), LSTM(F, 4), Dense(4, K)],
    "Noise > Elman": [Noise(0.2), Elman(F, 4), Dense(4, K)],
    "static": [Dense(F, 4, "relu"), Dense(4, K)],
    "FixedPoint with a warm start": [FixedPoint(ElmanCell(F, 4), warm_start=True), Dense(4, K)],
}
ENDS = {
    "every step": [],
    "last step": [Last()],
    "mean": [MeanOverTime()],
    "layers above time": [Last(), Dropout(0.5), Dense(K, 4, "tanh"), Dense(4, K)],
}
CHECKPOINTED = [
    BPTT(slots=1),
    BPTT(slots=2),
    BPTT(slots=1, block=2 * BLOCK),
    BPTT(memory="200 kB"),
    BPTT(block=BLOCK),
]


def batch_for(model, lengths, dtype=np.float64, seed=1, features=F):
    rng = np.random.default_rng(seed)
    steps = int(lengths[0])
    padding = np.arange(steps)[:, None] >= lengths
    x = np.where(padding[:, :, None], 0, rng.standard_normal((steps, len(lengths), features))).astype(dtype)
    if model.out_shape[0] == "T":
        targets = np.where(padding, -1, rng.integers(K, size=padding.shape))
    else:
        targets = rng.integers(K, size=len(lengths))
    return replace(SequenceBatch.from_array(x, lengths), targets=targets)


def gradient(algorithm, model, batch, **options):
    (g,) = algorithm.gradients(model, batch, CrossEntropy(), **options)
    return g


ROUNDING = {"float32": 5e-6, "float64": 1e-12}  # of gradients that are summed in another order


def assert_same(found, expected):
    """Assert that the results of the forward pass are equal to the last bit, and the gradients to rounding."""
    scale = np.abs(expected.vector).max()
    error = np.abs(found.vector - expected.vector).max()
    assert error <= ROUNDING[found.vector.dtype.name] * scale
    assert found.loss == expected.loss
    np.testing.assert_array_equal(found.outputs, expected.outputs)
    assert found.span == expected.span
    for a, b in zip(leaves(found.state), leaves(expected.state), strict=True):
        np.testing.assert_array_equal(a, b)


ROWS = [MODELS, ENDS, ROUNDING, LENGTHS]


@pytest.mark.parametrize(
    ("name", "end", "dtype", "lengths"), slow_but(each(*ROWS), pairs(list(MODELS)[::2], *ROWS[1:]))
)
def test_the_gradient_is_that_of_plain_bptt(name, end, dtype, lengths):
    model = Sequential(*MODELS[name], *ENDS[end], seed=1, dtype=dtype)
    batch = batch_for(model, LENGTHS[lengths], dtype)
    # The masks are those of plain BPTT if only one layer over time is random.
    draws = None if "above" in end and name in ("Dropout > LSTM", "Noise > Elman") else 3
    expected = gradient(BPTT(), model, batch, rng=draws and np.random.default_rng(draws))
    assert np.abs(expected.vector).max() > 0
    for algorithm in CHECKPOINTED:
        found, again = (gradient(algorithm, model, batch, rng=draws and np.random.default_rng(draws)) for _ in range(2))
        assert_same(found, expected)
        assert found.vector.tobytes() == again.vector.tobytes()


CASES = [MODELS, ROUNDING, [(11, 11, 11), (11, 6, 2)]]


@pytest.mark.parametrize(("name", "dtype", "lengths"), slow_but(each(*CASES), pairs(*CASES)), ids=str)
def test_the_gradient_with_segments_of_one_step_does_not_depend_on_the_slots(name, dtype, lengths):
    model = Sequential(*MODELS[name], seed=1, dtype=dtype)
    batch = batch_for(model, np.array(lengths), dtype)
    all_stored, plain, *found = (
        gradient(algorithm, model, batch, rng=np.random.default_rng(3))
        for algorithm in (BPTT(block=1), BPTT(), BPTT(slots=3, block=1), BPTT(slots=1, block=1))
    )
    for g in found:
        assert_same(g, all_stored)
    assert gradient_error(model.params, all_stored.vector, plain.vector) < (1e-5 if dtype == "float32" else 1e-13)


def test_checkpointing_takes_tokens():
    model = Sequential(Embedding(5, F), LSTM(F, 4), Dense(4, K))
    batch = batch_for(model, LENGTHS["unequal lengths"])
    batch = replace(batch, x=np.random.default_rng(0).integers(5, size=(T, 3)))
    assert_same(gradient(BPTT(slots=2), model, batch), gradient(BPTT(), model, batch))


def test_the_gradient_from_a_given_state_is_that_of_plain_bptt(rng):
    model = Sequential(GRU(F, 4, num_layers=2), Last(), Dense(4, K))
    batch = batch_for(model, LENGTHS["equal lengths"], np.float32)
    state = [[rng.standard_normal((3, 4)) for _ in range(2)], rng.standard_normal((3, 4)), None]
    expected = gradient(BPTT(), model, batch, state=state)
    assert not np.array_equal(expected.vector, gradient(BPTT(), model, batch).vector)
    assert_same(gradient(BPTT(slots=2), model, batch, state=state), expected)
    with pytest.raises(ValueError, match="states must be one for each of the 3 layers, got 2"):
        gradient(BPTT(slots=2), model, batch, state=state[:2])


def test_the_generator_advances_as_far_as_with_plain_bptt():
    model = Sequential(Dropout(0.3), LSTM(F, 4), Last(), Dropout(0.5), Dense(4, K))
    batch = batch_for(model, LENGTHS["unequal lengths"])
    plain, checkpointed = np.random.default_rng(3), np.random.default_rng(3)
    assert_same(gradient(BPTT(slots=1), model, batch, rng=checkpointed), gradient(BPTT(), model, batch, rng=plain))
    assert checkpointed.random() == plain.random()


def test_several_random_layers_draw_their_masks_segment_by_segment():
    """The masks are those of a run in spans, not those of plain BPTT, and the same in every evaluation of a segment."""
    model = Sequential(GRU(F, 4, num_layers=3, dropout=0.4), Dense(4, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    found = gradient(BPTT(slots=1), model, batch, rng=np.random.default_rng(3))
    spans = list(TruncatedBPTT(BLOCK, T).gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(3)))
    assert found.loss == pytest.approx(sum(g.loss for g in spans), rel=1e-13)
    assert gradient_error(model.params, found.vector, sum(g.vector for g in spans)) < 1e-12


def test_fixed_points_iterated_together_have_the_same_gradient_to_rounding():
    model = Sequential(FixedPoint(ElmanCell(F, 4)), Dense(4, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    expected = gradient(BPTT(), model, batch)
    assert gradient_error(model.params, gradient(BPTT(slots=2), model, batch).vector, expected.vector) < 1e-13


class OneSum(Layer):
    """A user-defined layer y = a x whose parameter gradient is one sum over all steps."""

    def shapes(self):
        return {"a": (1,)}

    def initialize(self, params, rng):
        params["a"] = 1.3

    def out_shape(self, shape):
        return shape

    def forward(self, params, x, run, state=None):
        return params["a"] * x, x, None

    def backward(self, params, residuals, dy, grad, d_state=None):
        grad["a"] += (residuals * dy).sum()
        return params["a"] * dy, None


def test_a_user_defined_layer_has_the_same_gradient_to_rounding():
    model = Sequential(OneSum(), Recurrent(LeakyCell(F, 4)), Dense(3, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    expected = gradient(BPTT(), model, batch)
    found = gradient(BPTT(slots=2), model, batch)
    assert gradient_error(model.params, found.vector, expected.vector) < 1e-13


def test_the_gradient_is_that_of_the_complex_step():
    model = Sequential(LSTM(F, 2), MeanOverTime(), Dense(2, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    expected = gradient(ComplexStep(), model, batch)
    assert gradient_error(model.params, gradient(BPTT(slots=2), model, batch).vector, expected.vector) < 1e-12


def test_training_with_checkpoints_gives_the_same_parameters():
    data = rnnbp.SequenceDataset(list(np.random.default_rng(0).standard_normal((6, T, F))), targets=[0, 1, 2] * 2)
    trained = []
    for algorithm in (BPTT(), BPTT(slots=2)):
        model = Sequential(GRU(F, 4), Last(), Dense(4, K), seed=0)
        trainer = Trainer(model, CrossEntropy(), algorithm, rnnbp.Adam(0.05), seed=0)
        trainer.fit(data, epochs=3, batch_size=4, progress=False)
        trained.append(model.params.vector)
    np.testing.assert_allclose(trained[1], trained[0], rtol=1e-4, atol=1e-6)


# ---- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize("block", [1, 3, BLOCK, T + 1])
def test_counted_steps_are_those_of_the_schedule(slots, block):
    """With sequences of one length all segments have as many steps, but the last one, which may be shorter."""
    steps = T if T % block == 0 or block > T else T // block * block
    model = Sequential(Elman(F, 4), Last(), Dense(4, K))
    batch = batch_for(model, np.full(3, steps), np.float32)
    plan = Plan(steps, block, slots)
    assert gradient(BPTT(slots=slots, block=block), model, batch).cost.steps == 3 * plan.evaluations * min(block, steps)


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "published"), PUBLISHED.items())
def test_counted_steps_are_the_published_ones(slots, published):
    model = Sequential(Elman(1, 2), Last(), Dense(2, K))
    batch = batch_for(model, np.full(1, 1000), np.float32, features=1)
    g = gradient(BPTT(slots=slots, block=1), model, batch)
    assert round(g.cost.steps / 1000, 2) == published


def test_only_real_steps_of_unequal_lengths_are_counted():
    model = Sequential(Elman(F, 4), Last(), Dense(4, K))
    lengths = LENGTHS["unequal lengths"]
    found = gradient(BPTT(slots=1), model, batch_for(model, lengths))
    starts = np.arange(0, T, BLOCK)
    steps = np.clip(lengths - starts[:, None], 0, BLOCK).sum(axis=1)  # of each segment
    assert found.cost.steps == (steps * np.arange(len(starts), 0, -1)).sum()  # the last segment is evaluated once


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_stored_bytes_grow_with_the_slots(lengths):
    model = Sequential(LSTM(F, 8), Last(), Dense(8, K))
    batch = batch_for(model, lengths, np.float32)
    stored = [gradient(BPTT(slots=n), model, batch).cost.peak_bytes for n in (1, 2, 3, 5)]
    assert stored == sorted(stored)
    assert stored[0] < stored[-1] / 2
    assert stored[-1] < 1.35 * gradient(BPTT(), model, batch).cost.peak_bytes  # final states are stored too


def test_residual_bytes_leave_out_the_given_arrays():
    x = np.zeros((4, 2))
    assert residual_bytes([x[1:], np.ones(3)], given=x) == 24
    assert residual_bytes([x[1:], np.ones(3)]) == 24 + x.nbytes


# ---- a budget of memory -------------------------------------------------------------------------

HIDDEN, BATCH = 64, 24
WIDE = {
    "Elman": [Elman(16, HIDDEN)],
    "LSTM": [LSTM(16, HIDDEN)],
    "GRU": [GRU(16, HIDDEN)],
    "Jordan": [Jordan(16, HIDDEN, HIDDEN)],
    "two LSTMs": [LSTM(16, HIDDEN, num_layers=2)],
    "Window > Dense > GRU": [Window(3, 0), Dense(64, HIDDEN, "tanh"), GRU(HIDDEN, HIDDEN)],
}


def with_peak_memory(algorithm, model, batch):
    """Return the gradient, and the peak of the bytes allocated to compute it, as measured by tracemalloc."""
    gradient(BPTT(block=BLOCK), model, batch)  # fills the caches
    tracemalloc.start()
    try:
        g = gradient(algorithm, model, batch)
        return g, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SPREADS = {"equal lengths": np.full(BATCH, 300), "unequal lengths": np.linspace(300, 9, BATCH).astype(int)}


@pytest.mark.parametrize(("name", "lengths"), slow_but([("LSTM", "unequal lengths")], product(WIDE, SPREADS)))
def test_memory_stays_within_the_budget(name, lengths):
    """The gradient and two partial sums of its size, which every algorithm allocates, do not count."""
    model = Sequential(*WIDE[name], Last(), Dense(HIDDEN, K))
    batch = batch_for(model, SPREADS[lengths], np.float32, features=16)
    plain = gradient(BPTT(), model, batch)
    smallest = smallest_budget(model, batch)
    assert smallest < 0.7 * plain.cost.peak_bytes
    for budget in np.linspace(smallest, plain.cost.peak_bytes, 4).astype(int):
        found, allocated = with_peak_memory(BPTT(memory=int(budget)), model, batch)
        assert found.cost.peak_bytes <= budget
        assert allocated - 3 * model.params.vector.nbytes <= budget
        assert_same(found, plain)


def smallest_budget(model, batch):
    """Return the smallest budget that the error message names."""
    with pytest.raises(ValueError, match="memory must be at least") as error:
        gradient(BPTT(memory=1), model, batch)
    return int(str(error.value).split("at least ")[1].split()[0])


def test_a_budget_that_is_too_small_is_refused_with_the_smallest_one():
    model = Sequential(GRU(F, 4), Last(), Dense(4, K))
    batch = batch_for(model, LENGTHS["equal lengths"])
    smallest = smallest_budget(model, batch)
    with pytest.raises(ValueError, match=rf"memory must be at least {smallest} bytes .*, got {smallest - 1}"):
        gradient(BPTT(memory=smallest - 1), model, batch)
    assert_same(gradient(BPTT(memory=smallest), model, batch), gradient(BPTT(), model, batch))


def test_more_memory_never_takes_more_steps():
    sizes = Sizes(residuals=700, state=200)
    taken = []
    for budget in range(40_000, 900_000, 5_000):
        plan = plan_within(budget, 1000, sizes)
        assert sizes.bytes(plan) <= budget
        assert plan.block % BLOCK == 0
        taken.append(plan.evaluations * plan.block)
    assert taken == sorted(taken, reverse=True)
    assert taken[-1] == 1008  # with enough memory: plain BPTT in 63 segments of 16 steps


def test_a_budget_costs_at_most_a_tenth_more_evaluations_than_the_optimal_mixed_schedule():
    """The optimum is that of BPTT-MSM's dynamic programme (Gruslys et al., sec. 3.3) over segments of 16 steps."""
    segments, state, residuals = 32, 1, 60  # as for an LSTM: 16 steps of 3.75 states each
    optimum = mixed(segments, segments * (residuals + 1), residuals)
    sizes = Sizes(residuals, BLOCK * state)  # so that a segment's residuals have the size of 60 states
    ratios = []
    for memory in range(residuals + 1, segments * (residuals + 1), 12):
        # Workspace, which the dynamic programme does not count.
        workspace = sizes.bytes(Plan(segments * BLOCK, BLOCK, 1)) - BLOCK * (residuals + state)
        plan = plan_within(BLOCK * memory + workspace, segments * BLOCK, sizes)
        ratios.append(plan.evaluations * plan.block / BLOCK / optimum[segments, memory])
    assert max(ratios) < 1.1
    assert np.mean(ratios) < 1.02


def mixed(segments, memory, residuals):
    """Return the fewest evaluations (segments + 1, memory + 1); a state is of size 1."""
    infeasible = 10**9
    found = np.full((segments + 1, memory + 1), infeasible)
    found[0] = 0
    found[1, residuals:] = 1
    for n in range(2, segments + 1):
        for y in range(1, n + 1):
            taken = residuals + (y < n)  # the residuals, and the state after them
            by_residuals = np.full(memory + 1, infeasible)
            by_residuals[taken:] = y + found[n - y, : memory + 1 - taken] + found[y - 1, taken:]
            found[n] = np.minimum(found[n], by_residuals)
            if y < n:
                by_state = np.full(memory + 1, infeasible)
                by_state[1:] = y + found[n - y, :memory] + found[y, 1:]
                found[n] = np.minimum(found[n], by_state)
    return found


@pytest.mark.slow
def test_ten_thousand_steps_fit_in_the_memory_of_three_hundred():
    model = Sequential(Elman(4, 32), Last(), Dense(32, K))
    batch = batch_for(model, np.full(16, 10_000), np.float32, features=4)
    hundreds = gradient(BPTT(), model, replace(batch, x=batch.x[:300], lengths=np.full(16, 300))).cost.peak_bytes
    found, allocated = with_peak_memory(BPTT(memory=hundreds), model, batch)
    assert found.cost.peak_bytes <= hundreds
    assert allocated - 3 * model.params.vector.nbytes <= hundreds
    assert found.cost.steps <= 3 * 16 * 10_000
    assert_same(found, gradient(BPTT(), model, batch))


def test_a_twentieth_of_the_memory_takes_two_evaluations_a_step():
    model = Sequential(LSTM(8, HIDDEN), Last(), Dense(HIDDEN, K))
    batch = batch_for(model, np.full(4, 1000), np.float32, features=8)
    plain = gradient(BPTT(), model, batch)
    found = gradient(BPTT(memory=plain.cost.peak_bytes // 9), model, batch)
    assert found.cost.peak_bytes <= 0.05 * plain.cost.peak_bytes
    assert found.cost.steps <= 2.01 * plain.cost.steps
    assert_same(found, plain)


# ---- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [(1, 1), ("1 B", 1), ("50 MB", 50_000_000), ("64 KiB", 65_536), ("1.5GiB", 3 * 2**29), (" 2 tb ", 2 * 10**12)],
)
def test_numbers_of_bytes_are_read_with_their_units(text, expected):
    assert bytes_of("memory", text) == expected


@pytest.mark.parametrize("text", ["", "50", "MB", "-1 MB", "0 MB", "5 iB", "5 M", "1e3 MB", "5 MB and more"])
def test_text_that_is_no_number_of_bytes_is_refused(text):
    with pytest.raises(ValueError, match="memory must be bytes, as an integer or as text such as '50 MB'"):
        BPTT(memory=text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"slots": 0}, "slots must be a positive integer, got 0"),
        ({"slots": 1.5}, "slots must be a positive integer, got 1.5"),
        ({"block": 0}, "block must be a positive integer, got 0"),
        ({"memory": 0}, "memory must be a positive integer, got 0"),
        ({"memory": 1.5}, "memory must be a positive integer, got 1.5"),
        ({"slots": 2, "memory": 5}, "slots or memory must be given, not both: got 2 and 5"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BPTT(**arguments)


def test_a_noncausal_layer_is_refused():
    model = Sequential(Bidirectional(GRUCell(F, 2)), Dense(4, K))
    batch = batch_for(model, LENGTHS["equal lengths"])
    with pytest.raises(ValueError, match=r"BPTT\(slots=2\) takes causal layers, but layer 0 \(Bidirectional\) .*BPTT"):
        gradient(BPTT(slots=2), model, batch)


def test_repr_shows_the_arguments_given():
    assert repr(BPTT()) == "BPTT()"
    assert repr(BPTT(memory="50 MB", block=16)) == "BPTT(memory='50 MB', block=16)"
