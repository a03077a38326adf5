"""The table: every cell, every exact algorithm, equal and unequal lengths, loss at the end and at every step.

Each exact algorithm's yields must add up to what the complex step gives. A new exact algorithm is one line in
`EXACT`.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import CELLS, ENDS, LENGTHS, SPIKING, LeakyCell, gradient_error
from pairs import each, pairs, slow_but

import rnnbp
from rnnbp import kernels
from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, Stack
from rnnbp.data import SequenceBatch
from rnnbp.gradients import (
    ARTBP,
    BPTT,
    RTRL,
    AdaptiveTruncation,
    Backprop,
    BlockRTRL,
    ComplexStep,
    FiniteDifference,
    ForwardGradient,
    GradientAlgorithm,
    TruncatedBPTT,
)
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Elman,
    Embedding,
    Flatten,
    Last,
    MeanOverTime,
    MultiLayer,
    Noise,
    Normalize,
    Recurrent,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

T, F, K = 6, 3, 3


# Algorithms whose yields add up to the gradient, to 1e-12, on every causal model.
EXACT: dict[str, GradientAlgorithm] = {
    "BPTT": BPTT(),
    "BPTT(slots=1), segments of one step": BPTT(slots=1, block=1),
    "BPTT(slots=2), segments of two steps": BPTT(slots=2, block=2),
    "BPTT(memory=...), segments of one step": BPTT(memory="64 KiB", block=1),
    "TruncatedBPTT(1, T)": TruncatedBPTT(1, T),
    "TruncatedBPTT(2, T)": TruncatedBPTT(2, T),
    "TruncatedBPTT(4, T)": TruncatedBPTT(4, T),
    "TruncatedBPTT(5, T + 3)": TruncatedBPTT(5, T + 3),
    "TruncatedBPTT(T, T)": TruncatedBPTT(T, T),
    "RTRL": RTRL(),
    "RTRL at every step": RTRL(every=1),
    "BlockRTRL(2)": BlockRTRL(2),
    "BlockRTRL(4) every 5": BlockRTRL(4, every=5),
}
EXACT_ON_NONCAUSAL = ("BPTT",)


def after(*layers: Any) -> list[Any]:
    """Return the layers followed by a Dense layer of K outputs at each step."""
    return [*layers, Dense(layers[-1].out_shape(("T", "B", None))[-1], K)]


# Causal models with (T, B, K) outputs.
CAUSAL: dict[str, list[Any]] = {
    **{name: after(Recurrent(cell)) for name, cell in (CELLS | SPIKING).items()},
    "two LSTMs": after(LSTM(F, 3, num_layers=2)),
    "three mixed layers": after(MultiLayer((JordanCell(F, 3, 2, 0.4), LSTMCell(2, 3), GRUCell(3, 2)))),
    "Normalize > Dense > GRU > Elman": [
        Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
        Dense(F, 4, "tanh"),
        *after(GRU(4, 3), Elman(3, 3, activation="sigmoid")),
    ],
    "LSTM > Normalize > GRU": [LSTM(F, 3), Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), *after(GRU(3, 2))],
    "Window(2, 0) > LSTM": [Window(2, 0), *after(LSTM(3 * F, 3))],
}

# Non-causal models with (T, B, K) outputs.
NONCAUSAL: dict[str, list[Any]] = {
    "bidirectional GRU": after(Bidirectional(GRUCell(F, 3))),
    "bidirectional Stack": after(Bidirectional(Stack((LSTMCell(F, 3), ElmanCell(3, 2))))),
    "bidirectional user's cell": after(Bidirectional(LeakyCell(F, 3))),
    "two bidirectional LSTMs": after(LSTM(F, 2, num_layers=2, bidirectional=True)),
    "Window(1, 2)": [Window(1, 2), Dense(4 * F, 4, "tanh"), Dense(4, K)],
}

# Models that reduce the time axis by other layers than `Last`.
STATIC: dict[str, list[Any]] = {
    "TimeStatistics > Dense": [TimeStatistics(), Dense(2 * F, 4, "tanh"), Dense(4, K)],
    "Flatten > Dense": [Flatten(T), Dense(T * F, 4, "sigmoid"), Dense(4, K)],
    "Resample > Dense": [Resample(4), Dense(4 * F, 4, "relu"), Dense(4, K)],
    "GRU > MeanOverTime": [*after(GRU(F, 3)), MeanOverTime()],
    "LSTM > MeanOverTime > Dense": [LSTM(F, 3), MeanOverTime(), Dense(3, K)],
    "Window > Dense > MeanOverTime": [Window(1, 1), Dense(3 * F, 4, "relu"), MeanOverTime(), Dense(4, K)],
    "GRU > TimeStatistics": [GRU(F, 3), TimeStatistics(), Dense(6, K)],
}
MEANS = ("GRU > MeanOverTime", "LSTM > MeanOverTime > Dense")  # causal: the running sum is a state


def batch_for(model: Sequential, lengths: np.ndarray, seed: int = 1) -> SequenceBatch:
    """Return random sequences with a label for each, or for each step."""
    rng = np.random.default_rng(seed)
    padding = np.arange(T)[:, None] >= lengths
    x = np.where(padding[:, :, None], 0, rng.standard_normal((T, len(lengths), F)))
    if model.out_shape[0] == "T":
        targets = np.where(padding, -1, rng.integers(K, size=padding.shape))
        targets[1, 0] = -1  # a step without a label
    else:
        targets = rng.integers(K, size=len(lengths))
    return replace(SequenceBatch.from_array(x, lengths), targets=targets)


def model_of(layers: list[Any], seed: int = 0) -> Sequential:
    """Return a model in float64 whose biases are not zero."""
    model = Sequential(*layers, seed=seed, dtype=np.float64)
    model.params.vector[:] += 0.2 * np.random.default_rng(seed).standard_normal(model.params.size)
    return model


def whole(algorithm: Any, model: Sequential, batch: SequenceBatch, loss: Any, **kwargs: Any) -> Any:
    """Return the sums of the losses and of the gradients that an algorithm yields."""
    found = list(algorithm.gradients(model, batch, loss, **kwargs))
    return sum(g.loss for g in found), sum(g.vector for g in found)


def rows():
    """Yield each model once, by both backends, and, slow, each with every end and lengths."""
    for models, causal in ((CAUSAL, True), (NONCAUSAL, False)):
        quick, table = each(models, ENDS, LENGTHS), pairs(models, ENDS, LENGTHS)
        for row in dict.fromkeys([*quick, *table]):
            (name, end, lengths), marks = row, [] if row in quick else [pytest.mark.slow]
            layers = [*models[name], *ENDS[end]]
            yield pytest.param(layers, causal, lengths, "numpy", id=f"{name}, {end}, {lengths}", marks=marks)
            if row in quick:
                compiled = f"{name}, {end}, {lengths}, compiled"
                yield pytest.param(layers, causal, lengths, "compiled", id=compiled, marks=pytest.mark.slow)
    for name, layers in STATIC.items():
        yield pytest.param(layers, name in MEANS, "unequal lengths", "numpy", id=name)


@pytest.mark.filterwarnings(r"ignore:layer \d. Last\(\) after the bidirectional")  # its gradient is exact nevertheless
@pytest.mark.parametrize(("layers", "causal", "lengths", "backend"), list(rows()))
def test_exact_algorithms_give_the_gradient_of_the_complex_step(layers, causal, lengths, backend):
    model = model_of(layers)
    assert model.causal == causal
    batch = batch_for(model, LENGTHS[lengths])
    loss = CrossEntropy(class_weight=[1.0, 2.0, 0.5])
    value, expected = whole(ComplexStep(), model, batch, loss)
    assert value == pytest.approx(loss(model.forward(batch), batch.targets, batch.lengths)[0], rel=1e-14)
    names = EXACT if causal else EXACT_ON_NONCAUSAL
    with kernels.using(backend):
        found = {name: whole(EXACT[name], model, batch, loss) for name in names}
    for name, (found_value, gradient) in found.items():
        assert found_value == pytest.approx(value, rel=1e-12), name
        assert gradient_error(model.params, gradient, expected) < 1e-12, name
        assert gradient_error(model.params, gradient, found["BPTT"][1]) < 1e-12, name


@pytest.mark.parametrize(("name", "end", "lengths"), slow_but(each(CELLS, ENDS, LENGTHS), pairs(CELLS, ENDS, LENGTHS)))
def test_the_complex_step_agrees_with_central_differences(name, end, lengths):
    """At every third parameter."""
    model = model_of([*CAUSAL[name], *ENDS[end]])
    batch = batch_for(model, LENGTHS[lengths])
    third = range(0, model.params.size, 3)
    _, expected = whole(ComplexStep(indices=third), model, batch, CrossEntropy())
    _, found = whole(FiniteDifference(indices=third), model, batch, CrossEntropy())
    assert gradient_error(model.params, found, expected) < 1e-6


@pytest.mark.parametrize(("loss", "dtype"), [(MeanSquaredError(), float), (BinaryCrossEntropy(), float)], ids=repr)
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_exact_algorithms_agree_for_other_losses(loss, dtype, end, lengths, rng):
    model = model_of([GRU(F, 3), Dense(3, K), *end])
    batch = batch_for(model, lengths)
    shape = (T, 3, K) if not end else (3, K)
    targets = rng.random(shape)
    targets[0, 0] = np.nan  # missing
    batch = replace(batch, targets=targets)
    _, expected = whole(ComplexStep(), model, batch, loss)
    for algorithm in EXACT.values():
        _, found = whole(algorithm, model, batch, loss)
        assert gradient_error(model.params, found, expected) < 1e-12


@pytest.mark.parametrize("name", CELLS | SPIKING)
def test_the_gradient_from_a_given_state_is_exact(name, rng):
    model = model_of(CAUSAL[name])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    state = [rng.standard_normal((3, (CELLS | SPIKING)[name].state_size)), None]
    loss = CrossEntropy()
    value, expected = whole(ComplexStep(), model, batch, loss, state=state)
    assert value != pytest.approx(whole(BPTT(), model, batch, loss)[0])
    for algorithm in EXACT.values():
        found_value, found = whole(algorithm, model, batch, loss, state=state)
        assert found_value == pytest.approx(value, rel=1e-12), algorithm
        assert gradient_error(model.params, found, expected) < 1e-12, algorithm


@pytest.mark.parametrize(
    "layers",
    [
        [Dropout(0.3), LSTM(F, 4), Dense(4, K)],
        [GRU(F, 4, num_layers=2, dropout=0.4), Dense(4, K), Last()],
        [GRU(F, 4), Dropout(0.3), LSTM(4, 3), Dense(3, K)],
        [GRU(F, 4), Noise(0.3), MeanOverTime(), Dense(4, K)],
    ],
    ids=["before", "between", "a layer between", "noise before the mean"],
)
def test_the_gradient_with_dropout_is_exact_for_the_same_masks(layers):
    """The masks are sampled step by step, so that they are the same when a sequence is run in spans."""
    model = model_of(layers)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    loss = CrossEntropy()
    value, expected = whole(ComplexStep(), model, batch, loss, rng=np.random.default_rng(5))
    assert value != pytest.approx(whole(BPTT(), model, batch, loss)[0])
    for algorithm in EXACT.values():
        found_value, found = whole(algorithm, model, batch, loss, rng=np.random.default_rng(5))
        assert found_value == pytest.approx(value, rel=1e-12), algorithm
        assert gradient_error(model.params, found, expected) < 1e-12, algorithm


@pytest.mark.parametrize("algorithm", EXACT)
def test_the_gradient_of_a_model_of_tokens_is_exact(algorithm, rng):
    model = Sequential(Embedding(5, F), LSTM(F, 3), Dense(3, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    batch = replace(batch, x=rng.integers(5, size=(T, 3)))
    loss = CrossEntropy()
    _, expected = whole(ComplexStep(), model, batch, loss)
    assert gradient_error(model.params, whole(EXACT[algorithm], model, batch, loss)[1], expected) < 1e-12


@pytest.mark.parametrize("name", CAUSAL)
def test_float32_is_near_float64(name):
    model = model_of(CAUSAL[name])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    _, expected = whole(BPTT(), model, batch, CrossEntropy())
    single = model.astype(np.float32)
    for algorithm in EXACT.values():
        parts = list(algorithm.gradients(single, batch.astype(np.float32), CrossEntropy()))
        assert all(g.vector.dtype == g.outputs.dtype == np.float32 for g in parts)
        assert gradient_error(model.params, sum(g.vector for g in parts), expected) < 1e-4


# ---- wrong gradients -----------------------------------------------------------------------------


class NoForgetGatePath(LSTMCell):
    """step_vjp leaves out the path through the forget gate to the state."""

    def step_vjp(self, params, state, x, residuals, d_next):
        d_state, d_x, delta = super().step_vjp(params, state, x, residuals, d_next)
        d_state[..., : self.hidden_size] -= delta[..., 4:8] @ params["w_hh"][4:8]
        return d_state, d_x, delta


class WrongFactor(GRUCell):
    """param_vjp returns the recurrent bias's gradient times 1.001."""

    def param_vjp(self, state, x, residuals, delta, grad):
        before = grad["b_hh"].copy()
        super().param_vjp(state, x, residuals, delta, grad)
        grad["b_hh"] += 1e-3 * (grad["b_hh"] - before)


class SlopeAtThePreviousState(ElmanCell):
    """step_vjp takes the slope at the previous state instead of the next one."""

    def step_vjp(self, params, state, x, residuals, d_next):
        return super().step_vjp(params, state, x, state, d_next)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("algorithm", ["BPTT", "TruncatedBPTT(2, T)"])
@pytest.mark.parametrize("cell", [NoForgetGatePath(F, 4), WrongFactor(F, 4), SlopeAtThePreviousState(F, 4)], ids=repr)
def test_a_wrong_gradient_differs_from_the_complex_step(cell, algorithm, end, lengths):
    model = model_of([Recurrent(cell), Dense(4, K), *end])
    batch = batch_for(model, lengths)
    _, expected = whole(ComplexStep(), model, batch, CrossEntropy())
    _, found = whole(EXACT[algorithm], model, batch, CrossEntropy())
    assert gradient_error(model.params, found, expected) > 1e-5


# ---- the protocol -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [BPTT(), TruncatedBPTT(T, T), ComplexStep(), FiniteDifference()], ids=repr)
def test_a_gradient_has_span_outputs_state_and_cost(algorithm):
    model = model_of([GRU(F, 3), Dense(3, K)])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    before = model.params.copy()
    (g,) = algorithm.gradients(model, batch, CrossEntropy())
    assert g.span == (0, T)
    assert g.vector.shape == (model.params.size,)
    assert isinstance(g.loss, float)
    running = np.arange(T)[:, None] < batch.lengths
    np.testing.assert_allclose(g.outputs[running], model.forward(batch)[running], rtol=1e-14)
    assert g.state[0].shape == (3, 3)
    assert g.state[1] is None
    assert g.cost.steps % batch.lengths.sum() == 0
    assert model.params == before


def test_cost_counts_steps_and_bytes():
    model = model_of([LSTM(F, 3), Dense(3, K)])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    assert g.cost.steps == 11
    # states (6), residuals (15) and x (3) of 11 steps; the Dense layer's padded input and output
    assert g.cost.peak_bytes >= 8 * (11 * (6 + 15 + 3) + T * 3 * (3 + K))
    (g,) = ComplexStep().gradients(model, batch, CrossEntropy())
    assert g.cost.steps == 11 * (model.params.size + 1)
    (g,) = FiniteDifference().gradients(model, batch, CrossEntropy())
    assert g.cost.steps == 11 * (2 * model.params.size + 1)


@pytest.mark.parametrize("oracle", [ComplexStep, FiniteDifference])
def test_an_oracle_differentiates_the_selected_parameters_only(oracle):
    model = model_of([GRU(F, 3), Dense(3, K)])
    batch = batch_for(model, LENGTHS["equal lengths"])
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    (g,) = oracle(indices=[3, 40]).gradients(model, batch, CrossEntropy())
    assert set(np.flatnonzero(g.vector)) == {3, 40}
    np.testing.assert_allclose(g.vector[[3, 40]], exact.vector[[3, 40]], rtol=1e-6)


def test_backprop_equals_bptt_on_a_static_model():
    model = model_of(STATIC["Window > Dense > MeanOverTime"])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    value, expected = whole(BPTT(), model, batch, CrossEntropy())
    found_value, found = whole(Backprop(), model, batch, CrossEntropy())
    assert found_value == value
    np.testing.assert_array_equal(found, expected)


def test_backprop_refuses_a_recurrent_model():
    model = model_of([Dense(F, F), LSTM(F, 3)])
    with pytest.raises(
        ValueError,
        match=r"Backprop takes a static model, but layer 1 \(LSTM\) carries a state from step to step",
    ):
        next(Backprop().gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy()))


@pytest.mark.parametrize(
    "algorithm", [BPTT(), Backprop(), TruncatedBPTT(1, 1), ComplexStep(), FiniteDifference()], ids=repr
)
def test_a_batch_without_targets_is_refused(algorithm):
    model = model_of([Dense(F, K)])
    batch = replace(batch_for(model, LENGTHS["equal lengths"]), targets=None)
    with pytest.raises(ValueError, match="batch has no targets, and a gradient needs some"):
        next(algorithm.gradients(model, batch, CrossEntropy()))


ALGORITHMS = [
    *(BPTT(), BPTT(slots=2), TruncatedBPTT(1, 1), AdaptiveTruncation(), ARTBP()),
    *(RTRL(), ComplexStep(), FiniteDifference(), ForwardGradient()),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_a_dataset_in_place_of_a_batch_is_refused(algorithm):
    model, data = model_of([Elman(F, 2), Last(), Dense(2, K)]), rnnbp.SequenceDataset([np.ones((T, F))], targets=[1])
    with pytest.raises(ValueError, match=r"batch must be a SequenceBatch, got SequenceDataset: data.batch\(\)"):
        next(algorithm.gradients(model, data, CrossEntropy()))


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_the_class_of_a_loss_is_refused(algorithm):
    model = model_of([Elman(F, 2), Last(), Dense(2, K)])
    with pytest.raises(ValueError, match="loss must be a loss, got the class CrossEntropy itself"):
        next(algorithm.gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy))


@pytest.mark.parametrize(
    "algorithm", [BPTT(), Backprop(), TruncatedBPTT(1, 1), ComplexStep(), FiniteDifference()], ids=repr
)
def test_a_wrong_number_of_features_is_refused(algorithm):
    model = model_of([Dense(F + 1, K)])
    with pytest.raises(ValueError, match=r"x of shape \(6, 3, 3\) does not fit layer 0: Dense takes 4 features"):
        next(algorithm.gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy()))


@pytest.mark.parametrize("algorithm", [BPTT(), TruncatedBPTT(2, 4), ComplexStep()], ids=repr)
def test_targets_of_the_wrong_type_are_refused(algorithm):
    """The targets are one label a sequence, the outputs one a step."""
    model = model_of([Dense(F, K)])
    batch = replace(batch_for(model, LENGTHS["equal lengths"]), targets=np.zeros(3, int))
    with pytest.raises(ValueError, match=r"rnnbp.Last\(\)"):
        list(algorithm.gradients(model, batch, CrossEntropy()))


@pytest.mark.parametrize("oracle", [ComplexStep, FiniteDifference])
def test_a_step_must_be_positive(oracle):
    with pytest.raises(ValueError, match="step must be a number above 0, got 0"):
        oracle(step=0)


@pytest.mark.parametrize("algorithm", [rnnbp.BPTT(), rnnbp.RTRL(), rnnbp.TruncatedBPTT(1, 2), rnnbp.ComplexStep()])
def test_classes_of_steps_are_not_taken_for_values_of_sequences_of_the_same_shape(algorithm, rng):
    model = rnnbp.Sequential(rnnbp.Elman(3, 3), rnnbp.Last(), dtype=np.float64)
    x, questions = rng.standard_normal((3, 3, 3)), np.ones((3, 3), int)
    batch = rnnbp.SequenceBatch.from_array(x, targets=questions)
    with pytest.raises(ValueError, match="are one a step, and the model has one output a sequence"):
        list(algorithm.gradients(model, batch, rnnbp.BinaryCrossEntropy()))
    batch = rnnbp.SequenceBatch.from_array(x, targets=questions, per_step=False)
    assert list(algorithm.gradients(model, batch, rnnbp.BinaryCrossEntropy()))[-1].loss > 0
