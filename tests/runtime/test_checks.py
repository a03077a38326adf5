"""Argument checks: errors name the argument, the value given and the values accepted."""

import math

import numpy as np
import pytest

from rnnbp.runtime import checks, choice, did_you_mean, integer_at_least, natural_int, number, positive_int, require


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.int32(3), np.uint8(3)])
def test_positive_int_takes_integers_of_any_type(value):
    taken = positive_int("n", value)
    assert taken == value
    assert type(taken) is int


@pytest.mark.parametrize("value", [0, -3, 1.0, 2.5, "3", None, True, np.True_, np.float64(2), math.nan])
def test_positive_int_refuses_other_values(value):
    with pytest.raises(ValueError, match="hidden_size must be a positive integer, got ") as error:
        positive_int("hidden_size", value)
    assert str(error.value).endswith(repr(value))


def test_natural_int_takes_zero_and_refuses_negative_numbers():
    assert natural_int("left", 0) == 0
    with pytest.raises(ValueError, match="left must be an integer of 0 or more, got -1"):
        natural_int("left", -1)


def test_integer_at_least_refuses_smaller_integers():
    assert integer_at_least("k2", 2, 2, "an integer >= k1 = 2") == 2
    with pytest.raises(ValueError, match="k2 must be an integer >= k1 = 2, got 1"):
        integer_at_least("k2", 1, 2, "an integer >= k1 = 2")


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.5), np.int64(1)])
def test_numbers_within_their_range_are_returned(value):
    taken = number("rate", value, 0, 1)
    assert taken == value
    assert type(taken) is float


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, -math.inf, "0.5", None, True, 1j, np.array([0.5])])
def test_numbers_outside_their_range_are_refused(value):
    with pytest.raises(ValueError, match="rate must be a number between 0 and 1, got "):
        number("rate", value, 0, 1)


@pytest.mark.parametrize(
    ("limits", "value", "message"),
    [
        ({}, math.inf, "must be a number that is finite, got inf"),
        ({"low": 0}, -1, "must be a number of 0 or more, got -1"),
        ({"low": 0, "open_low": True}, 0, "must be a number above 0, got 0"),
        ({"low": 0, "high": 1, "open_low": True}, 0, "must be a number above 0 and at most 1, got 0"),
        ({"high": 1}, 2, "must be a number of at most 1, got 2"),
    ],
)
def test_number_errors_name_the_range(limits, value, message):
    with pytest.raises(ValueError, match=f"^x {message}$"):
        number("x", value, **limits)


def test_choice_refuses_unknown_names_with_the_nearest():
    assert choice("model", "gru", {"lstm": 1, "gru": 2}) == "gru"
    with pytest.raises(ValueError, match=r"model must be one of 'gru', 'lstm'; got 'ltsm'. Did you mean 'lstm'\?"):
        choice("model", "ltsm", ["lstm", "gru"])
    with pytest.raises(ValueError, match=r"model must be one of 'gru', 'lstm'; got 3\.$"):
        choice("model", 3, ["lstm", "gru"])


def test_did_you_mean_suggests_the_nearest_name():
    assert did_you_mean("momentun", ["momentum", "rate"]) == " Did you mean 'momentum'?"
    assert did_you_mean("zzz", ["momentum", "rate"]) == ""


def test_require_imports_installed_packages():
    assert require("math", extra="plot") is math


def test_require_names_the_package_and_the_extra():
    with pytest.raises(ImportError, match=r'no_such, which is not installed: pip install "rnnbp\[plot\]"'):
        require("no_such.inner", extra="plot")


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_an_integer_beyond_the_range_of_floats_is_no_number(value):
    with pytest.raises(ValueError, match="rate must be a number"):
        number("rate", value)


def test_sizes_are_below_2_to_the_63_and_seeds_of_any_size():
    message = r"^size must be a positive integer \(and below 2\*\*63\), got an integer of \d+ bits$"
    for huge in (10**400, 10**5000, 2**200):  # Python refuses to print the second
        with pytest.raises(ValueError, match=message):
            checks.positive_int("size", huge)
    with pytest.raises(ValueError, match="an integer of 1329 bits"):
        checks.integer("ignore", -(10**400))
    assert checks.positive_int("size", 2**63 - 1) == 2**63 - 1
    assert checks.seed_int("seed", 10**400) == 10**400
