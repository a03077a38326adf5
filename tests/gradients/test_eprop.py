"""E-prop: RTRL without the paths through recurrent weights, by the published formulas and by a slow reference."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, SPIKING, LeakyCell, gradient_error, relative_error
from pairs import pairs
from test_gradients import CAUSAL, after, batch_for, model_of, whole

import rnnbp
from rnnbp.cells import ALIFCell, ElmanCell, JordanCell, LIFCell, LSTMCell, OriginalGRUCell, Stack
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, RTRL, EProp, RandomFeedback, SnAp, SymmetricFeedback
from rnnbp.layers import LIF, LSTM, Dense, Elman, Embedding, Last, LeakyElman, MeanOverTime, Recurrent
from rnnbp.layers.cell_layer import unrolled
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

LOCAL = {
    name: cell
    for name, cell in (CELLS | SPIKING).items()
    if not any(word in name for word in ("Jordan", "original", "user"))
}
MODELS = {
    **{name: after(Recurrent(cell)) for name, cell in LOCAL.items()},
    "two LSTMs": CAUSAL["two LSTMs"],
    "Normalize > Dense > GRU > Elman": CAUSAL["Normalize > Dense > GRU > Elman"],
    "Window(2, 0) > LSTM": CAUSAL["Window(2, 0) > LSTM"],
    "LIF > LSTM, last step": [LIF(3, 4, threshold=0.3), *after(LSTM(4, 3)), Last()],
    "LSTM > mean": [LSTM(3, 4), MeanOverTime(), Dense(4, 3)],
    "Elman > Dense tanh > mean": [Elman(3, 4), Dense(4, 3, "tanh"), MeanOverTime()],
}


def without_recurrent_weights(model: Sequential) -> Sequential:
    """Set all recurrent weights of a model to zero."""
    for name in model.params:
        if "w_hh" in name:
            model.params[name] = 0
    return model


def problem(layers, lengths="unequal lengths"):
    model = model_of(layers)
    return model, batch_for(model, LENGTHS[lengths])


# ---- against backpropagation ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "lengths", "every"), pairs(MODELS, LENGTHS, [None, 2]))
def test_eprop_is_exact_without_recurrent_weights(name, lengths, every):
    model, batch = problem(MODELS[name], lengths)
    without_recurrent_weights(model)
    value, expected = whole(BPTT(), model, batch, CrossEntropy())
    found_value, found = whole(EProp(every=every), model, batch, CrossEntropy())
    assert found_value == pytest.approx(value, rel=1e-12)
    assert gradient_error(model.params, found, expected) < 1e-12


@pytest.mark.parametrize("name", MODELS)
def test_eprop_is_inexact_with_recurrent_weights(name):
    model, batch = problem(MODELS[name])
    _, expected = whole(BPTT(), model, batch, CrossEntropy())
    _, found = whole(EProp(), model, batch, CrossEntropy())
    assert gradient_error(model.params, found, expected) > 1e-3
    assert found @ expected > 0.5 * np.linalg.norm(found) * np.linalg.norm(expected)


def test_eprop_is_exact_from_a_given_state_without_recurrent_weights(rng):
    model, batch = problem(MODELS["ALIF"])
    without_recurrent_weights(model)
    state = [rng.standard_normal((3, 12)), None]
    _, expected = whole(BPTT(), model, batch, CrossEntropy(), state=state)
    _, found = whole(EProp(), model, batch, CrossEntropy(), state=state)
    assert gradient_error(model.params, found, expected) < 1e-12


def test_eprop_is_exact_on_tokens_without_recurrent_weights(rng):
    model, batch = problem([Embedding(5, 3), LSTM(3, 3), Dense(3, 3)])
    without_recurrent_weights(model)
    batch = replace(batch, x=rng.integers(5, size=(6, 3)))
    _, expected = whole(BPTT(), model, batch, CrossEntropy())
    assert gradient_error(model.params, whole(EProp(), model, batch, CrossEntropy())[1], expected) < 1e-12


# ---- against a slow reference -------------------------------------------------------------------------------


def derivative(cell, params, state, x, perturb):
    """Return the derivative of the next state by the complex step in the number that `perturb` moves."""
    params, state = params.astype(complex), state.astype(complex)
    perturb(params, state)
    return cell.step(params, state, x)[0].imag / 1e-30


def slow_eprop(cell, params, xs, signals):
    """Return the gradient by RTRL without the paths through W_hh, all by the complex step, in dense arrays."""
    S, P = cell.state_size, params.size
    state, influence, grad = np.zeros(S), np.zeros((S, P)), np.zeros(P)
    K, H = params["w_hh"].shape
    for x, signal in zip(xs, signals, strict=True):

        def by_param(p, x=x, state=state):
            return derivative(cell, params, state, x, lambda q, _: q.vector.__setitem__(p, q.vector[p] + 1e-30j))

        def by_state(i, x=x, state=state):
            return derivative(cell, params, state, x, lambda _, s: s.__setitem__(i, s[i] + 1e-30j))

        direct = np.stack([by_param(p) for p in range(P)], axis=1)
        jacobian = np.stack([by_state(i) for i in range(S)], axis=1)
        # The derivative with respect to W_hh h is that of its bias, or that of an input weight divided by the input.
        if "b_hh" in params:
            added = direct[:, params.place("b_hh")]
        else:
            added = direct[:, params.place("w_ih")].reshape(S, K, -1)[:, :, 0] / x[0]
        jacobian[:, :H] -= added @ params["w_hh"]
        influence = jacobian @ influence + direct
        state, _ = cell.step(params, state, x)
        grad += signal @ influence[:H]
    return grad


@pytest.mark.parametrize("name", [name for name in LOCAL if "Stack" not in name])
def test_eprop_is_rtrl_without_the_paths_through_recurrent_weights(name):
    model, batch = problem(MODELS[name])
    cell, head = LOCAL[name], model.params["1.w"]
    outputs = model.forward(batch)
    _, d_outputs = CrossEntropy()(outputs, batch.targets, batch.lengths)
    scope = model.params.scope("0.")
    expected = sum(
        slow_eprop(cell, scope, batch.x[:n, b], d_outputs[:n, b] @ head) for b, n in enumerate(batch.lengths)
    )
    _, found = whole(EProp(), model, batch, CrossEntropy())
    assert gradient_error(scope, found[: scope.size], expected) < 1e-12
    _, exact = whole(BPTT(), model, batch, CrossEntropy())
    np.testing.assert_allclose(found[scope.size :], exact[scope.size :], rtol=1e-10, atol=1e-15)


# ---- against the published formulas ---------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [LIFCell(3, 5, 8, 0.5), ALIFCell(3, 5, 8, 0.5, tau_adaptation=30, beta=0.3)], ids=repr)
def test_traces_of_spiking_neurons_are_those_of_the_paper(cell):
    """Bellec et al. (2020), Methods: presynaptic spikes filtered by alpha, and the threshold's own trace."""
    rng = np.random.default_rng(3)
    model = Sequential(Recurrent(cell), Dense(5, 2), dtype=np.float64)
    model.params["0.w_ih"] *= 2
    x, y = rng.standard_normal((30, 1, 3)), rng.standard_normal((30, 1, 2))
    batch = replace(SequenceBatch.from_array(x), targets=y)
    (g,) = EProp().gradients(model, batch, MeanSquaredError())
    found = model.params.like(g.vector)

    params = model.params.scope("0.")
    alpha, beta, rho = np.exp(-1 / 8), getattr(cell, "beta", 0), np.exp(-1 / 30)
    d_outputs = MeanSquaredError()(g.outputs, y, [30])[1][:, 0]
    state = np.zeros(cell.state_size)
    filtered = {"w_ih": np.zeros(3), "w_hh": np.zeros(5)}
    adapting = {"w_ih": np.zeros((5, 3)), "w_hh": np.zeros((5, 5))}
    grad = {"w_ih": np.zeros((5, 3)), "w_hh": np.zeros((5, 5))}
    spikes = 0
    for t in range(30):
        before = {"w_ih": x[t, 0], "w_hh": state[:5]}
        state, _ = cell.step(params, state, x[t, 0])
        a = state[10:] if beta else np.zeros(5)
        psi = 0.3 / 0.5 * np.maximum(0, 1 - np.abs(state[5:10] - 0.5 - beta * a) / 0.5)
        signal = d_outputs[t] @ model.params["1.w"]
        for name in grad:
            filtered[name] = alpha * filtered[name] + before[name]
            trace = psi[:, None] * (filtered[name] - beta * adapting[name])
            grad[name] += signal[:, None] * trace
            adapting[name] = psi[:, None] * filtered[name] + (rho - psi[:, None] * beta) * adapting[name]
        spikes += state[:5].sum()
    assert 10 < spikes < 100
    for name, expected in grad.items():
        assert relative_error(found["0." + name], expected) < 1e-12


def test_an_lstms_traces_are_those_of_the_paper():
    """Each memory cell's trace decays by its forget gate alone."""
    rng = np.random.default_rng(4)
    model = Sequential(LSTM(3, 4), Dense(4, 2), dtype=np.float64)
    x, y = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    batch = replace(SequenceBatch.from_array(x[:, None]), targets=y[:, None])
    (g,) = EProp().gradients(model, batch, MeanSquaredError())
    params, cell = model.params.scope("0."), LSTMCell(3, 4)
    d_outputs = MeanSquaredError()(g.outputs, y[:, None], [12])[1][:, 0]
    state, trace, grad = np.zeros(8), np.zeros((3, 4, 4)), np.zeros((4, 4, 4))  # gates, units, [h | 1]
    for t in range(12):
        inputs, c = state[:4], state[4:]
        state, residuals = cell.step(params, state, x[t])
        i, f, candidate, o, tanh_c = np.split(residuals, 5)
        slopes = [candidate * i * (1 - i), c * f * (1 - f), i * (1 - candidate**2)]
        trace = f[:, None] * trace + np.stack([slope[:, None] * inputs for slope in slopes])
        signal = d_outputs[t] @ model.params["1.w"]
        grad[:3] += (signal * o * (1 - tanh_c**2))[:, None] * trace
        grad[3] += (signal * tanh_c * o * (1 - o))[:, None] * inputs
    assert relative_error(model.params.like(g.vector)["0.w_hh"], grad.reshape(16, 4)) < 1e-12


# ---- learning signals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [[], [Last()]], ids=["each step", "last step"])
@pytest.mark.parametrize("name", ["LSTM", "LIF", "leaky Elman"])
def test_random_feedback_to_one_layer_is_symmetric_feedback_of_a_network_with_these_output_weights(name, end):
    layers = [*CAUSAL[name], *end]
    model, batch = problem(layers)
    shape = (*((6,) if not end else ()), 3, 3)
    rng = np.random.default_rng(0)
    batch = replace(batch, targets=rng.standard_normal(shape))
    (g,) = EProp(RandomFeedback(5)).gradients(model, batch, MeanSquaredError())

    (head,) = [n for n in model.params if model.params[n].shape[0] == 3 and n.endswith(".w")][-1:]
    other = model_of(layers)
    other.params[head] = RandomFeedback(5).matrix(model.params[head].shape[1], 3).T
    moved = other.forward(batch) - model.forward(batch)  # targets moved alike leave the cotangents unchanged
    (same,) = EProp().gradients(other, replace(batch, targets=batch.targets + moved), MeanSquaredError())
    np.testing.assert_allclose(same.vector, g.vector, rtol=1e-9, atol=1e-14)
    assert model.params.place(head).stop == model.params.size - 3


def test_random_feedback_does_not_depend_on_the_layers_above():
    model, batch = problem([LSTM(3, 4), Dense(4, 5, "tanh"), Dense(5, 3)])
    loss = MeanSquaredError()
    batch = replace(batch, targets=np.zeros((6, 3, 3)))
    (g,) = EProp(RandomFeedback()).gradients(model, batch, loss)
    _, d_outputs = loss(g.outputs, batch.targets, batch.lengths)
    signals = d_outputs @ RandomFeedback().matrix(4, 3).T
    scope = model.params.scope("0.")
    expected = sum(
        slow_eprop(LSTMCell(3, 4), scope, batch.x[:n, b], signals[:n, b]) for b, n in enumerate(batch.lengths)
    )
    assert gradient_error(scope, g.vector[: scope.size], expected) < 1e-12


def readout_problem(layers, lengths="unequal lengths"):
    """Return a model with a recurrent readout of two outputs, a batch, and the gradient with respect to the outputs."""
    model, batch = problem([*layers, LeakyElman(layers[-1].hidden_size, 2, tau=3, activation="linear")], lengths)
    batch = replace(batch, targets=np.random.default_rng(0).standard_normal((6, 3, 2)))
    _, d_outputs = MeanSquaredError()(model.forward(batch), batch.targets, batch.lengths)
    return model, batch, d_outputs


def by_layer(cell, scope, inputs, signals, lengths):
    """Return the sum of `slow_eprop` over a batch."""
    return sum(slow_eprop(cell, scope, inputs[:n, b], signals[:n, b]) for b, n in enumerate(lengths))


def test_a_recurrent_readout_has_the_gradient_of_symmetric_feedback():
    """Its units are the outputs: their cotangents pass through no weights."""
    model, batch, _ = readout_problem([LIF(3, 4, threshold=0.3)])
    (g,) = EProp(RandomFeedback()).gradients(model, batch, MeanSquaredError())
    (h,) = EProp().gradients(model, batch, MeanSquaredError())
    readout = slice(model.params.place("1.w_ih").start, None)
    np.testing.assert_allclose(g.vector[readout], h.vector[readout], rtol=1e-12)
    assert not np.allclose(g.vector[: readout.start], h.vector[: readout.start])


def test_the_gradient_of_a_leaky_readout_without_recurrent_weights_is_exact():
    """As in Bellec et al. (2020)."""
    model, batch, _ = readout_problem([LIF(3, 4, threshold=0.3)])
    model.params["1.w_hh"] = 0
    for algorithm in (EProp(RandomFeedback()), EProp(RandomFeedback(5))):
        (g,) = algorithm.gradients(model, batch, MeanSquaredError())
        (exact,) = BPTT().gradients(model, batch, MeanSquaredError())
        for name in ("1.w_ih", "1.b_ih", "1.b_hh"):
            here = model.params.place(name)
            np.testing.assert_allclose(g.vector[here], exact.vector[here], rtol=1e-10, atol=1e-14)


def test_feedback_below_a_recurrent_readout_is_broadcast_by_a_matrix_per_layer():
    layers = [LIF(3, 4, threshold=0.3), LSTM(4, 3)]
    model, batch, d_outputs = readout_problem(layers)
    (g,) = EProp(RandomFeedback(2)).gradients(model, batch, MeanSquaredError())
    hidden = Sequential(layers[0], dtype=np.float64)
    hidden.params.vector[:] = model.params.vector[: hidden.params.size]
    inputs = (batch.x, hidden.forward(batch))
    for k, x in enumerate(inputs):
        cell, scope = unrolled(layers[k]).cell, model.params.scope(f"{k}.")
        signals = d_outputs @ RandomFeedback(2).matrix(cell.output_size, 2, layer=1 - k).T
        expected = by_layer(cell, scope, x, signals, batch.lengths)
        found = np.concatenate([model.params.like(g.vector)[f"{k}.{name}"].ravel() for name in scope])
        assert gradient_error(scope, found, expected) < 1e-12


def test_each_layer_below_a_dense_readout_has_its_own_matrix():
    layers = [LIF(3, 4, threshold=0.3), LSTM(4, 3)]
    model, batch = problem([*layers, Dense(3, 3)])
    (g,) = EProp(RandomFeedback(2)).gradients(model, batch, CrossEntropy())
    _, d_outputs = CrossEntropy()(model.forward(batch), batch.targets, batch.lengths)
    signals = d_outputs @ RandomFeedback(2).matrix(4, 3, layer=1).T
    scope = model.params.scope("0.")
    expected = by_layer(unrolled(layers[0]).cell, scope, batch.x, signals, batch.lengths)
    assert gradient_error(scope, g.vector[: scope.size], expected) < 1e-12
    assert not np.allclose(RandomFeedback(2).matrix(4, 3, layer=1), RandomFeedback(2).matrix(4, 3))


@pytest.mark.parametrize("seen", [0, 2], ids=["from the beginning", "going on"])
def test_each_layer_below_a_mean_over_time_has_the_mean_of_its_eligibility_traces(rng, seen):
    """A stateless layer's trace is its input, so its gradient is the learning signal times the mean of its inputs."""
    model, batch = problem([Dense(3, 4), LSTM(4, 3), MeanOverTime(), Dense(3, 2)])
    batch = replace(batch, targets=rng.standard_normal((3, 2)))
    states = None
    if seen:
        total = np.concatenate([rng.standard_normal((3, 3)), np.full((3, 1), seen)], axis=1)
        states = [None, np.zeros((3, 6)), total, None]
    (g,) = EProp(RandomFeedback(2)).gradients(model, batch, MeanSquaredError(), states)
    _, d_outputs = MeanSquaredError()(g.outputs, batch.targets)
    signals = d_outputs @ RandomFeedback(2).matrix(4, 2, layer=1).T
    means = batch.x.sum(axis=0) / (seen + batch.lengths)[:, None]
    assert relative_error(model.params.like(g.vector)["0.w"], signals.T @ means) < 1e-12


@pytest.mark.parametrize("every", [1, 2, 4])
def test_broadcast_feedback_in_spans_adds_up(every):
    model, batch, _ = readout_problem([LIF(3, 4, threshold=0.3), LSTM(4, 3)])
    (g,) = EProp(RandomFeedback()).gradients(model, batch, MeanSquaredError())
    _, total = whole(EProp(RandomFeedback(), every=every), model, batch, MeanSquaredError())
    np.testing.assert_allclose(total, g.vector, rtol=1e-10, atol=1e-14)


@pytest.mark.slow
def test_a_spiking_network_with_a_leaky_readout_learns_by_random_feedback():
    """The setting of Bellec et al. (2020); a random gradient of the readout made the loss grow without bounds."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 16, 3))
    data = rnnbp.SequenceDataset(list(x.swapaxes(0, 1)), targets=list(np.cumsum(x[:, :, :1], 0).swapaxes(0, 1) / 4))
    model = Sequential(LIF(3, 30, threshold=0.5), LeakyElman(30, 1, tau=5, activation="linear"), seed=1)
    model.params["1.w_hh"] = 0
    trainer = rnnbp.Trainer(model, MeanSquaredError(), EProp(RandomFeedback()), rnnbp.Adam(0.01), seed=0)
    losses = trainer.fit(data, epochs=40, batch_size=16, progress=False)["loss"]
    assert losses.iloc[-1] < 0.5 * losses.iloc[0]


def test_the_feedback_matrix_is_normal_with_variance_one_over_outputs_and_given_by_its_seed():
    one, same, other = (RandomFeedback(seed).matrix(200, 50) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05
    assert one.std() == pytest.approx(1 / np.sqrt(50), rel=0.03)
    assert abs(one.mean()) < 0.01
    layers = [RandomFeedback(1).matrix(200, 50, layer) for layer in (0, 1, 2)]
    np.testing.assert_array_equal(layers[0], one)
    np.testing.assert_array_equal(one, np.random.default_rng(1).standard_normal((200, 50)) / np.sqrt(50))
    assert all(np.abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05 for a, b in combinations(layers, 2))
    with pytest.raises(ValueError, match="read-only"):
        one[0, 0] = 1.0  # it is that of all feedback with the seed


def test_feedback_may_be_any_function():
    model, batch = problem(CAUSAL["LSTM"])
    one, other = EProp(lambda due, forward_pass: 2 * due.d_state), EProp(SymmetricFeedback())
    (g,), (h,) = (algorithm.gradients(model, batch, CrossEntropy()) for algorithm in (one, other))
    P = model.params.size - 15
    np.testing.assert_allclose(g.vector[:P], 2 * h.vector[:P], rtol=1e-12)
    np.testing.assert_allclose(g.vector[P:], h.vector[P:], rtol=1e-12)


# ---- memory, arguments ------------------------------------------------------------------------------------------


def test_eligibility_traces_take_less_memory_than_the_influence_matrix():
    """An LSTM's parameters have traces in h and c, those of its output gate in h alone. RTRL stores all units. Both
    store two steps.
    """
    model, batch = problem([LSTM(3, 40), Dense(40, 3)], "equal lengths")
    first = np.arange(1)
    one = replace(batch, x=batch.x[:, :1], lengths=batch.lengths[:1], targets=batch.targets[:, :1], order=first)
    P = model.params.size - 123

    def bytes_per_sequence(algorithm):
        three, single = (next(algorithm.gradients(model, b, CrossEntropy())).cost.peak_bytes for b in (batch, one))
        return (three - single) / 2

    assert bytes_per_sequence(RTRL()) == 2 * 8 * 80 * P
    assert bytes_per_sequence(EProp()) == 2 * 8 * 1.75 * P


def test_float32_stays_float32():
    model, batch = problem(CAUSAL["ALIF"])
    _, expected = whole(EProp(), model, batch, CrossEntropy())
    _, found = whole(EProp(), model.astype(np.float32), batch.astype(np.float32), CrossEntropy())
    assert found.dtype == np.float32
    assert gradient_error(model.params, found, expected) < 1e-4


def test_snap_1_is_exact_for_self_connections_and_eprop_is_not():
    """SnAp-1 includes the recurrent weight from a unit to itself, e-prop does not."""
    model, batch = problem(CAUSAL["Elman tanh"])
    w = model.params["0.w_hh"]
    w[:] = np.diag([0.5, -0.4, 0.3, 0.6])
    exact, snap, eprop = (whole(a, model, batch, CrossEntropy())[1] for a in (BPTT(), SnAp(1), EProp()))
    inputs = model.params.place("0.w_ih")
    assert relative_error(snap[inputs], exact[inputs]) < 1e-12
    assert relative_error(eprop[inputs], exact[inputs]) > 1e-2


@pytest.mark.parametrize(
    "cell", [JordanCell(3, 4, 2), OriginalGRUCell(3, 4), LeakyCell(3, 4), Stack((ElmanCell(3, 4), JordanCell(4, 3, 2)))]
)
def test_cells_that_do_not_say_what_is_recurrent_are_refused(cell):
    model, batch = problem(after(Recurrent(cell)))
    name = type(cell.cells[1] if isinstance(cell, Stack) else cell).__name__
    message = rf"EProp takes cells that mark their recurrent weights.* got {name}\(.*use RTRL\(\) or SnAp\(\)"
    with pytest.raises(ValueError, match=message):
        list(EProp().gradients(model, batch, CrossEntropy()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EProp("random"), r"feedback must be SymmetricFeedback\(\), RandomFeedback\(\) or .*, got 'random'"),
        (lambda: EProp(every=0), "every must be a positive integer, got 0"),
        (lambda: RandomFeedback(-1), "seed must be an integer of 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_noncausal_model_is_refused():
    model, batch = problem([LSTM(3, 2, bidirectional=True), Dense(4, 3)])
    with pytest.raises(ValueError, match="EProp takes causal layers, but layer 0"):
        list(EProp().gradients(model, batch, CrossEntropy()))


def test_random_feedback_weights_are_shared_and_cannot_be_changed():
    from rnnbp.gradients.online.feedback import _matrix as made

    weights = made(3, 0, 5, 4)
    assert weights is made(3, 0, 5, 4)
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1
    assert not np.array_equal(weights, made(3, 1, 5, 4))
