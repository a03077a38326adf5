"""Time derivatives: exact for polynomials, HTK's regression, recordings of any length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features


@pytest.mark.parametrize(("width", "order"), [(3, 1), (9, 1), (5, 2), (9, 3)])
def test_deltas_of_polynomials_are_their_derivatives(width, order):
    t = np.arange(30.0)
    x = np.stack([t**order, 3 * t ** (order - 1)], axis=1)
    expected = np.tile([float(np.prod(np.arange(1, order + 1))), 0.0], (30, 1))
    np.testing.assert_allclose(features.delta(x, width=width, order=order), expected, atol=1e-8)


@given(T=st.integers(1, 20), N=st.integers(1, 6))
def test_deltas_equal_htks_regression(T, N):
    x = np.random.default_rng(T).standard_normal((T, 3))
    expected = np.zeros_like(x)
    for t in range(T):
        for n in range(1, N + 1):
            expected[t] += n * (x[min(t + n, T - 1)] - x[max(t - n, 0)])
    expected /= 2 * sum(n * n for n in range(1, N + 1))
    np.testing.assert_allclose(features.delta(x, width=2 * N + 1, mode="nearest"), expected, rtol=1e-9, atol=1e-12)


@given(T=st.integers(1, 30), orders=st.integers(0, 3))
def test_derivatives_are_appended_to_the_features(T, orders):
    x = np.random.default_rng(T).standard_normal((T, 4))
    y = features.with_deltas(x, orders)
    assert y.shape == (T, 4 * (1 + orders))
    np.testing.assert_array_equal(y[:, :4], x)


def test_deltas_of_constants_are_zero():
    assert np.abs(features.with_deltas(np.full((12, 2), 7.0), 2)[:, 2:]).max() < 1e-12


def test_dtype_is_preserved():
    assert features.delta(np.zeros((12, 2), np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 4}, "width must be an odd integer of 3 or more, got 4"),
        ({"width": 1}, "width must be an odd integer of 3 or more, got 1"),
        ({"order": 0}, "order must be a positive integer, got 0"),
        ({"order": 9}, "order must be less than width = 9, got 9"),
        ({"mode": "nearst"}, "mode must be one of .*Did you mean 'nearest'"),
        ({"mode": "constant", "cval": np.inf}, "cval must be a number that is finite, got inf"),
        ({"width": 21}, "data must have at least width = 21 frames for mode 'interp', got 20"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.delta(np.zeros((20, 2)), **arguments)


def test_a_negative_number_of_deltas_is_refused():
    with pytest.raises(ValueError, match="deltas must be an integer of 0 or more, got -1"):
        features.with_deltas(np.zeros((20, 2)), -1)
