"""SequenceBatch: longest first, the active prefix, spans; streams cut into rows."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnbp
from rnnbp import LabelSequences
from rnnbp.data import LazySequences, SequenceBatch
from rnnbp.data.batch import collate, stream_batches

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=7)


def ragged(lengths, features=2):
    """Return sequences whose values identify the sequence and the step."""
    return [np.stack([np.full(n, i), np.arange(n)], axis=1).astype(float)[:, :features] for i, n in enumerate(lengths)]


def batch_of(lengths, targets=None):
    return collate(ragged(lengths), targets, np.arange(len(lengths)))


# ---- collate ------------------------------------------------------------------------------------


@given(LENGTHS)
def test_sequences_are_sorted_by_length_and_ties_are_in_the_callers_order(lengths):
    batch = batch_of(lengths)
    assert batch.lengths.tolist() == sorted(lengths, reverse=True)
    assert [lengths[i] for i in batch.order] == batch.lengths.tolist()
    assert all(i < j for i, j, a, b in zip(batch.order, batch.order[1:], batch.lengths, batch.lengths[1:]) if a == b)
    assert batch.lengths.dtype == batch.order.dtype == batch.active.dtype == np.int64


@given(LENGTHS)
def test_a_batch_has_complete_sequences_and_zeros_as_padding(lengths):
    batch, sequences = batch_of(lengths), ragged(lengths)
    assert batch.x.shape == (max(lengths), len(lengths), 2)
    assert batch.x.flags.c_contiguous
    assert (batch.steps, batch.size) == batch.x.shape[:2]
    for b, place in enumerate(batch.order):
        np.testing.assert_array_equal(batch.x[: batch.lengths[b], b], sequences[place])
        assert not batch.x[batch.lengths[b] :, b].any()


@given(LENGTHS)
def test_active_sequences_are_a_prefix(lengths):
    batch = batch_of(lengths)
    running = np.arange(batch.steps)[:, None] < batch.lengths
    np.testing.assert_array_equal(batch.active, running.sum(axis=1))
    assert all(row[:n].all() for row, n in zip(running, batch.active))


@given(LENGTHS)
def test_restore_gives_the_callers_order_on_any_axis(lengths):
    batch = batch_of(lengths)
    np.testing.assert_array_equal(batch.restore(batch.x[0, :, 0]), np.arange(len(lengths)))
    np.testing.assert_array_equal(batch.restore(batch.x, axis=1)[0, :, 0], np.arange(len(lengths)))


def test_restore_of_a_subset_gives_the_order_of_the_dataset():
    batch = collate(ragged([2, 5, 3, 9]), None, np.array([2, 1]))
    assert batch.order.tolist() == [1, 2]
    assert batch.restore(batch.lengths).tolist() == [5, 3]


def test_targets_of_sequences_are_sorted_with_them():
    assert batch_of([1, 3, 2], np.array([10, 20, 30])).targets.tolist() == [20, 30, 10]
    values = batch_of([1, 3], np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert values.targets.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert not values.per_step


def test_targets_of_steps_are_padded_with_ignored_values():
    labels = batch_of([1, 3], [np.array([5]), np.array([7, -1, 9])])
    assert labels.per_step
    assert labels.targets.tolist() == [[7, 5], [-1, -1], [9, -1]]
    values = batch_of([1, 3], [np.full((1, 1), 5.0), np.array([[7.0], [np.nan], [9.0]])])
    assert values.per_step
    np.testing.assert_array_equal(values.targets[:, :, 0], [[7, 5], [np.nan, 0], [9, 0]])


def test_values_of_two_sequences_of_two_steps_are_not_taken_for_values_of_steps():
    values = batch_of([2, 2], np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert not values.per_step
    assert values.span(0, 1).targets.shape == (2, 2)
    labels = batch_of([2, 2], [np.array([1, 2]), np.array([3, 4])])
    assert labels.per_step
    assert labels.targets.tolist() == [[1, 3], [2, 4]]


def test_tokens_remain_integers():
    batch = collate([np.array([4]), np.array([1, 2])], None, np.arange(2))
    assert batch.x.tolist() == [[1, 4], [2, 0]]
    assert batch.astype(np.float32) is batch
    assert batch_of([2]).astype(np.float32).x.dtype == np.float32


# ---- spans --------------------------------------------------------------------------------------


@given(LENGTHS, st.lists(st.integers(0, 9), max_size=4))
def test_concatenated_spans_are_the_batch(lengths, cuts):
    batch = batch_of(lengths, [np.arange(n) for n in lengths])
    ends = [0, *sorted(c for c in cuts if c < batch.steps), batch.steps]
    spans = [batch.span(a, b) for a, b in pairwise(ends)]
    np.testing.assert_array_equal(np.concatenate([s.x for s in spans]), batch.x)
    np.testing.assert_array_equal(np.concatenate([s.targets for s in spans]), batch.targets)
    np.testing.assert_array_equal(np.concatenate([s.active for s in spans]), batch.active)
    np.testing.assert_array_equal(sum(s.lengths for s in spans), batch.lengths)


def test_a_span_keeps_the_targets_of_sequences_and_stops_at_the_end():
    span = batch_of([2, 5], np.array([7, 8])).span(3, 100)
    assert span.steps == 2
    assert span.lengths.tolist() == [2, 0]
    assert span.targets.tolist() == [8, 7]


# ---- from arrays --------------------------------------------------------------------------------


def test_from_array_sorts_and_blanks_the_padding():
    x = np.ones((3, 2, 1))
    batch = SequenceBatch.from_array(x, [1, 3], targets=np.ones((3, 2, 2)))
    assert batch.lengths.tolist() == [3, 1]
    assert batch.x[:, :, 0].tolist() == [[1, 1], [1, 0], [1, 0]]
    assert batch.targets[:, :, 1].tolist() == [[1, 1], [1, 0], [1, 0]]
    assert x.all(), "what was given is left as it is"


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_values_of_two_axes_are_values_of_steps_for_all_sizes(steps):
    y = np.arange(3.0 * steps).reshape(steps, 3)
    batch = SequenceBatch.from_array(np.ones((steps, 3, 1)), [1, steps, 2], targets=y)
    assert batch.per_step
    assert batch.targets.shape == (steps, 3, 1)
    assert batch.targets[:, 0, 0].tolist() == y[:, 1].tolist()
    assert batch.targets[:, 2, 0].tolist() == [y[0, 0], *[0.0] * (steps - 1)]


@pytest.mark.parametrize("steps", [2, 3, 4])
@pytest.mark.parametrize("dtype", [float, int])
def test_values_of_whole_sequences_need_per_step_false(steps, dtype):
    y = np.arange(9).reshape(3, 3).astype(dtype)
    batch = SequenceBatch.from_array(np.ones((steps, 3, 1)), [1, steps, 2], targets=y, per_step=False)
    assert not batch.per_step
    assert batch.targets.tolist() == y[batch.order].tolist()
    assert batch.targets.dtype == np.float64
    assert batch.span(1, 2).targets.tolist() == batch.targets.tolist()


@pytest.mark.parametrize("steps", [3, 4])
def test_the_loss_of_outputs_that_equal_the_values_of_their_steps_is_zero(steps, rng):
    model = rnnbp.Sequential(rnnbp.Dense(1, 1), dtype=np.float64)
    model.params["0.w"], model.params["0.b"] = 2.0, 0.0
    x = rng.normal(size=(steps, 3, 1))
    batch = SequenceBatch.from_array(x, [1, 3, 2], targets=2 * x[:, :, 0])
    (g,) = rnnbp.BPTT().gradients(model, batch, rnnbp.MeanSquaredError())
    assert g.loss == 0


def test_small_integers_and_bools_are_blanked_past_the_end():
    for dtype in (np.uint8, bool):
        batch = SequenceBatch.from_array(np.ones((2, 2, 1)), [1, 2], targets=np.ones((2, 2), dtype))
        assert batch.targets.tolist() == [[1, 1], [1, -1]]
    rows = SequenceBatch.from_array(np.ones((2, 2, 1)), [1, 2], targets=np.ones((2, 2, 3), int)).targets
    assert rows[1].tolist() == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (
            np.ones(3),
            {},
            r"x must have shape \(T, B, F\), or \(T, B\) for integer tokens, got float64 of \(3,\)$",
        ),
        (np.ones((3, 2)), {}, r"got float64 of \(3, 2\): for one feature give x\[:, :, None\]"),
        (np.ones((0, 2, 1)), {}, r"got float64 of \(0, 2, 1\)"),
        (np.ones((3, 2, 1)), {"lengths": [0, 3]}, "lengths must be from 1 to T = 3, got 0 to 3"),
        (np.ones((3, 2, 1)), {"lengths": [4, 3]}, "got 3 to 4"),
        (
            np.ones((3, 2, 1)),
            {"lengths": [3]},
            r"lengths must be integers of shape \(B,\) = \(2,\), got int64 of \(1,\)",
        ),
        (np.ones((3, 2, 1)), {"lengths": [1.0, 2.0]}, "got float64"),
        (np.ones((3, 2, 1)), {"targets": [1, 2, 3]}, r"shape \(B,\) with T = 3 and B = 2, got \(3,\)$"),
        (
            np.ones((3, 2, 1)),
            {"targets": np.ones((2, 5))},
            r"shape \(T, B\) with T = 3 and B = 2, got \(2, 5\): \(B, K\) values a sequence need per_step=False",
        ),
        (np.ones((3, 2, 1)), {"targets": np.ones((2, 3), int)}, r"got \(2, 3\): \(B, K\) values"),
        (np.ones((3, 2, 1)), {"targets": np.ones((3, 4)), "per_step": False}, r"shape \(B, K\) .* got \(3, 4\)$"),
        (np.ones((3, 2, 1)), {"targets": np.ones((2, 3, 1))}, r"shape \(T, B, K\) .* got \(2, 3, 1\)$"),
        (np.ones((3, 2, 1)), {"targets": [1, 2], "per_step": True}, r"per_step=True does not fit .* one a sequence"),
        (
            np.ones((3, 2, 1)),
            {"targets": np.ones((3, 2, 1)), "per_step": False},
            r"per_step=False does not fit targets of shape \(3, 2, 1\), which are one a step",
        ),
        (np.ones((3, 2, 1)), {"targets": np.ones((3, 2)), "per_step": "no"}, "per_step must be True or False"),
        (np.ones((3, 2, 1)), {"targets": np.ones((3, 2, 1, 1))}, "targets must have one to three axes"),
        (np.ones((3, 2, 1)), {"targets": ["a", "b"]}, "targets must be numbers, got <U1"),
        (np.ones((3, 2, 1)), {"per_step": True}, "per_step=True says that .* one a step, but there are no targets"),
        (
            np.ones((3, 2, 1)),
            {"targets": LabelSequences([[1], [2]]), "per_step": True},
            "per_step=True says .* but targets are sequences of labels",
        ),
    ],
)
def test_from_array_names_the_argument_that_does_not_fit(x, options, message):
    with pytest.raises(ValueError, match=message):
        SequenceBatch.from_array(x, **options)


# ---- fields ------------------------------------------------------------------------------------


X = np.zeros((5, 3, 2))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lengths": [2, 5, 3]}, r"lengths must be sorted, longest first, got \[2, 5, 3\]: SequenceBatch.from_array"),
        ({"lengths": [6, 3, 2]}, "lengths must be from 0 to T = 5, got 2 to 6"),
        ({"lengths": [5, 3, -1]}, "lengths must be from 0 to T = 5, got -1 to 5"),
        ({"lengths": [5, 3]}, r"lengths must be integers of shape \(B,\) = \(3,\), got int64 of \(2,\)"),
        ({"lengths": [5.0, 3.0, 2.0]}, "lengths must be integers .* got float64"),
        ({"order": np.arange(2)}, r"order must be integers of shape \(B,\) = \(3,\), got int64 of \(2,\)"),
        ({"x": np.zeros((5, 3))}, r"x must have shape \(T, B, F\), or .* got float64 of \(5, 3\)"),
        ({"x": np.full((5, 3, 1), "a")}, "got <U1"),
        ({"targets": np.zeros(5, int)}, r"targets must have shape \(B,\) with B = 3, got \(5,\)"),
        ({"targets": np.zeros((5, 3))}, r"\(B, K\) with B = 3, got \(5, 3\): one value a step is \(T, B, 1\)"),
        ({"targets": np.zeros((3, 4), int)}, r"\(T, B\) with T = 5 and B = 3, got \(3, 4\), as integers are classes"),
        ({"targets": np.zeros((3, 5, 1))}, r"\(T, B, K\) with T = 5 and B = 3, got \(3, 5, 1\)"),
        ({"targets": np.array(["a"] * 3)}, "targets must be numbers .* got <U1"),
        ({"targets": LabelSequences([[1]])}, "targets must be labels for each of the B = 3 sequences, got 1"),
    ],
)
def test_a_batch_whose_fields_do_not_fit_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        SequenceBatch(**{"x": X, "lengths": [5, 3, 2]} | fields)


def test_a_batch_of_plain_fields_is_in_the_order_given():
    batch = SequenceBatch(X, [5, 3, 2])
    assert batch.order.tolist() == [0, 1, 2]
    assert batch.active.tolist() == [3, 3, 2, 1, 1]
    assert batch.targets is None


def test_per_step_follows_replaced_targets():
    batch = SequenceBatch(X[:3], [3, 3, 3], np.zeros((3, 3), int))
    assert batch.per_step
    assert not replace(batch, targets=np.zeros((3, 3))).per_step
    assert replace(batch, targets=np.zeros((3, 3, 3))).per_step
    assert not replace(batch, targets=None).per_step


def test_a_batch_prints_shapes_and_no_numbers():
    long = SequenceBatch.from_array(np.zeros((900, 40, 7)), targets=np.zeros((900, 40), int))
    assert repr(long) == (
        "SequenceBatch: 40 sequences of 900 steps, x (T, B, F) = (900, 40, 7) float64; targets (T, B) = (900, 40) int64"
    )
    tokens = SequenceBatch(np.zeros((5, 1), int), [4], LabelSequences([[1, 2]]))
    assert repr(tokens) == (
        "SequenceBatch: 1 sequence of 4 steps, x (T, B) = (5, 1) int64; targets LabelSequences: 1 sequence of 2 labels"
    )


# ---- streams ------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 12))
def test_rows_of_a_stream_continue_from_batch_to_batch(size, rows, steps):
    rows = min(rows, size)
    batches = list(stream_batches(np.arange(size)[:, None], np.arange(size), rows, steps))
    assert all(b.size == rows and (b.lengths == b.steps).all() and b.steps <= steps for b in batches)
    whole = np.concatenate([b.x[:, :, 0] for b in batches])
    np.testing.assert_array_equal(whole.T.ravel(), np.arange(rows * (size // rows)))
    np.testing.assert_array_equal(np.concatenate([b.targets for b in batches]), whole)


def test_a_stream_of_tokens_and_one_of_values():
    (tokens,) = stream_batches(np.arange(4), np.arange(4), 2, 2)
    assert tokens.x.dtype == np.int64
    (values,) = stream_batches(np.ones((4, 1)), np.array([1.0, np.nan, 3, 4]), 2, 2, dtype=np.float64)
    assert values.x.dtype == np.float64
    assert values.targets.shape == (2, 2, 1)
    assert values.per_step


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((3, 1)), np.ones(2), 1, 1), r"targets must be one for each of the 3 steps, got shape \(2,\)"),
        ((np.ones((3, 1)), np.ones(3), 4, 1), "batch_size must be at most the number of steps, 3, got 4"),
        ((np.ones((3, 1)), np.ones(3), 0, 1), "batch_size must be a positive integer, got 0"),
        ((np.ones((3, 1)), np.ones(3), 1, -1), "steps must be a positive integer, got -1"),
        ((np.array([[1.0], [np.nan]]), np.ones(2), 1, 1), "x holds nan at step 1, feature 0"),
        ((np.ones(3), np.ones(3), 1, 1), r"x must have shape \(T, F\), or \(T,\) for integer tokens"),
    ],
)
def test_a_stream_is_checked_before_the_first_batch(arguments, message):
    with pytest.raises(ValueError, match=message):
        stream_batches(*arguments)


# ---- parts of a batch, for several processes -------------------------------------------------------


@given(LENGTHS, st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_the_parts_of_a_batch_are_together_the_batch_and_have_its_number_of_steps(lengths, size, ranks, lazy):
    sequences = ragged(lengths)
    given = LazySequences(sequences.__getitem__, len(lengths)) if lazy else sequences
    data = rnnbp.SequenceDataset(given, targets=np.arange(len(lengths)), weights=np.arange(len(lengths)) + 1.0)
    shares = [
        list(data.batches(size, shuffle=True, rng=np.random.default_rng(3), share=(rank, ranks)))
        for rank in range(ranks)
    ]
    for whole, *parts in zip(data.batches(size, shuffle=True, rng=np.random.default_rng(3)), *shares, strict=True):
        assert whole.part is None
        found = np.zeros(whole.size, int)
        for batch in parts:
            part = batch.part
            assert batch.steps == whole.steps
            assert part.lengths.tolist() == whole.lengths.tolist()
            assert part.active(0, whole.steps).tolist() == whole.active.tolist()
            assert np.array_equal(batch.x, whole.x[:, part.columns])
            assert np.array_equal(batch.targets, whole.targets[part.columns])
            assert np.array_equal(batch.order, whole.order[part.columns])
            assert batch.weights[: int(part.padded)].tolist() == [0.0] * part.padded
            assert np.array_equal(batch.weights[part.own], whole.weights[part.columns[part.own]])
            found[part.columns[part.own]] += 1
        assert found.tolist() == [1] * whole.size


def test_padding_of_a_part_has_no_weight_at_any_step():
    targets, weights = [np.zeros(n, int) for n in (3, 1)], [np.ones(n) for n in (3, 1)]
    data = rnnbp.SequenceDataset(ragged([3, 1]), targets=targets, weights=weights)
    (batch,) = data.batches(2, share=(1, 2))
    assert batch.weights.tolist() == [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("share", [(2, 2), (-1, 2), (0, 0), 1, (0.5, 2), (0, 1, 2)])
def test_a_share_is_a_rank_below_the_number_of_ranks(share):
    with pytest.raises(ValueError, match="share"):
        rnnbp.SequenceDataset(ragged([3, 1])).batches(2, share=share)
