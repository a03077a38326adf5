"""Every argument of a loss changes a result, or is refused."""

import numpy as np
import pytest
from helpers import arguments_of, changed

from rnnbp.losses import CTC, BinaryCrossEntropy, CrossEntropy, MeanSquaredError


@pytest.mark.parametrize(
    ("argument", "value"), [("class_weight", [1.0, 2.0, 3.0]), ("ignore", 2), ("label_smoothing", 0.1)]
)
def test_every_argument_of_cross_entropy_has_an_effect(argument, value):
    outputs = np.random.default_rng(0).normal(size=(4, 3))
    assert arguments_of(CrossEntropy) == {"class_weight", "ignore", "label_smoothing"}
    assert changed(lambda **options: CrossEntropy(**options)(outputs, [0, 1, 2, 2])[1], {}, argument, value)


@pytest.mark.parametrize(("argument", "value"), [("blank", 2), ("zero_infinity", True)])
def test_every_argument_of_ctc_has_an_effect(argument, value):
    assert arguments_of(CTC) == {"blank", "zero_infinity"}
    outputs = np.random.default_rng(0).normal(size=(4, 1, 3))
    if argument == "blank":
        assert changed(lambda **options: CTC(**options)(outputs, [[1]])[1], {}, argument, value)
        return
    assert CTC(zero_infinity=True)(outputs[:1], [[1, 1]])[0] == 0
    with pytest.raises(ValueError, match="1 steps, but its 2 labels need 3"):
        CTC()(outputs[:1], [[1, 1]])


def test_mean_squared_error_and_binary_cross_entropy_have_no_arguments():
    assert not arguments_of(MeanSquaredError) | arguments_of(BinaryCrossEntropy)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(ignore="none"), "ignore must be an integer, got 'none'"),
        (lambda: CTC(zero_infinity="yes"), "zero_infinity must be True or False, got 'yes'"),
    ],
)
def test_wrong_arguments_of_losses_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("targets", [[0.0, 1.0], [[0.0], [1.0]]])
def test_cross_entropy_refuses_values_with_advice(targets):
    with pytest.raises(
        ValueError, match=r"integer class labels, got float64.*classes as integers.*MeanSquaredError\(\)"
    ):
        CrossEntropy()(np.zeros((2, 3)), targets)
