"""Label sequences: names and numbers, subsets, padding and errors."""

import numpy as np
import pytest

from rnnbp import LabelSequences, SequenceDataset
from rnnbp.data import label_sequences

WORDS = [["s", "ih", "k", "s"], [], ["ey", "t"]]


def test_names_are_numbered_after_the_blank():
    found = LabelSequences(WORDS)
    assert found.classes == ("<blank>", "ey", "ih", "k", "s", "t")
    assert [one.tolist() for one in found] == [[4, 2, 3, 4], [], [1, 5]]
    assert found.lengths.tolist() == [4, 0, 2]
    assert all(one.dtype == np.int64 for one in found)


def test_a_string_is_a_sequence_of_characters():
    assert LabelSequences(["ab", "b"], classes=["b", "a", "_"])[0].tolist() == [1, 0]


def test_subsets_of_label_sequences_are_label_sequences():
    found = LabelSequences(WORDS)
    assert found[2].tolist() == [1, 5]
    for places in (slice(1, 3), [1, 2], np.array([False, True, True])):
        part = found[places]
        assert isinstance(part, LabelSequences)
        assert part.lengths.tolist() == [0, 2]
        assert part.classes == found.classes
    assert label_sequences(found) is found


def test_padded_takes_empty_sequences():
    assert LabelSequences([[1, 2], []]).padded(7).tolist() == [[1, 2], [7, 7]]
    assert LabelSequences([[], []]).padded(7).shape == (2, 0)


def test_a_dataset_has_the_classes_of_its_label_sequences():
    x = [np.ones((5, 1))] * 3
    data = SequenceDataset(x, LabelSequences(WORDS))
    assert data.classes == data.targets.classes
    assert "label sequences of 6 classes" in repr(data)
    assert data.describe().loc["s"].tolist() == [1, 2, 5, 5.0, 5]
    named = SequenceDataset(x, LabelSequences([[1], [], [2, 2]]), classes=["_", "a", "b"])
    assert named.map(lambda s: 2 * s).targets.classes == ("_", "a", "b")
    assert SequenceDataset(x, LabelSequences([[1], [], [2, 2]])).describe().loc["2", "steps"] == 2


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([["a"], ["c"]], ["a", "b"], "label 'c' of sequence 1 is not among a, b"),
        ([[0], [2]], ["a", "b"], "labels of sequence 1 must be from 0 to 1, got 2"),
        ([[0], [0.5]], None, r"labels of sequence 1 must be of shape \(L,\), all integers or all names, got float64"),
        ([["a"], [1]], None, r"labels of sequence 1 must be of shape \(L,\), all integers or all names, got int64"),
        ([[1], 2], None, r"labels of sequence 1 must be of shape \(L,\), .* of \(\)"),
    ],
)
def test_wrong_labels_are_refused(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        LabelSequences(labels, classes)


def test_label_sequences_that_do_not_fit_a_dataset_are_refused():
    with pytest.raises(ValueError, match="targets must be one for each of the 1 sequences, got 3"):
        SequenceDataset([np.ones((5, 1))], LabelSequences(WORDS))
    with pytest.raises(ValueError, match="classes must be those of the label sequences"):
        SequenceDataset([np.ones((5, 1))] * 3, LabelSequences(WORDS), classes=["a"])
