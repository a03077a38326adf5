"""Lazy sequences and datasets of them equal those in memory, in bounded memory."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnbp
from rnnbp.data import LazySequences, SequenceDataset
from rnnbp.data.moments import moments
from rnnbp.data.standardizer import Standardizer


class Source:
    """A loader whose sequence i has i % 5 + 1 steps of two unique numbers; it counts its calls."""

    def __init__(self, size):
        self.size, self.asked = size, []

    def __call__(self, place):
        self.asked.append(place)
        return np.random.default_rng(place).normal(size=(place % 5 + 1, 2)).astype(np.float32)

    def lazy(self, **options):
        return LazySequences(self, self.size, **options)

    def in_memory(self):
        return [self(i) for i in range(self.size)]


def both(size=20, memory=100, targets=None):
    source = Source(size)
    targets = [i % 3 for i in range(size)] if targets is None else targets
    info = pd.DataFrame({"row": range(size)})
    return tuple(SequenceDataset(s, targets, info=info) for s in (source.lazy(memory=memory), source.in_memory()))


def equal(a, b):
    assert len(a) == len(b)
    for (x, t), (y, u) in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(t, u)


# ---- the list ------------------------------------------------------------------------------------


def test_sequences_are_loaded_on_access_and_cached_ones_once():
    source = Source(5)
    lazy = source.lazy()
    assert source.asked == []
    np.testing.assert_array_equal(lazy[3], lazy[-2])
    assert source.asked == [3]
    assert [len(s) for s in lazy[1:3]] == [2, 3]
    assert source.asked == [3, 1, 2]


@given(st.integers(0, 400), st.lists(st.integers(0, 19), max_size=60))
def test_the_cache_is_bounded_by_memory(memory, order):
    lazy = Source(20).lazy(memory=memory)
    for place in order:
        lazy[place]
        assert lazy.cached_bytes <= memory
        assert lazy.cached_bytes == sum(s.nbytes for s in lazy._cache.arrays.values())


def test_the_hit_rate_of_an_epoch_is_the_fraction_that_fits_in_memory():
    source = Source(100)
    half = sum(s.nbytes for s in source.in_memory()) // 2
    lazy = source.lazy(memory=half)
    rng = np.random.default_rng(0)
    for _ in range(3):
        source.asked.clear()
        for place in rng.permutation(100):
            lazy[place]
    assert abs(len(source.asked) - 50) <= 5


def test_the_cache_does_not_reference_the_base_of_a_view():
    large = np.zeros((1000, 2))
    lazy = LazySequences(lambda place: large[:3], size=1)
    assert lazy[0].base is None
    assert lazy.cached_bytes == 48


def test_lengths_are_computed_once_or_given():
    source = Source(6)
    lazy = source.lazy(memory=0)
    assert lazy.known_lengths is None
    assert lazy.lengths.tolist() == [1, 2, 3, 4, 5, 1]
    assert len(source.asked) == len(lazy.lengths)
    known = source.lazy(lengths=[1, 2, 3, 4, 5, 1])
    assert known.chosen([2, 0]).lengths.tolist() == [3, 1]
    assert len(source.asked) == 6


def test_wrong_lengths_are_detected_when_sequences_are_loaded():
    wrong = Source(6).lazy(lengths=[1, 2, 9, 4, 5, 1], names=list("abcdef"))
    assert len(wrong[1]) == 2
    for ask in (wrong.__getitem__, wrong.uncached):
        with pytest.raises(ValueError, match=r"sequence 2 \(c\) has 3 steps, but lengths says 9"):
            ask(2)
    with pytest.raises(ValueError, match=r"sequence 0 \(c\) has 3 steps, but lengths says 9"):
        wrong.chosen([2])[0]


def test_the_repr_of_a_lazy_dataset_loads_no_sequence():
    source = Source(8)
    data = SequenceDataset(source.lazy(memory=0), np.zeros(8, int))
    source.asked.clear()
    assert "8 sequences" in data._repr_html_()
    assert set(source.asked) <= {0}


def test_cached_arrays_are_not_pickled():
    lazy = Source(50).lazy()
    before = len(pickle.dumps(lazy))
    for s in lazy:
        assert len(s)
    lazy._cache.load.asked.clear()
    again = pickle.loads(pickle.dumps(lazy))
    assert len(pickle.dumps(lazy)) <= before
    assert (again.cached_bytes, again.memory) == (0, lazy.memory)
    np.testing.assert_array_equal(again[4], lazy[4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be a positive integer, got 0"),
        ({"size": 2, "memory": -1}, "memory must be an integer of 0 or more, got -1"),
        ({"size": 2, "lengths": [1]}, "lengths must be one a sequence, 2, got 1"),
        ({"size": 2, "lengths": [1.5, 2]}, r"lengths must be integers of 1 or more, got float64 of \(2,\)"),
        ({"size": 2, "lengths": [0, 2]}, "lengths must be integers of 1 or more, got int64"),
        ({"size": 2, "names": ["a", "b", "c"]}, "names must be one a sequence, 2, got 3"),
    ],
)
def test_wrong_arguments_of_lazy_sequences_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LazySequences(Source(2), **arguments)


# ---- the dataset ---------------------------------------------------------------------------------


def test_lazy_and_in_memory_datasets_are_equal():
    lazy, whole = both()
    assert repr(lazy) == "SequenceDataset: 20 sequences, 2 features; classes a sequence"
    equal(lazy, whole)
    equal(lazy.subset([7, 3, -1]), whole.subset([7, 3, -1]))
    for a, b in zip(lazy.split((0.5, 0.3, 0.2)), whole.split((0.5, 0.3, 0.2)), strict=True):
        equal(a, b)
        assert a.info["row"].tolist() == b.info["row"].tolist()
    equal(lazy.map(lambda x: x[::2] - 1), whole.map(lambda x: x[::2] - 1))
    pd.testing.assert_frame_equal(lazy.describe(), whole.describe())
    pd.testing.assert_frame_equal(lazy.describe_features(), whole.describe_features())
    pd.testing.assert_frame_equal(lazy.to_frame(), whole.to_frame())
    assert repr(lazy) == repr(whole)
    for bucket in (1, 3):
        pairs = [d.batches(4, shuffle=True, rng=np.random.default_rng(1), bucket=bucket) for d in (lazy, whole)]
        for a, b in zip(*pairs, strict=True):
            np.testing.assert_array_equal(a.x, b.x)
            np.testing.assert_array_equal(a.order, b.order)
            np.testing.assert_array_equal(a.targets, b.targets)


def test_targets_of_steps_and_cuts_are_equal_for_lazy_and_in_memory_datasets():
    lazy, whole = both(targets=[np.arange(i % 5 + 1) for i in range(20)])
    assert lazy.per_step
    equal(lazy.cut(2), whole.cut(2))
    assert lazy.cut(2).ids == whole.cut(2).ids
    assert lazy.cut(2).info["row"].tolist() == whole.cut(2).info["row"].tolist()
    with pytest.raises(ValueError, match=r"targets of sequence 1 are 9 for its 2 steps: give one a step"):
        SequenceDataset(Source(3).lazy(), [np.zeros(1, int), np.zeros(9, int), np.zeros(3, int)])


def test_a_batch_accesses_each_of_its_sequences_once():
    source = Source(8)
    data = SequenceDataset(source.lazy(memory=0), np.zeros(8, int))
    source.asked.clear()
    assert [b.size for b in data.batches(4)] == [4, 4]
    assert sorted(source.asked) == list(range(8))


def test_a_wrong_lazy_sequence_is_named_when_it_is_loaded():
    made = [np.ones((2, 3)), np.full((2, 3), np.nan), np.ones((2, 4))]
    data = SequenceDataset(LazySequences(made.__getitem__, 3, names=["a.wav", "b.wav", "c.wav"]))
    assert len(data.subset([0]).batch().lengths) == 1
    with pytest.raises(ValueError, match=r"sequence 1 \(b\.wav\) holds nan at step 0, feature 0"):
        data.subset([1]).batch()
    with pytest.raises(ValueError, match=r"sequence 2 \(c\.wav\) has shape \(T, F\) = \(2, 4\), but sequence 0 has"):
        data.subset([0, 2]).describe()


def test_info_must_be_one_row_a_sequence():
    with pytest.raises(ValueError, match="info must be one a sequence, 2, got 3"):
        SequenceDataset([np.zeros((1, 1))] * 2, info=pd.DataFrame({"a": [1, 2, 3]}))
    with pytest.raises(ValueError, match="info must be a DataFrame of one row a sequence, got dict"):
        SequenceDataset([np.zeros((1, 1))] * 2, info={"a": [1, 2]})


def test_training_on_lazy_sequences_equals_training_in_memory():
    histories = []
    for data in both(size=40, memory=300):
        model = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 3), seed=0)
        trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.01), seed=0)
        standardized = data.map(Standardizer.fit(data))
        history = trainer.fit(standardized, validation=standardized, epochs=3, batch_size=8, progress=False)
        histories.append(history.drop(columns="seconds", errors="ignore"))
        if isinstance(standardized.sequences, LazySequences):
            assert 0 < standardized.sequences.cached_bytes <= 300
    assert histories[0]["loss"].tolist() == histories[1]["loss"].tolist()


# ---- moments -------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 400))
def test_moments_do_not_depend_on_the_blocks(lengths, block):
    rng = np.random.default_rng(sum(lengths))
    sequences = [rng.normal(1000, 3, (n, 2)) for n in lengths]
    found, whole = moments(sequences, block), np.concatenate(sequences)
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.std, whole.std(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal([found.low, found.high], [whole.min(axis=0), whole.max(axis=0)])
