"""TruncatedBPTT(k1, k2) against a slow definition of what it computes, for every k1 and k2."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, gradient_error, leaves
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp.cells import ElmanCell, JordanCell, LSTMCell
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, TruncatedBPTT
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Elman,
    Flatten,
    Last,
    MeanOverTime,
    MultiLayer,
    Recurrent,
    Resample,
    Run,
    TimeStatistics,
    Window,
)
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

T, F, K = 7, 2, 3
LENGTHS = np.array([7, 5, 4, 1])
PAIRS = [(k1, k2) for k2 in range(1, T + 3) for k1 in range(1, k2 + 1)]

MODELS = {
    "GRU, every step": [GRU(F, 3), Dense(3, K)],
    "LSTM, last step": [LSTM(F, 3), Last(), Dense(3, K)],
    "two layers, mean": [
        MultiLayer((ElmanCell(F, 3), JordanCell(3, 3, 2, 0.5))),
        Dense(2, K),
        MeanOverTime(),
    ],
}


def problem(layers, lengths=LENGTHS, seed=0):
    """A model in float64 and a batch with labels for it."""
    model = Sequential(*layers, seed=seed, dtype=np.float64)
    rng = np.random.default_rng(seed)
    steps = lengths.max()
    padding = np.arange(steps)[:, None] >= lengths
    x = np.where(padding[:, :, None], 0, rng.standard_normal((steps, len(lengths), F)))
    if model.out_shape[0] == "T":
        targets = np.where(padding, -1, rng.integers(K, size=padding.shape))
    else:
        targets = rng.integers(K, size=len(lengths))
    return model, replace(SequenceBatch.from_array(x, lengths), targets=targets)


def states_before(model, batch):
    """Return the states before each step and after the last."""
    states, after = [None], None
    for t in range(len(batch.x)):
        run = Run(np.clip(batch.lengths - t, 0, 1))
        _, _, after = model.unroll(model.params, batch.x[t : t + 1], run, after)
        states.append(after)
    return states


def window_loss(model, batch, loss, params, start_state, first, start, stop):
    """Return the loss of the outputs in [start, stop), of a run that begins at `first` from a fixed state."""
    run = Run(np.clip(batch.lengths - first, 0, stop - first))
    outputs, _, _ = model.unroll(params, batch.x[first:stop], run, start_state)
    total = loss.total(batch.targets, batch.lengths if outputs.ndim == 3 else None)
    ends = batch.lengths
    if outputs.ndim == 3:
        due = np.arange(start, stop)[:, None] < ends
        return loss.masked(outputs[start - first :], batch.targets[start:stop], due, total)[0]
    return loss.masked(outputs, batch.targets, (ends > start) & (ends <= stop), total)[0]


def definition_of(model, batch, loss, start, stop, first, states, directions):
    """Return the loss of the outputs in [start, stop) and its slopes along directions (n, P).

    The state before `first` is held constant.
    """
    arguments = (states[first], first, start, stop)
    value = window_loss(model, batch, loss, model.params, *arguments)
    moved = [model.params.like(model.params.vector + 1e-30j * v) for v in directions]
    return value, np.array([window_loss(model, batch, loss, at, *arguments).imag / 1e-30 for at in moved])


@pytest.mark.parametrize("name", MODELS)
def test_every_k1_and_k2_give_the_gradient_of_the_definition(name):
    model, batch = problem(MODELS[name])
    states, loss = states_before(model, batch), CrossEntropy()
    directions = np.random.default_rng(0).standard_normal((6, model.params.size))
    windows = {}  # the same window belongs to several pairs
    for k1, k2 in PAIRS:
        found = list(TruncatedBPTT(k1, k2).gradients(model, batch, loss))
        spans = [g.span for g in found]
        assert spans == [(start, min(start + k1, T)) for start in range(0, T, k1)]
        for g in found:
            key = (*g.span, max(0, g.span[1] - k2))
            if key not in windows:
                windows[key] = definition_of(model, batch, loss, *key, states, directions)
            value, slopes = windows[key]
            assert g.loss == pytest.approx(value, rel=1e-12, abs=1e-15), (k1, k2, g.span)
            size = np.linalg.norm(g.vector)
            np.testing.assert_allclose(directions @ g.vector, slopes, rtol=0, atol=1e-12 * size, err_msg=str(g.span))
            assert slopes.any() == g.vector.any()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_k2_of_one_is_elmans_copy_back(activation):
    """The context units are inputs like others: at each step plain backpropagation, with a fixed previous state."""
    model, batch = problem([Elman(F, 3, activation=activation), Dense(3, K)])
    p, N = model.params, batch.lengths.sum()
    context = np.zeros((4, 3))
    for t, g in enumerate(TruncatedBPTT(1, 1).gradients(model, batch, CrossEntropy())):
        n = int((batch.lengths > t).sum())
        before, x, labels = context[:n], batch.x[t, :n], batch.targets[t, :n]
        a = x @ p["0.w_ih"].T + before @ p["0.w_hh"].T + p["0.b_ih"] + p["0.b_hh"]
        h = np.tanh(a) if activation == "tanh" else 1 / (1 + np.exp(-a))
        slope = 1 - h**2 if activation == "tanh" else h * (1 - h)
        z = np.exp(h @ p["1.w"].T + p["1.b"])
        d = (z / z.sum(axis=1, keepdims=True) - np.eye(K)[labels]) / N
        delta = d @ p["1.w"] * slope
        expected = p.zeros()
        expected["1.w"], expected["1.b"] = d.T @ h, d.sum(axis=0)
        expected["0.w_ih"], expected["0.w_hh"] = delta.T @ x, delta.T @ before
        expected["0.b_ih"] = expected["0.b_hh"] = delta.sum(axis=0)
        assert gradient_error(p, g.vector, expected.vector) < 1e-12
        context[:n] = h


@pytest.mark.parametrize("k", [1, 2, 3])
def test_equal_k1_and_k2_cut_the_sequence_into_segments(k):
    """Each segment is a batch that begins from the final state of the segment before."""
    model, batch = problem(MODELS["GRU, every step"], np.array([6, 5, 4, 1]))
    loss, state = CrossEntropy(), None
    whole = loss.total(batch.targets, batch.lengths)
    for g in TruncatedBPTT(k, k).gradients(model, batch, loss):
        piece = batch.span(*g.span)
        (own,) = BPTT().gradients(model, piece, loss, state)
        fraction = loss.total(piece.targets, piece.lengths) / whole
        assert g.loss == pytest.approx(own.loss * fraction, rel=1e-12)
        assert gradient_error(model.params, g.vector, own.vector * fraction) < 1e-12
        state = own.state
        for one, other in zip(leaves(g.state), leaves(state), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13)


@st.composite
def lengths_and_k(draw):
    lengths = np.array(sorted(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)), reverse=True))
    k2 = draw(st.integers(1, 12))
    return lengths, draw(st.integers(1, k2)), k2


@given(lengths_and_k(), st.sampled_from(sorted(MODELS)))
@settings(max_examples=60, deadline=None)
def test_spans_cover_time_once_and_losses_add_up(drawn, name):
    lengths, k1, k2 = drawn
    model, batch = problem(MODELS[name], lengths)
    found = list(TruncatedBPTT(k1, k2).gradients(model, batch, CrossEntropy()))
    assert [t for g in found for t in range(*g.span)] == list(range(lengths.max()))
    (whole,) = BPTT().gradients(model, batch, CrossEntropy())
    assert sum(g.loss for g in found) == pytest.approx(whole.loss, rel=1e-12)
    assert sum(g.cost.steps for g in found) == lengths.sum()
    if k2 >= lengths.max():
        total = sum(g.vector for g in found)
        assert gradient_error(model.params, total, whole.vector) < 1e-11
    for one, other in zip(leaves(found[-1].state), leaves(whole.state), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("k1", [1, 2, 3, 7])
def test_outputs_are_those_of_one_run(k1):
    model, batch = problem(MODELS["GRU, every step"])
    outputs = np.concatenate([g.outputs for g in TruncatedBPTT(k1, 7).gradients(model, batch, CrossEntropy())])
    running = np.arange(T)[:, None] < batch.lengths
    np.testing.assert_allclose(outputs[running], model.forward(batch)[running], rtol=1e-12)
    model, batch = problem(MODELS["LSTM, last step"])
    for g in TruncatedBPTT(k1, 7).gradients(model, batch, CrossEntropy()):
        ended = (batch.lengths > g.span[0]) & (batch.lengths <= g.span[1])
        np.testing.assert_allclose(g.outputs[ended], model.forward(batch)[ended], rtol=1e-12)


@pytest.mark.parametrize("cell", [c for c in CELLS.values() if c.input_size == 3], ids=repr)
def test_a_state_continues_from_batch_to_batch(cell, rng):
    """Two halves of a long batch, the state passed on, are one run of it."""
    model = Sequential(Recurrent(cell), Dense(cell.output_size, K), dtype=np.float64)
    x, labels = rng.standard_normal((8, 2, 3)), rng.integers(K, size=(8, 2))
    long = replace(SequenceBatch.from_array(x), targets=labels)
    loss, algorithm = CrossEntropy(), TruncatedBPTT(2, 2)
    whole = list(algorithm.gradients(model, long, loss))
    first = list(algorithm.gradients(model, long.span(0, 4), loss))
    second = list(algorithm.gradients(model, long.span(4, 8), loss, first[-1].state))
    for one, other in zip([*first, *second], whole, strict=True):
        np.testing.assert_allclose(one.outputs, other.outputs, rtol=1e-13)
        assert one.loss == pytest.approx(2 * other.loss, rel=1e-12)  # a mean over half as many steps
        assert gradient_error(model.params, one.vector, 2 * other.vector) < 1e-12
    np.testing.assert_allclose(second[-1].state[0], whole[-1].state[0], rtol=1e-13)


def test_the_given_state_and_the_batch_are_not_changed(rng):
    model, batch = problem(MODELS["GRU, every step"])
    state, x = [rng.standard_normal((4, 3)), None], batch.x.copy()
    given = state[0].copy()
    list(TruncatedBPTT(2, 3).gradients(model, batch, CrossEntropy(), state))
    np.testing.assert_array_equal(state[0], given)
    np.testing.assert_array_equal(batch.x, x)


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 2), (3, 3), (1, 3), (2, 5)])
def test_parameters_may_change_between_yields(k1, k2):
    """The forward pass continues with the new parameters from the state that the old ones gave.

    Where the backward pass includes no earlier step, the gradient is that at the new parameters.
    """
    model, batch = problem(MODELS["GRU, every step"], np.array([6, 5, 4, 1]))
    loss, state = CrossEntropy(), None
    for g in TruncatedBPTT(k1, k2).gradients(model, batch, loss):
        start, stop = g.span
        states = {start: state}
        value, gradient = definition_of(model, batch, loss, start, stop, start, states, np.eye(model.params.size))
        assert g.loss == pytest.approx(value, rel=1e-12)
        if k1 == k2:
            assert gradient_error(model.params, g.vector, gradient) < 1e-11
        assert np.isfinite(g.vector).all()
        state = g.state
        model.params.vector -= 0.5 * g.vector


def test_updates_after_each_gradient_lower_the_loss():
    model, batch = problem(MODELS["GRU, every step"])
    before = CrossEntropy()(model.forward(batch), batch.targets, batch.lengths)[0]
    for _ in range(10):
        for g in TruncatedBPTT(2, 4).gradients(model, batch, CrossEntropy()):
            model.params.vector -= 1.0 * g.vector
    assert CrossEntropy()(model.forward(batch), batch.targets, batch.lengths)[0] < 0.8 * before


def test_memory_is_smaller_for_a_shorter_backward_pass():
    model, batch = problem([LSTM(F, 3), Dense(3, K)], np.array([40, 40]))
    two, ten, forty = (
        max(g.cost.peak_bytes for g in TruncatedBPTT(2, k2).gradients(model, batch, CrossEntropy()))
        for k2 in (2, 10, 40)
    )
    assert two < ten
    assert (forty - ten) / (ten - two) == pytest.approx(30 / 8, rel=0.05)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([Dense(F, F), Bidirectional(LSTMCell(F, 3))], r"layer 1 \(Bidirectional\)"),
        ([LSTM(F, 3, num_layers=2, bidirectional=True)], r"layer 0 \(LSTM\)"),
        ([GRU(F, K), TimeStatistics()], r"layer 1 \(TimeStatistics\)"),
        ([Window(1, 1)], r"layer 0 \(Window\)"),
        ([Flatten(7)], r"layer 0 \(Flatten\)"),
        ([Resample(2)], r"layer 0 \(Resample\)"),
    ],
)
def test_a_noncausal_layer_is_refused(layers, named):
    model, batch = problem(layers)
    with pytest.raises(ValueError, match=f"TruncatedBPTT takes causal layers, but {named} sees .* use BPTT"):
        next(TruncatedBPTT(1, 2).gradients(model, batch, CrossEntropy()))


@pytest.mark.parametrize(
    ("k1", "k2", "message"),
    [
        (0, 1, "k1 must be a positive integer, got 0"),
        (-1, 1, "k1 must be a positive integer, got -1"),
        (1.5, 2, "k1 must be a positive integer, got 1.5"),
        (3, 2, "k2 must be an integer >= k1 = 3, got 2"),
        (3, "4", "k2 must be an integer >= k1 = 3, got '4'"),
        (3, None, "k2 must be an integer >= k1 = 3, got None"),
    ],
)
def test_wrong_arguments_are_refused(k1, k2, message):
    with pytest.raises(ValueError, match=message):
        TruncatedBPTT(k1, k2)
