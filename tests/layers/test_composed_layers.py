"""Models of layers that are made of layers, of learned pooling and of random layers, in every use of a model."""

import copy
import pickle

import numpy as np
import pytest
from helpers import relative_error

import rnnbp
from rnnbp import (
    BPTT,
    GRU,
    LSTM,
    Activation,
    AttentionPooling,
    Chain,
    Conv1D,
    CrossEntropy,
    Dense,
    Elman,
    Highway,
    Last,
    LayerNorm,
    LearnedStart,
    MeanOverTime,
    Parallel,
    RecurrentDropout,
    Residual,
    Sequential,
    VariationalDropout,
    Zoneout,
)
from rnnbp.cells import LSTMCell
from rnnbp.gradients.guarantees import standard_guarantees
from rnnbp.kernels import using

F, K = 3, 2

# Layers from (T, B, 3) to (B, 2) or (T, B, 2).
MODELS = {
    "Conv1D": [Conv1D(F, 4, 3, activation="tanh"), LSTM(4, 3), Last(), Dense(3, K)],
    "Conv1D above": [LSTM(F, 4), Conv1D(4, K, 2)],
    "LayerNorm": [LSTM(F, 4), LayerNorm(4), Activation("tanh"), Dense(4, K)],
    "LayerNorm between": [LSTM(F, 4), LayerNorm(4), GRU(4, 2), Last()],
    "Residual LSTM": [Residual(LSTM(F, F)), Last(), Dense(F, K)],
    "Residual above": [GRU(F, 4), Residual(LayerNorm(4), Dense(4, 4, "relu")), Dense(4, K)],
    "Highway": [GRU(F, 4), Highway(4, Dense(4, 4, "tanh")), Last(), Dense(4, K)],
    "Parallel": [Parallel(LSTM(F, 2), Conv1D(F, 2, 3)), MeanOverTime(), Dense(4, K)],
    "Parallel to vectors": [Parallel(Chain(LSTM(F, 2), Last()), Chain(Conv1D(F, 2, 3), MeanOverTime())), Dense(4, K)],
    "attention": [GRU(F, 4), AttentionPooling(4, 3), Dense(4, K)],
    "variational dropout": [VariationalDropout(0.3), GRU(F, 4), VariationalDropout(0.5), Last(), Dense(4, K)],
    "learned start": [LearnedStart(LSTM(F, 4)), Last(), Dense(4, K)],
    "learned starts": [Dense(F, 3), LearnedStart(GRU(3, 4, num_layers=2)), LearnedStart(Elman(4, 2))],
    "recurrent dropout": [RecurrentDropout(LSTMCell(F, 4), 0.5), Last(), Dense(4, K)],
    "zoneout": [Zoneout(LSTMCell(F, 4), (0.1, 0.5)), Dense(4, K)],
    "static": [Conv1D(F, 4, 3, padding="same", activation="relu"), MeanOverTime(), Dense(4, K)],
}
EXACT = [
    name
    for name, one in standard_guarantees(steps=5, parameters=1).items()
    if one.level == "exact" and name not in ("ComplexStep", "FiniteDifference")
]
every_model = pytest.mark.parametrize("layers", MODELS.values(), ids=MODELS)


@pytest.fixture(autouse=True)
def numpy_kernels():
    """Kernels that take no time to make: those of the compiled cells are tested in tests/kernels."""
    with using("numpy"):
        yield


def batch_for(model, rng):
    lengths = [5, 3, 2]
    targets = [rng.integers(0, K, n) for n in lengths] if model.per_step else rng.integers(0, K, 3)
    return rnnbp.SequenceDataset([rng.standard_normal((n, F)) for n in lengths], targets=targets).batch()


@every_model
@pytest.mark.parametrize("name", EXACT)
def test_an_algorithm_is_exact_or_refuses_the_model(layers, name, rng):
    model = Sequential(*layers, dtype=np.float64)
    model.params.vector[:] += 0.2 * rng.standard_normal(model.params.size)
    batch, algorithm = batch_for(model, rng), standard_guarantees(steps=5, parameters=1)[name].algorithm
    (expected,) = BPTT().gradients(model, batch, CrossEntropy())
    found = gradient_or_message(algorithm, model, batch)
    if isinstance(found, str):
        assert "BPTT()" in found or "takes layers without a state" in found
        assert not (name.startswith(("BPTT", "Trunc")) and model.causal), "these take every causal model"
    else:
        assert relative_error(found, expected.vector) < 1e-11


def gradient_or_message(algorithm, model, batch):
    """Return the gradient (P,), or the message of the error with which the algorithm refuses the model."""
    try:
        return np.sum([g.vector for g in algorithm.gradients(model, batch, CrossEntropy())], axis=0)
    except ValueError as error:
        return str(error)


def test_online_algorithms_take_normalized_layers(rng):
    layers = GRU(F, 4), LayerNorm(4), Activation("tanh"), LSTM(4, 3), LayerNorm(3), Elman(3, 2), LayerNorm(2)
    model = Sequential(*layers, Last(), dtype=np.float64)
    batch = batch_for(model, rng)
    (expected,) = BPTT().gradients(model, batch, CrossEntropy())
    for algorithm in (rnnbp.RTRL(), rnnbp.BlockRTRL(4), rnnbp.RTRL(every=3)):
        found = list(algorithm.gradients(model, batch, CrossEntropy()))
        assert relative_error(np.sum([g.vector for g in found], axis=0), expected.vector) < 1e-12
        assert [state is None for state in found[-1].state[:7]] == [state is None for state in expected.state[:7]]


@every_model
def test_gradient_of_the_model_is_that_of_the_complex_step(layers, rng):
    model = Sequential(*layers, dtype=np.float64)
    report = rnnbp.check_gradient(model, batch_for(model, rng), CrossEntropy())
    assert report.ok
    assert report.max_error < 1e-11


@every_model
def test_prepared_evaluation_gives_the_bits_of_the_forward_pass(layers, rng):
    model = Sequential(*layers)
    batch = batch_for(model, rng)
    y, _, states = model.unroll(model.params, model.cast(batch.x), rnnbp.layers.Run(batch.lengths))
    found, after = model.forward_from(batch)
    if model.per_step:
        y = np.where((np.arange(5)[:, None] < batch.lengths)[:, :, None], y, 0)
    np.testing.assert_array_equal(found, y)
    assert [state is None for state in after] == [state is None for state in states]


@every_model
def test_steps_are_the_bits_of_the_whole_sequence(layers, rng):
    model = Sequential(*layers)
    if not model.causal:
        with pytest.raises(ValueError, match="is non-causal"):
            model.start()
        return
    x = rng.standard_normal((5, 2, F)).astype(np.float32)
    state = model.start(2)
    for t in range(5):
        y, state = model.step(x[t], state)
        np.testing.assert_array_equal(y, model.forward(x[: t + 1])[t] if model.per_step else model.forward(x[: t + 1]))


@every_model
def test_a_saved_model_is_the_same(layers, tmp_path, rng):
    model = Sequential(*layers, seed=3)
    model.save(tmp_path / "model.npz")
    again = rnnbp.load(tmp_path / "model.npz")
    assert again.layers == model.layers
    batch = batch_for(model, rng)
    np.testing.assert_array_equal(again.forward(batch), model.forward(batch))


@every_model
def test_a_model_in_use_can_be_sent_to_another_process(layers, rng):
    model = Sequential(*layers)
    batch = batch_for(model, rng)
    next(BPTT().gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(0)))
    expected = model.forward(batch)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).forward(batch), expected)
    np.testing.assert_array_equal(copy.deepcopy(model).forward(batch), expected)


@every_model
def test_training_twice_gives_the_same_bits(layers, rng):
    vectors = []
    for _ in range(2):
        model = Sequential(*layers, seed=1)
        batch = batch_for(model, np.random.default_rng(5))
        for g in BPTT().gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(7)):
            rnnbp.Adam(0.01).step(model.params, g.vector)
        vectors.append(model.params.vector)
    np.testing.assert_array_equal(*vectors)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Chain(), "Chain takes at least one layer, got none"),
        (lambda: Parallel([Last()]), r"Parallel takes layers, got \[Last\(\)\] as layer 0: several are one as Chain"),
        (lambda: Sequential(Chain(LSTM(3, 4), Dense(3, 4))), "layer 0: Chain, layer 1: Dense takes 3 features, got 4"),
        (lambda: Sequential(Residual(Dense(3, 4))), "layer 0: Residual, layer 0: Dense takes 3 features, got 4"),
        (
            lambda: Sequential(LSTM(2, 3), Residual(Dense(3, 4))),
            r"layer 1: Residual .* got \(T, B, 4\) for \(T, B, 3\)",
        ),
        (lambda: Sequential(Residual(Last())), r"keep the shape of their inputs, got \(B, \?\) for \(T, B, \?\)"),
        (lambda: Sequential(Highway(3, Conv1D(3, 3, 2, padding=1))), "keep the number of steps, got 1001 for 1000"),
        (lambda: Sequential(Highway(3, Dense(3, 4))), r"Highway takes layers that keep the shape"),
        (lambda: Sequential(LSTM(3, 4), Highway(3, Dense(3, 3))), "Highway takes 3 features, got 4"),
        (lambda: Sequential(Parallel(LSTM(3, 4), Last())), r"got \(B, \?\) of branch 1 beside \(T, B, 4\)"),
        (lambda: Sequential(Parallel(Elman(3, 4), Conv1D(3, 4, 2, stride=2))), "with the same number of steps"),
        (lambda: Sequential(LSTM(3, 4), Parallel(LSTM(3, 4))), "layer 1: Parallel, branch 0: LSTM takes 3 features"),
        (lambda: Activation("rule"), "Did you mean 'relu'"),
        (lambda: Highway(0, Last()), "size must be a positive integer"),
        (lambda: Highway(3, Last(), bias=np.inf), "bias must be a number"),
    ],
)
def test_layers_that_do_not_fit_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_model_is_described_by_the_layers_of_its_layers():
    model = Sequential(Parallel(Chain(LearnedStart(LSTM(3, 2)), Last()), Last()), Residual(LayerNorm(5), Dense(5, 5)))
    assert str(model).startswith("Sequential(Parallel(Chain(LearnedStart(LSTM) > Last) | Last), Residual(LayerNorm > ")


@pytest.mark.parametrize(
    "layer", [Chain(Last(), Dense(3, 2)), Residual(Dense(3, 3)), Parallel(Last(), Last()), Highway(3, Dense(3, 3))]
)
def test_a_layer_of_layers_is_shown_as_it_is_made(layer):
    assert eval(repr(layer), vars(rnnbp.layers)) == layer


def test_ends_reads_a_normalized_bidirectional_layer():
    between = LayerNorm(8), Activation("relu"), VariationalDropout(0.2)
    Sequential(GRU(3, 4, bidirectional=True), *between, rnnbp.Ends(), Dense(8, 2))


def test_a_grouped_convolution_tells_the_number_of_features():
    assert [state.shape for state in Sequential(Conv1D(12, 4, 2, groups=4)).start(2)] == [(2, 1, 12)]


def test_last_in_a_chain_after_a_bidirectional_layer_warns():
    with pytest.warns(UserWarning, match="takes its outputs at the last step"):
        Chain(GRU(3, 4, bidirectional=True), Last())
