"""SequenceDataset: batches, and conversion from and to tables and padded arrays."""

import timeit

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp.data import LazySequences, SequenceDataset
from rnnbp.datasets import load_japanese_vowels

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=12)
TARGETS = ["none", "labels", "names", "values", "labels a step", "names a step", "values a step", "rows a step"]


def dataset(lengths, kind="none", tokens=False, dtype=np.float32):
    """Return random sequences with targets of a type."""
    rng = np.random.default_rng(len(lengths))
    sequences = [rng.integers(5, size=n) if tokens else rng.standard_normal((n, 2)) for n in lengths]
    N = len(lengths)
    targets = {
        "none": None,
        "labels": rng.integers(3, size=N),
        "names": rng.choice(["a", "b"], N),
        "values": rng.standard_normal((N, 2)),
        "labels a step": [rng.integers(-1, 3, size=n) for n in lengths],
        "names a step": [[*rng.choice(["a", "b"], n - 1), "c"] for n in lengths],
        "values a step": [rng.choice([0.5, np.nan, 2.0], n) for n in lengths],
        "rows a step": [rng.standard_normal((n, 3)) for n in lengths],
    }[kind]
    per_step = True if kind == "values a step" else None  # which the lengths need not tell
    return SequenceDataset(sequences, targets, per_step=per_step, dtype=dtype)


def assert_same(found, expected):
    """Assert that sequences, targets and classes are bit-identical."""
    assert len(found) == len(expected)
    assert found.classes == expected.classes
    assert found.per_step == expected.per_step
    for (x, y), (wanted_x, wanted_y) in zip(found, expected, strict=True):
        assert x.dtype == wanted_x.dtype
        np.testing.assert_array_equal(x, wanted_x)
        np.testing.assert_array_equal(y, wanted_y)
        assert np.asarray(y).dtype == np.asarray(wanted_y).dtype


# ---- items and reprs ----------------------------------------------------------------------------


def test_items_of_a_dataset_are_sequences_and_targets():
    data = SequenceDataset([np.zeros((2, 3)), np.ones((4, 3))], ["no", "yes"], ids=["first", "second"])
    x, y = data[1]
    assert (x == 1).all()
    assert y == 1
    assert [len(x) for x, _ in data] == [2, 4]
    assert (len(data), data.feature_size, data.lengths.tolist(), data.ids) == (2, 3, [2, 4], ["first", "second"])
    assert SequenceDataset([[[1.0]]])[0][1] is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("none", "no targets"),
        ("labels", "classes a sequence"),
        ("names", "2 classes"),
        ("values", "values a sequence"),
        ("labels a step", "classes a step"),
        ("names a step", "3 classes a step"),
        ("values a step", "values a step"),
    ],
)
def test_repr_describes_sequences_and_targets(kind, text):
    assert repr(dataset([2, 9, 4], kind)) == f"SequenceDataset: 3 sequences of 2 to 9 steps, 2 features; {text}"


def test_repr_uses_singular_and_plural():
    assert repr(SequenceDataset([[[1.0]]])) == "SequenceDataset: 1 sequence of 1 step, 1 feature; no targets"
    assert repr(dataset([3, 3], tokens=True)) == "SequenceDataset: 2 sequences of 3 steps, tokens; no targets"


def test_html_repr_is_a_small_table():
    info = pd.DataFrame({"speaker": ["<ann>", "bob"]})
    data = SequenceDataset([np.zeros((2, 20)), np.ones((5, 20))], ["a<b", "c"], info=info)
    shown = data._repr_html_()
    assert "SequenceDataset: 2 sequences of 2 to 5 steps" in shown
    assert "<th>steps</th><td>7 in all, 3.5 at the median</td>" in shown
    assert "<td>x0, x1, x2, x3, x4, x5, x6, x7, ... (20 in all)</td>" in shown
    assert "<th>classes</th><td>a&lt;b, c</td>" in shown
    assert "<th>info</th><td>speaker</td>" in shown
    assert "<th>dtype</th><td>float32</td>" in shown
    assert "<th>classes" not in SequenceDataset([np.zeros((2, 1))])._repr_html_()


# ---- batches ------------------------------------------------------------------------------------


@given(LENGTHS, st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_batches_have_every_sequence_once(lengths, batch_size, bucket, shuffle):
    data = dataset(lengths, "labels")
    batches = list(data.batches(batch_size, shuffle=shuffle, rng=np.random.default_rng(3), bucket=bucket))
    assert sorted(np.concatenate([b.order for b in batches])) == list(range(len(data)))
    assert len(batches) == -(-len(data) // batch_size)
    assert max(b.size for b in batches) <= batch_size
    for b in batches:
        assert (np.diff(b.lengths) <= 0).all()
        np.testing.assert_array_equal(b.targets, data.targets[b.order])
        np.testing.assert_array_equal(b.lengths, data.lengths[b.order])


def test_without_shuffling_batches_are_in_the_order_of_the_dataset():
    assert [sorted(b.order.tolist()) for b in dataset([5, 1, 4, 2, 3]).batches(2)] == [[0, 1], [2, 3], [4]]


def test_batches_follow_from_the_seed_and_differ_between_epochs():
    data = dataset(range(1, 30))

    def orders(rng):
        return [b.order.tolist() for b in data.batches(4, shuffle=True, rng=rng)]

    rng = np.random.default_rng(0)
    first, second = orders(rng), orders(rng)
    assert first == orders(np.random.default_rng(0))
    assert first != second


def test_buckets_have_similar_lengths_and_random_order():
    data = dataset(np.random.default_rng(0).integers(1, 100, 64))

    def padding(bucket):
        batches = data.batches(8, shuffle=True, rng=np.random.default_rng(1), bucket=bucket)
        return sum(b.steps * b.size for b in batches) / data.lengths.sum() - 1

    assert padding(8) < 0.1 < padding(1)
    longest = [b.steps for b in data.batches(8, shuffle=True, rng=np.random.default_rng(1), bucket=8)]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize(("shuffle", "bucket"), [(False, 1), (False, 3), (True, 1), (True, 3)])
def test_batches_from_a_start_are_the_last_ones_and_draw_the_same_random_numbers(shuffle, bucket):
    data = dataset([2, 9, 4, 3, 3, 8, 1, 6, 7, 2])
    whole = [b.order.tolist() for b in data.batches(3, shuffle, np.random.default_rng(1), bucket)]
    used = np.random.default_rng(1)
    data.batches(3, shuffle, used, bucket)
    for start in range(5):
        rng = np.random.default_rng(1)
        batches = data.batches(3, shuffle, rng, bucket, start=start)
        assert rng.bit_generator.state == used.bit_generator.state  # before the first batch is taken
        assert [b.order.tolist() for b in batches] == whole[start:]
        assert rng.bit_generator.state == used.bit_generator.state


def test_batches_before_the_start_are_not_loaded():
    loaded = []
    lazy = LazySequences(lambda place: loaded.append(place) or np.ones((place + 1, 1)), 7, memory=0)
    data = SequenceDataset(lazy)
    loaded.clear()
    assert len(list(data.batches(2, start=3))) == 1
    assert loaded == [6]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
        ({"batch_size": 2, "bucket": 1.5}, "bucket must be a positive integer, got 1.5"),
        ({"batch_size": 1, "start": 3}, "start must be at most 2, the number of batches, got 3"),
        ({"batch_size": 1, "start": -1}, "start must be an integer of 0 or more, got -1"),
        ({"batch_size": 2, "shuffle": True}, r"rng is needed to shuffle: numpy.random.default_rng\(seed\)"),
    ],
)
def test_arguments_of_batches_are_checked_before_the_first_batch(options, message):
    with pytest.raises(ValueError, match=message):
        dataset([2, 3]).batches(**options)


def test_batch_has_the_whole_dataset():
    batch = dataset([2, 9, 4], "rows a step").batch(dtype=np.float64)
    assert batch.x.shape == (9, 3, 2)
    assert batch.x.dtype == np.float64
    assert batch.targets.shape == (9, 3, 3)
    assert batch.per_step


def test_an_epoch_of_batches_takes_no_longer_than_a_few_copies_of_the_data():
    """Each sequence is copied once; the bound is loose, for busy machines."""
    train, _ = load_japanese_vowels()
    rng = np.random.default_rng(0)
    seconds = min(timeit.repeat(lambda: list(train.batches(16, shuffle=True, rng=rng)), number=1, repeat=5))
    assert seconds < 0.02


# ---- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
@settings(max_examples=20)
@given(lengths=LENGTHS)
def test_from_frame_inverts_to_frame(kind, tokens, lengths):
    data = dataset(lengths, kind, tokens)
    back = SequenceDataset.from_frame(data.to_frame(), classes=data.classes, per_step=data.per_step)
    assert_same(back, data)
    assert back.ids == data.ids


def test_a_table_has_one_row_a_step():
    data = SequenceDataset([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], [[0.5, 1.5]] * 2, ids=["u", "v"])
    expected = pd.DataFrame(
        {
            "sequence": ["u", "v", "v"],
            "step": [0, 0, 1],
            "x0": np.array([1, 3, 5], np.float32),
            "x1": np.array([2, 4, 6], np.float32),
            "target0": [0.5, 0.5, 0.5],
            "target1": [1.5, 1.5, 1.5],
        }
    )
    pd.testing.assert_frame_equal(data.to_frame(), expected)


def test_rows_may_have_any_order_and_columns_any_names():
    frame = pd.DataFrame(
        {
            "word": ["b", "a", "b"],
            "time": [0.2, 0.0, 0.1],
            "f": [2, 3, 1],
            "note": ["?", "?", "!"],
            "y": ["n", "m", "n"],
        }
    )
    data = SequenceDataset.from_frame(frame, sequence="word", step="time", target="y", features=["f"])
    assert data.ids == ["b", "a"]
    assert [s[:, 0].tolist() for s in data.sequences] == [[1, 2], [3]]
    assert data.targets.tolist() == [1, 0]
    assert data.feature_names == ("f",)
    assert data.info is None, "note is no feature by choice, and changes within a word"
    assert SequenceDataset.from_frame(frame, sequence="word", step="time", target=None, features=["f"]).targets is None


def test_without_a_column_of_steps_rows_are_steps_in_order():
    frame = pd.DataFrame({"sequence": ["b", "a", "b", "a"], "x": [1, 2, 3, 4]})
    data = SequenceDataset.from_frame(frame, step=None)
    assert [s[:, 0].tolist() for s in data.sequences] == [[1, 3], [2, 4]]
    assert data.ids == ["b", "a"]


def test_other_columns_of_a_table_become_info_by_name():
    frame = pd.DataFrame(
        {
            "sequence": [7, 3, 7],
            "step": [1, 0, 0],
            "pitch": [0.5, 1.5, 2.5],
            "speaker": ["ann", "bob", "ann"],
            "age": [40, 7, 40],
        }
    )
    data = SequenceDataset.from_frame(frame, info="age")
    assert data.feature_names == ("pitch",)
    assert {name: data.info[name].tolist() for name in data.info} == {"age": [40, 7], "speaker": ["ann", "bob"]}
    assert SequenceDataset.from_frame(frame).feature_names == ("pitch", "age")
    chosen = SequenceDataset.from_frame(frame, features="pitch")
    assert chosen.info.columns.tolist() == ["speaker", "age"]
    assert SequenceDataset.from_frame(frame, features="pitch", info=["age"]).info.columns.tolist() == ["age"]
    back = SequenceDataset.from_frame(data.to_frame(info=["speaker", "age"]), info=["speaker", "age"])
    pd.testing.assert_frame_equal(back.info, data.info[["speaker", "age"]])
    assert_same(back, data)


def test_a_table_keeps_the_names_of_features_and_the_order_of_ordered_categories():
    size = pd.Categorical(["low", "high", "high"], categories=["low", "mid", "high"], ordered=True)
    frame = pd.DataFrame({"sequence": [0, 1, 1], "step": [0, 0, 1], "b": [1.0, 2, 3], "a": [4.0, 5, 6], "target": size})
    for per_step in (False, True):
        data = SequenceDataset.from_frame(frame, per_step=per_step)
        assert data.classes == ("low", "mid", "high")
        assert np.concatenate([np.ravel(t) for _, t in data])[:2].tolist() == [0, 2]
        assert data.feature_names == ("b", "a")
        assert data.to_frame().columns.tolist() == ["sequence", "step", "b", "a", "target"]
        assert SequenceDataset.from_frame(data.to_frame()).feature_names == ("b", "a")


def test_a_table_cannot_have_two_columns_of_one_name():
    data = SequenceDataset([np.zeros((2, 2))], feature_names=["step", "x"])
    with pytest.raises(ValueError, match="the table would have two columns 'step': give the dataset other feature_nam"):
        data.to_frame()
    with pytest.raises(ValueError, match="info must be a column of info, which has none: give the dataset info="):
        data.to_frame(info="speaker")


def test_columns_of_numbers_of_different_types_are_features_together():
    frame = pd.DataFrame({"sequence": [0, 0], "step": [0, 1], "on": [True, False], "x": [0.5, 1.5]})
    assert SequenceDataset.from_frame(frame).sequences[0].tolist() == [[1, 0.5], [0, 1.5]]


def test_targets_that_change_are_one_a_step():
    frame = dataset([3, 3]).to_frame()
    assert not SequenceDataset.from_frame(frame.assign(target=1)).per_step
    assert SequenceDataset.from_frame(frame.assign(target=[0, 1, 0, 0, 0, 0])).per_step
    assert SequenceDataset.from_frame(frame.assign(target=1), per_step=True).per_step


FRAME = pd.DataFrame({"sequence": [1, 1], "step": [0, 1], "pitch": [0.5, 1.0]})


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (FRAME, {"sequence": "sequenc"}, "frame has no column 'sequenc'. Did you mean 'sequence'?"),
        (FRAME, {"features": ["pich"]}, "frame has no column 'pich'. Did you mean 'pitch'?"),
        (FRAME, {"target": "wanted"}, "frame has no column 'wanted'"),
        (FRAME[["sequence", "step"]], {}, "frame has no column of features"),
        (FRAME.assign(step=0), {}, "frame has step 0(.0)? of sequence 1(.0)? twice: .* or step=None"),
        (FRAME.assign(step=["2", "10"]), {}, "column 'step' holds numbers as texts, .*pd.to_numeric.* or step=None"),
        (FRAME.assign(name=["a", "b"]), {}, r"column 'name' \((object|str)\) changes within sequence 1, .* features="),
        (FRAME.assign(name="a"), {"features": ["name"]}, "column 'name' must hold numbers, got (object|str): leave it"),
        (FRAME, {"info": "pitch", "features": ["pitch"]}, "'pitch' is named in features= and in info=: name it in one"),
        (FRAME.assign(age=[3, 4]), {"info": "age"}, r"column 'age' \(int64\) changes within sequence 1"),
        (FRAME, {"info": ["spaeker"]}, "frame has no column 'spaeker'. info= must name columns of the frame"),
        (FRAME.drop(columns="step"), {}, "frame has no column 'step'.* step=None to take rows in order"),
        (FRAME.drop(columns="sequence"), {}, r"no column 'sequence'.* sequence= must name the .*assign\(sequence=0\)"),
        (FRAME, {"per_step": True}, "per_step=True says that targets are one a step, but there are no targets"),
        (pd.concat([FRAME, FRAME], axis=1), {}, "frame has two columns 'sequence'"),
        (FRAME.assign(sequence=[1, None]), {}, "column 'sequence' is empty in row 1"),
        (FRAME.assign(pitch=[1, None]), {}, "sequence 0 holds nan at step 1, feature 0"),
        (FRAME[:0], {}, "frame has no rows"),
    ],
)
def test_malformed_tables_are_refused(frame, options, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset.from_frame(frame, **options)


# ---- padded arrays and streams ------------------------------------------------------------------


@given(LENGTHS)
def test_from_padded_inverts_padding(lengths):
    data = dataset(lengths, "labels a step")
    x = np.full((len(lengths), max(lengths), 2), np.nan)
    y = np.full((len(lengths), max(lengths)), 99)
    for i, (s, t) in enumerate(data):
        x[i, : len(s)], y[i, : len(s)] = s, t
    assert_same(SequenceDataset.from_padded(x, lengths, y), data)


@pytest.mark.parametrize("steps", [2, 3])
def test_padded_values_of_two_axes_are_values_of_steps_for_all_sizes(steps):
    x, y = np.zeros((2, steps, 1)), np.arange(2.0 * steps).reshape(2, steps)
    data = SequenceDataset.from_padded(x, [1, steps], y)
    assert [t.ravel().tolist() for t in data.targets] == [y[0, :1].tolist(), y[1].tolist()]
    whole = SequenceDataset.from_padded(x, [1, steps], y, per_step=False)
    assert whole.targets.tolist() == y.tolist()
    with pytest.raises(ValueError, match=r"shape \(N, T\) with N = 2 and T = \d, got \(2, 5\): \(N, K\) values a seq"):
        SequenceDataset.from_padded(x, None, np.zeros((2, 5)))
    with pytest.raises(ValueError, match="for one feature give"):
        SequenceDataset.from_padded(y)


def test_padded_tokens_and_targets_of_sequences():
    data = SequenceDataset.from_padded(np.array([[1, 2], [3, 0]]), [2, 1], ["u", "v"], classes=["v", "u"])
    assert [s.tolist() for s in data.sequences] == [[1, 2], [3]]
    assert data.targets.tolist() == [1, 0]
    assert SequenceDataset.from_padded(np.zeros((2, 3, 1))).lengths.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (
            np.zeros((2, 3)),
            None,
            r"x must have shape \(N, T, F\), or \(N, T\) for integer tokens, got float64 of \(2, 3\)",
        ),
        (np.zeros((2, 3, 1)), [3], r"lengths must be integers of shape \(N,\) = \(2,\), got int64 of \(1,\)"),
        (np.zeros((2, 3, 1)), [1.5, 2], "got float64"),
        (np.zeros((2, 3, 1)), [3, 4], "lengths must be from 1 to T = 3, got 4 for sequence 1"),
        (np.zeros((2, 3, 1)), [0, 3], "got 0 for sequence 0"),
        (np.zeros((0, 3, 1)), None, "sequences must hold at least one sequence, got none"),
    ],
)
def test_malformed_padded_arrays_are_refused(x, lengths, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset.from_padded(x, lengths)


def test_batches_of_a_stream_continue_each_other():
    data = SequenceDataset.from_stream(np.arange(11)[:, None], np.arange(11), batch_size=2, steps=3)
    first, second = data.batches(2)
    assert first.x[:, :, 0].T.tolist() == [[0, 1, 2], [5, 6, 7]]
    assert second.x[:, :, 0].T.tolist() == [[3, 4], [8, 9]]
    assert second.targets.T.tolist() == [[3, 4], [8, 9]]
    names = pd.Categorical(["up", "down"] * 2, categories=["up", "down"], ordered=True)
    assert SequenceDataset.from_stream(np.zeros((4, 1)), names, 2, 2).classes == ("up", "down")
    assert SequenceDataset.from_stream(np.zeros((4, 1)), list(names), 2, 2).classes == ("down", "up")
    values = SequenceDataset.from_stream(np.zeros((4, 1)), np.arange(4.0), 2, 2, dtype=np.float64)
    assert [t.tolist() for t in values.targets] == [[[0], [1]], [[2], [3]]]
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    ("steps", "pair"),
    [
        (["8.1.2024", "10.1.2024"], "'10.1.2024' before '8.1.2024'"),
        (["01.02.2024", "15.01.2024"], "'01.02.2024' before '15.01.2024'"),
        (["t9", "t10"], "'t10' before 't9'"),
    ],
)
def test_steps_that_would_be_sorted_as_texts_are_refused(steps, pair):
    with pytest.raises(ValueError, match=f"column 'step' holds texts, .* as texts, {pair}: .* step=None"):
        SequenceDataset.from_frame(pd.DataFrame({"sequence": 0, "step": steps, "x": [0.0, 1.0]}))


@pytest.mark.parametrize(
    "steps",
    [["2024-01-10", "2024-01-09"], ["t10", "t09"], ["b", "a"], ["00:02:01", "00:01:05"], ["Q2 2024", "Q1 2024"]],
)
def test_steps_of_text_whose_order_is_plain_are_sorted(steps):
    data = SequenceDataset.from_frame(pd.DataFrame({"sequence": 0, "step": steps, "x": [1.0, 0.0]}))
    assert data.sequences[0].ravel().tolist() == [0, 1]
