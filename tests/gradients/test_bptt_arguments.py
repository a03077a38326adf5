"""Every argument of full and truncated backpropagation through time changes its cost or its gradient."""

import numpy as np
import pytest
from helpers import arguments_of, changed

import rnnbp
from rnnbp.losses import CrossEntropy, MeanSquaredError

F = 2


def network() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(F, 4), rnnbp.Dropout(0.3), rnnbp.Last(), rnnbp.Dense(4, 2))


@pytest.mark.parametrize(
    ("options", "argument", "value"),
    [({}, "slots", 1), ({}, "memory", "30 kB"), ({"slots": 1}, "block", 2)],
)
def test_every_argument_of_bptt_has_an_effect_on_its_cost(options, argument, value):
    assert arguments_of(rnnbp.BPTT) == {"slots", "memory", "block"}
    long = rnnbp.SequenceDataset([np.ones((64, F))] * 4, targets=[0, 1] * 2).batch()

    def cost(**options):
        (g,) = rnnbp.BPTT(**options).gradients(network(), long, CrossEntropy())
        return [g.cost.steps, g.cost.peak_bytes]

    assert changed(cost, options, argument, value)


@pytest.mark.parametrize(("argument", "value"), [("k1", 1), ("k2", 5)])
def test_every_argument_of_truncated_bptt_has_an_effect(argument, value):
    assert arguments_of(rnnbp.TruncatedBPTT) == {"k1", "k2"}

    def first(**options):
        return next(rnnbp.TruncatedBPTT(**options).gradients(network(), steps.batch(), MeanSquaredError())).vector

    steps = rnnbp.SequenceDataset([np.ones((9, F))], targets=[np.ones((9, 2))])

    def network():
        return rnnbp.Sequential(rnnbp.Elman(F, 4), rnnbp.Dense(4, 2))

    def total(**options):
        algorithm = rnnbp.TruncatedBPTT(**options)
        return sum(g.vector for g in algorithm.gradients(network(), steps.batch(), MeanSquaredError()))

    assert changed(total, {"k1": 3, "k2": 3}, argument, value)


def test_targets_of_steps_do_not_fit_a_model_that_leaves_out_steps():
    model = rnnbp.Sequential(rnnbp.Conv1D(F, 4, 2, stride=2), rnnbp.Dense(4, 2))
    batch = rnnbp.SequenceDataset([np.ones((9, F))], targets=[np.zeros(9, int)]).batch()
    with pytest.raises(ValueError, match="targets are one a step, and the model has 5 outputs for 9 steps"):
        next(iter(rnnbp.BPTT().gradients(model, batch, CrossEntropy())))


def test_the_loss_of_a_derivative_along_a_direction_is_checked():
    batch = rnnbp.SequenceDataset([np.ones((9, F))], targets=[0]).batch()
    with pytest.raises(ValueError, match="loss must be a loss, got the class CrossEntropy itself"):
        rnnbp.jvp(network(), batch, CrossEntropy, np.ones(network().params.size))
