"""Datasets that are resampled for every epoch: a sequence is a function of its index and the epoch."""

import pickle

import numpy as np
import pytest

import rnnbp
from rnnbp.data import ResampledDataset


def draw(place, epoch):
    rng = np.random.default_rng([place, epoch])
    return rng.normal(place % 2, 1, (4 + place % 3, 2))


def data(size=20):
    return ResampledDataset(draw, targets=np.arange(size) % 2)


def trainer():
    model = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=1)
    return rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.01), seed=2)


def test_an_epoch_is_reproducible_and_epochs_differ():
    dataset = data()
    for epoch in (0, 3):
        for place, (a, b) in enumerate(zip(dataset.at_epoch(epoch), dataset.at_epoch(epoch), strict=True)):
            np.testing.assert_array_equal(a[0], b[0])
            np.testing.assert_array_equal(a[0], draw(place, epoch).astype(np.float32))
    np.testing.assert_array_equal(dataset.sequences[5], dataset.at_epoch(0).sequences[5])
    assert not np.array_equal(dataset.at_epoch(1).sequences[5], dataset.at_epoch(2).sequences[5])


def test_subsets_of_subsets_have_their_own_sequences():
    part = data().subset([7, 3, 9]).subset([2, 0])
    assert part.targets.tolist() == [1, 1]
    for mine, place in zip(part.at_epoch(4).sequences, (9, 7), strict=True):
        np.testing.assert_array_equal(mine, draw(place, 4).astype(np.float32))
    np.testing.assert_array_equal(part.sequences[0], draw(9, 0).astype(np.float32))


def test_a_map_applies_to_every_epoch():
    doubled = data().subset([7, 3]).map(lambda x: np.repeat(2 * x, 2, axis=1))
    assert doubled.feature_size == 4
    assert doubled.feature_names == ("x0", "x1", "x2", "x3")
    np.testing.assert_allclose(doubled.at_epoch(6).sequences[1][:, ::2], 2 * draw(3, 6).astype(np.float32))
    np.testing.assert_allclose(doubled.sequences[1][:, ::2], 2 * draw(3, 0).astype(np.float32))


def test_features_keep_their_names_in_every_epoch():
    named = ResampledDataset(draw, targets=[0, 1], feature_names=["pitch", "energy"])
    for part in (named[1:], named.at_epoch(2), named.map(lambda x: x + 1)):
        assert part.feature_names == ("pitch", "energy")


def test_only_epoch_0_is_cached():
    dataset = data()
    later = dataset.at_epoch(1)
    assert later.batch().x.shape == dataset.batch().x.shape
    assert later.sequences.cached_bytes == 0
    assert dataset.sequences.cached_bytes > 0


def test_each_epoch_trains_on_its_own_sample():
    one, other = trainer(), trainer()
    one.fit(data(), epochs=2, progress=False)
    for epoch in (1, 2):
        other.fit(
            rnnbp.SequenceDataset(list(data().at_epoch(epoch).sequences), data().targets), epochs=1, progress=False
        )
    np.testing.assert_array_equal(one.model.params.vector, other.model.params.vector)
    assert one.evaluate(data()) == one.evaluate(data().at_epoch(0))


def test_a_resumed_training_sees_the_same_sequences(tmp_path):
    whole, first, second = trainer(), trainer(), trainer()
    whole.fit(data(), epochs=5, progress=False)
    first.fit(data(), epochs=2, progress=False, checkpoint=tmp_path / "c.npz")
    second.resume(tmp_path / "c.npz")
    second.fit(data(), epochs=3, progress=False)
    np.testing.assert_array_equal(second.model.params.vector, whole.model.params.vector)


def test_another_process_samples_the_same_sequences():
    again = pickle.loads(pickle.dumps(data().subset([4, 2])))
    np.testing.assert_array_equal(again.at_epoch(3).sequences[1], draw(2, 3).astype(np.float32))


def test_targets_of_steps_are_refused():
    with pytest.raises(ValueError, match="must be one a sequence where sequences are resampled, got one a step"):
        ResampledDataset(lambda place, epoch: np.zeros((2, 1)), targets=[np.zeros(2, int), np.ones(2, int)])


def test_rows_of_values_are_one_a_sequence_whatever_its_length():
    for K in (1, 3, 4):
        dataset = ResampledDataset(lambda place, epoch: np.zeros((3, 1)), targets=[[0.5] * K] * 2)
        assert dataset.targets.tolist() == [[0.5] * K] * 2
        assert not dataset.at_epoch(2).per_step


def test_a_wrong_sequence_is_named_when_it_is_sampled():
    wrong = ResampledDataset(lambda place, epoch: np.full((2, 1), np.nan if place and epoch else 0.0), targets=[0, 1])
    with pytest.raises(ValueError, match=r"sequence 1 \(1\) holds nan at step 0"):
        wrong.at_epoch(1).batch()
