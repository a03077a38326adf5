"""Weights of a dataset follow its sequences."""

import numpy as np
import pandas as pd
import pytest

from rnnbp.data import LabelSequences, ResampledDataset, SequenceBatch, SequenceDataset

X = [np.full((n, 1), float(n)) for n in (3, 1, 2, 4)]
STEPS = [np.arange(n) for n in (3, 1, 2, 4)]
W = [1.0, 0.0, 0.5, 2.0]
PER_STEP = [10.0 * n + np.arange(n) for n in (3, 1, 2, 4)]


def of_sequences(**options):
    return SequenceDataset(X, [0, 1, 1, 0], weights=W, **options)


def of_steps():
    return SequenceDataset(X, STEPS, weights=PER_STEP)


def assert_follow(data):
    """Check that each sequence still has its own weight: they are told apart by their first value."""
    by_value = {float(x[0, 0]): i for i, x in enumerate(X)}
    for i, (x, _) in enumerate(data):
        expected = PER_STEP[by_value[float(x[0, 0])]] if isinstance(data.weights, list) else W[by_value[float(x[0, 0])]]
        np.testing.assert_array_equal(data.weights[i], expected)


@pytest.mark.parametrize("make", [of_sequences, of_steps])
def test_weights_follow_subsets_splits_maps_and_shuffled_batches(make):
    data = make()
    assert_follow(data.subset([3, 1, 1]))
    assert_follow(data[:2])
    for part in data.split(0.5, stratify=False):
        assert_follow(part)
    assert_follow(data.map(lambda x: np.hstack([x, x])))
    for batch in data.batches(3, shuffle=True, rng=np.random.default_rng(1)):
        for b, place in enumerate(batch.order):
            found = batch.weights[: batch.lengths[b], b] if batch.weights.ndim == 2 else batch.weights[b]
            np.testing.assert_array_equal(found, data.weights[place])
            assert batch.weights.ndim == 1 or not batch.weights[batch.lengths[b] :, b].any()


def test_weights_follow_classes_of_other_names():
    data = SequenceDataset(X, list("abba"), weights=W).with_classes(["b", "a"])
    np.testing.assert_array_equal(data.weights, W)


def test_pieces_have_the_weight_of_their_sequence_or_of_their_steps():
    np.testing.assert_array_equal(SequenceDataset(X, STEPS, weights=W).cut(2).weights, [1, 1, 0, 0.5, 2, 2])
    assert [w.tolist() for w in of_steps().cut(2).weights] == [[30, 31], [32], [10], [20, 21], [40, 41], [42, 43]]


@pytest.mark.parametrize("make", [of_sequences, of_steps])
def test_weights_survive_a_table(make):
    data = make()
    again = SequenceDataset.from_frame(data.to_frame(), dtype=np.float32)
    assert again.feature_names == data.feature_names
    for found, expected in zip(again.weights, data.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    named = data.to_frame().rename(columns={"sample_weight": "cost"})
    np.testing.assert_array_equal(SequenceDataset.from_frame(named, weight="cost").weights[0], data.weights[0])
    assert SequenceDataset.from_frame(data.to_frame(), weight=None).feature_names == ("x0", "sample_weight")


def test_weights_survive_padding():
    batch = of_steps().batch()
    x, weights = batch.restore(batch.x, axis=1).swapaxes(0, 1), batch.restore(batch.weights, axis=1).T
    targets = batch.restore(batch.targets, axis=1).T
    again = SequenceDataset.from_padded(x, [3, 1, 2, 4], targets, weights=weights)
    assert_follow(again)
    np.testing.assert_array_equal(SequenceDataset.from_padded(x, None, [0, 1, 1, 0], weights=W).weights, W)


def test_a_stream_has_the_weights_of_its_steps():
    stream = SequenceDataset.from_stream(np.arange(8)[:, None], np.arange(8), 2, 3, weights=10 * np.arange(8))
    for (x, _), w in zip(stream, stream.weights, strict=True):
        np.testing.assert_array_equal(w, 10 * x[:, 0])


def test_a_resampled_dataset_keeps_its_weights_in_every_epoch():
    data = ResampledDataset(lambda place, epoch: np.full((2, 1), place + 10.0 * epoch), [0, 1, 1], weights=[1, 2, 3])
    np.testing.assert_array_equal(data.subset([2, 0]).at_epoch(3).weights, [3, 1])


def test_label_sequences_have_a_weight_for_each_sequence():
    data = SequenceDataset(X, LabelSequences([[1], [2], [1], [1]]), weights=W)
    np.testing.assert_array_equal(data.subset([2, 3]).batch().weights, [2.0, 0.5])


def test_weights_are_named_in_texts():
    assert repr(of_sequences()).endswith("classes a sequence, weighted")
    assert "weights (T, B) = (4, 4)" in repr(of_steps().batch())
    assert "one a step" in of_steps()._repr_html_()


@pytest.mark.parametrize(
    ("targets", "weights", "message"),
    [
        ([0, 1, 1, 0], [1, 2], "weights must be one for each of the 4 sequences, got 2"),
        ([0, 1, 1, 0], 1.0, "weights must be one for each of the 4 sequences, got float"),
        ([0, 1, 1, 0], [1, 2, -1, 0], "weights must be finite and 0 or more .*, got -1 for sequence 2"),
        ([0, 1, 1, 0], [1, 2, 1, 1e308], r"1e-100 to 1e\+100 where not 0\), got 1e\+308 for sequence 3"),
        ([0, 1, 1, 0], [1, 2, 1, np.inf], "got inf for sequence 3"),
        ([0, 1, 1, 0], list("abcd"), "weights of sequence 0 must be numbers, got <U1"),
        ([0, 1, 1, 0], PER_STEP, "weights are one a step, but targets are one a sequence"),
        (None, PER_STEP, "weights are one a step, but there are no targets"),
        (STEPS, [*PER_STEP[:3], [1.0]], "weights of sequence 3 are 1 for its 4 steps"),
        (STEPS, [*PER_STEP[:3], [1.0, np.nan, 1, 1]], "got nan for sequence 3 at step 1"),
        (STEPS, [1.0, *PER_STEP[1:]], r"a number for each sequence, or an array \(T_i,\) for each"),
    ],
)
def test_weights_that_do_not_fit_are_refused(targets, weights, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset(X, targets, weights=weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2, 3], r"weights must have shape \(B,\) = \(2,\) or \(T, B\) = \(3, 2\), got \(3,\)"),
        ([[1, 2], [1, 2], [1, -2]], "got -2 for sequence 1 at step 2"),
        (np.ones((3, 2)), "are one a step, but targets are one a sequence"),
    ],
)
def test_weights_that_do_not_fit_a_batch_are_refused(weights, message):
    targets = [0, 1] if "targets" in message else np.zeros((3, 2), int)
    with pytest.raises(ValueError, match=message):
        SequenceBatch.from_array(np.ones((3, 2, 1)), targets=targets, weights=weights)


def test_a_column_of_weights_must_hold_numbers():
    frame = pd.DataFrame({"sequence": [0, 1], "step": [0, 0], "x": [1.0, 2.0], "w": ["a", "b"]})
    with pytest.raises(ValueError, match="column 'w', named in weight=, must hold numbers"):
        SequenceDataset.from_frame(frame, weight="w")
    with pytest.raises(ValueError, match="frame has no column 'weigth'"):
        SequenceDataset.from_frame(frame, weight="weigth")


def test_shifted_targets_and_varied_recordings_have_the_weights(rng):
    from rnnbp.data import LazySequences
    from rnnbp.datasets.varied import varied
    from rnnbp.features import MFCC, Variation

    data = SequenceDataset(X[:1] + X[2:], weights=[1.0, 0.5, 2.0])
    np.testing.assert_array_equal(data.shifted(1).weights, [1.0, 0.5, 2.0])
    lazy = LazySequences(lambda place: np.sin(np.arange(800.0))[:, None], 2)
    recordings = SequenceDataset(lazy, targets=[0, 1], weights=[1, 3])
    np.testing.assert_array_equal(varied(recordings, MFCC(sr=8000), Variation(), sr=8000).weights, [1, 3])
