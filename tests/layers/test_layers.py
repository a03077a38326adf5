"""Every layer: its gradient, runs in spans, and that padding does not affect the results."""

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, leaves, made, padded, real, relative_error, run, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import pairs

from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, Stack
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers import (
    GRU,
    LSTM,
    Activation,
    AttentionPooling,
    Bidirectional,
    Chain,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    Highway,
    Last,
    Layer,
    LayerNorm,
    LearnedStart,
    MeanOverTime,
    MultiLayer,
    Normalize,
    Parallel,
    Recurrent,
    RecurrentDropout,
    Resample,
    Residual,
    Reverse,
    Run,
    TimeStatistics,
    VariationalDropout,
    Window,
    Zoneout,
)

T, B, F = 6, 3, 3

# Layers over (T, B, 3); the gradient, the spans and the padding of each are tested below.
LAYERS: dict[str, Layer] = {
    **{f"Recurrent {name}": Recurrent(cell) for name, cell in CELLS.items()},
    "two LSTMs": LSTM(F, 4, num_layers=2),
    "three mixed": MultiLayer((LSTMCell(F, 4), JordanCell(4, 3, 2, 0.5), GRUCell(2, 3))),
    "Bidirectional GRU": Bidirectional(GRUCell(F, 4)),
    "Bidirectional Stack": Bidirectional(Stack((LSTMCell(F, 4), ElmanCell(4, 2)))),
    "two bidirectional LSTMs": LSTM(F, 4, num_layers=2, bidirectional=True),
    "Dense linear": Dense(F, 4),
    "Dense tanh": Dense(F, 4, "tanh"),
    "Dense sigmoid": Dense(F, 4, "sigmoid"),
    "Dense relu": Dense(F, 4, "relu"),
    "Normalize": Normalize([0.1, -2.0, 3.0], [2.0, 0.0, 0.5]),
    "LayerNorm": LayerNorm(F),
    "Conv1D": Conv1D(F, 4, 3),
    "Conv1D of one step": Conv1D(F, 2, 1, activation="sigmoid"),
    "Conv1D dilated": Conv1D(F, 4, 3, dilation=2, activation="tanh"),
    "Conv1D of each feature": Conv1D(F, 6, 2, groups=3),
    "Conv1D same": Conv1D(F, 4, 4, padding="same"),
    "Conv1D strided": Conv1D(F, 4, 3, stride=2, padding=1, activation="tanh"),
    "Conv1D longer": Conv1D(F, 2, 2, padding=2),
    "Conv1D strided causal": Conv1D(F, 4, 3, stride=3, dilation=2),
    "Activation": Activation("tanh"),
    "Chain": Chain(Conv1D(F, 4, 2), LayerNorm(4), Dense(4, 2, "tanh")),
    "Chain to vectors": Chain(GRU(F, 4), Last(), Dense(4, 2)),
    "Chain with fewer steps": Chain(Conv1D(F, 4, 3, stride=2, padding=1), GRU(4, 3, bidirectional=True)),
    "Residual": Residual(LayerNorm(F), LSTM(F, F)),
    "Residual convolution": Residual(Conv1D(F, F, 3, padding="same", activation="tanh")),
    "Highway": Highway(F, Dense(F, F, "tanh")),
    "Highway GRU": Highway(F, GRU(F, F), Dense(F, F), bias=0.5),
    "Parallel": Parallel(Conv1D(F, 2, 2), LSTM(F, 4), Dense(F, 1)),
    "Parallel to vectors": Parallel(Last(), Chain(GRU(F, 2), MeanOverTime())),
    "Parallel with fewer steps": Parallel(Conv1D(F, 2, 3, stride=2, padding=1), Conv1D(F, 3, 1, stride=2)),
    "AttentionPooling": AttentionPooling(F, 4),
    "VariationalDropout": VariationalDropout(0.5),
    "LearnedStart LSTM": LearnedStart(LSTM(F, 4)),
    "LearnedStart two GRUs": LearnedStart(GRU(F, 4, num_layers=2)),
    "RecurrentDropout LSTM": RecurrentDropout(LSTMCell(F, 4), 0.5),
    "Zoneout Jordan": Zoneout(JordanCell(F, 4, 2), 0.3),
    "Zoneout LSTM": Zoneout(LSTMCell(F, 4), (0.05, 0.5)),
    "Dropout": Dropout(0.5),
    "Last": Last(),
    "MeanOverTime": MeanOverTime(),
    "TimeStatistics": TimeStatistics(),
    "Window(2, 1)": Window(2, 1),
    "Window(2, 0)": Window(2, 0),
    "Window(0, 0)": Window(0, 0),
    "Window(9, 0)": Window(9, 0),
    "Flatten(8)": Flatten(8),
    "Resample(4)": Resample(4),
    "Resample(1)": Resample(1),
    "Resample(9)": Resample(9),
    "Reverse": Reverse(),
}
CAUSAL = {name: layer for name, layer in LAYERS.items() if layer.causal}
CUTS = [[0, 2, 6], [0, 1, 2, 3, 4, 5, 6], [0, 5, 6]]
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
all_lengths = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())


LONG = ("two bidirectional LSTMs", "Bidirectional Stack")  # whose complex steps take seconds


@pytest.mark.parametrize(
    ("layer", "lengths"),
    [
        pytest.param(layer, lengths, id=f"{name}, {kind}", marks=[pytest.mark.slow] * (name in LONG and kind[0] == "e"))
        for name, layer in LAYERS.items()
        for kind, lengths in LENGTHS.items()
    ],
)
def test_gradient_equals_the_complex_step(layer, lengths, rng):
    params, x = made(layer), padded(lengths, rng)
    params.vector[:] += 0.2 * rng.standard_normal(params.size)
    y, residuals, _ = layer.forward(params, x, Run(lengths))
    weights = real(rng.standard_normal(y.shape), layer.out_lengths(lengths))
    grad = params.zeros()
    dx, _ = layer.backward(params, residuals, weights, grad)

    def value(vector):
        at, u = params.like(vector[: params.size]), vector[params.size :].reshape(x.shape)
        return np.sum(weights * layer.forward(at, u, Run(lengths))[0])

    point = np.append(params.vector, x)
    expected = np.array([value(point + 1e-30j * row).imag for row in np.eye(point.size)]) / 1e-30
    if params.size:
        assert relative_error(grad.vector, expected[: params.size]) < 1e-12
    assert relative_error(dx.ravel(), expected[params.size :]) < 1e-12


@every_layer
@all_lengths
def test_out_shape_is_the_shape_of_the_outputs(layer, lengths, rng):
    y = run(layer, padded(lengths, rng), lengths)
    sizes = {"T": layer.out_lengths(np.array([T]))[0], "B": B}
    assert y.shape == tuple(sizes.get(n, n) for n in layer.out_shape(("T", "B", F)))


@every_layer
def test_backward_adds_into_the_gradient(layer, rng):
    lengths = LENGTHS["unequal lengths"]
    params, x = made(layer), padded(lengths, rng)
    y, residuals, _ = layer.forward(params, x, Run(lengths))
    once, twice = params.zeros(), params.zeros()
    dy = real(np.ones_like(y), layer.out_lengths(lengths))
    layer.backward(params, residuals, dy, once)
    for _ in range(2):
        layer.backward(params, residuals, dy, twice)
    np.testing.assert_allclose(twice.vector, 2 * once.vector, rtol=1e-13)


@every_layer
@all_lengths
def test_backward_without_dx_adds_the_same(layer, lengths, rng):
    params, x = made(layer), padded(lengths, rng)
    y, residuals, _ = layer.forward(params, x, Run(lengths))
    dy, whole, alone = real(rng.standard_normal(y.shape), layer.out_lengths(lengths)), params.zeros(), params.zeros()
    _, d_state = layer.backward(params, residuals, dy, whole)
    d_alone = layer.backward_params(params, residuals, dy, alone)
    np.testing.assert_array_equal(alone.vector, whole.vector)
    assert len(leaves(d_alone)) == len(leaves(d_state))
    for a, b in zip(leaves(d_alone), leaves(d_state), strict=True):
        np.testing.assert_array_equal(a, b)


@every_layer
def test_padding_does_not_affect_the_results(layer, rng):
    """Large numbers past the ends change no bit of the real outputs, the gradient and the real part of dx.

    They are not NaN since zero times NaN is NaN in Dense's weight gradient; the padding of a SequenceBatch is zero.
    """
    lengths = LENGTHS["unequal lengths"]
    params, clean = made(layer), padded(lengths, rng)
    dirty = np.where((np.arange(T)[:, None] < lengths)[:, :, None], clean, 1e6)
    results = []
    for x in (clean, dirty):
        y, residuals, state = layer.forward(params, x, Run(lengths))
        grad = params.zeros()
        dx, _ = layer.backward(params, residuals, real(np.ones_like(y), layer.out_lengths(lengths)), grad)
        results.append((real(y, layer.out_lengths(lengths)), grad.vector, dx, state))
    for one, other in zip(*(result[:3] for result in results), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.any(results[0][2][np.arange(T)[:, None] >= lengths])
    if isinstance(results[0][3], np.ndarray):
        np.testing.assert_array_equal(results[0][3], results[1][3])


@every_layer
def test_input_may_have_any_memory_layout(layer, rng):
    lengths = LENGTHS["unequal lengths"]
    x = padded(lengths, rng)
    batch_first = np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)
    strided = np.repeat(x, 2, axis=2)[:, :, ::2]
    assert not batch_first.flags.c_contiguous
    params = made(layer)
    for other in (batch_first, strided):
        y, residuals, _ = layer.forward(params, other, Run(lengths))
        ends = layer.out_lengths(lengths)
        np.testing.assert_allclose(real(y, ends), real(run(layer, x, lengths, params), ends), rtol=1e-13)
        dx, _ = layer.backward(params, residuals, np.asfortranarray(real(np.ones_like(y), ends)), params.zeros())
        assert dx.shape == x.shape


@every_layer
def test_input_is_not_modified_and_float32_is_preserved(layer, rng):
    lengths = LENGTHS["unequal lengths"]
    params, x = made(layer, np.float32), padded(lengths, rng, np.float32)
    before = x.copy()
    y, residuals, _ = layer.forward(params, x, Run(lengths))
    dy = real(np.ones_like(y), layer.out_lengths(lengths))
    dx, _ = layer.backward(params, residuals, dy, params.zeros())
    assert y.dtype == dx.dtype == np.float32
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dy, real(np.ones_like(y), layer.out_lengths(lengths)))


@pytest.mark.parametrize(("name", "cuts", "lengths"), pairs(CAUSAL, CUTS, LENGTHS), ids=str)
def test_outputs_of_spans_are_those_of_the_whole_sequence(name, cuts, lengths, rng):
    layer, lengths = CAUSAL[name], LENGTHS[lengths]
    params, x = made(layer), padded(lengths, rng)
    whole, _, end = layer.forward(params, x, Run(lengths))
    parts, state = spans_of(layer, params, x, lengths, cuts)
    found = np.concatenate(parts) if whole.ndim == 3 else parts[-1]
    np.testing.assert_allclose(real(found, lengths), real(whole, lengths), rtol=1e-12, atol=1e-14)
    for one, other in zip(leaves(state), leaves(end), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("layer", CAUSAL.values(), ids=CAUSAL.keys())
def test_backward_pass_over_two_spans_is_that_over_the_whole_sequence(layer, rng):
    lengths, cut = LENGTHS["unequal lengths"], 2
    params, x = made(layer), padded(lengths, rng)
    y, residuals, _ = layer.forward(params, x, Run(lengths))
    weights, whole = real(rng.standard_normal(y.shape), lengths), params.zeros()
    dx, _ = layer.backward(params, residuals, weights, whole)

    runs = [Run(np.minimum(lengths, cut)), Run(np.maximum(lengths - cut, 0))]
    y1, residuals1, state = layer.forward(params, x[:cut], runs[0])
    _, residuals2, _ = layer.forward(params, x[cut:], runs[1], state)
    first, second = (weights[:cut], weights[cut:]) if y.ndim == 3 else (np.zeros_like(y1), weights)
    parts = params.zeros()
    dx2, d_state = layer.backward(params, residuals2, second, parts)
    dx1, _ = layer.backward(params, residuals1, first, parts, d_state)
    np.testing.assert_allclose(parts.vector, whole.vector, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(np.concatenate([dx1, dx2]), dx, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("layer", CAUSAL.values(), ids=CAUSAL.keys())
def test_outputs_of_a_causal_layer_do_not_depend_on_later_inputs(layer, rng):
    lengths = np.full(B, T)
    params, x = made(layer), rng.standard_normal((T, B, F))
    later = x.copy()
    later[4:] += 1
    short = Run(np.full(B, 4))
    np.testing.assert_array_equal(layer.forward(params, x[:4], short)[0], layer.forward(params, later[:4], short)[0])
    if len(layer.out_shape(("T", "B", F))) == 3:
        np.testing.assert_array_equal(run(layer, x, lengths, params)[:4], run(layer, later, lengths, params)[:4])


def test_layers_are_causal_and_recurrent_as_listed():
    assert {name for name in LAYERS if name not in CAUSAL} == {
        "Bidirectional GRU",
        "Bidirectional Stack",
        "two bidirectional LSTMs",
        "AttentionPooling",
        "Chain with fewer steps",
        "Conv1D same",
        "Parallel with fewer steps",
        "Residual convolution",
        "Reverse",
        "Conv1D strided",
        "Conv1D longer",
        "Conv1D strided causal",
        "TimeStatistics",
        "Window(2, 1)",
        "Flatten(8)",
        "Resample(4)",
        "Resample(1)",
        "Resample(9)",
    }
    recurrent = {name for name, layer in LAYERS.items() if layer.recurrent}
    of_recurrent = {"Chain to vectors", "Chain with fewer steps", "Residual", "Highway GRU", "Parallel"}
    of_recurrent |= {"Parallel to vectors"}
    assert recurrent == of_recurrent | {
        n for n in LAYERS if n.startswith(("Recurrent", "Bidirectional", "two", "three", "LearnedStart", "Zoneout"))
    }


@st.composite
def sequences(draw):
    lengths = sorted(draw(st.lists(st.integers(1, 7), min_size=1, max_size=4)), reverse=True)
    features = draw(st.integers(1, 4))
    steps = lengths[0] + draw(st.integers(0, 2))
    x = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((steps, len(lengths), features))
    return x, np.array(lengths)


LAYERS_OF_FEATURES = {
    "LSTM": lambda f: LSTM(f, 3),
    "bidirectional GRU": lambda f: GRU(f, 2, bidirectional=True),
    "Window": lambda f: Window(2, 1),
    "Last": lambda f: Last(),
    "MeanOverTime": lambda f: MeanOverTime(),
    "TimeStatistics": lambda f: TimeStatistics(),
    "Resample": lambda f: Resample(5),
    "Flatten": lambda f: Flatten(9),
    "AttentionPooling": lambda f: AttentionPooling(f, 3),
    "Reverse": lambda f: Reverse(),
    "Conv1D": lambda f: Conv1D(f, 2, 3, stride=2, padding=1),
}


@pytest.mark.parametrize("make", LAYERS_OF_FEATURES.values(), ids=LAYERS_OF_FEATURES.keys())
@given(sequences())
@settings(max_examples=25, deadline=None)
def test_outputs_of_a_batch_are_those_of_single_sequences(make, sequence):
    """For any lengths and any padding."""
    x, lengths = sequence
    layer = make(x.shape[2])
    params = made(layer)
    y = run(layer, x, lengths, params)
    for b, n in enumerate(lengths):
        alone = run(layer, x[:n, b : b + 1], [n], params)
        n = layer.out_lengths(np.array([n]))[0]
        together = y[:n, b : b + 1] if y.ndim == 3 else y[b : b + 1]
        np.testing.assert_allclose(together, alone, rtol=1e-10, atol=1e-12)


@given(sequences())
@settings(max_examples=25, deadline=None)
def test_pack_and_unpack_are_inverse(sequence):
    x, lengths = sequence
    active = Run(lengths).active(len(x))
    packed = pack(x, active)
    assert len(packed) == lengths.sum()
    np.testing.assert_array_equal(unpack(packed, active, len(lengths)), real(x, lengths))


OF_VECTORS = Activation | Dense | Dropout | LayerNorm | Normalize | VariationalDropout


@pytest.mark.parametrize(
    "layer", [n for n in LAYERS.values() if not isinstance(n, OF_VECTORS) and n != LAYERS["Highway"]]
)
def test_layers_over_time_refuse_vectors(layer):
    with pytest.raises(ValueError, match=r"takes sequences \(T, B, F\), got \(B, 3\)"):
        layer.out_shape(("B", 3))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (LSTM(3, 4), "LSTM"),
        (Bidirectional(GRUCell(3, 4)), "Bidirectional"),
        (GRU(3, 4, 2), "GRU"),
        (Dense(3, 4), "Dense"),
        (Normalize([0.0] * 3, [1.0] * 3), "Normalize"),
    ],
)
def test_a_wrong_number_of_features_is_refused(layer, name):
    with pytest.raises(ValueError, match=rf"{name} takes 3 features, got 5 in \(T, B, 5\)"):
        layer.out_shape(("T", "B", 5))
    layer.out_shape(("T", "B", None))  # not known yet: fits


@pytest.mark.parametrize("method", ["out_shape", "forward", "backward"])
def test_a_users_layer_must_define_its_methods(method):
    class Mine(Layer):
        pass

    arguments = {"out_shape": 1, "forward": 3, "backward": 4}[method]
    with pytest.raises(NotImplementedError, match=f"Mine does not define {method}"):
        getattr(Mine(), method)(*[None] * arguments)
