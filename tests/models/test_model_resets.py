"""Reset flags in a model's forward pass: the state of a sequence is set back to that of `start`."""

import itertools

import numpy as np
import pytest

import rnnbp

MODELS = {
    "LSTM": lambda: rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp.Dense(4, 2)),
    "two layers of GRU": lambda: rnnbp.Sequential(rnnbp.GRU(3, 4, num_layers=2), rnnbp.Dense(4, 2)),
    "window of the past": lambda: rnnbp.Sequential(rnnbp.Window(2, 0), rnnbp.Elman(9, 4)),
    "Jordan": lambda: rnnbp.Sequential(rnnbp.Jordan(3, 4, 2)),
    "static": lambda: rnnbp.Sequential(rnnbp.Dense(3, 2)),
}
LENGTHS = np.array([7, 6, 2])
RESET = np.array([[0, 1, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0]], bool).T


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 3, 3)).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_steps_with_resets_are_the_whole_pass_to_the_last_bit(name: str, x: np.ndarray) -> None:
    model = MODELS[name]()
    whole, state = model.forward(x, reset=RESET), model.start(3)
    for t in range(7):
        y, state = model.step(x[t], state, reset=RESET[t])
        np.testing.assert_array_equal(y, whole[t])


@pytest.mark.parametrize("name", MODELS)
def test_outputs_after_a_reset_are_those_of_a_sequence_that_begins_there(name: str, x: np.ndarray) -> None:
    model = MODELS[name]()
    whole = model.forward(x, LENGTHS, reset=RESET)
    for b, length in enumerate(LENGTHS):
        bounds = [0, *np.flatnonzero(RESET[:length, b]), length]
        for start, stop in itertools.pairwise(bounds):
            if start < stop:
                alone = model.forward(x[start:stop, b : b + 1])[:, 0]
                np.testing.assert_allclose(whole[start:stop, b], alone, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(whole[length:, b], 0)


def test_a_flag_past_the_end_of_a_sequence_does_not_change_its_final_state(x: np.ndarray) -> None:
    model = MODELS["LSTM"]()
    reset = np.zeros((7, 3), bool)
    with_flag = reset.copy()
    with_flag[4, 2] = True
    finals = [
        model.forward_from(rnnbp.SequenceBatch(x, LENGTHS, reset=flags))[1][0] for flags in (None, reset, with_flag)
    ]
    np.testing.assert_array_equal(finals[0], finals[1])
    np.testing.assert_array_equal(finals[0], finals[2])


def test_step_does_not_change_the_state_it_is_given(x: np.ndarray) -> None:
    model = MODELS["LSTM"]()
    _, state = model.step(x[0], model.start(3))
    before = state[0].copy()
    model.step(x[1], state, reset=[True, False, True])
    np.testing.assert_array_equal(state[0], before)


@pytest.mark.parametrize(
    ("reset", "message"),
    [
        ([True, False], r"reset must have shape \(B,\) = \(3,\), got \(2,\)"),
        ([0.5, 0, 1], r"reset must be flags, True or False, got float64 \[0.5, 0.0, 1.0\]"),
        ([2, 0, 1], r"reset must be flags, True or False, got int64 \[2, 0, 1\]"),
    ],
)
def test_flags_of_a_step_are_checked(reset: list[float], message: str, x: np.ndarray) -> None:
    model = MODELS["LSTM"]()
    with pytest.raises(ValueError, match=message):
        model.step(x[0], model.start(3), reset=reset)


def test_resets_at_the_first_step_of_a_fresh_run_change_nothing(x: np.ndarray) -> None:
    model = MODELS["two layers of GRU"]()
    reset = np.zeros((7, 3), bool)
    reset[0] = True
    np.testing.assert_array_equal(model.forward(x, reset=reset), model.forward(x))


def test_training_on_a_stream_resets_the_carried_state() -> None:
    """Targets are the number of steps since the last reset, which nothing but the resets can tell."""
    rng = np.random.default_rng(0)
    starts = rng.random(400) < 0.1
    starts[::40] = True  # each of the ten rows begins an episode
    since = np.zeros(400, int)
    for t in range(1, 400):
        since[t] = 0 if starts[t] else min(since[t - 1] + 1, 3)
    stream = rnnbp.SequenceDataset.from_stream(np.ones((400, 1)), since, 10, 20, reset=starts)
    model = rnnbp.Sequential(rnnbp.Elman(1, 16), rnnbp.Dense(16, 4), seed=0)
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.03), stateful=True)
    trainer.fit(stream, epochs=20, batch_size=10, progress=False)
    assert trainer.evaluate(stream)["accuracy"] > 0.98
    predicted = np.concatenate([np.concatenate(model.predict(stream)[r::10]) for r in range(10)])
    assert np.mean(predicted == since) > 0.98


@pytest.mark.parametrize("training", [False, True])
def test_a_state_of_training_or_of_evaluation_is_reset_in_both(training: bool, x: np.ndarray) -> None:
    layer = rnnbp.layers.RecurrentDropout(rnnbp.cells.LSTMCell(3, 4), 0.5)
    model, rng = rnnbp.Sequential(layer, rnnbp.Dense(4, 2)), np.random.default_rng
    run = rnnbp.layers.Run(np.full(3, 7), None if training else rng(1))
    _, _, state = model.unroll(model.params, x, run)  # the mask is part of it in the training pass alone
    first = np.zeros((7, 3), bool)
    first[0] = [True, False, False]
    there = rnnbp.layers.Run(np.full(3, 7), rng(2) if training else None, first)
    outputs, _, after = model.unroll(model.params, x, there, state)
    assert after[0].shape == (3, 12 if training else 8)
    if not training:
        np.testing.assert_array_equal(outputs[:, 0], model.forward(x)[:, 0])
        np.testing.assert_array_equal(
            outputs[:, 1:], model.unroll(model.params, x, run.__class__(np.full(3, 7)), state)[0][:, 1:]
        )
