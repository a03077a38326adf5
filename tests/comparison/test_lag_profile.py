"""The lag profile of a trained network's gradient: shares by lag, of targets per sequence and per step."""

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.comparison import memory_lag, memory_profile


def leaky_sum(*above: rnnbp.layers.Layer) -> rnnbp.Sequential:
    model = rnnbp.Sequential(rnnbp.Elman(1, 1, activation="linear"), *above)
    model.params["0.w_ih"], model.params["0.w_hh"] = 1, 0.5
    return model


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape)


@pytest.mark.parametrize("delay", [3, 8])
def test_the_profile_of_delayed_recall_peaks_at_the_delay(delay):
    data = rnnbp.datasets.delayed_recall(200, delay)
    model = rnnbp.Sequential(rnnbp.GRU(3, 8), rnnbp.Last(), rnnbp.Dense(8, 2))
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.02))
    trainer.fit(data, epochs=15, batch_size=20, progress=False)
    assert trainer.evaluate(data)["accuracy"] > 0.95
    profile = memory_profile(model, data, trainer.loss)
    assert profile["lag"].tolist() == list(range(delay + 1))
    assert profile["share"].idxmax() == delay
    assert profile["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize("per_step", [True, False])
def test_a_network_that_uses_the_current_step_alone_has_no_memory(per_step):
    x = noise(10, 6, 2)
    targets = list(noise(10, 6, 1, seed=1)) if per_step else noise(10, 1, seed=1)
    above = () if per_step else (rnnbp.Last(),)
    model = rnnbp.Sequential(*above, rnnbp.Dense(2, 1))
    profile = memory_profile(model, rnnbp.SequenceDataset(list(x), targets), rnnbp.MeanSquaredError())
    assert profile["share"].tolist() == [1, 0, 0, 0, 0, 0]
    assert memory_lag(profile) == 0


def test_shares_are_norms_of_the_gradient_times_the_standard_deviation_of_the_inputs():
    x = noise(5, 4, 2) * [1, 3]
    data = rnnbp.SequenceDataset(list(x), [0, 1, 0, 1, 1])
    model = rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64)
    loss, eps = rnnbp.CrossEntropy(), 1e-6
    found = np.zeros((5, 4))  # sequence, lag
    for b in range(5):
        for t in range(4):
            slopes = []
            for f in range(2):
                values = []
                for sign in (1, -1):
                    moved = x[b : b + 1].swapaxes(0, 1).copy()
                    moved[t, 0, f] += sign * eps
                    values.append(loss(model.forward(moved), np.array([data.targets[b]]))[0])
                slopes.append((values[0] - values[1]) / (2 * eps))
            found[b, 3 - t] = np.linalg.norm(np.array(slopes) * x[:, t].std(axis=0))
    expected = (found / found.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(memory_profile(model, data, loss)["share"], expected, rtol=1e-6)


def test_every_target_of_a_sequence_counts():
    """Of a leaky sum with targets at all of T steps, the target of step t has the shares 1, 1/2, ... to lag t."""
    x = noise(400, 3, 1)
    data = rnnbp.SequenceDataset(list(x), list(noise(400, 3, 1, seed=1)))
    shares = memory_profile(leaky_sum(), data, rnnbp.MeanSquaredError(), sequences=400)["share"]
    expected = (np.array([1, 0, 0]) + np.array([2, 1, 0]) / 3 + np.array([4, 2, 1]) / 7) / 3
    np.testing.assert_allclose(shares, expected, atol=0.02)


def test_steps_after_the_target_of_a_non_causal_network_are_at_their_distance():
    x = noise(2000, 3, 1)
    model = rnnbp.Sequential(rnnbp.Window(1, 1), rnnbp.Dense(3, 1))
    model.params["1.w"] = [[1, 1, 1]]
    data = rnnbp.SequenceDataset(list(x), list(noise(2000, 3, 1, seed=1)))
    shares = memory_profile(model, data, rnnbp.MeanSquaredError(), sequences=2000)["share"]
    at_ends, within = np.array([1, 1, 0]) / 2, np.array([1, 2**0.5, 0]) / (1 + 2**0.5)
    np.testing.assert_allclose(shares, (2 * at_ends + within) / 3, atol=0.02)


def test_padding_does_not_count():
    rng = np.random.default_rng(0)
    long, short = (rnnbp.SequenceDataset(list(rng.normal(0, 1, (50, T, 1))), list(np.ones(50))) for T in (6, 2))
    both = rnnbp.SequenceDataset([*long.sequences, *short.sequences], np.ones(100))
    model = leaky_sum(rnnbp.Last())
    shares = memory_profile(model, both, rnnbp.MeanSquaredError(), sequences=100)["share"]
    powers = 0.5 ** np.arange(6)
    expected = (powers / powers.sum() + np.array([2, 1, 0, 0, 0, 0]) / 3) / 2
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_a_feature_that_never_varies_does_not_count():
    x = np.concatenate([noise(20, 4, 1), np.full((20, 4, 1), 2.0)], axis=2)
    x[:, :3, 0] = 5  # only the last step varies
    model = rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1))
    shares = memory_profile(model, rnnbp.SequenceDataset(list(x), noise(20, 1, seed=2)), rnnbp.MeanSquaredError())
    assert shares["share"].tolist() == pytest.approx([1, 0, 0, 0], abs=1e-6)


def test_the_profile_is_that_of_the_sample_of_steps_and_sequences():
    x = noise(30, 40, 1)
    data = rnnbp.SequenceDataset(list(x), list(noise(30, 40, 1, seed=1)))
    one = memory_profile(leaky_sum(), data, rnnbp.MeanSquaredError(), targets=40)
    few = memory_profile(leaky_sum(), data, rnnbp.MeanSquaredError(), targets=10, sequences=20)
    np.testing.assert_allclose(one["share"], few["share"], atol=0.05)
    assert memory_lag(one) == memory_lag(few) == 3


def test_tokens_are_measured_by_their_embeddings():
    data = rnnbp.SequenceDataset([[0, 1, 2], [2, 0, 1], [1, 1, 0]], [0, 1, 0])
    model = rnnbp.Sequential(rnnbp.Embedding(3, 2), rnnbp.GRU(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    profile = memory_profile(model, data, rnnbp.CrossEntropy())
    assert (profile["share"] > 0).all()
    assert profile["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize(("shares", "lag"), [([0.9, 0.1], 0), ([0.3, 0.3, 0.3, 0.1], 2), ([0.1] * 10, 8), ([1.0], 0)])
def test_the_memory_is_the_lag_within_which_nine_tenths_of_the_gradient_lie(shares, lag):
    profile = pd.DataFrame({"lag": np.arange(len(shares)), "share": shares})
    assert memory_lag(profile) == memory_lag(profile[::-1]) == lag


def test_the_memory_is_the_lag_up_to_which_the_share_lies():
    profile = pd.DataFrame({"lag": [0, 1, 2], "share": [0.6, 0.3, 0.1]})
    assert [memory_lag(profile, share) for share in (0.5, 0.6, 0.9, 0.95, 1)] == [0, 0, 1, 2, 2]
    with pytest.raises(ValueError, match="share must be"):
        memory_lag(profile, 0)


def test_what_has_no_profile_is_refused():
    labels = rnnbp.datasets.synthetic_vowel_strings(4)
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Dense(4, 11))
    with pytest.raises(ValueError, match="data must have a target per sequence or per step, got label sequences"):
        memory_profile(model, labels, rnnbp.CTC())
    dead = leaky_sum(rnnbp.Last())
    dead.params["0.w_ih"] = 0
    data = rnnbp.SequenceDataset(list(noise(4, 3, 1)), noise(4, 1))
    with pytest.raises(ValueError, match="the loss does not depend on the inputs"):
        memory_profile(dead, data, rnnbp.MeanSquaredError())
    with pytest.raises(ValueError, match="sequences must be a positive integer, got 0"):
        memory_profile(dead, data, rnnbp.MeanSquaredError(), sequences=0)
