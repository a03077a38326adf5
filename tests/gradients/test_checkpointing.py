"""Checkpointed BPTT: schedules valid, optimal and as counted; the gradient of plain BPTT; memory within its budget."""

import tracemalloc
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from helpers import CELLS, LeakyCell, gradient_error, leaves

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


def replay(units, actions):
    """Carry a schedule out on nothing: evaluations, and the most states and tapes that were held."""
    stored, tapes, at_hand = set(), set(), None
    left, evaluations, most_states, most_tapes = units, 0, 0, 0

    def there(unit):
        return unit in (0, at_hand) or unit in stored or unit - 1 in tapes

    for action in actions:
        match action:
            case Advance(start, stop):
                assert start < stop
                assert there(start)
                evaluations, at_hand = evaluations + stop - start, stop
                continue
            case Store(unit):
                assert there(unit)
                stored.add(unit)
                most_states = max(most_states, len(stored))
                continue
            case Free(unit):
                stored.remove(unit)
            case Record(unit):
                assert there(unit)
                tapes.add(unit)
                evaluations, most_tapes = evaluations + 1, max(most_tapes, len(tapes))
            case Backward(unit):
                assert unit == left - 1, "in reverse order, each once"
                tapes.remove(unit)
                left = unit
        at_hand = None
    assert left == 0
    assert not stored
    assert not tapes
    return evaluations, most_states, most_tapes


@pytest.mark.parametrize(("units", "slots"), GRID)
def test_schedules_are_valid_and_take_what_the_closed_form_says(units, slots):
    evaluations, states, tapes = replay(units, store_snapshots(units, slots))
    assert evaluations == snapshots_evaluations(units, slots)
    assert states <= slots
    assert tapes == 1
    evaluations, states, tapes = replay(units, store_residuals(units, slots))
    assert evaluations == residuals_evaluations(units, slots)
    assert states == 0
    assert tapes == min(units, slots)


@cache
def best(units, slots, tapes):
    """The fewest evaluations by the dynamic programmes as Gruslys et al. write them: eq. 1 (states), eq. 3 (tapes)."""
    if units == 0:
        return 0
    if slots == 1:
        return units * (units + 1) // 2
    if tapes:
        return min(y + best(units - y, slots - 1, True) + best(y - 1, slots, True) for y in range(1, units + 1))
    if units == 1:
        return 1
    return min(y + best(units - y, slots - 1, False) + best(y, slots, False) for y in range(1, units))


def test_the_closed_form_is_the_optimum():
    for units, slots in product(range(1, 41), range(1, 12)):
        assert snapshots_evaluations(units, slots) == best(units, slots, False)
        assert residuals_evaluations(units, slots) == best(units, slots, True)


def test_a_split_is_optimal():
    for links, slots in product(range(2, 60), range(1, 10)):
        y = split(links, slots)
        assert 1 <= y < links
        behind = advances(links - y, slots - 1) if slots > 1 else 0
        assert slots > 1 or links - y == 1
        assert y + behind + advances(y, slots) == advances(links, slots)


@pytest.mark.parametrize(("slots", "published"), PUBLISHED.items())
def test_evaluations_as_published(slots, published):
    """The slots hold tapes, the state before the first step takes none, and all evaluations count: a step's last
    one makes its tape. With states instead, the first one among them, every step is run once more for its tape.
    """
    assert round(residuals_evaluations(1000, slots) / 1000, 2) == published
    assert residuals_evaluations(1000, slots) == advances(1001, slots)
    assert snapshots_evaluations(1000, slots) == 1000 + advances(1000, slots)


def test_enough_slots_are_plain_bptt():
    assert residuals_evaluations(1000, 1000) == 1000
    assert snapshots_evaluations(1000, 1000) == 1999


def test_a_long_schedule_is_no_deep_recursion():
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
    "fixed points, each from the last": [FixedPoint(ElmanCell(F, 4), warm_start=True), Dense(4, K)],
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
    done = np.arange(steps)[:, None] >= lengths
    x = np.where(done[:, :, None], 0, rng.standard_normal((steps, len(lengths), features))).astype(dtype)
    if model.out_shape[0] == "T":
        targets = np.where(done, -1, rng.integers(K, size=done.shape))
    else:
        targets = rng.integers(K, size=len(lengths))
    return replace(SequenceBatch.from_array(x, lengths), targets=targets)


def gradient(algorithm, model, batch, **how):
    (g,) = algorithm.gradients(model, batch, CrossEntropy(), **how)
    return g


ROUNDING = {"float32": 5e-6, "float64": 1e-12}  # of the gradient, which is summed in another order


def assert_same(found, expected):
    """Everything of the forward pass to the last bit, the gradient to rounding."""
    scale = np.abs(expected.vector).max()
    error = np.abs(found.vector - expected.vector).max()
    assert error <= ROUNDING[found.vector.dtype.name] * scale
    assert found.loss == expected.loss
    np.testing.assert_array_equal(found.outputs, expected.outputs)
    assert found.span == expected.span
    for a, b in zip(leaves(found.state), leaves(expected.state), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_plain_bptt(name, end, dtype, lengths):
    model = Sequential(*MODELS[name], *ENDS[end], seed=1, dtype=dtype)
    batch = batch_for(model, lengths, dtype)
    # Masks are the same as long as one layer in time draws them.
    draws = None if "above" in end and name in ("Dropout > LSTM", "Noise > Elman") else 3
    expected = gradient(BPTT(), model, batch, rng=draws and np.random.default_rng(draws))
    assert np.abs(expected.vector).max() > 0
    for algorithm in CHECKPOINTED:
        found, again = (gradient(algorithm, model, batch, rng=draws and np.random.default_rng(draws)) for _ in range(2))
        assert_same(found, expected)
        assert found.vector.tobytes() == again.vector.tobytes()


@pytest.mark.parametrize("lengths", [np.full(3, 11), np.array([11, 6, 2])], ids=LENGTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_step_by_step(name, dtype, lengths):
    """With segments of one step the gradient depends neither on what is stored nor, to rounding, on the segments."""
    model = Sequential(*MODELS[name], seed=1, dtype=dtype)
    batch = batch_for(model, lengths, dtype)
    all_held, plain, *found = (
        gradient(algorithm, model, batch, rng=np.random.default_rng(3))
        for algorithm in (BPTT(block=1), BPTT(), BPTT(slots=3, block=1), BPTT(slots=1, block=1))
    )
    for g in found:
        assert_same(g, all_held)
    assert gradient_error(model.params, all_held.vector, plain.vector) < (1e-5 if dtype == np.float32 else 1e-13)


def test_tokens():
    model = Sequential(Embedding(5, F), LSTM(F, 4), Dense(4, K))
    batch = batch_for(model, LENGTHS["unequal lengths"])
    batch = replace(batch, x=np.random.default_rng(0).integers(5, size=(T, 3)))
    assert_same(gradient(BPTT(slots=2), model, batch), gradient(BPTT(), model, batch))


def test_from_a_given_state(rng):
    model = Sequential(GRU(F, 4, num_layers=2), Last(), Dense(4, K))
    batch = batch_for(model, LENGTHS["equal lengths"], np.float32)
    state = [[rng.standard_normal((3, 4)) for _ in range(2)], rng.standard_normal((3, 4)), None]
    expected = gradient(BPTT(), model, batch, state=state)
    assert not np.array_equal(expected.vector, gradient(BPTT(), model, batch).vector)
    assert_same(gradient(BPTT(slots=2), model, batch, state=state), expected)
    with pytest.raises(ValueError, match="states must be one for each of the 3 layers, got 2"):
        gradient(BPTT(slots=2), model, batch, state=state[:2])


def test_the_generator_is_left_where_plain_bptt_leaves_it():
    model = Sequential(Dropout(0.3), LSTM(F, 4), Last(), Dropout(0.5), Dense(4, K))
    batch = batch_for(model, LENGTHS["unequal lengths"])
    plain, less = np.random.default_rng(3), np.random.default_rng(3)
    assert_same(gradient(BPTT(slots=1), model, batch, rng=less), gradient(BPTT(), model, batch, rng=plain))
    assert less.random() == plain.random()


def test_several_random_layers_draw_unit_by_unit():
    """Masks other than plain BPTT's, those of spans; and each time a unit is run the same ones."""
    model = Sequential(GRU(F, 4, num_layers=3, dropout=0.4), Dense(4, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    found = gradient(BPTT(slots=1), model, batch, rng=np.random.default_rng(3))
    spans = list(TruncatedBPTT(BLOCK, T).gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(3)))
    assert found.loss == pytest.approx(sum(g.loss for g in spans), rel=1e-13)
    assert gradient_error(model.params, found.vector, sum(g.vector for g in spans)) < 1e-12


def test_fixed_points_that_settle_together_are_equal_up_to_rounding():
    model = Sequential(FixedPoint(ElmanCell(F, 4)), Dense(4, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    expected = gradient(BPTT(), model, batch)
    assert gradient_error(model.params, gradient(BPTT(slots=2), model, batch).vector, expected.vector) < 1e-13


class OneSum(Layer):
    """A layer of one's own, y = a x, that adds up over all of its steps at once."""

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


def test_a_layer_of_ones_own_is_equal_to_rounding():
    model = Sequential(OneSum(), Recurrent(LeakyCell(F, 4)), Dense(3, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    expected = gradient(BPTT(), model, batch)
    found = gradient(BPTT(slots=2), model, batch)
    assert gradient_error(model.params, found.vector, expected.vector) < 1e-13


def test_against_the_complex_step():
    model = Sequential(LSTM(F, 2), MeanOverTime(), Dense(2, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    expected = gradient(ComplexStep(), model, batch)
    assert gradient_error(model.params, gradient(BPTT(slots=2), model, batch).vector, expected.vector) < 1e-12


def test_training_is_the_same():
    """A whole run: parameters to rounding."""
    data = rnnbp.SequenceDataset(list(np.random.default_rng(0).standard_normal((6, T, F))), targets=[0, 1, 2] * 2)
    ends = []
    for algorithm in (BPTT(), BPTT(slots=2)):
        model = Sequential(GRU(F, 4), Last(), Dense(4, K), seed=0)
        trainer = Trainer(model, CrossEntropy(), algorithm, rnnbp.Adam(0.05), seed=0)
        trainer.fit(data, epochs=3, batch_size=4, progress=False)
        ends.append(model.params.vector)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-4, atol=1e-6)


# ---- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize("block", [1, 3, BLOCK, T + 1])
def test_steps_are_counted_as_the_schedule_says(slots, block):
    """With sequences of one length every unit counts the same, but for the last, which may be shorter."""
    steps = T if T % block == 0 or block > T else T // block * block
    model = Sequential(Elman(F, 4), Last(), Dense(4, K))
    batch = batch_for(model, np.full(3, steps), np.float32)
    plan = Plan(steps, block, slots)
    assert gradient(BPTT(slots=slots, block=block), model, batch).cost.steps == 3 * plan.evaluations * min(block, steps)


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "published"), PUBLISHED.items())
def test_steps_that_were_run_are_as_published(slots, published):
    model = Sequential(Elman(1, 2), Last(), Dense(2, K))
    batch = batch_for(model, np.full(1, 1000), np.float32, features=1)
    g = gradient(BPTT(slots=slots, block=1), model, batch)
    assert round(g.cost.steps / 1000, 2) == published


def test_unequal_lengths_count_their_own_steps():
    model = Sequential(Elman(F, 4), Last(), Dense(4, K))
    lengths = LENGTHS["unequal lengths"]
    found = gradient(BPTT(slots=1), model, batch_for(model, lengths))
    starts = np.arange(0, T, BLOCK)
    a_unit = np.clip(lengths - starts[:, None], 0, BLOCK).sum(axis=1)
    assert found.cost.steps == (a_unit * np.arange(len(starts), 0, -1)).sum()  # the first unit as often as there are


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_bytes_held_grow_with_the_slots(lengths):
    model = Sequential(LSTM(F, 8), Last(), Dense(8, K))
    batch = batch_for(model, lengths, np.float32)
    held = [gradient(BPTT(slots=n), model, batch).cost.peak_bytes for n in (1, 2, 3, 5)]
    assert held == sorted(held)
    assert held[0] < held[-1] / 2
    assert held[-1] < 1.35 * gradient(BPTT(), model, batch).cost.peak_bytes  # a state is held behind each tape


def test_held_bytes_leave_out_what_is_given():
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


def traced(algorithm, model, batch):
    """The gradient, and the most bytes that were allocated at once for it, as Python and NumPy tell tracemalloc."""
    gradient(BPTT(block=BLOCK), model, batch)  # whatever is made once
    tracemalloc.start()
    try:
        g = gradient(algorithm, model, batch)
        return g, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("lengths", [np.full(BATCH, 300), np.linspace(300, 9, BATCH).astype(int)], ids=LENGTHS)
@pytest.mark.parametrize("name", WIDE)
def test_memory_stays_within_the_budget(name, lengths):
    """What passes for the sake of any gradient is left out: the gradient itself and as much again for the sum that
    is being added to it, twice.
    """
    model = Sequential(*WIDE[name], Last(), Dense(HIDDEN, K))
    batch = batch_for(model, lengths, np.float32, features=16)
    plain = gradient(BPTT(), model, batch)
    smallest = smallest_budget(model, batch)
    assert smallest < 0.7 * plain.cost.peak_bytes
    for budget in np.linspace(smallest, plain.cost.peak_bytes, 4).astype(int):
        found, allocated = traced(BPTT(memory=int(budget)), model, batch)
        assert found.cost.peak_bytes <= budget
        assert allocated - 3 * model.params.vector.nbytes <= budget
        assert_same(found, plain)


def smallest_budget(model, batch):
    """From the error's words."""
    with pytest.raises(ValueError, match="memory must be at least") as error:
        gradient(BPTT(memory=1), model, batch)
    return int(str(error.value).split("at least ")[1].split()[0])


def test_a_budget_too_small_says_what_the_smallest_is():
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
    assert taken[-1] == 1008  # with enough of it, plain BPTT in 63 units of 16


def test_a_budget_is_used_nearly_as_well_as_states_and_tapes_mixed_at_will():
    """Against the dynamic programme of BPTT-MSM (Gruslys et al., sec. 3.3), in units of 16 steps."""
    units, state, tape = 32, 1, 60  # as for an LSTM: 16 steps of 3.75 states each
    fewest = mixed(units, units * (tape + 1), tape)
    sizes = Sizes(tape, BLOCK * state)  # so that a unit's tape is 60 states
    ratios = []
    for memory in range(tape + 1, units * (tape + 1), 12):
        passing = sizes.bytes(Plan(units * BLOCK, BLOCK, 1)) - BLOCK * (tape + state)  # the programme leaves it out
        plan = plan_within(BLOCK * memory + passing, units * BLOCK, sizes)
        ratios.append(plan.evaluations * plan.block / BLOCK / fewest[units, memory])
    assert max(ratios) < 1.1
    assert np.mean(ratios) < 1.02


def mixed(units, memory, tape):
    """The fewest evaluations (units + 1, memory + 1), states being of size 1."""
    never = 10**9
    found = np.full((units + 1, memory + 1), never)
    found[0] = 0
    found[1, tape:] = 1
    for n in range(2, units + 1):
        for y in range(1, n + 1):
            taken = tape + (y < n)  # a tape, and the state behind it
            kept = np.full(memory + 1, never)
            kept[taken:] = y + found[n - y, : memory + 1 - taken] + found[y - 1, taken:]
            found[n] = np.minimum(found[n], kept)
            if y < n:
                stored = np.full(memory + 1, never)
                stored[1:] = y + found[n - y, :memory] + found[y, 1:]
                found[n] = np.minimum(found[n], stored)
    return found


def test_ten_thousand_steps_in_the_memory_of_a_few_hundred():
    model = Sequential(Elman(4, 32), Last(), Dense(32, K))
    batch = batch_for(model, np.full(16, 10_000), np.float32, features=4)
    hundreds = gradient(BPTT(), model, replace(batch, x=batch.x[:300], lengths=np.full(16, 300))).cost.peak_bytes
    found, allocated = traced(BPTT(memory=hundreds), model, batch)
    assert found.cost.peak_bytes <= hundreds
    assert allocated - 3 * model.params.vector.nbytes <= hundreds
    assert found.cost.steps <= 3 * 16 * 10_000
    assert_same(found, gradient(BPTT(), model, batch))


def test_almost_all_of_the_memory_is_saved():
    """95 percent of 1,000 steps' residuals, at two evaluations a step."""
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
def test_bytes_are_read(text, expected):
    assert bytes_of("memory", text) == expected


@pytest.mark.parametrize("text", ["", "50", "MB", "-1 MB", "0 MB", "5 iB", "5 M", "1e3 MB", "5 MB and more"])
def test_bytes_that_are_none(text):
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
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BPTT(**arguments)


def test_a_look_ahead_is_refused():
    model = Sequential(Bidirectional(GRUCell(F, 2)), Dense(4, K))
    batch = batch_for(model, LENGTHS["equal lengths"])
    with pytest.raises(ValueError, match=r"BPTT\(slots=2\) takes causal layers, but layer 0 \(Bidirectional\) .*BPTT"):
        gradient(BPTT(slots=2), model, batch)


def test_what_it_calls_itself():
    assert repr(BPTT()) == "BPTT()"
    assert repr(BPTT(memory="50 MB", block=16)) == "BPTT(memory='50 MB', block=16)"
