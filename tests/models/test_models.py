"""Sequential: construction, forward and backward pass, copies, errors."""

import copy

import numpy as np
import pandas as pd
import pytest
from helpers import leaves, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp.cells import GRUCell, LSTMCell
from rnnbp.data import SequenceBatch
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
    Layer,
    MeanOverTime,
    Noise,
    Normalize,
    Run,
    TimeStatistics,
    Window,
)
from rnnbp.models import Sequential


@pytest.fixture
def model() -> Sequential:
    return Sequential(LSTM(3, 4), Dropout(0.2), Last(), Dense(4, 2), seed=1)


# ---- construction --------------------------------------------------------------------------------


def test_parameters_are_named_by_layer_index(model):
    assert list(model.params) == ["0.w_ih", "0.w_hh", "0.b_ih", "0.b_hh", "3.w", "3.b"]
    assert model.params.vector.dtype == np.float32
    scopes = model.scopes(model.params)
    assert [scope.size for scope in scopes] == [16 * 3 + 16 * 4 + 32, 0, 0, 10]
    scopes[3]["b"] = [1, 2]
    np.testing.assert_array_equal(model.params["3.b"], [1, 2])


def test_layers_1_and_10_have_parameters_of_their_own():
    model = Sequential(*[Dense(2, 2) for _ in range(11)])
    assert [scope.size for scope in model.scopes(model.params)] == [6] * 11


def test_the_seed_determines_the_initial_parameters():
    def vector(seed, dtype=np.float64):
        return Sequential(LSTM(3, 4), Dense(4, 2), seed=seed, dtype=dtype).params.vector

    np.testing.assert_array_equal(vector(3), vector(3))
    assert not np.array_equal(vector(3), vector(4))
    np.testing.assert_array_equal(vector(3, np.float32), vector(3).astype(np.float32))


def test_initialize_samples_new_parameters(model):
    before = model.params.copy()
    model.initialize(np.random.default_rng(2))
    assert model.params != before
    model.initialize(np.random.default_rng(1))
    assert model.params == before


def test_causal_and_kind_follow_from_the_layers():
    assert Sequential(LSTM(3, 4), Last()).causal
    assert not Sequential(LSTM(3, 4), TimeStatistics()).causal
    assert Sequential(Dense(3, 4), GRU(4, 2)).kind == "recurrent"
    assert Sequential(Window(1, 1), Dense(9, 2), MeanOverTime()).kind == "static"


# ---- forward -------------------------------------------------------------------------------------


def test_forward_is_the_composition_of_the_layers(model, rng):
    x, run = rng.standard_normal((5, 2, 3)).astype(np.float32), Run(np.array([5, 3]))
    y = x
    for layer, scope in zip(model.layers, model.scopes(model.params), strict=True):
        y, _, _ = layer.forward(scope, y, run)
    np.testing.assert_array_equal(model.forward(x, lengths=[5, 3]), y)


@pytest.mark.parametrize("end", [[], [Last()]], ids=["every step", "last step"])
def test_outputs_of_a_sequence_do_not_depend_on_the_order_of_lengths(end, rng):
    model = Sequential(GRU(3, 4), Dense(4, 2), *end, dtype=np.float64)
    x, lengths = rng.standard_normal((7, 4, 3)), [2, 7, 1, 5]
    y = model.forward(x, lengths)
    for b, n in enumerate(lengths):
        alone = model.forward(x[:n, b : b + 1])
        if end:
            np.testing.assert_allclose(y[b], alone[0], rtol=1e-12)
        else:
            np.testing.assert_allclose(y[:n, b], alone[:, 0], rtol=1e-12)
            assert not y[n:, b].any()


def test_outputs_are_in_the_order_of_the_batch_or_array(rng):
    model = Sequential(GRU(3, 4), Last(), dtype=np.float64)
    x, lengths = rng.standard_normal((7, 3, 3)), np.array([2, 7, 4])
    batch = SequenceBatch.from_array(x, lengths)
    np.testing.assert_array_equal(batch.restore(model.forward(batch)), model.forward(x, lengths))
    np.testing.assert_array_equal(model.forward(batch), model.forward(x, lengths)[[1, 2, 0]])


def test_forward_is_without_dropout(model, rng):
    x = rng.standard_normal((5, 2, 3))
    np.testing.assert_array_equal(model.forward(x), model.forward(x))


def test_outputs_have_the_dtype_of_the_model(model, rng):
    x = rng.integers(3, size=(5, 2, 3))
    for dtype in (np.float32, np.float64):
        y = model.astype(dtype).forward(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, model.forward(x.tolist()), rtol=1e-5)


def test_tokens_out_of_range_are_refused(rng):
    model = Sequential(Embedding(5, 3), GRU(3, 2))
    tokens = rng.integers(5, size=(6, 2))
    assert model.forward(tokens).shape == (6, 2, 2)
    with pytest.raises(ValueError, match="tokens must be between 0 and 4, got 5"):
        model.forward(np.full((6, 2), 5))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_unroll_and_backward_take_any_shape(lengths, features, seed):
    model = Sequential(Dense(features, 2, "tanh"), GRU(2, 2), Last(), seed=seed, dtype=np.float64)
    x = np.random.default_rng(seed).standard_normal((max(lengths), len(lengths), features))
    batch = SequenceBatch.from_array(x, np.array(lengths))
    y, residuals, states = model.unroll(model.params, batch.x, Run(batch.lengths))
    np.testing.assert_array_equal(y, model.forward(batch))
    grad = model.params.zeros()
    dx, d_states = model.backward(model.params, residuals, np.ones_like(y), grad)
    assert dx.shape == x.shape
    assert len(states) == len(d_states) == 3
    assert np.isfinite(grad.vector).all()


class Unasked(Layer):
    """Layer whose dx must not be computed."""

    def out_shape(self, shape):
        return shape

    def forward(self, params, x, run, state=None):
        return x, None, None

    def backward(self, params, residuals, dy, grad, d_state=None):
        raise AssertionError("nothing below has parameters")


@pytest.mark.parametrize("below", [[], [Unasked()], [Normalize([0.0] * 3, [2.0] * 3), Unasked()]])
def test_the_backward_pass_ends_at_the_lowest_layer_with_parameters(below, rng):
    model = Sequential(*below, GRU(3, 2, num_layers=2), LSTM(2, 2), Last(), Dense(2, 2), dtype=np.float64)
    x, run = rng.standard_normal((6, 2, 3)), Run(np.array([6, 4]))
    y, residuals, _ = model.unroll(model.params, x, run)
    grad, expected = model.params.zeros(), model.params.zeros()
    d_states = model.backward_params(model.params, residuals, y, grad)
    upper = Sequential(*model.layers[len(below) :], dtype=np.float64)
    upper.params.vector[:] = model.params.vector
    _, d_upper = upper.backward(upper.params, residuals[len(below) :], y, upper.params.like(expected.vector))
    np.testing.assert_array_equal(grad.vector, expected.vector)
    assert d_states[: len(below)] == [None] * len(below)
    for a, b in zip(leaves(d_states), leaves(d_upper), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_without_parameters_has_no_backward_pass(rng):
    model = Sequential(Unasked())
    assert model.backward_params(model.params, [None], np.zeros((2, 1, 1)), model.params.zeros()) == [None]


def test_states_are_carried_from_span_to_span(rng):
    model = Sequential(Window(1, 0), Dense(6, 3), LSTM(3, 2), GRU(2, 2, num_layers=2), Last(), dtype=np.float64)
    x = rng.standard_normal((6, 2, 3))
    whole, _, _ = model.unroll(model.params, x, Run(np.array([6, 6])))
    _, _, states = model.unroll(model.params, x[:4], Run(np.array([4, 4])))
    y, _, _ = model.unroll(model.params, x[4:], Run(np.array([2, 2])), states)
    np.testing.assert_allclose(y, whole, rtol=1e-12)


# ---- copies and views ----------------------------------------------------------------------------


def test_astype_copies_parameters_and_info(model):
    double = model.astype(np.float64)
    double.params.vector[:] = 0
    double.info["changed"] = True
    assert model.params.vector.any()
    assert model.info == {}
    assert double.dtype == np.float64
    assert model.dtype == np.float32


def test_a_deep_copy_trains_independently(model, rng):
    other = copy.deepcopy(model)
    other.params["3.w"] = 0
    x = rng.standard_normal((5, 2, 3))
    np.testing.assert_array_equal(other.forward(x), np.tile(other.params["3.b"], (2, 1)))
    assert relative_error(model.forward(x), other.forward(x)) > 0


def test_the_repr_has_layers_size_and_dtype(model):
    assert repr(model) == "Sequential(LSTM, Dropout, Last, Dense; 154 parameters, float32)"
    both = Sequential(GRU(3, 4, 2, bidirectional=True))
    assert repr(both) == "Sequential(GRU; 552 parameters, float32)"


def test_the_summary_has_a_row_for_every_layer(model):
    expected = pd.DataFrame(
        {
            "layer": ["LSTM", "Dropout", "Last", "Dense", ""],
            "output": ["(T, B, 4)", "(T, B, 4)", "(B, 4)", "(B, 2)", ""],
            "parameters": [144, 0, 0, 10, 154],
        },
        index=["0", "1", "2", "3", "total"],
    )
    pd.testing.assert_frame_equal(model.summary(), expected)


# ---- layers, input and states that do not fit ----------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential(), "layers must be at least one layer, got none"),
        (lambda: Sequential(LSTM(3, 4), "dense"), "layers must be rnnbp layers, got 'dense' as layer 1"),
        (
            lambda: Sequential(LSTMCell(3, 4)),
            r"layers must be rnnbp layers, got LSTMCell\(.*\) as layer 0: Recurrent\(c",
        ),
        (lambda: Sequential([LSTM(3, 4)]), r"layers must be rnnbp layers, got \[.*\] as layer 0: give layers one"),
        (lambda: Sequential(LSTM), r"layers must be rnnbp layers, got .* as layer 0: make a layer of the class"),
        (lambda: Sequential(LSTM(3, 4), Dense(5, 2)), r"layer 1: Dense takes 5 features, got 4 in \(T, B, 4\)"),
        (lambda: Sequential(Last(), LSTM(3, 4)), r"layer 1: LSTM takes sequences \(T, B, F\), got \(B, \?\)"),
        (lambda: Sequential(GRU(3, 4), Last(), Window(1, 1)), r"layer 2: Window takes sequences .* got \(B, 4\)"),
        (lambda: Sequential(GRU(3, 4), Last(), Last()), r"layer 2: Last takes sequences \(T, B, F\), got \(B, 4\)"),
        (lambda: Sequential(Window(1, 1), Dense(3, 4), Dense(3, 4)), "layer 2: Dense takes 3 features, got 4"),
        (lambda: Sequential(Dense(3, 4), Flatten(5), Dense(4, 2)), r"layer 2: Dense takes 4 features, got 20 in \(B"),
        (lambda: Sequential(Dense(3, 4), Embedding(5, 2)), "layer 1: Embedding .* must be the model's first layer"),
        (
            lambda: Sequential(Bidirectional(GRUCell(3, 4)), Dense(4, 2)),
            r"layer 1: Dense takes 4 features, got 8 in \(T, B, 8\)",
        ),
        (lambda: Sequential(Dense(3, 4), seed=-1), "seed must be an integer of 0 or more, got -1"),
        (lambda: Sequential(Dense(3, 4), seed=None), "seed must be an integer of 0 or more, got None"),
        (lambda: Sequential(Dense(3, 4), dtype=int), "dtype must be float32 or float64, got <class 'int'>"),
        (lambda: Sequential(Dense(3, 4), dtype="flot32"), "dtype must be float32 or float64, got 'flot32'"),
        (lambda: Sequential(Dense(3, 4)).astype("float16"), "dtype must be float32 or float64, got 'float16'"),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_the_constructor(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (np.zeros((5, 2, 4)), None, r"x of shape \(5, 2, 4\) does not fit layer 0: LSTM takes 3 features, got 4"),
        (np.zeros((5, 3)), None, r"x of shape \(5, 3\) does not fit layer 0: LSTM takes sequences \(T, B, F\)"),
        (np.zeros((5, 3)), None, r"for one feature give x\[:, :, None\]$"),
        (np.zeros(5), None, r"x must have shape \(T, B, F\), or \(T, B\) for tokens, got \(5,\)"),
        (np.zeros((5, 2, 3)), [5], r"lengths must be integers of shape \(B,\) = \(2,\), got int64 of \(1,\)"),
        (np.zeros((5, 2, 3)), [6, 1], "lengths must be from 1 to T = 5, got 1 to 6"),
        (np.zeros((5, 2, 3)), [5, 0], "lengths must be from 1 to T = 5, got 0 to 5"),
        (np.zeros((5, 2, 3)), [5.0, 1.0], "lengths must be integers of shape .* got float64"),
    ],
)
def test_input_that_does_not_fit_is_refused(model, x, lengths, message):
    with pytest.raises(ValueError, match=message):
        model.forward(x, lengths)


@pytest.mark.parametrize("features", [1, 2, 4])
@pytest.mark.parametrize("second", [LSTM(3, 2), GRU(3, 2), Elman(3, 2), Dense(3, 2)])
def test_input_that_does_not_fit_a_layer_above_one_without_a_number_of_features_is_refused(second, features):
    """A compiled recurrent kernel would read past the end of the input."""
    model = Sequential(Dropout(0.1), Noise(0.1), second)
    with pytest.raises(ValueError, match=f"does not fit layer 2: .* takes 3 features, got {features}"):
        model.forward(np.zeros((5, 2, features)))
    assert model.forward(np.zeros((5, 2, 3))).shape == (5, 2, 2)


def test_states_that_do_not_fit_are_refused(rng):
    """Such as those of a larger batch before the last one of an epoch."""
    model = Sequential(Dense(3, 3), LSTM(3, 4), Last())
    _, _, states = model.unroll(model.params, rng.standard_normal((5, 4, 3)), Run(np.full(4, 5)))
    x, run = rng.standard_normal((5, 2, 3)), Run(np.full(2, 5))
    with pytest.raises(ValueError, match=r"state of LSTMCell\(.*\) must have shape \(B, S\) = \(2, 8\), got \(4, 8\)"):
        model.unroll(model.params, x, run, states)
    with pytest.raises(ValueError, match="states must be one for each of the 3 layers, got 1"):
        model.unroll(model.params, x, run, [states[1]])
