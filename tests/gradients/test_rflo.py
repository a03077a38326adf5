"""RFLO: the published rule, its relation to e-prop, and that both learn tasks that need eligibility traces."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import LENGTHS, gradient_error, relative_error
from test_gradients import after, batch_for, model_of, whole

import rnnbp
from rnnbp.cells import ElmanCell, LeakyElmanCell, LSTMCell
from rnnbp.gradients import BPTT, RFLO, EProp, RandomFeedback, SymmetricFeedback
from rnnbp.layers import ALIF, LIF, LSTM, Dense, Elman, Last, LeakyElman, Normalize, Recurrent
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

CELLS = {
    "tau 4": LeakyElmanCell(3, 4, tau=4),
    "sigmoid, tau 2.5": LeakyElmanCell(3, 4, 2.5, "sigmoid"),
    "Elman": ElmanCell(3, 4),
}
SLOPES = {"tanh": lambda u: 1 - np.tanh(u) ** 2, "sigmoid": lambda u: np.exp(-u) / (1 + np.exp(-u)) ** 2}


def published(cell, model, x, d_outputs, feedback):
    """Return the gradient by Murray (2019), eq. 3-5, from dL/dy (T, K) and the feedback matrix B (H, K)."""
    p, tau = model.params, getattr(cell, "tau", 1)
    h, H, F = np.zeros(4), 4, 3
    traces = {"w_hh": np.zeros((H, H)), "w_ih": np.zeros((H, F)), "b_ih": np.zeros(H), "b_hh": np.zeros(H)}
    grad = {name: np.zeros_like(trace) for name, trace in traces.items()}
    for u_x, dy in zip(x, d_outputs, strict=True):
        u = p["0.w_hh"] @ h + p["0.b_hh"] + p["0.w_ih"] @ u_x + p["0.b_ih"]
        slope = SLOPES[cell.activation](u)
        for a in range(H):
            for b in range(H):
                traces["w_hh"][a, b] = (1 - 1 / tau) * traces["w_hh"][a, b] + slope[a] * h[b] / tau
            for f in range(F):
                traces["w_ih"][a, f] = (1 - 1 / tau) * traces["w_ih"][a, f] + slope[a] * u_x[f] / tau
            for name in ("b_ih", "b_hh"):
                traces[name][a] = (1 - 1 / tau) * traces[name][a] + slope[a] / tau
        for name, trace in traces.items():
            grad[name] += (feedback @ dy).reshape(H, *[1] * (trace.ndim - 1)) * trace
        h, _ = cell.step(p.scope("0."), h, u_x)
    return grad


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("feedback", [RandomFeedback(3), SymmetricFeedback()], ids=repr)
@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_is_that_of_the_published_rule(name, feedback, lengths):
    cell = CELLS[name]
    model = model_of([Recurrent(cell), Dense(4, 2)])
    batch = batch_for(model, LENGTHS[lengths])
    batch = replace(batch, targets=np.random.default_rng(0).standard_normal((6, 3, 2)))
    (g,) = RFLO(feedback).gradients(model, batch, MeanSquaredError())
    _, d_outputs = MeanSquaredError()(g.outputs, batch.targets, batch.lengths)
    matrix = feedback.matrix(4, 2) if isinstance(feedback, RandomFeedback) else model.params["1.w"].T
    found = model.params.like(g.vector)
    parts = [published(cell, model, batch.x[:n, b], d_outputs[:n, b], matrix) for b, n in enumerate(batch.lengths)]
    for weight in parts[0]:
        assert relative_error(found["0." + weight], sum(part[weight] for part in parts)) < 1e-12
    (exact,) = BPTT().gradients(model, batch, MeanSquaredError())
    wanted = model.params.like(exact.vector)
    for weight in ("1.w", "1.b"):  # of the readout: exact
        assert relative_error(found[weight], wanted[weight]) < 1e-12


@pytest.mark.parametrize("feedback", [RandomFeedback(1), SymmetricFeedback()], ids=repr)
def test_rflo_equals_eprop_on_leaky_networks(feedback):
    model = model_of([Dense(3, 3, "tanh"), *after(LeakyElman(3, 4, num_layers=2, tau=3))])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    one, other = (whole(algorithm(feedback), model, batch, CrossEntropy())[1] for algorithm in (RFLO, EProp))
    np.testing.assert_array_equal(one, other)


def test_feedback_is_random_by_default():
    assert RFLO().feedback == RandomFeedback(0)
    assert EProp().feedback == SymmetricFeedback()
    model = model_of(after(LeakyElman(3, 4)))
    batch = batch_for(model, LENGTHS["equal lengths"])
    one, other = (whole(RFLO(*f), model, batch, CrossEntropy())[1] for f in ((), (SymmetricFeedback(),)))
    assert gradient_error(model.params, one, other) > 0.1


@pytest.mark.parametrize("tau", [1.0, 5.0])
def test_rflo_with_symmetric_feedback_is_exact_without_recurrent_weights(tau):
    model = model_of(after(LeakyElman(3, 4, tau=tau)))
    model.params["0.w_hh"] = 0
    batch = batch_for(model, LENGTHS["unequal lengths"])
    _, expected = whole(BPTT(), model, batch, CrossEntropy())
    _, found = whole(RFLO(SymmetricFeedback(), every=2), model, batch, CrossEntropy())
    assert gradient_error(model.params, found, expected) < 1e-12


@pytest.mark.parametrize("layers", [[LSTM(3, 4)], [LIF(3, 4)], [Elman(3, 4), Recurrent(LSTMCell(4, 4))]], ids=repr)
def test_other_cells_are_refused(layers):
    model = model_of(after(*layers))
    message = r"RFLO takes Elman and LeakyElman cells, .* got (LSTM|LIF)Cell\(.*EProp\(RandomFeedback\(\)\)"
    with pytest.raises(ValueError, match=message):
        list(RFLO().gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy()))


def test_a_derived_cell_is_refused():
    class Changed(LeakyElmanCell):
        def step(self, params, state, x):
            return super().step(params, 2 * state, x)

    model = model_of(after(Recurrent(Changed(3, 4))))
    with pytest.raises(ValueError, match="RFLO takes cells that mark their recurrent weights"):
        list(RFLO().gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy()))


# ---- learning -----------------------------------------------------------------------------------------------


def no_signal(due, forward_pass):
    """Return a learning signal of zero, with which the readout alone is trained."""
    return np.zeros_like(due.d_state)


def accuracy(model, algorithm, train, test, epochs, rate, size):
    trainer = rnnbp.Trainer(model, CrossEntropy(), algorithm, rnnbp.Adam(rate), seed=0)
    trainer.fit(train, epochs=epochs, batch_size=size, progress=False)
    return trainer.evaluate(test)["accuracy"]


def delayed_xor(sequences, seed):
    """Return sequences with signs at the first and fifth step, in noise, labelled by whether the two differ."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(2, size=(sequences, 2))
    x = np.zeros((sequences, 8, 2))
    x[:, [0, 4], 0] = 2 * bits - 1
    x[:, 4, 1] = 1
    return rnnbp.SequenceDataset(list(x + rng.normal(0, 0.1, x.shape)), bits[:, 0] ^ bits[:, 1])


def store_recall(sequences, seed, delay=20):
    """Return sequences that show one of two inputs for three steps and ask for it during the last four, in noise."""
    rng = np.random.default_rng(seed)
    steps, label = delay + 7, rng.integers(2, size=sequences)
    x, target = np.zeros((sequences, steps, 4)), np.full((sequences, steps), -1)
    x[np.arange(sequences), :3, label] = 1
    x[:, -4:, 2] = 1
    x[:, :, 3] = rng.uniform(-1, 1, (sequences, steps))
    target[:, -4:] = label[:, None]
    return rnnbp.SequenceDataset(list(x), list(target))


@pytest.mark.slow
def test_rflo_learns_a_delayed_exclusive_or():
    """A readout of an untrained leaky network of this size does not solve it."""
    train, test = delayed_xor(100, 0), delayed_xor(400, 1)

    def learned(algorithm):
        network = Sequential(LeakyElman(2, 20, tau=4), Last(), Dense(20, 2), seed=0)
        return accuracy(network, algorithm, train, test, 300, 0.02, 100)

    assert learned(EProp(no_signal)) < 0.6
    assert learned(RFLO(RandomFeedback())) > 0.85
    assert learned(RFLO(SymmetricFeedback())) > 0.95


@pytest.mark.slow
def test_spiking_neurons_learn_to_store_and_recall_by_eprop():
    """A delay of four times the membrane's time constant, in a recurrent network with adaptive thresholds."""
    train, test = store_recall(200, 0), store_recall(300, 1)

    def learned(algorithm):
        neurons = ALIF(4, 30, tau=5, threshold=0.5, tau_adaptation=60, beta=0.3)
        network = Sequential(Normalize([0.0] * 4, [0.3] * 4), neurons, Dense(30, 2), seed=0)
        return accuracy(network, algorithm, train, test, 20, 0.02, 50)

    assert learned(EProp(no_signal)) < 0.8
    assert learned(EProp(RandomFeedback())) > 0.95
    assert learned(EProp(SymmetricFeedback())) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("feedback", [RandomFeedback(), SymmetricFeedback()], ids=repr)
def test_an_lstm_learns_a_delay_of_twenty_steps_by_eprop(feedback):
    """Forget gates are initially open, since eligibility traces decay by them alone."""
    train, test = (rnnbp.datasets.delayed_recall(n, 20, 4, seed=seed) for n, seed in ((200, 0), (400, 1)))
    model = Sequential(LSTM(5, 16, init=rnnbp.ForgetBias(4.0)), Last(), Dense(16, 4), seed=0)
    assert accuracy(model, EProp(feedback), train, test, 20, 0.03, 50) > 0.9
