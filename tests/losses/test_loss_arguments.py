"""Every argument of a loss changes a result, or is refused."""

import numpy as np
import pytest
from helpers import arguments_of, changed

from rnnbp.losses import (
    CTC,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    MixtureDensity,
    Quantile,
)


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


@pytest.mark.parametrize(
    ("loss", "argument", "value", "targets"),
    [
        (Huber, "delta", 0.1, np.ones((4, 6))),
        (Quantile, "quantiles", (0.2, 0.5, 0.9), np.ones((4, 2))),
        (MixtureDensity, "components", 2, np.ones((4, 1))),
        (MixtureDensity, "min_scale", 0.5, np.ones((4, 1))),
    ],
)
def test_every_argument_of_losses_of_values_has_an_effect(loss, argument, value, targets):
    assert arguments_of(Huber) | arguments_of(Quantile) == {"delta", "quantiles"}
    assert arguments_of(MixtureDensity) == {"components", "min_scale"}

    def call(**options):
        made = loss(**options)
        K = made.outputs(targets.shape[1]) if loss is not Huber else targets.shape[1]
        return made(np.random.default_rng(0).normal(size=(4, K)), targets)[0]

    assert changed(call, {}, argument, value)


def test_errors_and_binary_cross_entropy_have_no_arguments():
    assert not arguments_of(MeanSquaredError) | arguments_of(MeanAbsoluteError) | arguments_of(BinaryCrossEntropy)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(ignore="none"), "ignore must be an integer, got 'none'"),
        (lambda: CTC(zero_infinity="yes"), "zero_infinity must be True or False, got 'yes'"),
        (lambda: Huber(0), "delta must be a number above 0, got 0"),
        (lambda: Quantile((0.5, 0.1)), r"quantiles must be ascending, each once, and below 1, got \(0.5, 0.1\)"),
        (lambda: Quantile((0.1, 1.0)), "quantiles must be ascending, each once, and below 1"),
        (lambda: Quantile((0.0, 0.5)), r"quantiles\[0\] must be a number above 0 and at most 1, got 0.0"),
        (lambda: Quantile(0.5), r"quantiles must be probabilities between 0 and 1, such as \(0.1, 0.9\), got 0.5"),
        (lambda: MixtureDensity(0), "components must be a positive integer, got 0"),
        (lambda: MixtureDensity(2, -1.0), "min_scale must be a number of 0 or more, got -1.0"),
        (
            lambda: Quantile()(np.zeros((2, 4)), np.zeros(2)),
            "outputs must be 3 for each target, one a quantile, got K = 4",
        ),
        (
            lambda: MixtureDensity(2)(np.zeros((2, 5)), np.zeros(2)),
            r"outputs must be 2 \(2 D \+ 1\).* got K = 5: .* 6 out",
        ),
        (lambda: Quantile()(np.zeros((2, 6)), np.zeros((2, 3))), r"targets must have shape \(B, D\) = \(2, 2\)"),
        (lambda: MeanSquaredError().sample(np.zeros((2, 6)), None), "MeanSquaredError defines no distribution"),
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
