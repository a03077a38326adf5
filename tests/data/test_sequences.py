"""Subsets, splits, cuts, maps and descriptions of datasets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rnnbp.data import SequenceDataset
from rnnbp.data.standardizer import Standardizer


def numbered(size, targets=None, **options):
    """Return a dataset whose sequence i has i + 1 steps of the value i."""
    return SequenceDataset([np.full((i + 1, 1), float(i)) for i in range(size)], targets, **options)


def which(data):
    return [int(s[0, 0]) for s in data.sequences]


# ---- subset -------------------------------------------------------------------------------------


def test_a_subset_is_in_the_given_order():
    data = numbered(4, list("abca"), ids=list("wxyz"))
    part = data.subset([2, -1, 0])
    assert which(part) == [2, 3, 0]
    assert part.targets.tolist() == [2, 0, 0]
    assert part.ids == ["y", "z", "w"]
    assert part.lengths.tolist() == [3, 4, 1]
    assert part.classes == data.classes == ("a", "b", "c")
    assert which(data.subset(np.array([False, True, False, True]))) == [1, 3]
    assert which(data.subset(range(2))) == [0, 1]
    assert len(data) == 4


def test_a_subset_of_targets_of_steps():
    part = numbered(3, [np.arange(n) for n in (1, 2, 3)]).subset([2])
    assert part.targets[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([], "places must hold at least one sequence, got none"),
        ([False, False, False], "places must hold at least one sequence, got none"),
        ([True], r"places must be one bool a sequence, 3, got shape \(1,\)"),
        ([3], "places must be below the number of sequences, 3, got 3"),
        ([0, -4], "places must be below the number of sequences, 3, got -4"),
        ([0.5], r"places must be integers or one bool a sequence, got float64 of \(1,\)"),
        ([[0, 1]], r"got int64 of \(1, 2\)"),
    ],
)
def test_wrong_subsets_are_refused(places, message):
    with pytest.raises(ValueError, match=message):
        numbered(3).subset(places)


def test_indexing_gives_an_item_or_a_dataset():
    data = numbered(4, list("abca"), ids=list("wxyz"))
    assert data[2][1] == data[np.int64(-2)][1] == 2
    assert which(data[:2]) == [0, 1]
    assert which(data[::-2]) == [3, 1]
    assert data[1:].ids == ["x", "y", "z"]
    assert which(data[np.array([True, False, False, True])]) == which(data[data.targets == 0]) == [0, 3]
    assert which(data[np.array([3, 0])]) == which(data[[3, 0]]) == [3, 0]
    assert isinstance(data[:2], SequenceDataset)
    with pytest.raises(ValueError, match="places must hold at least one sequence, got none"):
        data[4:]


def test_feature_names_are_preserved_if_their_number_fits():
    data = SequenceDataset([np.zeros((3, 2)), np.ones((4, 2))], feature_names=["pitch", "energy"])
    for part in (data[:1], data.subset([1]), data.split(0.5)[1], data.cut(2), data.map(lambda x: x + 1)):
        assert part.feature_names == ("pitch", "energy")
    assert data.map(lambda x: x[:, :1]).feature_names == ("x0",)
    assert data.to_frame().columns.tolist() == ["sequence", "step", "pitch", "energy"]
    assert data.describe_features().index.tolist() == ["pitch", "energy"]
    tokens = SequenceDataset([np.array([0, 2])])
    assert tokens.feature_names == ("token",)
    assert tokens.map(lambda t: t[:, None] / 2).feature_names == ("x0",)
    assert tokens.map(lambda t: t[::-1]).feature_names == ("token",)


@pytest.mark.parametrize(
    ("sequence", "names", "message"),
    [
        (np.zeros((2, 2)), ["a"], "feature_names must be 2, one a feature, got 1"),
        (np.zeros((2, 2)), ["a", "a"], "feature_names must be different, got 'a' twice"),
        (np.array([1, 2]), ["letter"], r"feature_names of tokens must be \['token'\], got \['letter'\]"),
    ],
)
def test_wrong_feature_names_are_refused(sequence, names, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset([sequence], feature_names=names)


# ---- split --------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 9))
def test_splits_have_the_given_sizes_and_do_not_overlap(sizes, seed):
    data = numbered(sum(sizes))
    parts = data.split(sizes, seed=seed)
    assert [len(p) for p in parts] == sizes
    assert sorted(i for p in parts for i in which(p)) == which(data)
    assert all(which(p) == sorted(which(p)) for p in parts)


@given(st.lists(st.integers(0, 3), min_size=12, max_size=60), st.sampled_from([0.25, 0.5, 0.8]), st.integers(0, 9))
def test_every_class_is_divided_in_proportion(labels, share, seed):
    first, second = numbered(len(labels), labels).split(share, seed=seed)
    counts = np.bincount(labels, minlength=4)
    assert (abs(np.bincount(first.targets, minlength=4) - share * counts) <= 1).all()
    assert len(first) == int(share * len(labels) + 0.5)
    assert len(first) + len(second) == len(labels)


def test_a_split_may_have_a_fraction_for_each_set():
    assert [len(p) for p in numbered(20).split((0.5, 0.3, 0.2))] == [10, 6, 4]


def test_a_split_follows_from_its_seed():
    data = numbered(50)
    assert which(data.split(0.5, seed=1)[0]) == which(data.split(0.5, seed=1)[0])
    assert which(data.split(0.5, seed=1)[0]) != which(data.split(0.5, seed=2)[0])
    assert which(data.split(0.5, seed=1)[0]) == which(data.split(0.5, seed=np.random.default_rng(1))[0])


def test_a_split_without_stratification_ignores_the_classes():
    labels = [0] * 50 + [1] * 50
    by_class, by_chance = (numbered(100, labels).split(0.5, stratify=s)[0] for s in (True, False))
    assert np.bincount(by_class.targets).tolist() == [25, 25]
    assert np.bincount(by_chance.targets).tolist() != [25, 25]
    assert len(by_chance) == 50


def spoken(speakers, targets=None):
    """Return a dataset with one sequence for each letter, which is its speaker."""
    return numbered(len(speakers), targets, info=pd.DataFrame({"speaker": list(speakers)}))


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=30, max_size=60),
    st.sampled_from([0.5, (0.5, 0.5), (0.5, 0.25, 0.25)]),
    st.integers(0, 9),
    st.booleans(),
)
def test_no_group_is_in_two_splits(speakers, parts, seed, classes):
    data = spoken(speakers, [ord(s) % 2 for s in speakers] if classes else None)
    assume(len(set(speakers)) == 8)
    dealt = data.split(parts, seed=seed, groups="speaker")
    assert len(dealt) == (3 if parts == (0.5, 0.25, 0.25) else 2)
    assert sorted(i for part in dealt for i in which(part)) == which(data)
    names = [set(part.info["speaker"]) for part in dealt]
    assert sum(map(len, names)) == len(set().union(*names)) == 8
    assert all(which(part) == sorted(which(part)) for part in dealt)


def test_splits_by_groups_have_the_sizes_and_classes_that_whole_groups_allow():
    data = spoken("abcdefghij" * 3, [k % 2 for k in range(10)] * 3)
    first, second, third = data.split((0.4, 0.4, 0.2), groups="speaker")
    assert [len(p) for p in (first, second, third)] == [12, 12, 6]
    assert [np.bincount(p.targets).tolist() for p in (first, second, third)] == [[6, 6], [6, 6], [3, 3]]
    whole = [p.info["speaker"].tolist() for p in data.split((0.4, 0.4, 0.2), groups="speaker")]
    assert whole == [p.info["speaker"].tolist() for p in (first, second, third)], "the same seed, the same parts"
    assert whole != [p.info["speaker"].tolist() for p in data.split((0.4, 0.4, 0.2), seed=1, groups="speaker")]


def test_groups_without_stratification_are_split_by_size():
    data = spoken("aaabbbcd", [0, 0, 0, 1, 1, 1, 0, 1])
    for seed in range(5):
        parts = data.split(0.5, seed=seed, stratify=False, groups="speaker")
        assert [len(p) for p in parts] == [4, 4]
    by_class = data.split(0.5, groups="speaker")
    assert [len(p) for p in by_class] == [4, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"groups": "speakr"},
            "groups must be a column of info, which has speaker; got 'speakr'. Did you mean",
        ),
        ({"groups": np.arange(5)}, "groups must be a column of info, which has speaker; got array"),
        (
            {"groups": "speaker", "parts": (3, 2)},
            r"parts must be fractions where groups decide, got the sizes \(3, 2",
        ),
        ({"groups": "speaker", "parts": (0.9, 0.05, 0.05)}, r"parts = \(0.9, 0.05, 0.05\) leave part \d of 5"),
        ({"stratify": True}, "stratify=True needs targets that are one class a sequence, got no targets"),
        ({"stratify": "no"}, "stratify must be True or False, got 'no'"),
    ],
)
def test_wrong_splits_by_groups_or_classes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        spoken("aabbb").split(**{"parts": 0.5} | options)


def test_a_split_by_groups_needs_info_for_each_sequence():
    with pytest.raises(ValueError, match="which has none: give the dataset info=, a DataFrame; got 'speaker'"):
        numbered(4).split(0.5, groups="speaker")
    with pytest.raises(ValueError, match="groups must have a value for each sequence, got none for 2"):
        numbered(4, info=pd.DataFrame({"speaker": ["a", "b", None, "a"]})).split(0.5, groups="speaker")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (1.5, "parts must be a number between 0 and 1, got 1.5"),
        (0.01, "parts = 0.01 leave part 0 of 5 sequences empty"),
        (1.0, "parts = 1.0 leave part 1 of 5 sequences empty"),
        ((0.5, 0.6), r"parts must be fractions that add up to 1, got \(0.5, 0.6\)"),
        ((0.5, -0.5), r"parts\[1\] must be a number above 0 and at most 1, got -0.5"),
        ((3, 3), r"parts must be sizes of 1 or more that add up to 5, got \(3, 3\)"),
        ((5, 0), "parts must be sizes of 1 or more that add up to 5"),
        ((), "parts must be a fraction, or one or more fractions or sizes, got none"),
        ("half", "parts"),
    ],
)
def test_wrong_splits_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        numbered(5).split(parts)


# ---- map and cut --------------------------------------------------------------------------------


def test_map_keeps_targets_ids_and_dtype():
    data = numbered(3, ["b", "a", "b"], ids=list("xyz"), dtype=np.float64)
    doubled = data.map(lambda x: np.hstack([x, 2 * x]))
    assert doubled.feature_size == 2
    assert doubled.sequences[2][0].tolist() == [2, 4]
    assert (doubled.classes, doubled.ids, doubled.dtype) == (data.classes, data.ids, np.float64)
    assert doubled.targets.tolist() == data.targets.tolist()


def test_map_from_tokens_to_vectors():
    data = SequenceDataset([np.array([0, 2])]).map(lambda t: np.eye(3)[t])
    assert data.sequences[0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert data.sequences[0].dtype == np.float32


def test_map_is_checked_as_data_are():
    with pytest.raises(ValueError, match="sequence 1 holds nan at step 0, feature 0"):
        numbered(2).map(lambda x: np.where(x == 1, np.nan, x))
    with pytest.raises(ValueError, match="targets of sequence 1 are 2 for its 1 steps"):
        numbered(2, [[0], [0, 1]]).map(lambda x: x[:1])


def test_cutting_preserves_every_step_and_its_target():
    data = SequenceDataset([np.arange(7.0)[:, None], np.arange(2.0)[:, None]], [np.arange(7), np.arange(2)])
    pieces = data.cut(3)
    assert pieces.lengths.tolist() == [3, 3, 1, 2]
    assert [t.tolist() for t in pieces.targets] == [s[:, 0].astype(int).tolist() for s in pieces.sequences]
    assert pieces.ids == [(0, 0), (0, 3), (0, 6), (1, 0)]
    assert SequenceDataset([np.zeros((4, 1))]).cut(2).targets is None


def test_wrong_cuts_are_refused():
    with pytest.raises(ValueError, match="targets are one a sequence, so the sequences cannot be cut"):
        numbered(2, [0, 1]).cut(1)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        numbered(2).cut(0)


# ---- statistics ---------------------------------------------------------------------------------


def test_describe_counts_sequences_and_steps_for_each_class():
    table = numbered(4, ["a", "b", "a", "a"], classes=["a", "b", "c"]).describe()
    assert table.columns.tolist() == ["sequences", "steps", "shortest", "median", "longest"]
    assert table.loc["all"].tolist() == [4, 10, 1, 2.5, 4]
    assert table.loc["a"].tolist() == [3, 8, 1, 3, 4]
    assert table.loc["b"].tolist() == [1, 2, 2, 2, 2]
    assert table.loc["c"].tolist() == [0, 0, 0, 0, 0]


def test_describe_counts_the_steps_that_have_a_class():
    table = SequenceDataset([np.zeros((3, 1)), np.zeros((5, 1))], [[0, 1, -1], [0, 0, 0, 0, -1]]).describe()
    assert table.index.tolist() == ["all", "0", "1"]
    assert table["steps"].tolist() == [8, 5, 1]
    assert table["sequences"].tolist() == [2, 2, 1]
    assert table["longest"].tolist() == [5, 5, 3]


def test_describe_without_classes_is_one_row():
    assert numbered(3).describe().index.tolist() == ["all"]
    assert numbered(3, [0.5, 1.0, 1.5]).describe().index.tolist() == ["all"]


def test_statistics_are_over_all_steps(rng):
    parts = [rng.normal(3, 2, (n, 4)) for n in (5, 50)]
    data = SequenceDataset(parts, dtype=np.float64)
    mean, std = data.statistics()
    np.testing.assert_allclose(mean, np.concatenate(parts).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, np.concatenate(parts).std(axis=0), rtol=1e-12)
    table = data.describe_features()
    assert table.index.tolist() == ["x0", "x1", "x2", "x3"]
    np.testing.assert_array_equal(table["mean"], mean)
    np.testing.assert_array_equal(table["std"], std)
    np.testing.assert_array_equal(table["max"], np.concatenate(parts).max(axis=0))
    assert SequenceDataset([np.array([1, 3])]).describe_features().index.tolist() == ["token"]


# ---- Standardizer -------------------------------------------------------------------------------


def test_a_standardizer_measures_the_training_set_alone(rng):
    train = SequenceDataset([rng.normal(5, 3, (n, 2)) for n in (20, 30)], dtype=np.float64)
    test = SequenceDataset([rng.normal(50, 3, (9, 2))], dtype=np.float64)
    standardize = Standardizer.fit(train)
    mean, std = train.map(standardize).statistics()
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    np.testing.assert_allclose(std, 1, rtol=1e-12)
    shifted = test.map(standardize)
    assert (shifted.statistics()[0] > 10).all()
    np.testing.assert_allclose(shifted.map(standardize.inverse).sequences[0], test.sequences[0], rtol=1e-12)


def test_a_constant_feature_is_only_shifted():
    data = SequenceDataset([np.array([[1.0, 7.0], [3.0, 7.0]])])
    assert data.map(Standardizer.fit(data)).sequences[0].tolist() == [[-1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([0.0, 1.0], [1.0], r"mean and std must both have shape \(F,\), got \(2,\) and \(1,\)"),
        ([np.nan], [1.0], "mean and std must be finite, and std not negative"),
        ([0.0], [-1.0], "std not negative"),
    ],
)
def test_wrong_arguments_of_standardizers_are_refused(mean, std, message):
    with pytest.raises(ValueError, match=message):
        Standardizer(mean, std)


def test_a_standardizer_knows_its_features():
    with pytest.raises(ValueError, match=r"x must have F = 2 features, got shape \(3, 1\)"):
        Standardizer([0.0, 0.0], [1.0, 1.0])(np.zeros((3, 1)))
