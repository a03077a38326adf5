"""Generated tasks, checked by another solution of each."""

import numpy as np
import pytest

from rnnbp.datasets import adding_problem, copy_memory, delayed_recall, parity, temporal_xor


def test_adding_marks_one_number_in_each_half_and_asks_for_their_sum():
    data = adding_problem(200, 11)
    x = np.stack(data.sequences)
    assert x.shape == (200, 11, 2)
    assert set(np.unique(x[:, :, 1])) == {0, 1}
    assert (x[:, :5, 1].sum(axis=1) == 1).all()
    assert (x[:, 5:, 1].sum(axis=1) == 1).all()
    assert x[:, :, 0].min() >= 0
    assert x[:, :, 0].max() <= 1
    sums = [sum(value for value, marker in sequence if marker) for sequence in x]
    np.testing.assert_allclose(data.targets[:, 0], sums, rtol=1e-6)
    assert (x[:, :, 1].sum(axis=0) > 0).all(), "every step is marked now and then"


def test_the_constant_1_has_a_mean_squared_error_of_a_sixth_in_the_adding_problem():
    targets = adding_problem(20000, 4).targets
    assert targets.shape == (20000, 1)
    assert np.mean((targets - 1) ** 2) == pytest.approx(1 / 6, rel=0.03)
    assert targets.mean() == pytest.approx(1, abs=0.01)


def test_copy_asks_for_the_symbols_after_the_signal():
    data = copy_memory(50, delay=6, symbols=4, length=3)
    for x, y in data:
        assert x.shape == (12, 6)
        assert (x.sum(axis=1) == 1).all()
        tokens = x.argmax(axis=1)
        assert (tokens[:3] < 4).all()
        assert tokens[3:].tolist() == [4] * 5 + [5] + [4] * 3
        assert y.tolist() == [4] * 9 + tokens[:3].tolist()


def test_recall_asks_for_the_first_symbol():
    data = delayed_recall(300, delay=7, classes=3)
    x = np.stack(data.sequences)
    assert x.shape == (300, 8, 4)
    np.testing.assert_array_equal(x[:, 0, :3].argmax(axis=1), data.targets)
    assert not x[:, 1:, :3].any(), "nothing after the first step tells it"
    assert abs(x[:, 1:, 3]).max() <= 1
    assert data.classes == ("0", "1", "2")
    assert np.bincount(data.targets).min() > 60


def test_every_third_bit_is_the_exclusive_or_of_the_two_before():
    data = temporal_xor(100, triples=5)
    for x, y in data:
        bits = x[:, 0].astype(int)
        assert (bits[2::3] == (bits[::3] != bits[1::3])).all()
        assert (y[1::3] == bits[2::3]).all()
        assert (np.delete(y, np.arange(1, 15, 3)) == -1).all()
    everything = np.concatenate([x[:, 0] for x, _ in data])
    assert everything.mean() == pytest.approx(0.5, abs=0.05)


def test_parity_counts_the_ones():
    data = parity(100, steps=9, shortest=4)
    assert (data.lengths.min(), data.lengths.max()) == (4, 9)
    for x, y in data:
        odd = False
        for bit, answer in zip(x[:, 0], y, strict=True):
            odd ^= bool(bit)
            assert answer == odd
    assert set(parity(5, steps=3).lengths) == {3}


GENERATORS = {
    "adding": lambda seed: adding_problem(5, 8, seed=seed),
    "copy": lambda seed: copy_memory(5, 8, seed=seed),
    "recall": lambda seed: delayed_recall(5, 8, seed=seed),
    "temporal xor": lambda seed: temporal_xor(5, 8, seed=seed),
    "parity": lambda seed: parity(5, 8, seed=seed),
}


@pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS)
def test_a_seed_and_its_generator_give_the_same_numbers(make):
    def numbers(seed):
        return np.concatenate([s.ravel() for s in make(seed).sequences])

    np.testing.assert_array_equal(numbers(4), numbers(4))
    np.testing.assert_array_equal(numbers(4), numbers(np.random.default_rng(4)))
    assert not np.array_equal(numbers(4), numbers(5))
    rng = np.random.default_rng(4)
    assert not np.array_equal(numbers(rng), numbers(rng))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: adding_problem(0, 5), "sequences must be a positive integer, got 0"),
        (lambda: adding_problem(1, 1), "steps must be an integer of 2 or more, got 1"),
        (lambda: copy_memory(1, 0), "delay must be a positive integer, got 0"),
        (lambda: copy_memory(1, 1, symbols=-1), "symbols must be a positive integer, got -1"),
        (lambda: copy_memory(1, 1, length=0), "length must be a positive integer, got 0"),
        (lambda: delayed_recall(1, 0.5), "delay must be a positive integer, got 0.5"),
        (lambda: delayed_recall(1, 1, classes=0), "classes must be a positive integer, got 0"),
        (lambda: temporal_xor(1, 0), "triples must be a positive integer, got 0"),
        (lambda: parity(1, 0), "steps must be a positive integer, got 0"),
        (lambda: parity(1, 3, shortest=4), "shortest must be at most steps = 3, got 4"),
        (lambda: parity(1, 3, shortest=0), "shortest must be a positive integer, got 0"),
    ],
)
def test_wrong_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
