"""MNIST-1D: the same numbers as its authors' package, at every seed, and what the recipe promises."""

import numpy as np
import pytest

from rnnbp.datasets import load, mnist1d


@pytest.fixture
def published():
    """Return the authors' generator, and put NumPy's global generator, which it seeds, back afterwards."""
    data = pytest.importorskip("mnist1d.data")
    state = np.random.get_state()  # noqa: NPY002

    def make(seed, shuffled):
        options = data.get_dataset_args(as_dict=True)
        options |= {"num_samples": 500, "seed": seed, "shuffle_seq": shuffled}  # 5,000 take it ten seconds
        return data.make_dataset(data.ObjectView(options))

    yield make
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.oracles
@pytest.mark.parametrize(("seed", "shuffled"), [(42, False), (42, True), (3, False)])
def test_numbers_equal_those_of_the_published_package(published, seed, shuffled):
    theirs = published(seed, shuffled)
    for ours, part in zip(mnist1d(shuffled, 400, 100, seed), ("", "_test"), strict=True):
        np.testing.assert_allclose(np.stack(ours.sequences)[:, :, 0], theirs["x" + part], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(ours.targets, theirs["y" + part])


def test_the_shuffled_sequences_have_the_same_values_in_one_other_order():
    (plain, _), (shuffled, _) = (mnist1d(kind, train=90, test=10) for kind in (False, True))
    x, y = np.stack(plain.sequences), np.stack(shuffled.sequences)
    order = [int(np.flatnonzero(np.isclose(x[0, :, 0], value))[0]) for value in y[0, :, 0]]
    assert sorted(order) == list(range(40))
    assert order != list(range(40))
    np.testing.assert_allclose(y, x[:, order], atol=1e-6)
    np.testing.assert_array_equal(plain.targets, shuffled.targets)


def test_each_digit_has_a_tenth_of_all_sequences_and_values_are_standardized():
    train, test = mnist1d(train=150, test=50)
    assert np.bincount(np.concatenate([train.targets, test.targets])).tolist() == [20] * 10
    values = np.concatenate([*train.sequences, *test.sequences])
    assert values.mean() == pytest.approx(0, abs=1e-5)
    assert values.std() == pytest.approx(1, rel=1e-5)


def test_generation_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    mnist1d(train=5, test=5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_name_of_the_shuffled_set_takes_no_other_order():
    with pytest.raises(ValueError, match="'mnist1d-shuffled' has no option 'shuffled'; it takes train, test, seed"):
        load("mnist1d-shuffled", shuffled=False)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train": 0}, "train must be a positive integer, got 0"),
        ({"test": 2.5}, "test must be a positive integer, got 2.5"),
        ({"train": 7, "test": 4}, r"train \+ test must be a multiple of ten, .*, got 7 \+ 4 = 11"),
    ],
)
def test_wrong_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        mnist1d(**sizes)
