"""What all online algorithms use: the forward pass, the model as one cell, the linearized step. test_gradients.py tests
the gradients.
"""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, gradient_error, made, relative_error
from test_gradients import CAUSAL, batch_for, model_of, whole

import rnnbp
from rnnbp.cells import state_jacobian
from rnnbp.gradients import BPTT, KFRTRL, RTRL, UORO, BlockRTRL, EProp, Guarantee, RandomFeedback, SnAp, TruncatedBPTT
from rnnbp.gradients.cost_measurement import run_seeds
from rnnbp.gradients.online.decomposition import decompose
from rnnbp.gradients.online.linearized_steps import GenericJacobian, LinearizedSteps, OuterProductJacobian
from rnnbp.layers import (
    GRU,
    LSTM,
    Activation,
    Dense,
    Dropout,
    Elman,
    Embedding,
    FixedPoint,
    Last,
    LayerNorm,
    MeanOverTime,
    Noise,
    Normalize,
    TimeStatistics,
    Window,
)
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential


def linear_step(cell, rng, n=3):
    params = made(cell)
    params.vector[:] += 0.2 * rng.standard_normal(params.size)
    return LinearizedSteps(
        cell, params, rng.standard_normal((n, cell.state_size)), rng.standard_normal((n, cell.input_size))
    )


def by_complex_step(step, index):
    """Return the derivative (n, S) of the next state with respect to one parameter."""
    params = step.params.astype(complex)
    params.vector[index] += 1e-30j
    return step.cell.step(dict(params.items()), step.state, step.x)[0].imag / 1e-30


@pytest.mark.parametrize("name", CELLS)
def test_a_linearized_step_has_the_derivatives_of_the_step(name, rng):
    step = linear_step(CELLS[name], rng)
    action = step.immediate_jacobian.vjp(step.deltas)
    for p in range(step.params.size):
        np.testing.assert_allclose(action[:, :, p].T, by_complex_step(step, p), rtol=1e-12, atol=1e-14)
    d = rng.standard_normal(step.state.shape)
    J = state_jacobian(step.cell, step.weights, step.state, step.x)
    assert relative_error(step.jacobian, J) < 1e-14
    assert relative_error(step.immediate_vjp(d), np.einsum("ns,snp->np", d, action)) < 1e-12


@pytest.mark.parametrize("name", [name for name in CELLS if name != "a user's"])
def test_immediate_jacobians_by_outer_products_and_by_param_vjp_agree(name, rng):
    step = linear_step(CELLS[name], rng)
    slow = GenericJacobian(step.cell, step.params, step.state, step.x, step.residuals)
    assert isinstance(step.immediate_jacobian, OuterProductJacobian)
    assert relative_error(step.immediate_jacobian.vjp(step.deltas), slow.vjp(step.deltas)) < 1e-14
    units, parameters = rng.integers(step.cell.state_size, size=20), rng.integers(step.params.size, size=20)
    wanted = slow.entries(step.deltas, units, parameters)
    assert relative_error(step.immediate_jacobian.entries(step.deltas, units, parameters), wanted) < 1e-14


def test_a_users_cell_has_the_generic_immediate_jacobian(rng):
    assert isinstance(linear_step(CELLS["a user's"], rng).immediate_jacobian, GenericJacobian)


@pytest.mark.parametrize("every", [1, 2, 4, 6, 9])
@pytest.mark.parametrize("end", [[], [Last()]], ids=["each step", "last step"])
@pytest.mark.parametrize("name", ["LSTM", "two LSTMs", "Normalize > Dense > GRU > Elman", "Window(2, 0) > LSTM"])
def test_each_gradient_equals_that_of_truncated_bptt_with_k2_of_the_whole_length(name, end, every):
    """RTRL with gradients every k steps is TruncatedBPTT(k, T), gradient by gradient."""
    model = model_of([*CAUSAL[name], *end])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    found = list(RTRL(every=every).gradients(model, batch, CrossEntropy()))
    wanted = list(TruncatedBPTT(every, max(every, 6)).gradients(model, batch, CrossEntropy()))
    assert [g.span for g in found] == [g.span for g in wanted]
    for g, w in zip(found, wanted, strict=True):
        assert g.loss == pytest.approx(w.loss, abs=1e-14)
        np.testing.assert_allclose(g.vector, w.vector, rtol=1e-10, atol=1e-14)
        assert g.cost.steps == w.cost.steps
        lengths = batch.lengths
        if end:
            due = (lengths > g.span[0]) & (lengths <= g.span[1])
        else:
            due = np.arange(*g.span)[:, None] < lengths
        np.testing.assert_allclose(g.outputs[due], w.outputs[due], rtol=1e-12)
        for layer, s, v in zip(model.layers, g.state, w.state, strict=True):
            if not isinstance(layer, Last):
                assert relative_error_of_states(s, v) < 1e-12


def relative_error_of_states(found, wanted):
    if wanted is None:
        return 0.0 if found is None else np.inf
    if isinstance(wanted, list):
        return max(map(relative_error_of_states, found, wanted))
    return relative_error(found, wanted)


@pytest.mark.parametrize(
    "layers",
    [
        [GRU(3, 4, num_layers=2), Dense(4, 3)],
        [LSTM(3, 4), MeanOverTime(), Dense(4, 3)],
        [LSTM(3, 4), Dense(4, 3), MeanOverTime()],
        [Window(1, 0), Elman(6, 4), Dense(4, 3)],
    ],
    ids=["two layers", "mean", "mean of outputs", "window"],
)
def test_two_halves_give_the_state_and_outputs_of_the_whole(layers):
    model = model_of(layers)
    batch = batch_for(model, LENGTHS["equal lengths"])
    spans, per_step = (slice(0, 3), slice(3, 6)), model.out_shape[0] == "T"
    first, second = (
        replace(batch, x=batch.x[s], lengths=np.full(3, 3), targets=batch.targets[s] if per_step else batch.targets)
        for s in spans
    )
    (g,) = RTRL().gradients(model, first, CrossEntropy())
    (h,) = RTRL().gradients(model, second, CrossEntropy(), g.state)
    (wanted,) = RTRL().gradients(model, batch, CrossEntropy())
    outputs = wanted.outputs[3:] if wanted.outputs.ndim == 3 else wanted.outputs
    np.testing.assert_allclose(h.outputs, outputs, rtol=1e-12)
    assert max(map(relative_error_of_states, h.state, wanted.state)) < 1e-12


def test_parameters_may_change_in_the_middle_of_a_sequence():
    """With an influence matrix of past parameters the loss falls within one sequence."""
    rng = np.random.default_rng(0)
    bits = rng.integers(2, size=600)
    x = np.eye(2)[bits]
    data = rnnbp.SequenceDataset([x], targets=[np.concatenate([[0, 0], bits[:-2]])])
    model = Sequential(Elman(2, 8), Dense(8, 2), dtype=np.float64)
    optimizer = rnnbp.Adam(0.02)
    losses = []
    for g in RTRL(every=1).gradients(model, data.batch(), CrossEntropy()):
        optimizer.step(model.params, g.vector * 600)
        losses.append(g.loss * 600)
    assert np.mean(losses[:50]) > 0.6
    assert np.mean(losses[-100:]) < 0.05


def accuracy_online(algorithm, delay, seed, steps=1500):
    """Return the accuracy on the last sixth of a stream of bits whose targets are the bits of `delay` steps ago.

    The parameters are updated at every step.
    """
    bits = np.random.default_rng(0).integers(2, size=steps)
    wanted = np.concatenate([np.full(delay, -1), bits[:-delay]])
    batch = rnnbp.SequenceDataset([np.eye(2)[bits]], targets=[wanted]).batch()
    model, optimizer = Sequential(Elman(2, 12), Dense(12, 2), seed=seed), rnnbp.Adam(0.01)
    said = []
    for g in algorithm.gradients(model, batch, CrossEntropy(ignore=-1)):
        optimizer.step(model.params, g.vector * steps)
        said.append(int(g.outputs[0, 0].argmax()))
    return float((np.array(said) == wanted)[-steps // 6 :].mean())


@pytest.mark.slow
def test_rtrl_learns_dependencies_longer_than_a_truncation():
    """A bit of three steps ago is learned by backpropagation through four steps, not through three.

    Of five steps ago it depends on the seed and the rounding.
    """
    assert accuracy_online(RTRL(every=1), 3, seed=0) > 0.99
    assert accuracy_online(TruncatedBPTT(1, 4), 3, seed=0) > 0.99
    assert accuracy_online(TruncatedBPTT(1, 3), 3, seed=0) < 0.7


def test_the_influence_matrix_does_not_grow_with_time():
    model = model_of([LSTM(3, 4), Dense(4, 3)])
    batch = batch_for(model, LENGTHS["equal lengths"])
    longer = replace(
        batch, x=np.tile(batch.x, (5, 1, 1)), targets=np.tile(batch.targets, (5, 1)), lengths=batch.lengths * 5
    )
    (short,), (long,) = (RTRL().gradients(model, b, CrossEntropy()) for b in (batch, longer))
    P = 4 * 4 * (3 + 4 + 2)
    influence = 8 * 3 * 8 * P
    assert short.cost.peak_bytes == long.cost.peak_bytes == 2 * influence  # M at two steps
    assert long.cost.steps == 5 * short.cost.steps == 5 * 18


def test_only_outputs_are_stored_for_each_step():
    """By all memory that is allocated, of more than a block: a step takes the bytes of its outputs."""
    model = model_of([LSTM(3, 16), Dense(16, 3)])
    batch = batch_for(model, LENGTHS["equal lengths"])
    peaks = []
    for times in (64, 128):
        x, targets = np.tile(batch.x, (times, 1, 1)), np.tile(batch.targets, (times, 1))
        longer = replace(batch, x=x, targets=targets, lengths=batch.lengths * times)
        peaks.append(run_seeds(Guarantee("unbiased", UORO()), model, longer, CrossEntropy(), [0]).allocated)
    outputs = 8 * 3 * 3
    listed_and_together = 2 * outputs
    state = 8 * 3 * 32
    assert peaks[1] - peaks[0] < 64 * 6 * (listed_and_together + 300)
    assert listed_and_together + 300 < state


@pytest.mark.parametrize("every", [1, 4, 9])
def test_outputs_of_a_model_without_readout_are_the_states_of_each_step(every):
    """And not views of the state, which changes at the next step."""
    model = model_of([GRU(3, 3)])
    batch = batch_for(model, LENGTHS["equal lengths"])
    parts = list(RTRL(every=every).gradients(model, batch, CrossEntropy()))
    np.testing.assert_allclose(np.concatenate([g.outputs for g in parts]), model.forward(batch), rtol=1e-12)


def test_a_model_is_decomposed_into_preprocessing_cell_and_readout():
    model = Sequential(Normalize([0.0], [1.0]), Dense(1, 3), LSTM(3, 2, num_layers=2), MeanOverTime(), Dense(2, 2))
    parts = decompose(model, "RTRL")
    assert [type(layer) for layer in parts.preprocessing.layers] == [Normalize]
    assert [cell.state_size for cell in parts.cell.cells] == [3, 4, 4, 3]
    assert [type(layer) for layer in parts.readout.layers] == [Last, Dense]
    assert parts.params.size + parts.readout.params.size == model.params.size
    assert np.shares_memory(parts.params.vector, model.params.vector)


def test_tokens_through_several_layers_have_the_gradient_of_bptt(rng):
    model = Sequential(Embedding(5, 3), Dense(3, 3, "tanh"), GRU(3, 2), Dense(2, 3), dtype=np.float64)
    batch = replace(batch_for(model, LENGTHS["unequal lengths"]), x=rng.integers(5, size=(6, 3)))
    exact, found = (whole(a, model, batch, CrossEntropy())[1] for a in (BPTT(), RTRL()))
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [Dense(3, 3)],
            r"with a Recurrent layer, got Sequential\(Dense.*use Backprop\(\) or BPTT\(\)",
        ),
        ([LSTM(3, 2, bidirectional=True), Dense(4, 3)], "RTRL takes causal layers, but layer 0"),
        ([LSTM(3, 2), TimeStatistics(), Dense(4, 3)], "RTRL takes causal layers, but layer 1"),
        ([LSTM(3, 2), Window(1, 0), LSTM(4, 2)], "up to the last recurrent one, got Window as layer 1"),
        ([FixedPoint(rnnbp.ElmanCell(3, 2)), LSTM(2, 2)], "got FixedPoint as layer 0"),
        ([FixedPoint(rnnbp.ElmanCell(3, 3))], "RTRL takes a model with a Recurrent layer"),
        ([LSTM(3, 2), Window(1, 0), Dense(4, 3)], "layers without a state on top of the recurrent ones, got Window"),
    ],
)
def test_models_that_cannot_be_decomposed_are_refused(layers, message):
    model = Sequential(*layers, dtype=np.float64)
    batch = batch_for(model, LENGTHS["equal lengths"])
    with pytest.raises(ValueError, match=message):
        list(RTRL().gradients(model, batch, CrossEntropy()))


def test_every_must_be_positive():
    with pytest.raises(ValueError, match="every must be a positive integer, got 0"):
        RTRL(every=0)


def test_a_state_that_does_not_fit_is_refused():
    model = model_of(CAUSAL["LSTM"])
    batch = batch_for(model, LENGTHS["equal lengths"])
    with pytest.raises(ValueError, match=r"must have shape \(B, S\) = \(3, 8\), got \(3, 5\)"):
        list(RTRL().gradients(model, batch, CrossEntropy(), [np.zeros((3, 5)), None]))


# ---- models with dropout and noise ---------------------------------------------------------------

ORDINARY = {
    "Embedding > GRU > mean > Dense": [Embedding(5, 3), GRU(3, 3), MeanOverTime(), Dense(3, 2)],
    "Embedding > GRU > last > Dense": [Embedding(5, 3), GRU(3, 3), Last(), Dense(3, 2)],
    "Embedding > LSTM > Dense": [Embedding(5, 3), LSTM(3, 3), Dense(3, 2)],
    "Embedding > Dropout > LSTM > Dropout > Dense": [
        Embedding(5, 3),
        Dropout(0.4),
        LSTM(3, 3),
        Dropout(0.4),
        Dense(3, 2),
    ],
    "Embedding > Normalize > GRU > mean > Dropout > Dense": [
        Embedding(5, 3),
        Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
        GRU(3, 3),
        MeanOverTime(),
        Dropout(0.4),
        Dense(3, 2),
    ],
    "two layers with dropout > last > Noise > Dense": [
        LSTM(3, 3, num_layers=2, dropout=0.4),
        Last(),
        Noise(0.3),
        Dense(3, 2),
    ],
    "Normalize > Noise > Dropout > GRU > Dense": [
        Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
        Noise(0.3),
        Dropout(0.4),
        GRU(3, 3),
        Dense(3, 2),
    ],
    "Noise > Dense > Dropout > Elman > Noise > LSTM > Dense > mean": [
        Noise(0.3),
        Dense(3, 4, "tanh"),
        Dropout(0.4),
        Elman(4, 3),
        Noise(0.2),
        LSTM(3, 3),
        Dense(3, 2),
        MeanOverTime(),
    ],
}
ONLINE = [RTRL(), BlockRTRL(3), SnAp(1), SnAp(6), UORO(), KFRTRL(), EProp(), EProp(RandomFeedback())]
ONLINE_EXACT = [RTRL(), RTRL(every=1), RTRL(every=4), BlockRTRL(3), BlockRTRL(2, every=5), SnAp(6)]


def ordinary(name):
    model = model_of(ORDINARY[name])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    rng = np.random.default_rng(4)
    targets = np.minimum(batch.targets, 1)
    x = rng.integers(5, size=(6, 3)) if isinstance(model.layers[0], Embedding) else batch.x
    return model, replace(batch, x=x, targets=targets)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", ORDINARY)
def test_exact_algorithms_have_the_gradient_of_bptt_on_models_with_dropout_and_noise(name, training):
    model, batch = ordinary(name)
    generators = [np.random.default_rng(7) if training else None for _ in range(len(ONLINE_EXACT) + 1)]
    value, expected = whole(BPTT(), model, batch, CrossEntropy(), rng=generators[0])
    for algorithm, rng in zip(ONLINE_EXACT, generators[1:], strict=True):
        found_value, found = whole(algorithm, model, batch, CrossEntropy(), rng=rng)
        assert found_value == pytest.approx(value, rel=1e-12), algorithm
        assert gradient_error(model.params, found, expected) < 1e-12, algorithm
    if training and any(word in name for word in ("Dropout", "Noise", "dropout")):
        assert value != pytest.approx(whole(BPTT(), model, batch, CrossEntropy())[0])


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", ORDINARY)
def test_every_online_algorithm_takes_models_with_dropout_and_noise(name, training):
    """The loss and the gradient of the readout are those of BPTT. The seed of the signs is drawn first."""
    model, batch = ordinary(name)
    head = model.params.size - 2
    for algorithm in ONLINE:
        one, other = (np.random.default_rng(7) if training else None for _ in range(2))
        if one is not None and isinstance(algorithm, UORO | KFRTRL):
            one.integers(2**63)
        (exact,) = BPTT().gradients(model, batch, CrossEntropy(), rng=one)
        (found,) = algorithm.gradients(model, batch, CrossEntropy(), rng=other)
        assert found.loss == pytest.approx(exact.loss, rel=1e-12), algorithm
        if isinstance(model.layers[-1], Dense):  # not a mean, which is part of the cell
            np.testing.assert_allclose(found.vector[head:], exact.vector[head:], rtol=1e-10, atol=1e-14)
        assert found.vector[:head].any()


@pytest.mark.parametrize("name", ORDINARY)
def test_the_generator_advances_as_far_as_with_bptt(name):
    model, batch = ordinary(name)
    generators = [np.random.default_rng(7), np.random.default_rng(7)]
    for algorithm, rng in zip([BPTT(), RTRL(every=2)], generators, strict=True):
        whole(algorithm, model, batch, CrossEntropy(), rng=rng)
    assert generators[0].random() == generators[1].random()


def test_a_model_with_dropout_learns_online_in_a_trainer():
    rng = np.random.default_rng(0)
    words = [rng.integers(5, size=n) for n in rng.integers(3, 8, size=60)]
    data = rnnbp.SequenceDataset(words, targets=[int((w == 2).any()) for w in words])
    model = Sequential(Embedding(5, 3), Dropout(0.1), GRU(3, 8), MeanOverTime(), Dropout(0.1), Dense(8, 2))
    trainer = rnnbp.Trainer(model, CrossEntropy(), RTRL(), rnnbp.Adam(0.05), seed=0)
    history = trainer.fit(data, epochs=15, batch_size=20, progress=False)
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]


@pytest.mark.parametrize("algorithm", [RTRL(), BlockRTRL(4)], ids=repr)
def test_layers_that_act_on_each_step_alone_may_be_between_recurrent_ones(algorithm):
    layers = [Elman(3, 4), LayerNorm(4), Activation("relu"), Elman(4, 3), LayerNorm(3), Dense(3, 3)]
    model = model_of(layers)
    batch = batch_for(model, np.array([6, 4, 1]))
    exact, found = (whole(a, model, batch, CrossEntropy()) for a in (BPTT(), algorithm))
    assert found[0] == pytest.approx(exact[0], rel=1e-12)
    assert gradient_error(model.params, found[1], exact[1]) < 1e-12


@pytest.mark.parametrize("algorithm", [RTRL(), BlockRTRL(2), SnAp(1)], ids=repr)
def test_the_output_of_a_sequence_is_that_of_the_block_in_which_it_ends(algorithm):
    model = model_of([Elman(3, 4), Last(), Dense(4, 3)])
    batch = batch_for(model, np.array([6, 4, 1]))
    (g,) = algorithm.gradients(model, batch, CrossEntropy())
    np.testing.assert_allclose(g.outputs, model.forward(batch), rtol=1e-12)
