"""Activations: values, slopes by the complex step, and no overflow."""

import numpy as np
import pytest
from helpers import relative_error

from rnnbp.core import activation, relu, sigmoid
from rnnbp.core.activations import ACTIVATIONS

POINTS = np.array([-30.0, -2.0, -0.3, 0.4, 1.0, 25.0])
FORMULAS = {
    "tanh": lambda a: (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: (a + np.abs(a)) / 2,
    "linear": lambda a: a,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_have_known_values(name):
    assert activation(name).name == name
    np.testing.assert_allclose(activation(name).function(POINTS), FORMULAS[name](POINTS), rtol=1e-13, atol=1e-15)


def test_every_activation_is_tested():
    assert FORMULAS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_the_slope_from_the_value_equals_the_complex_step(name):
    act = activation(name)
    expected = act.function(POINTS + 1e-30j).imag / 1e-30
    assert relative_error(act.slope(act.function(POINTS)), expected) < 1e-14


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_is_preserved_and_the_argument_unchanged(name, dtype):
    a = POINTS.astype(dtype)
    before = a.copy()
    y = activation(name).function(a)
    assert y.dtype == dtype
    assert activation(name).slope(y).dtype == dtype
    np.testing.assert_array_equal(a, before)


def test_sigmoid_does_not_overflow():
    np.testing.assert_array_equal(sigmoid(np.array([-1e4, 1e4], np.float32)), [0, 1])


def test_relu_of_complex_numbers_depends_on_the_real_part():
    np.testing.assert_array_equal(relu(np.array([1 - 2j, -1 + 5j, 1j])), [1 - 2j, 0, 0])


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"activation must be one of .*; got 'tahn'. Did you mean 'tanh'\?"):
        activation("tahn")


@pytest.mark.parametrize("name", FORMULAS)
def test_nan_propagates(name):
    assert np.isnan(activation(name).function(np.array([np.nan, 1.0]))).tolist() == [True, False]
