"""Edges of what datasets, batches, tables and tokens take: what is just right and what is just refused."""

import numpy as np
import pandas as pd
import pytest

from rnnbp.data import CharTokenizer, LabelSequences, ResampledDataset, SequenceBatch, SequenceDataset
from rnnbp.data.batch import stream_batches
from rnnbp.data.batch_fields import as_flags
from rnnbp.data.class_names import SHOWN, listed, names_or_none
from rnnbp.data.shifted import columns_of, next_steps
from rnnbp.data.splits import deal_groups
from rnnbp.data.weights import item_weights, unpadded_weights


@pytest.mark.parametrize("shape", [(2,), (3, 2)])
@pytest.mark.parametrize("given", [(3,), (2, 3), (1, 2), ()])
def test_weights_of_items_of_another_shape_are_refused(shape, given):
    with pytest.raises(ValueError, match=r"weights must have shape \(B,\) = \(2,\).*, got"):
        item_weights(np.ones(given), shape)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_weights_of_items_that_are_no_weights_are_refused(wrong):
    with pytest.raises(ValueError, match="weights must be finite and 0 or more"):
        item_weights([1.0, wrong], (3, 2))


def test_weights_of_items_are_of_sequences_or_of_steps():
    steps = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(item_weights(steps, (3, 2)), steps)
    np.testing.assert_array_equal(item_weights([2, 3], (3, 2)), [[2, 3]] * 3)
    assert item_weights([0, 3], (2,)).dtype == np.float64


@pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 3, 1)])
def test_weights_of_a_padded_array_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"weights must have shape \(N,\) = \(2,\) or \(N, T\) = \(2, 3\), got"):
        unpadded_weights(np.ones(shape), [3, 1], (2, 3))


def test_weights_of_a_stream_are_one_a_step():
    with pytest.raises(ValueError, match=r"weights must be one for each of the 6 steps, got shape \(5,\)"):
        list(stream_batches(np.zeros((6, 1)), np.zeros(6), 2, 2, weights=np.ones(5)))
    first, last = stream_batches(np.zeros((6, 1)), np.zeros(6), 2, 2, weights=np.arange(6))
    assert (first.weights.tolist(), last.weights.tolist()) == ([[0, 3], [1, 4]], [[2, 5]])


def test_labels_of_an_array_are_ordered_with_its_sequences():
    x = np.zeros((4, 3, 1))
    batch = SequenceBatch.from_array(x, [2, 4, 3], LabelSequences([[1], [2, 2], [3]]))
    assert [one.tolist() for one in batch.targets] == [[2, 2], [3], [1]]
    with pytest.raises(ValueError, match="targets must be labels for each of the B = 3 sequences, got 2"):
        SequenceBatch.from_array(x, [2, 4, 3], LabelSequences([[1], [2]]))


def test_names_in_files_are_texts_in_a_list():
    assert names_or_none(None) is None
    for wrong in ("ab", ["a", 1], {"a": 1}):
        with pytest.raises(ValueError, match="feature_names must be a list of names, got"):
            names_or_none(wrong, "feature_names")


def test_at_most_twenty_names_are_listed():
    names = [str(k) for k in range(SHOWN + 1)]
    assert listed(names[:SHOWN]).endswith("'19'")
    assert listed(names).endswith("'19', ... (21 in all)")


@pytest.mark.parametrize("features", [[], ["a", 0], [0, 0]])
def test_features_are_at_least_one_and_each_of_them_once(features):
    with pytest.raises(ValueError, match="features must be at least one, each of them once"):
        columns_of(["a", "b"], features)


@pytest.mark.parametrize("features", [2, -1, True, "c", 0.0])
def test_features_that_are_not_there_are_refused(features):
    with pytest.raises(ValueError, match="features must be among 'a', 'b', by name or number, got"):
        columns_of(["a", "b"], [features])


def test_tokenizers_are_equal_if_their_vocabularies_are():
    one = CharTokenizer("abc", unknown="a")
    assert one == CharTokenizer("abc", unknown="a")
    assert one != CharTokenizer("abc")
    assert one != "abc"
    assert len({one, CharTokenizer("abc", unknown="a"), CharTokenizer("abc")}) == 2


def test_texts_are_numbered_by_the_order_of_the_vocabulary():
    tokenizer = CharTokenizer("cab")
    assert tokenizer.encode("abcab").tolist() == [tokenizer.characters.index(c) for c in "abcab"]
    assert tokenizer.decode([0, len(tokenizer) - 1]) == tokenizer.characters[0] + tokenizer.characters[-1]
    for wrong in ([-1], [len(tokenizer)], [0.0]):
        with pytest.raises(ValueError, match="tokens must be integers from 0 to 2"):
            tokenizer.decode(wrong)


def test_objects_that_are_numbers_are_values_or_labels_as_numbers_are():
    x = [np.zeros((2, 1))] * 2
    labels = SequenceDataset(x, np.array([1, 0], object))
    values = SequenceDataset(x, np.array([1, 0.5], object))
    assert (labels.targets.dtype.kind, values.targets.tolist()) == ("i", [[1.0], [0.5]])


def test_the_same_names_of_classes_change_nothing():
    data = SequenceDataset([np.zeros((2, 1))] * 2, ["a", "b"])
    assert data.with_classes(["a", "b"]) is data
    assert data.with_classes(["b", "a"]).targets.tolist() == [1, 0]


def test_label_sequences_have_no_array_and_no_place_in_a_table_of_steps():
    data = SequenceDataset([np.zeros((2, 1))] * 2, LabelSequences([[1], [2]]))
    with pytest.raises(ValueError, match="which are no array"):
        np.asarray(data.targets)
    with pytest.raises(ValueError, match="a table with a row a step has no place for them"):
        data.to_frame()


def test_label_sequences_are_described_by_their_number_and_lengths():
    assert repr(LabelSequences([[1], [2]])) == "LabelSequences: 2 sequences of 1 label"
    assert repr(LabelSequences([["a"], []], ["a", "b"])) == "LabelSequences: 2 sequences of 0 to 1 labels, 2 classes"
    assert repr(LabelSequences([])) == "LabelSequences: 0 sequences of 0 labels"


# ---- tables -------------------------------------------------------------------------------------


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"sequence": [0, 0, 1], "step": [0, 1, 0], "x": [1.0, 2.0, 3.0], **columns})


def test_targets_that_change_within_a_sequence_are_one_a_step():
    steps = SequenceDataset.from_frame(table(target=[1.0, 2.0, 3.0]))
    assert [t.tolist() for t in steps.targets] == [[[1.0], [2.0]], [[3.0]]]
    assert SequenceDataset.from_frame(table(target=[1.0, 1.0, 3.0])).targets.tolist() == [[1.0], [3.0]]
    several = SequenceDataset.from_frame(table(target0=[1, 1, 2], target1=[5, 5, 6]))
    assert several.targets.tolist() == [[1, 5], [2, 6]]


def test_weights_that_change_within_a_sequence_are_one_a_step():
    steps = SequenceDataset.from_frame(table(sample_weight=[1.0, 2.0, 3.0], target=[0, 0, 1]), per_step=True)
    assert [w.tolist() for w in steps.weights] == [[1.0, 2.0], [3.0]]
    assert SequenceDataset.from_frame(table(sample_weight=[2, 2, 3], target=[0, 0, 1])).weights.tolist() == [2.0, 3.0]


def test_a_column_that_changes_names_the_sequence_in_which_it_does():
    frame = pd.DataFrame({"sequence": list("abb"), "step": [0, 0, 1], "x": [1.0, 2.0, 3.0], "who": ["u", "v", "w"]})
    with pytest.raises(ValueError, match=r"'who' .* changes within sequence 'b'"):
        SequenceDataset.from_frame(frame)
    data = SequenceDataset.from_frame(frame, features="x")
    assert data.info is None or "who" not in data.info


def test_rows_are_sorted_by_step_within_sequences_in_the_order_of_their_first_rows():
    frame = pd.DataFrame({"sequence": [7, 3, 7], "step": [2, 0, 1], "x": [1.0, 2.0, 3.0]})
    data = SequenceDataset.from_frame(frame)
    assert [s.ravel().tolist() for s in data.sequences] == [[3.0, 1.0], [2.0]]
    assert list(data.ids) == [7, 3]


def test_steps_that_occur_twice_are_named():
    with pytest.raises(ValueError, match="frame has step 5 of sequence 1 twice"):
        SequenceDataset.from_frame(pd.DataFrame({"sequence": [0, 1, 1], "step": [5, 5, 5], "x": [1.0, 2.0, 3.0]}))


@pytest.mark.parametrize(("texts", "sorted_as_numbers"), [(["t9", "t10"], False), (["t09", "t10"], True)])
def test_steps_that_are_texts_are_taken_if_they_sort_as_the_numbers_in_them(texts, sorted_as_numbers):
    frame = pd.DataFrame({"sequence": [0, 0], "step": texts, "x": [1.0, 2.0]})
    if sorted_as_numbers:
        assert SequenceDataset.from_frame(frame).sequences[0].ravel().tolist() == [1.0, 2.0]
    else:
        with pytest.raises(ValueError, match="sorted as texts, 't10' before 't9'"):
            SequenceDataset.from_frame(frame)


def test_names_of_features_are_one_a_feature_and_different():
    x = [np.zeros((2, 2))]
    for names, message in (
        (["a"], "must be 2, one a feature, got 1"),
        (["a", "a"], "must be different, got 'a' twice"),
    ):
        with pytest.raises(ValueError, match=f"feature_names {message}"):
            SequenceDataset(x, feature_names=names)
    with pytest.raises(ValueError, match=r"feature_names of tokens must be \['token'\], got \['word'\]"):
        SequenceDataset([np.array([1, 2])], feature_names=["word"])


def test_two_columns_of_a_table_never_have_the_same_name():
    data = SequenceDataset([np.zeros((2, 1))], [0], feature_names=["step"])
    with pytest.raises(
        ValueError, match="the table would have two columns 'step': give the dataset other feature_names"
    ):
        data.to_frame()


def test_a_description_counts_sequences_and_steps_of_each_class():
    data = SequenceDataset([np.zeros((n, 1)) for n in (1, 2, 4)], [0, 2, 2])
    assert data.describe().to_numpy().tolist() == [[3, 7, 1, 2, 4], [1, 1, 1, 1, 1], [0] * 5, [2, 6, 2, 3, 4]]
    steps = SequenceDataset([np.zeros((3, 1)), np.zeros((1, 1))], [np.array([0, 1, 1]), np.array([-1])])
    assert steps.describe().to_numpy().tolist() == [[2, 4, 1, 2, 3], [1, 1, 3, 3, 3], [1, 2, 3, 3, 3]]


def test_steps_with_the_same_numbers_in_them_are_in_the_order_of_texts():
    frame = pd.DataFrame({"sequence": [0, 0], "step": ["t1", "t01"], "x": [1.0, 2.0]})
    assert SequenceDataset.from_frame(frame).sequences[0].ravel().tolist() == [2.0, 1.0]


def test_up_to_eight_numbers_are_listed_in_a_message():
    for count, shown in ((8, r"\[7, 7, 7, 7, 7, 7, 7, 7\]$"), (9, r"\[7, 7, 7, 7, 7, 7, 7, 7, \.\.\.\]$")):
        with pytest.raises(ValueError, match=f"flags must be flags, True or False, got int64 {shown}"):
            as_flags("flags", np.full(count, 7))


def test_a_batch_of_an_array_of_tokens_stays_integers():
    batch = SequenceBatch.from_array(np.array([[1, 2], [3, 0]]), [1, 2])  # (T, B)
    assert batch.x.tolist() == [[2, 1], [0, 0]]
    assert batch.x.dtype.kind == "i"
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, F\), or \(T, B\) for integer tokens"):
        SequenceBatch.from_array(np.array([[1.0, 2.0]]))


def test_a_dataset_of_one_sequence_is_resampled():
    one = ResampledDataset(lambda place, epoch: np.full((2, 3), epoch), targets=[0])
    assert one.feature_size == 3
    assert one.at_epoch(4).sequences[0].tolist() == [[4.0] * 3] * 2


def test_the_targets_of_tokens_are_the_next_ones():
    assert next_steps(np.arange(5), 1).tolist() == [1, 2, 3, 4]
    assert next_steps(np.arange(5), 2).tolist() == [1, 2, 3]
    assert next_steps(np.arange(4), 1, np.array([False, True, False, False])).tolist() == [-1, 2, 3]


def test_the_largest_group_is_dealt_first_whatever_its_classes():
    groups, labels = pd.Series(list("aabbbcc")), np.array([1, 1, 0, 0, 0, 1, 1])
    parts = deal_groups(np.arange(7), [3 / 7, 4 / 7], groups, labels)
    assert [part.tolist() for part in parts] == [[0, 1], [2, 3, 4, 5, 6]]


def test_fractions_add_up_to_1_up_to_rounding():
    data = SequenceDataset([np.zeros((1, 1))] * 10)
    assert [len(part) for part in data.split([0.1 + 0.2, 0.7])] == [3, 7]
    with pytest.raises(ValueError, match="parts must be fractions that add up to 1, got"):
        data.split([0.3, 0.7 + 1e-8])


@pytest.mark.parametrize("weights", [[np.ones((2, 1))] * 2, [np.ones(2), 1.0]])
def test_weights_of_sequences_are_numbers_or_flat_arrays(weights):
    with pytest.raises(ValueError, match=r"weights must be a number for each sequence, or an array \(T_i,\) for each"):
        SequenceDataset([np.zeros((2, 1))] * 2, [[0, 1], [1, 0]], weights=weights)


def test_an_array_of_objects_with_two_axes_is_one_of_numbers():
    data = SequenceDataset([np.zeros((2, 1))] * 2, np.array([[1, 2.5], [3, 4]], object))
    assert data.targets.tolist() == [[1.0, 2.5], [3.0, 4.0]]


def test_a_list_of_ordered_categories_has_their_order_and_all_have_the_same():
    low, high = (pd.Categorical([name] * 2, ["low", "high"], ordered=True) for name in ("low", "high"))
    data = SequenceDataset([np.zeros((2, 1))] * 2, [high, low])
    assert data.classes == ("low", "high")
    assert [t.tolist() for t in data.targets] == [[1, 1], [0, 0]]
    with pytest.raises(ValueError, match="different ordered categories in different sequences"):
        SequenceDataset([np.zeros((2, 1))] * 2, [high, pd.Categorical(["low"] * 2, ["high", "low"], ordered=True)])
