"""How fast gradients decay, and what follows for a truncation: geometric sums in closed form, cells by hand."""

import numpy as np
import pytest

import rnnbp
from rnnbp.gradients.decay_of_gradients import GradientDecay, gradient_decay
from rnnbp.gradients.lag_decomposition import RESOLUTION, exact_fractions

GEOMETRIC = GradientDecay(np.array([4.0, 2.0, 1.0, 0.5]), gain=3.0, size=15.0, steps=9)


def test_what_a_truncation_leaves_out_of_a_geometric_series_is_its_tail():
    assert (GEOMETRIC.start, GEOMETRIC.rate) == (2, 0.5)
    np.testing.assert_allclose(GEOMETRIC.left_out(6), [8, 4, 2, 1, 0.5, 0.25], rtol=1e-14)
    np.testing.assert_allclose(GEOMETRIC.left_out(1), [8], rtol=1e-14)


def test_below_its_start_the_measured_norms_are_summed():
    decay = GradientDecay(np.array([7.0, 5.0, 3.0, 2.0, 1.0, 0.5, 0.25]), 1.0, 100.0, 9)
    assert (decay.start, decay.rate) == (3, pytest.approx(2 / 3))
    far = 3 / (1 - 2 / 3)
    np.testing.assert_allclose(decay.left_out(4), [12 + far, 5 + far, far, 2 * far / 3], rtol=1e-14)


def test_the_rate_is_the_smallest_that_bounds_all_measured_norms():
    decay = GradientDecay(np.array([1.0, 0.1, 0.25, 0.0]), 1.0, 1.0, 9)
    assert GradientDecay(np.array([1.0, 0.1, 0.25]), 1.0, 1.0, 9).rate == 0.5  # from the first: 0.1, then sqrt(0.25)
    assert (decay.start, decay.rate) == (2, 2.5)  # it grows from the second to the third
    assert np.isinf(decay.left_out(3)).all()
    assert GradientDecay(np.array([1.0, 0.0]), 1.0, 1.0, 9).rate == 0
    assert GradientDecay(np.array([0.0, 0.0]), 1.0, 1.0, 9).rate == 0


def test_one_norm_has_no_rate_and_bounds_nothing():
    decay = GradientDecay(np.array([1.0]), 1.0, 1.0, 9)
    assert decay.start == 1
    assert np.isnan(decay.rate)
    assert np.isinf(decay.bounds(3)).all()


def test_the_bound_is_the_tail_over_what_is_left_of_the_gradient():
    np.testing.assert_allclose(GEOMETRIC.bounds(3), [24 / 12, 12 / 12, 6 / 12], rtol=1e-14)
    np.testing.assert_allclose(GEOMETRIC.bounds(6)[3:], [3 / 12, 1.5 / 12, 0.75 / 12], rtol=1e-14)


@pytest.mark.parametrize("size", [3.0, 2.0])
def test_there_is_no_bound_if_nothing_is_left_of_the_gradient(size):
    assert np.isinf(GradientDecay(GEOMETRIC.norms, 3.0, size, 9).bounds(2)).all()


def halving(*after: rnnbp.Layer) -> rnnbp.Sequential:
    """A linear network h[t] = x[t] + h[t-1] / 2, with an output of 3 h."""
    model = rnnbp.Sequential(rnnbp.Elman(1, 1, activation="linear"), *after, rnnbp.Dense(1, 1), dtype=np.float64)
    model.params.vector[:] = 0
    model.params["0.w_ih"], model.params["0.w_hh"], model.params[f"{1 + len(after)}.w"] = 1, 0.5, 3
    return model


def test_the_decay_of_a_linear_network_is_its_weight():
    model = halving(rnnbp.Last())
    batch = rnnbp.SequenceDataset([np.ones((9, 1))], [[0.0]], dtype=np.float64).batch()
    decay = gradient_decay(model, batch, rnnbp.MeanSquaredError(), window=4)
    h = [2 - 2 * 0.5**t for t in range(10)]
    slope = 2 * 3 * 3 * h[9]  # of the loss (3 h)^2
    np.testing.assert_allclose(decay.norms, slope * 0.5 ** np.arange(1, 5), rtol=1e-12)
    assert decay.steps == 9 + 4
    norms = [np.linalg.norm([1, h[8 - k], 1, 1]) for k in range(1, 4)]  # of x, h, and both biases, before the step
    assert decay.gain == pytest.approx(max(norms), rel=1e-12)
    recurrent = sum(slope * 0.5**k * np.array([1, h[8 - k], 1, 1]) for k in range(4))
    assert decay.size == pytest.approx(np.linalg.norm([*recurrent, 6 * h[9] ** 2, 6 * h[9]]), rel=1e-12)


def test_windows_of_an_output_per_step_end_with_the_sequence_and_are_summed():
    model = halving()
    batch = rnnbp.SequenceDataset([np.ones((5, 1))], [np.zeros((5, 1))], dtype=np.float64).batch()
    decay = gradient_decay(model, batch, rnnbp.MeanSquaredError(), window=2)
    h = [2 - 2 * 0.5**t for t in range(6)]
    slope = 2 * 9 * (h[5] + h[3]) / 5  # of the losses of steps 5 and 3, in a mean over 5
    np.testing.assert_allclose(decay.norms, slope * np.array([0.5, 0.25]), rtol=1e-12)
    assert decay.steps == 5


def test_the_window_is_limited_to_the_median_length_and_the_longer_half_is_measured():
    model = halving(rnnbp.Last())
    data = rnnbp.SequenceDataset([np.ones((n, 1)) for n in (2, 6, 4)], [[0.0]] * 3, dtype=np.float64)
    decay = gradient_decay(model, data.batch(), rnnbp.MeanSquaredError(), window=50)
    assert len(decay.norms) == 4
    assert decay.steps == 6 + 4 + 2 * 4
    h = [2 - 2 * 0.5**t for t in range(7)]
    np.testing.assert_allclose(decay.norms, 9 * (h[6] + h[4]) * 0.5 ** np.arange(1, 5), rtol=1e-12)


def test_initial_states_are_those_of_the_longer_half():
    model = halving(rnnbp.Last())
    data = rnnbp.SequenceDataset([np.zeros((n, 1)) for n in (3, 2, 1)], [[0.0]] * 3, dtype=np.float64)
    state = [np.array([[8.0], [4.0], [100.0]]), None, None]
    decay = gradient_decay(model, data.batch(), rnnbp.MeanSquaredError(), window=1, state=state)
    np.testing.assert_allclose(decay.norms, [9 * (8 / 8 + 4 / 4) * 0.5], rtol=1e-12)
    assert np.isnan(decay.gain)


def test_fractions_of_terms_that_are_rounding_are_not_defined():
    exact = np.array([[1.0, 0.0], [0.0, 2 * RESOLUTION], [0.0, RESOLUTION / 2]])
    found = exact_fractions(np.array([[0.25, 9.0], [0.0, RESOLUTION], [0.0, 0.0]]), exact)
    np.testing.assert_allclose(found, [0.25, 0.5, np.nan])


@pytest.mark.parametrize("window", [0, -1, 2.5])
def test_a_window_is_a_positive_number_of_steps(window):
    batch = rnnbp.SequenceDataset([np.ones((5, 1))], [[0.0]], dtype=np.float64).batch()
    with pytest.raises(ValueError, match="window must be a positive integer"):
        gradient_decay(halving(rnnbp.Last()), batch, rnnbp.MeanSquaredError(), window)
