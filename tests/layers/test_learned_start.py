"""LearnedStart: the state before the first step is a parameter, under every algorithm."""

import numpy as np
import pytest
from helpers import relative_error

import rnnbp
from rnnbp import (
    BPTT,
    GRU,
    LSTM,
    RTRL,
    BlockRTRL,
    CrossEntropy,
    Dense,
    Elman,
    Last,
    LearnedStart,
    Recurrent,
    Sequential,
    TruncatedBPTT,
)
from rnnbp.cells import JordanCell

F = 3
ALGORITHMS = [TruncatedBPTT(2, 7), BPTT(slots=2, block=2), RTRL(), BlockRTRL(3), RTRL(every=2)]
LAYERS = {
    "LSTM": LSTM(F, 4),
    "two LSTMs": LSTM(F, 4, num_layers=2),
    "GRU": GRU(F, 4),
    "Jordan": Recurrent(JordanCell(F, 4, 4, 0.5)),
}
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def batch_for(rng, per_step=False):
    lengths = (7, 5, 1)
    targets = [rng.integers(0, 2, n) for n in lengths] if per_step else [0, 1, 1]
    return rnnbp.SequenceDataset([rng.standard_normal((n, F)) for n in lengths], targets=targets).batch()


def started(layer, rng, *end):
    model = Sequential(LearnedStart(layer), *end, Dense(4, 2), dtype=np.float64)
    for name in model.params:
        if "start" in name:
            model.params[name] = 0.5 * rng.standard_normal(model.params[name].shape)
    return model


@every_layer
@pytest.mark.parametrize(
    "algorithm", [TruncatedBPTT(2, 7), BPTT(slots=2, block=2), RTRL(), BlockRTRL(3), RTRL(every=2)]
)
@pytest.mark.parametrize("end", [(), (Last(),)], ids=["per step", "last"])
def test_every_exact_algorithm_has_the_gradient_of_the_start(layer, algorithm, end, rng):
    model, batch = started(layer, rng, *end), batch_for(rng, per_step=not end)
    (expected,) = BPTT().gradients(model, batch, CrossEntropy())
    found = np.sum([g.vector for g in algorithm.gradients(model, batch, CrossEntropy())], axis=0)
    assert relative_error(found, expected.vector) < 1e-11
    starts = [name for name in model.params if "start" in name]
    assert all(np.any(model.params.like(found)[name]) for name in starts)
    assert len(starts) == getattr(layer, "num_layers", 1)


@every_layer
def test_the_first_step_starts_in_the_parameter(layer, rng):
    model = started(layer, rng)
    given = [model.params[name] for name in model.params if "start" in name]
    plain = Sequential(layer, Dense(4, 2), dtype=np.float64)
    for name in plain.params:
        plain.params[name] = model.params[name]
    x, states = rng.standard_normal((4, 2, F)), [np.tile(start, (2, 1)) for start in given]
    run = rnnbp.layers.Run(np.full(2, 4))
    expected, _ = plain.evaluate(x, run, [states if len(states) > 1 else states[0], None])
    np.testing.assert_array_equal(model.forward(x), expected)
    for state, start in zip(
        np.atleast_1d(np.array(model.start(2)[0])).reshape(-1, 2, len(given[0])), given, strict=True
    ):
        np.testing.assert_array_equal(state, [start, start])


def test_a_given_state_is_taken_and_the_start_has_then_no_gradient(rng):
    model, batch = started(LSTM(F, 4), rng, Last()), batch_for(rng)
    states = [rng.standard_normal((3, 8)), None, None]
    for algorithm in (BPTT(), RTRL(), TruncatedBPTT(2, 7)):
        found = np.sum([g.vector for g in algorithm.gradients(model, batch, CrossEntropy(), states)], axis=0)
        assert not np.any(model.params.like(found)["0.start"])
        assert np.any(model.params.like(found)["0.w_hh"])


@pytest.mark.parametrize("algorithm", [BPTT(), TruncatedBPTT(2, 9), RTRL()], ids=str)
def test_a_reset_within_a_sequence_sets_back_to_the_start(algorithm, rng):
    x, targets = [rng.standard_normal((n, F)) for n in (4, 5)], [rng.integers(0, 2, n) for n in (4, 5)]
    reset = np.zeros(9, bool)
    reset[4] = True
    apart = rnnbp.SequenceDataset(x, targets=targets).batch()
    together = rnnbp.SequenceDataset([np.concatenate(x)], targets=[np.concatenate(targets)], resets=[reset]).batch()
    model = started(LSTM(F, 4), rng)
    (expected,) = BPTT().gradients(model, apart, CrossEntropy())
    found = np.sum([g.vector for g in algorithm.gradients(model, together, CrossEntropy())], axis=0)
    assert relative_error(found, expected.vector) < 1e-12


def test_states_of_online_algorithms_are_those_of_bptt(rng):
    model, batch = started(LSTM(F, 4, num_layers=2), rng, Last()), batch_for(rng)
    (expected,) = BPTT().gradients(model, batch, CrossEntropy())
    (found,) = RTRL().gradients(model, batch, CrossEntropy())
    for one, other in zip(found.state[0], expected.state[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_new_layer_starts_at_zero_as_without():
    x = np.ones((4, 2, F))
    one, other = Sequential(LearnedStart(GRU(F, 4))), Sequential(GRU(F, 4))
    np.testing.assert_array_equal(one.forward(x), other.forward(x))


def test_training_moves_the_start(rng):
    model = Sequential(LearnedStart(Elman(F, 4)), Last(), Dense(4, 2))
    data = rnnbp.SequenceDataset([rng.standard_normal((3, F)) for _ in range(4)], targets=[0, 1, 0, 1])
    rnnbp.Trainer(model, CrossEntropy(), optimizer=rnnbp.Adam(0.01)).fit(data, epochs=1, progress=False)
    assert np.all(model.params["0.start"] != 0)


@pytest.mark.parametrize("layer", [GRU(F, 4, bidirectional=True), Dense(F, 4), "GRU", Last()])
def test_layers_without_a_state_to_learn_are_refused(layer):
    with pytest.raises(ValueError, match="LearnedStart takes a recurrent layer that runs forward in time"):
        LearnedStart(layer)
