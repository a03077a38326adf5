"""Reset flags of datasets and batches."""

import numpy as np
import pytest

import rnnbp
from rnnbp.data.batch import collate

FLAGS = [np.array([0, 1, 0], bool), np.array([1, 0, 0, 0, 1], bool)]


def data(**options: object) -> rnnbp.SequenceDataset:
    x = [np.arange(3.0)[:, None], np.arange(5.0)[:, None]]
    return rnnbp.SequenceDataset(x, [np.arange(3), np.arange(5)], resets=FLAGS, **options)


def test_a_batch_has_the_flags_of_its_sequences_in_their_order() -> None:
    batch = data().batch()
    np.testing.assert_array_equal(batch.order, [1, 0])
    np.testing.assert_array_equal(batch.reset.T, [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0]])
    assert batch.reset.dtype == bool


def test_subsets_pieces_maps_spans_and_copies_keep_their_flags() -> None:
    whole = data()
    np.testing.assert_array_equal(whole.subset([1]).resets[0], FLAGS[1])
    assert [flags.tolist() for flags in whole.cut(2).resets] == [
        [False, True], [False], [True, False], [False, False], [True]
    ]  # fmt: skip
    np.testing.assert_array_equal(whole.map(lambda x: 2 * x).resets[0], FLAGS[0])
    np.testing.assert_array_equal(whole.batch().span(1, 3).reset, whole.batch().reset[1:3])
    np.testing.assert_array_equal(whole.batch().astype(np.float64).reset, whole.batch().reset)
    assert len(whole.split(0.5)[0].resets) == 1


def test_a_stream_is_cut_with_its_flags() -> None:
    flags = np.arange(8) % 3 == 0
    stream = rnnbp.SequenceDataset.from_stream(np.arange(8)[:, None], np.arange(8), 2, 3, reset=flags)
    for s, own in zip(stream.sequences, stream.resets, strict=True):
        np.testing.assert_array_equal(own, s[:, 0] % 3 == 0)


def test_an_array_of_any_order_takes_flags_in_that_order() -> None:
    batch = rnnbp.SequenceBatch.from_array(np.ones((3, 2, 1)), [1, 3], reset=[[0, 0], [1, 1], [1, 0]])
    np.testing.assert_array_equal(batch.reset, [[False, False], [True, False], [False, False]])


def test_batches_without_flags_have_none() -> None:
    assert collate([np.ones((2, 1))], None, np.arange(1)).reset is None
    assert rnnbp.SequenceDataset([np.ones((2, 1))]).batch().reset is None


@pytest.mark.parametrize(
    ("resets", "message"),
    [
        ([FLAGS[0]], "resets must be one array of flags for each of the 2 sequences, got 1"),
        ([FLAGS[0], FLAGS[0]], r"resets of sequence 1 must have shape \(T_i,\) = \(5,\), got \(3,\)"),
        ([FLAGS[0], np.arange(5)], r"resets of sequence 1 must be flags, True or False, got int64 \[0, 1, 2, 3, 4\]"),
    ],
)
def test_flags_of_a_dataset_are_checked(resets: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rnnbp.SequenceDataset([np.ones((3, 1)), np.ones((5, 1))], resets=resets)


def test_flags_of_a_batch_are_checked() -> None:
    with pytest.raises(ValueError, match=r"reset must have shape \(T, B\) = \(3, 2\), got \(3,\)"):
        rnnbp.SequenceBatch(np.ones((3, 2, 1)), [3, 3], reset=np.zeros(3, bool))


def test_a_table_has_a_column_of_flags() -> None:
    frame = data().to_frame()
    assert frame["reset"].dtype == bool
    back = rnnbp.SequenceDataset.from_frame(frame)
    for one, other in zip(back.resets, FLAGS, strict=True):
        np.testing.assert_array_equal(one, other)
    named = rnnbp.SequenceDataset.from_frame(
        frame.rename(columns={"reset": "done"}).astype({"done": int}), reset="done"
    )
    np.testing.assert_array_equal(named.resets[1], FLAGS[1])
    assert named.feature_names == ("x0",)
    assert rnnbp.SequenceDataset.from_frame(frame, features=["x0", "reset"]).feature_size == 2
    assert rnnbp.SequenceDataset.from_frame(frame, reset=None).resets is None
    numbers = rnnbp.SequenceDataset.from_frame(frame.astype({"reset": float}))
    assert numbers.resets is None, "a column of numbers is a feature"
    assert numbers.feature_names == ("x0", "reset")
    with pytest.raises(ValueError, match="resets of sequence 0 must be flags"):
        rnnbp.SequenceDataset.from_frame(frame.assign(done=0.5), reset="done")


def test_a_notebook_shows_the_number_of_resets() -> None:
    assert "3 in all" in data()._repr_html_().partition("resets")[2]
