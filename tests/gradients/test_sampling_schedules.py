"""Probabilities of scheduled sampling by hand, and penalties of spectral norms."""

import math

import numpy as np
import pytest

import rnnbp
from rnnbp.gradients import SpectralPenalty
from rnnbp.gradients.sampling_schedules import ExponentialSampling, InverseSigmoidSampling, LinearSampling


def test_a_linear_schedule_goes_from_start_to_end_and_stays_there():
    schedule = LinearSampling(epochs=4, start=0.25, end=0.75)
    assert [schedule(epoch) for epoch in (0, 1, 2, 4, 5, 100)] == [0.25, 0.375, 0.5, 0.75, 0.75, 0.75]
    assert [LinearSampling(epochs=2)(epoch) for epoch in (0, 1, 2, 3)] == [0, 0.5, 1, 1]
    assert LinearSampling(epochs=2, start=1, end=0)(0.5) == 0.75


def test_other_schedules_are_those_of_the_paper():
    assert [ExponentialSampling(0.5)(epoch) for epoch in (0, 1, 2)] == [0, 0.5, 0.75]
    for epoch in (0, 1, 7.5):
        assert InverseSigmoidSampling(3)(epoch) == pytest.approx(1 - 3 / (3 + math.exp(epoch / 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearSampling(0), "epochs must be .*, got 0"),
        (lambda: LinearSampling(1, start=-0.1), r"start must be .*, got -0\.1"),
        (lambda: LinearSampling(1, end=1.1), r"end must be .*, got 1\.1"),
        (lambda: LinearSampling(1, end=-0.1), r"end must be .*, got -0\.1"),
        (lambda: ExponentialSampling(1.5), r"k must be .*, got 1\.5"),
        (lambda: InverseSigmoidSampling(0.5), r"k must be .*, got 0\.5"),
        (lambda: SpectralPenalty(rnnbp.BPTT(), ["0.w_hh"], weight=0), "weight must be .*, got 0"),
        (lambda: SpectralPenalty(rnnbp.BPTT(), ["0.w_hh"], radius=0), "radius must be .*, got 0"),
        (lambda: SpectralPenalty(rnnbp.BPTT, ["0.w_hh"]), "gradient must be an object with a method 'gradients'"),
        (lambda: SpectralPenalty(3, ["0.w_hh"]), "gradient must be an object with a method 'gradients', got 3"),
    ],
)
def test_wrong_arguments_of_schedules_and_penalties_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_spectral_norm_above_the_radius_is_penalized_by_its_square():
    model = rnnbp.Sequential(rnnbp.Elman(2, 2), rnnbp.Dense(2, 2), dtype=np.float64)
    model.params["0.w_hh"] = np.diag([3.0, 0.5])
    model.params["1.w"] = 0.5 * np.eye(2)
    value, vector = SpectralPenalty(rnnbp.BPTT(), ["0.w_hh", "1.w"], weight=4.0, radius=2.0).penalty(model.params)
    assert value == 4.0 * (3.0 - 2.0) ** 2 / 2
    grad = model.params.like(vector)
    np.testing.assert_allclose(grad["0.w_hh"], [[4, 0], [0, 0]], atol=1e-15)
    assert not grad["1.w"].any()


def test_the_penalty_is_added_to_the_first_gradient_of_a_batch_only():
    model = rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Dense(2, 1), dtype=np.float64)
    model.params["0.w_hh"] = 3 * np.eye(2)
    batch = rnnbp.SequenceDataset([np.ones((4, 1))], [np.zeros((4, 1))], dtype=np.float64).batch()
    plain = rnnbp.TruncatedBPTT(2, 2)
    penalized = SpectralPenalty(plain, ["0.w_hh"])
    value, vector = penalized.penalty(model.params)
    assert value > 0
    pairs = zip(
        plain.gradients(model, batch, rnnbp.MeanSquaredError()),
        penalized.gradients(model, batch, rnnbp.MeanSquaredError()),
        strict=True,
    )
    added = [(b.loss - a.loss, b.vector - a.vector) for a, b in pairs]
    assert [loss for loss, _ in added] == pytest.approx([value, 0])
    np.testing.assert_allclose([found for _, found in added], [vector, 0 * vector], atol=1e-12)
    assert not penalized.random


@pytest.mark.parametrize(
    ("layers", "advice"),
    [
        ([rnnbp.MeanOverTime(), rnnbp.Dense(2, 2)], "use Backprop() or BPTT()"),
        ([rnnbp.FixedPoint(rnnbp.ElmanCell(2, 3)), rnnbp.Dense(3, 2)], "use RecurrentBackprop() or BPTT()"),
    ],
)
def test_a_model_without_a_recurrent_layer_is_told_which_algorithm_fits(layers, advice):
    model = rnnbp.Sequential(*layers)
    data = rnnbp.SequenceDataset([np.ones((1, 2))], [0] if len(model.layers) == 2 and not model.per_step else [[0]])
    with pytest.raises(ValueError, match="RTRL takes a model with a Recurrent layer") as caught:
        next(iter(rnnbp.RTRL().gradients(model, data.batch(), rnnbp.CrossEntropy())))
    assert advice in str(caught.value)
