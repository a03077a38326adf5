"""Sine mixtures, Mackey-Glass and speech-like vowels."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from rnnbp.datasets import (
    mackey_glass,
    mackey_glass_series,
    narma,
    sine_mixtures,
    synthetic_vowel_strings,
    synthetic_vowels,
)
from rnnbp.datasets.signals import FORMANTS

# ---- sines --------------------------------------------------------------------------------------


def test_a_mixture_of_three_sines_obeys_a_recurrence_of_six_steps():
    """A sum of K sines satisfies a linear recurrence of order 2 K, so that it can be forecast without error."""
    series = sine_mixtures(1, 60, waves=3, seed=2).targets[0][:, 0]
    rows = np.lib.stride_tricks.sliding_window_view(series, 7)
    _, residual, rank, _ = np.linalg.lstsq(rows[:, :6], rows[:, 6], rcond=1e-13)
    assert rank <= 6
    assert not residual.size or residual[0] < 1e-12


def test_targets_are_the_next_values_without_noise():
    clean, noisy = sine_mixtures(4, 30), sine_mixtures(4, 30, noise=0.2)
    for (x, y), (_, noisy_y) in zip(clean, noisy, strict=True):
        np.testing.assert_allclose(x[1:], y[:-1], atol=1e-6)
        np.testing.assert_array_equal(y, noisy_y)
        assert abs(y).max() <= 1
    spread = np.concatenate([n - c for (n, _), (c, _) in zip(noisy, clean, strict=True)]).std()
    assert spread == pytest.approx(0.2, rel=0.2)


# ---- Mackey-Glass -------------------------------------------------------------------------------


def test_mackey_glass_solves_its_equation():
    """dx/dt from a spline through the samples against the right hand side, at samples a delay apart."""
    tau = 17
    x = mackey_glass_series(600, tau=tau)
    slope = CubicSpline(np.arange(600), x)(np.arange(600), 1)
    expected = 0.2 * x[:-tau] / (1 + x[:-tau] ** 10) - 0.1 * x[tau:]
    np.testing.assert_allclose(slope[tau + 5 : -5], expected[5:-5], atol=3e-3)
    assert abs(expected).max() > 0.05


def test_mackey_glass_stays_in_its_range_and_is_chaotic():
    x = mackey_glass_series(3000)
    assert 0.2 < x.min() < 0.45
    assert 1.25 < x.max() < 1.4
    assert x.mean() == pytest.approx(0.93, abs=0.03)
    assert x.std() == pytest.approx(0.23, abs=0.03)
    other = mackey_glass_series(3000, seed=1)
    assert abs(other - x)[-500:].max() > 0.3


def test_mackey_glass_without_chaos_is_periodic():
    """At tau = 10 the series converges to a limit cycle."""
    x = mackey_glass_series(400, tau=10)
    start = x[:100]
    distance = [abs(x[k : k + 100] - start).max() for k in range(20, 300)]
    assert min(distance) < 0.02


def test_mackey_glass_is_forecast_some_steps_ahead():
    series = mackey_glass_series(3 * 20 + 6) - 1
    data = mackey_glass(3, 20, ahead=6)
    np.testing.assert_allclose(np.concatenate(data.sequences)[:, 0], series[:60], rtol=1e-6)
    np.testing.assert_allclose(np.concatenate(data.targets)[:, 0], series[6:66], rtol=1e-12)


# ---- NARMA-10 -----------------------------------------------------------------------------------


def test_narma_obeys_its_equation_and_stays_bounded():
    data = narma(300, 60, seed=3)
    for u, y in zip(data.sequences, data.targets, strict=True):
        u, y = u[:, 0], y[:, 0]
        for t in range(10, 60):
            window = y[t - 10 : t].sum()
            expected = 0.3 * y[t - 1] + 0.05 * y[t - 1] * window + 1.5 * u[t - 9] * u[t] + 0.1
            assert y[t] == pytest.approx(expected, rel=1e-12)
        assert 0 <= u.min() <= u.max() <= 0.5
        assert 0.1 < y.min() <= y.max() <= 2


def test_a_diverging_narma_series_is_replaced():
    """About one in a thousand of 2,000 steps diverges; with so many steps nearly all would."""
    targets = narma(3, 3000, seed=0).targets
    assert max(one.max() for one in targets) <= 2


# ---- vowels -------------------------------------------------------------------------------------


def test_vowels_are_near_their_formants_in_the_middle():
    data = synthetic_vowels(2000, shortest=30, longest=40, noise=0)
    for k, name in enumerate(data.classes):
        middles = [x[len(x) // 2] for x, y in data if y == k]
        found = np.exp(np.mean(middles, axis=0) + 7)
        np.testing.assert_allclose(found, FORMANTS[name], rtol=0.12)


def test_short_vowels_stay_away_from_their_formants():
    def spread(steps):
        data = synthetic_vowels(500, steps, steps, noise=0)
        middles = np.stack([x[steps // 2] for x in data.sequences])
        centres = np.stack([middles[data.targets == k].mean(axis=0) for k in range(10)])
        return centres.std(axis=0)

    assert (spread(8) < 0.8 * spread(40)).all()


def test_strings_are_sequences_of_vowels():
    data = synthetic_vowel_strings(200, fewest=1, most=3, shortest=5, longest=9)
    counts = data.targets.lengths
    assert set(counts) == {1, 2, 3}
    assert (data.lengths >= 5 * counts).all()
    assert (data.lengths <= 9 * counts).all()
    labels = np.concatenate(data.targets.labels)
    assert set(labels) == set(range(1, 11))
    assert data.classes[1:] == synthetic_vowels(1).classes
    alike = synthetic_vowel_strings(300, fewest=1, most=1, shortest=40, longest=40, noise=0)
    for k, name in enumerate(alike.classes[1:], start=1):
        middles = [x[20] for x, y in alike if y[0] == k]
        np.testing.assert_allclose(np.exp(np.mean(middles, axis=0) + 7), FORMANTS[name], rtol=0.12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fewest": 0}, "fewest must be a positive integer, got 0"),
        ({"fewest": 3, "most": 2}, "most must be an integer of 3 or more, got 2"),
        ({"shortest": 9, "longest": 8}, "longest must be an integer of 9 or more, got 8"),
    ],
)
def test_wrong_arguments_of_vowel_strings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        synthetic_vowel_strings(1, **options)


def test_vowels_have_lengths_speakers_and_noise():
    data = synthetic_vowels(300, shortest=5, longest=9)
    assert (data.lengths.min(), data.lengths.max()) == (5, 9)
    assert data.classes == ("iy", "ih", "eh", "ae", "ah", "aa", "ao", "uh", "uw", "er")
    assert np.bincount(data.targets, minlength=10).min() > 10
    quiet, loud = (synthetic_vowels(100, noise=n).sequences for n in (0.0, 0.5))
    roughness = [np.mean([np.diff(x, axis=0).std() for x in part]) for part in (quiet, loud)]
    assert roughness[1] > 5 * roughness[0]


GENERATORS = {
    "sines": lambda seed: sine_mixtures(3, 8, seed=seed),
    "Mackey-Glass": lambda seed: mackey_glass(3, 8, seed=seed),
    "vowels": lambda seed: synthetic_vowels(3, seed=seed),
}


@pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS)
def test_a_seed_and_its_generator_give_the_same_numbers(make):
    def numbers(seed):
        return np.concatenate([s.ravel() for s in make(seed).sequences])

    np.testing.assert_array_equal(numbers(4), numbers(np.random.default_rng(4)))
    assert not np.array_equal(numbers(4), numbers(5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sine_mixtures(0, 5), "sequences must be a positive integer, got 0"),
        (lambda: sine_mixtures(1, 0), "steps must be a positive integer, got 0"),
        (lambda: sine_mixtures(1, 5, waves=0), "waves must be a positive integer, got 0"),
        (lambda: sine_mixtures(1, 5, noise=-1), "noise must be a number of 0 or more, got -1"),
        (lambda: mackey_glass(1, 5, ahead=0), "ahead must be a positive integer, got 0"),
        (lambda: mackey_glass_series(5, tau=0), "tau must be a number above 0, got 0"),
        (lambda: mackey_glass_series(0), "steps must be a positive integer, got 0"),
        (lambda: synthetic_vowels(1, shortest=9, longest=5), "longest must be at least shortest = 9, got 5"),
        (lambda: synthetic_vowels(1, noise=np.nan), "noise must be a number of 0 or more, got nan"),
    ],
)
def test_wrong_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
