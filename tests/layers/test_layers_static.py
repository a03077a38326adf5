"""Layers without a cell, each against its definition."""

import re

import numpy as np
import pytest
from helpers import made, run

from rnnbp.core import Parameters
from rnnbp.layers import (
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Last,
    MeanOverTime,
    Noise,
    Normalize,
    Resample,
    Run,
    TimeStatistics,
    Window,
)

T, B, F = 6, 3, 3


def test_last_is_the_last_step_of_each_sequence(rng):
    x = rng.standard_normal((T, B, F))
    np.testing.assert_array_equal(run(Last(), x, [6, 4, 1]), [x[5, 0], x[3, 1], x[0, 2]])


def test_mean_and_deviation_are_over_the_real_steps(rng):
    lengths = [6, 4, 1]
    x = rng.standard_normal((T, B, F))
    own = [x[:n, b] for b, n in enumerate(lengths)]
    means = [s.mean(axis=0) for s in own]
    np.testing.assert_allclose(run(MeanOverTime(), x, lengths), means, rtol=1e-13)
    y = run(TimeStatistics(), x, lengths)
    np.testing.assert_allclose(y[:, :F], means, rtol=1e-13)
    np.testing.assert_allclose(y[:, F:], [np.sqrt(s.var(axis=0) + 1e-6) for s in own], rtol=1e-12)


def test_statistics_of_a_constant_sequence_have_a_gradient():
    params, lengths = Parameters({}), np.array([4])
    y, residuals, _ = TimeStatistics().forward(params, np.ones((4, 1, 1)), Run(lengths))
    np.testing.assert_allclose(y, [[1.0, 1e-3]])
    dx, _ = TimeStatistics().backward(params, residuals, np.ones((1, 2)), params)
    np.testing.assert_allclose(dx, np.full((4, 1, 1), 0.25))


@pytest.mark.parametrize(("left", "right"), [(0, 0), (2, 0), (0, 3), (3, 3), (8, 9)])
def test_window_concatenates_neighbouring_steps(left, right, rng):
    lengths = [6, 4, 1]
    x = rng.standard_normal((T, B, F))
    y = run(Window(left, right), x, lengths)
    for b, length in enumerate(lengths):
        for t in range(T):
            near = [x[t + k, b] if 0 <= t + k < length and t < length else np.zeros(F) for k in range(-left, right + 1)]
            np.testing.assert_array_equal(y[t, b], np.concatenate(near))


def test_flatten_concatenates_all_steps(rng):
    x = rng.standard_normal((T, B, F))
    y = run(Flatten(8), x, [6, 4, 1])
    for b, length in enumerate([6, 4, 1]):
        np.testing.assert_array_equal(y[b], np.append(x[:length, b], np.zeros((8 - length) * F)))


def test_flatten_refuses_a_longer_sequence():
    with pytest.raises(ValueError, match=r"Flatten\(5\) takes sequences of at most 5 steps, got one of 6"):
        run(Flatten(5), np.zeros((T, B, F)), [6, 4, 1])


def test_flatten_depends_on_the_lengths_not_on_the_padding(rng):
    x = rng.standard_normal((T, B, F))
    np.testing.assert_array_equal(run(Flatten(5), x, [5, 4, 1]), run(Flatten(5), x[:5], [5, 4, 1]))


@pytest.mark.parametrize("steps", [2, 4, 6, 11])
def test_resample_is_linear_interpolation(steps, rng):
    x = rng.standard_normal((T, B, F))
    y = run(Resample(steps), x, [6, 4, 1]).reshape(B, steps, F)
    for b, length in enumerate([6, 4, 1]):
        at = np.linspace(0, length - 1, steps)
        for f in range(F):
            expected = np.interp(at, np.arange(length), x[:length, b, f])
            np.testing.assert_allclose(y[b, :, f], expected, rtol=1e-12, atol=1e-13)


def test_resampling_to_the_same_length_changes_nothing(rng):
    x = rng.standard_normal((T, 1, F))
    np.testing.assert_allclose(run(Resample(T), x, [T]).reshape(T, F), x[:, 0], rtol=1e-13, atol=1e-14)


def test_dense_is_the_same_on_vectors_and_on_every_step(rng):
    layer, x = Dense(F, 4, "tanh"), rng.standard_normal((T, B, F))
    params = made(layer)
    y = run(layer, x, np.full(B, T), params)
    np.testing.assert_allclose(y[2, 1], np.tanh(params["w"] @ x[2, 1] + params["b"]), rtol=1e-13)
    np.testing.assert_allclose(run(layer, x[2], np.full(B, 1), params), y[2], rtol=1e-13)


@pytest.mark.parametrize(
    ("activation", "bound"),
    [("linear", 0.1), ("sigmoid", 0.1), ("tanh", np.sqrt(6 / 150)), ("relu", np.sqrt(6 / 100))],
)
def test_dense_is_initialized_by_its_activation(activation, bound):
    params = made(Dense(100, 50, activation))
    assert 0.99 * bound < np.abs(params["w"]).max() <= bound
    assert np.abs(params["b"]).max() <= 0.1


def test_normalize_subtracts_the_mean_and_divides_by_the_scale():
    y = run(Normalize([1.0, 2.0, 3.0], np.array([2.0, 0.0, 0.5])), np.full((1, 1, 3), 4.0), [1])
    np.testing.assert_array_equal(y, [[[1.5, 2.0, 2.0]]])


def test_embedding_selects_rows_of_its_weights():
    layer = Embedding(5, 2)
    params, tokens = made(layer), np.array([[4, 0], [1, 4]])
    y, residuals, _ = layer.forward(params, tokens, Run(np.array([2, 2])))
    np.testing.assert_array_equal(y[0, 1], params["w"][0])
    np.testing.assert_array_equal(y[1, 1], params["w"][4])
    grad = params.zeros()
    layer.backward(params, residuals, np.arange(8.0).reshape(2, 2, 2), grad)
    np.testing.assert_array_equal(grad["w"], [[2, 3], [4, 5], [0, 0], [0, 0], [0 + 6, 1 + 7]])


def test_dropout_preserves_the_mean_and_its_backward_pass_uses_the_same_mask():
    layer, params, x = Dropout(0.2), Parameters({}), np.ones((100, 10, 10))
    y, residuals, _ = layer.forward(params, x, Run(np.full(10, 100), np.random.default_rng(0)))
    assert set(np.unique(y)) == {0, 1.25}
    assert y.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(layer.backward(params, residuals, x, params)[0], y)
    np.testing.assert_array_equal(run(layer, x, np.full(10, 100)), x)


def test_dropout_of_rate_zero_uses_no_random_numbers():
    generator = np.random.default_rng(0)
    Dropout(0).forward(Parameters({}), np.ones((2, 1, 1)), Run(np.array([2]), generator))
    assert generator.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0, 4), "input_size must be a positive integer, got 0"),
        (lambda: Dense(3, 2.0), "output_size must be a positive integer, got 2.0"),
        (lambda: Dense(3, 2, "softmax"), "activation must be one of 'linear', .*; got 'softmax'"),
        (lambda: Embedding(0, 2), "tokens must be a positive integer, got 0"),
        (lambda: Dropout(1), "rate must be below 1, got 1"),
        (lambda: Dropout(1.5), "rate must be a number between 0 and 1, got 1.5"),
        (lambda: Window(-1, 2), "left must be an integer of 0 or more, got -1"),
        (lambda: Window(1, 0.5), "right must be an integer of 0 or more, got 0.5"),
        (lambda: Flatten(0), "steps must be a positive integer, got 0"),
        (lambda: Resample("3"), "steps must be a positive integer, got '3'"),
        (
            lambda: Normalize([1.0], [1.0, 2.0]),
            r"mean and scale must both have shape \(F,\), got \(1,\) and \(2,\)",
        ),
        (lambda: Normalize([np.nan], [1.0]), "mean and scale must be finite"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_embedding_refuses_invalid_tokens():
    layer = Embedding(5, 2)
    with pytest.raises(ValueError, match="tokens must be between 0 and 4, got 5"):
        run(layer, np.array([[1], [5]]), [2])
    with pytest.raises(ValueError, match="tokens must be between 0 and 4, got -1"):
        run(layer, np.array([[1], [-1]]), [2])
    with pytest.raises(ValueError, match=r"Embedding takes integer tokens \(T, B\), got float64 of shape \(2, 1\)"):
        run(layer, np.array([[1.0], [2.0]]), [2])
    with pytest.raises(ValueError, match=r"Embedding takes integer tokens \(T, B\).* first layer"):
        layer.out_shape(("T", "B", 3))


def test_noise_is_added_in_training_only() -> None:
    layer, params, x = Noise(0.5), Parameters({}), np.zeros((200, 5, 20), np.float32)
    lengths = np.full(5, 200)
    quiet, _, _ = layer.forward(params, x, Run(lengths))
    loud, residuals, _ = layer.forward(params, x, Run(lengths, np.random.default_rng(0)))
    assert quiet is x
    assert loud.dtype == np.float32
    assert abs(loud.mean()) < 0.02
    assert abs(loud.std() - 0.5) < 0.02
    dy = np.ones_like(x)
    assert layer.backward(params, residuals, dy, params)[0] is dy


def test_noise_refuses_a_negative_scale() -> None:
    with pytest.raises(ValueError, match=re.escape("scale must be a number of 0 or more, got -1")):
        Noise(-1)
