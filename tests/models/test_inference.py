"""Inference: steps from state to state, and weights that are packed once for each value of the parameters."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from helpers import CELLS, leaves

from rnnbp import BPTT, Adam, CrossEntropy, SequenceBatch, Sequential, kernels
from rnnbp.cells import ElmanCell
from rnnbp.layers import (
    GRU,
    LSTM,
    Dense,
    Dropout,
    Elman,
    Embedding,
    Ends,
    FixedPoint,
    Flatten,
    Last,
    Layer,
    MeanOverTime,
    Noise,
    Normalize,
    Recurrent,
    TimeStatistics,
    Window,
)
from rnnbp.models.prepared import PreparedLayers

CAUSAL = {
    "LSTM": [LSTM(3, 8)],
    "two GRUs and Dense": [GRU(3, 8, num_layers=2, dropout=0.5), Dense(8, 5, "tanh"), Dense(5, 2)],
    "window": [Window(2, 0), Dense(9, 4, "relu"), Elman(4, 2)],
    "normalized, noisy": [Normalize([0.5] * 3, [2.0] * 3), Noise(), Elman(3, 4), Dropout()],
    "last": [LSTM(3, 4), Last(), Dense(4, 2)],
    "mean": [Elman(3, 4), MeanOverTime(), Dense(4, 2)],
    "warm fixed points": [FixedPoint(ElmanCell(3, 2), warm_start=True)],
} | {name: [Recurrent(cell)] for name, cell in CELLS.items()}


def prefixes(model, x):
    """The output at every step by passes over whole sequences: (T, B, K)."""
    if model.per_step:
        return model.forward(x)
    return np.stack([model.forward(x[: t + 1]) for t in range(len(x))])


def steps(model, x, state):
    """The output at every step, (T, B, K), and the state before each step and after the last one."""
    outputs, states = [], [state]
    for x_t in x:
        y, state = model.step(x_t, state)
        outputs.append(y)
        states.append(state)
    return np.stack(outputs), states


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", CAUSAL.values(), ids=CAUSAL)
def test_steps_give_the_bits_of_whole_sequences(layers, dtype, rng):
    model, x = Sequential(*layers, dtype=dtype), rng.standard_normal((7, 2, 3))
    outputs, _ = steps(model, x, model.start(2))
    np.testing.assert_array_equal(outputs, prefixes(model, x))


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("kind", ["compiled", "loop"])
def test_steps_of_every_kernel_give_the_bits_of_whole_sequences(kind, batch_size, rng):
    model, x = Sequential(LSTM(3, 9, num_layers=2), Dense(9, 2)), rng.standard_normal((20, batch_size, 3))
    with kernels.using(kind):
        outputs, states = steps(model, x, model.start(batch_size))
        np.testing.assert_array_equal(outputs, model.forward(x))
        batch = SequenceBatch.from_array(x)
        y, after = model.forward_from(batch)
    np.testing.assert_array_equal(outputs, y)
    np.testing.assert_array_equal(leaves(states[-1]), leaves(after))


def test_steps_of_fixed_points_agree_to_rounding(rng):
    model, x = Sequential(FixedPoint(ElmanCell(3, 4)), dtype=np.float64), rng.standard_normal((5, 2, 3))
    outputs, _ = steps(model, x, model.start(2))
    np.testing.assert_allclose(outputs, model.forward(x), atol=1e-6)


def test_tokens_are_stepped_one_by_one(rng):
    model, x = Sequential(Embedding(7, 3), GRU(3, 4), Dense(4, 7)), rng.integers(0, 7, (6, 2))
    outputs, _ = steps(model, x, model.start(2))
    np.testing.assert_array_equal(outputs, model.forward(x))


@pytest.mark.parametrize("layers", CAUSAL.values(), ids=CAUSAL)
def test_states_are_values_that_later_steps_do_not_change(layers, rng):
    model, x = Sequential(*layers), rng.standard_normal((6, 2, 3)).astype(np.float32)
    outputs, states = steps(model, x, model.start(2))
    before = copy.deepcopy(states)
    again, _ = steps(model, x[3:], states[3])
    np.testing.assert_array_equal(again, outputs[3:])
    for state, copied in zip(states, before, strict=True):
        for a, b in zip(leaves(state), leaves(copied), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layers", CAUSAL.values(), ids=CAUSAL)
def test_a_state_has_a_row_for_each_sequence(layers, rng):
    model, x = Sequential(*layers), rng.standard_normal((2, 3, 3))
    _, states = steps(model, x, model.start(3))
    for state in states:
        assert [len(a) for a in leaves(state) if a is not None] == [3] * sum(a is not None for a in leaves(state))


def test_other_rows_do_not_change_a_sequence(rng):
    model, x = Sequential(LSTM(3, 4), Dense(4, 2), dtype=np.float64), rng.standard_normal((4, 3, 3))
    whole, states = steps(model, x, model.start(3))
    (row,) = [part[1:2] for part in leaves(states[2]) if part is not None]
    y, _ = model.step(x[2, 1:2], [row, None])
    np.testing.assert_allclose(y, whole[2, 1:2], rtol=1e-12)


# ---- parameters that change ----------------------------------------------------------------------


def changes():
    def view(model):
        model.params["0.w_ih"][0, 0] += 0.1

    def optimizer(model):
        Adam(0.01).step(model.params, np.ones(model.params.size, np.float32))

    def nan(model):
        model.params.vector[0] = np.nan

    def replaced(model):
        model.params = model.params.like(model.params.vector + 1)

    return {f.__name__: f for f in (view, optimizer, nan, replaced)}


@pytest.mark.parametrize("kind", ["compiled", "numpy", "loop"])
@pytest.mark.parametrize("change", changes().values(), ids=changes())
def test_changed_parameters_are_noticed(change, kind, rng):
    model, x = Sequential(LSTM(3, 8), Dense(8, 2)), rng.standard_normal((4, 2, 3))
    with kernels.using(kind):
        before, state = model.forward(x), model.step(x[0], model.start(2))[1]
        change(model)
        fresh = Sequential(*model.layers)
        fresh.params.vector[:] = model.params.vector
        np.testing.assert_array_equal(model.forward(x), fresh.forward(x))
        np.testing.assert_array_equal(model.step(x[1], state)[0], fresh.step(x[1], state)[0])
        assert not np.array_equal(model.forward(x), before)


def test_a_change_of_one_bit_is_noticed():
    model = Sequential(LSTM(3, 8))
    prepared = PreparedLayers(model.layers, model.params)
    assert prepared.is_for(model.layers, model.params)
    model.params.vector[-1] = np.nextafter(model.params.vector[-1], np.float32(1))
    assert not prepared.is_for(model.layers, model.params)
    with_zero = Sequential(LSTM(3, 8))
    with_zero.params.vector[0] = 0.0
    prepared = PreparedLayers(with_zero.layers, with_zero.params)
    with_zero.params.vector[0] = -0.0
    assert not prepared.is_for(with_zero.layers, with_zero.params)


def test_a_training_between_two_passes_is_noticed(rng):
    model, x = Sequential(LSTM(3, 4), Last(), Dense(4, 2)), rng.standard_normal((4, 2, 3))
    batch = SequenceBatch.from_array(x, targets=np.array([0, 1]))
    for _ in range(3):
        (g,) = BPTT().gradients(model, batch, CrossEntropy())
        np.testing.assert_array_equal(g.outputs, model.forward(x))
        Adam(0.1).step(model.params, g.vector)


def test_a_model_of_another_dtype_has_weights_of_its_own(rng):
    model, x = Sequential(LSTM(3, 4)), rng.standard_normal((4, 2, 3))
    single = model.forward(x)
    assert model.astype(np.float64).forward(x).dtype == np.float64
    np.testing.assert_array_equal(model.forward(x), single)


@dataclass(frozen=True)
class Doubled(Dense):
    """A subclass that computes something else than its base."""

    def forward(self, params, x, run, state=None):
        y, residuals, after = super().forward(params, x, run, state)
        return 2 * y, residuals, after


def test_a_subclass_that_overrides_forward_is_evaluated_by_it(rng):
    model, x = Sequential(Doubled(3, 4)), rng.standard_normal((4, 2, 3))
    base = Sequential(Dense(3, 4))
    base.params.vector[:] = model.params.vector
    np.testing.assert_array_equal(model.forward(x), 2 * base.forward(x))


@dataclass(frozen=True)
class InDoublePrecision(Layer):
    """A user's layer that returns another dtype."""

    def out_shape(self, shape):
        return shape

    def forward(self, params, x, run, state=None):
        return x.astype(np.float64), None, None


def test_inputs_of_another_dtype_than_the_parameters_are_taken(rng):
    model, x = Sequential(InDoublePrecision(), Elman(3, 4)), rng.standard_normal((4, 2, 3))
    assert model.forward(x).dtype == np.float64


# ---- memory and threads --------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [[Dropout()], [Noise()], [InDoublePrecision()], [Window(0, 0)]])
def test_outputs_are_not_the_memory_of_the_inputs(layers, rng):
    x = rng.standard_normal((4, 2, 3)).astype(np.float32)
    model = Sequential(*layers)
    assert not np.may_share_memory(model.forward(x), x)


@pytest.mark.parametrize("kind", ["compiled", "numpy"])
def test_results_are_not_overwritten_by_later_calls(kind, rng):
    model, x = Sequential(LSTM(3, 8), Dense(8, 2)), rng.standard_normal((10, 2, 3)).astype(np.float32)
    with kernels.using(kind):
        found = [model.forward_from(SequenceBatch.from_array(x + k)) for k in range(20)]
        for k, (y, states) in enumerate(found):
            again, expected = Sequential(*model.layers).forward_from(SequenceBatch.from_array(x + k))
            np.testing.assert_array_equal(y, again)
            np.testing.assert_array_equal(states[0], expected[0])


@pytest.mark.parametrize("kind", ["compiled", "numpy"])
def test_threads_may_use_one_model_at_the_same_time(kind, rng):
    model, x = Sequential(LSTM(3, 16), Dense(16, 2)), rng.standard_normal((8, 12, 1, 3)).astype(np.float32)

    def run(k):
        with kernels.using(kind):
            return [steps(model, x[k], model.start())[0] for _ in range(30)]

    expected = [run(k)[0] for k in range(8)]
    model.params.vector[:] = model.params.vector.copy()
    with ThreadPoolExecutor(8) as pool:
        for found, one in zip(pool.map(run, range(8)), expected, strict=True):
            assert all(np.array_equal(y, one) for y in found)


def test_a_model_in_use_is_copied_and_pickled(rng):
    model, x = Sequential(LSTM(3, 4)), rng.standard_normal((4, 2, 3))
    with kernels.using("compiled"):
        y = model.forward(x)
        for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(other.forward(x), y)


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([LSTM(3, 4), TimeStatistics()], "layer 1, TimeStatistics, is non-causal"),
        ([GRU(3, 4, bidirectional=True), Ends()], "layer 0, GRU, is non-causal"),
        ([Window(1, 1)], r"layer 0, Window, is non-causal, .* by forward\(x\)"),
        ([Flatten(2), Dense(6, 2)], "layer 0, Flatten"),
    ],
)
def test_a_non_causal_model_is_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        Sequential(*layers).start()
    with pytest.raises(ValueError, match=message):
        Sequential(*layers).step(np.zeros((1, 3)), [None] * len(layers))


def test_a_state_that_does_not_fit_is_refused():
    model = Sequential(Window(1, 0), LSTM(6, 4), Dense(4, 2))
    state = model.start(2)
    with pytest.raises(ValueError, match="state must be of the 3 sequences of x, got one of 2"):
        model.step(np.zeros((3, 3)), state)
    with pytest.raises(ValueError, match="one for each of the 3 layers, got 2"):
        model.step(np.zeros((2, 3)), state[1:])
    with pytest.raises(ValueError, match=r"must have shape \(B, S\) = \(2, 8\), got \(2, 7\)"):
        model.step(np.zeros((2, 3)), [state[0], state[1][:, 1:], None])


@pytest.mark.parametrize(("shape", "got"), [((3,), r"\(3,\)"), ((1, 2, 3), r"\(1, 2, 3\)")])
def test_a_step_of_other_axes_is_refused(shape, got):
    model = Sequential(LSTM(3, 4))
    with pytest.raises(ValueError, match=rf"one step, of shape \(B, F\).*got float64 of {got}"):
        model.step(np.zeros(shape), model.start())


def test_what_is_no_number_is_refused():
    model = Sequential(LSTM(1, 4))
    with pytest.raises(ValueError, match=r"one step, of shape \(B, F\), .* got <U1 of \(1, 1\)"):
        model.step([["a"]], model.start())
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, F\)"):
        model.forward([[["a"]]])


def test_a_step_of_other_features_is_refused():
    model = Sequential(LSTM(3, 4))
    with pytest.raises(ValueError, match="takes 3 features, got 5"):
        model.step(np.zeros((1, 5)), model.start())


def test_a_model_of_any_number_of_features_has_no_start():
    with pytest.raises(ValueError, match="no layer tells the number of features"):
        Sequential(Window(2, 0)).start()
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 0"):
        Sequential(LSTM(2, 3)).start(0)
