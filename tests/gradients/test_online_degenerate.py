"""Online algorithms where derivatives vanish: zero inputs, zero weights, saturated units and units that never fire."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, SPIKING, gradient_error
from pairs import each, slow_but
from test_gradients import CAUSAL, EXACT, batch_for, model_of, whole
from test_online_signs import ALGORITHMS, over_all_signs

import rnnbp
from rnnbp.gradients import BPTT, KFRTRL, RFLO, RTRL, UORO, BlockRTRL, EProp, SnAp
from rnnbp.gradients.online.eprop import marks_recurrent, single_cells
from rnnbp.layers import Dense, Elman, Last
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

ONLINE_EXACT = {name: a for name, a in EXACT.items() if "RTRL" in name} | {"SnAp(5)": SnAp(5)}


def zero_inputs(model, batch):
    return replace(batch, x=np.zeros_like(batch.x))


def zero_parameters(model, batch):
    model.params.vector[:] = 0
    return batch


def zero_inputs_and_parameters(model, batch):
    return zero_inputs(model, zero_parameters(model, batch))


def first_steps_zero(model, batch):
    x = batch.x.copy()
    x[:3] = 0
    return replace(batch, x=x)


def saturated(model, batch):
    model.params.vector[:] *= 1e3
    return batch


def never_active(model, batch):
    """Set every bias to -1000: rectified and spiking units are never active."""
    for array in dict(model.params.items()).values():
        if array.ndim == 1:
            array[:] = -1000
    return batch


def str_or_name(value):
    return value if isinstance(value, str) else value.__name__


SETTINGS = [zero_inputs, zero_parameters, zero_inputs_and_parameters, first_steps_zero, saturated, never_active]


@pytest.mark.parametrize(
    ("name", "setting"), slow_but(each(CAUSAL, SETTINGS), product(CAUSAL, SETTINGS)), ids=str_or_name
)
def test_exact_algorithms_agree_with_bptt_where_derivatives_vanish(name, setting):
    model = model_of(CAUSAL[name])
    batch = setting(model, batch_for(model, LENGTHS["unequal lengths"]))
    _, expected = whole(BPTT(), model, batch, CrossEntropy())
    for algorithm in ONLINE_EXACT.values():
        _, found = whole(algorithm, model, batch, CrossEntropy())
        if expected.any():
            assert gradient_error(model.params, found, expected) < 1e-10, algorithm
        else:
            assert not found.any(), algorithm


APPROXIMATE = [SnAp(1), EProp(), EProp(rnnbp.RandomFeedback()), UORO(), KFRTRL()]


DERIVED = [name for name in CELLS | SPIKING if name != "a user's"]


@pytest.mark.parametrize(
    ("name", "setting"), slow_but(each(DERIVED, SETTINGS), product(DERIVED, SETTINGS)), ids=str_or_name
)
def test_approximate_algorithms_are_finite_and_exact_for_the_readout(name, setting):
    model = model_of(CAUSAL[name])
    batch = setting(model, batch_for(model, LENGTHS["unequal lengths"]))
    _, expected = whole(BPTT(), model, batch, CrossEntropy())
    head = model.params.place("1.w").start
    local = all(marks_recurrent(cell) for cell in single_cells((CELLS | SPIKING)[name]))
    for algorithm in APPROXIMATE if local else [a for a in APPROXIMATE if not isinstance(a, EProp)]:
        _, found = whole(algorithm, model, batch, CrossEntropy())
        assert np.isfinite(found).all(), algorithm
        np.testing.assert_allclose(found[head:], expected[head:], rtol=1e-10, atol=1e-14)


def test_an_irnn_on_zero_inputs_has_the_gradient_of_bptt():
    """No rectified unit has a slope at the first step."""
    model = Sequential(Elman(1, 1, activation="relu", init=rnnbp.Identity()), Dense(1, 1), dtype=np.float64)
    batch = rnnbp.SequenceDataset([np.zeros((4, 1))], targets=[np.ones((4, 1))]).batch()
    (expected,) = BPTT().gradients(model, batch, MeanSquaredError())
    for algorithm in (RTRL(), BlockRTRL(2), SnAp(1), UORO(), KFRTRL(), EProp(), RFLO()):
        (found,) = algorithm.gradients(model, batch, MeanSquaredError())
        np.testing.assert_allclose(found.vector, expected.vector, rtol=1e-12, atol=1e-15)


def test_an_irnn_whose_units_start_to_fire_in_mid_sequence_has_the_gradient_of_bptt():
    model = Sequential(Elman(1, 3, activation="relu", init=rnnbp.Identity()), Last(), Dense(3, 1), dtype=np.float64)
    model.params["0.w_ih"] = [[1.0], [0.5], [-1.0]]
    x = np.array([0.0, 0.0, 1.0, 0.0, -2.0, 1.0])[:, None]
    batch = rnnbp.SequenceDataset([x], targets=[[5.0]]).batch()
    (expected,) = BPTT().gradients(model, batch, MeanSquaredError())
    assert expected.vector[: model.params.place("2.w").start].any()
    for algorithm in ONLINE_EXACT.values():
        _, found = whole(algorithm, model, batch, MeanSquaredError())
        assert gradient_error(model.params, found, expected.vector) < 1e-12


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["Elman", "LSTM", "GRU"])
def test_the_mean_over_all_signs_is_the_gradient_on_zero_inputs(name, algorithm):
    assert over_all_signs(name, algorithm, inputs=0.0) < 1e-12
