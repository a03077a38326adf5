"""Datasets in shards: they are what was written, are batched as in memory, resume, are divided, and take no more."""

import gc
import itertools
import threading
import zlib

import numpy as np
import pandas as pd
import pytest

from rnnbp import LabelSequences, SequenceDataset, load_shards, write_shards
from rnnbp.data.shards.files import read_shard
from rnnbp.data.shards.layout import Column

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.cluster

N, FIELDS = 60, ("x", "lengths", "targets", "order", "reset", "weights")


def ragged(rng, size=N, features=3):
    return [rng.normal(size=(n, features)) for n in rng.integers(2, 12, size)]


def info_of(size):
    return pd.DataFrame(
        {
            "speaker": [("ann", "böb", None)[i % 3] for i in range(size)],
            "age": np.arange(size, dtype=np.int32),
            "level": pd.Categorical([("low", "high")[i % 2] for i in range(size)], ["low", "high"], ordered=True),
            "day": pd.to_datetime("2024-02-28") + pd.to_timedelta(np.arange(size), "D"),
        }
    )


def datasets():
    """Return a dataset of every form."""
    rng = np.random.default_rng(5)
    seqs = ragged(rng)
    steps = list(map(len, seqs))
    labels = [rng.integers(-1, 3, n) for n in steps]
    values = [np.where(rng.random((n, 2)) < 0.1, np.nan, rng.normal(size=(n, 2))) for n in steps]
    flags = [rng.random(n) < 0.2 for n in steps]
    step_weights = [rng.integers(0, 3, n) / 2 for n in steps]
    names = {"classes": ["a", "b", "c"], "feature_names": ["f", "g", "h"], "ids": [f"id{i}" for i in range(N)]}
    text = "".join(rng.choice(list("abcd \n"), 400))
    return {
        "none": SequenceDataset(seqs),
        "classes": SequenceDataset(seqs, rng.integers(0, 3, N), info=info_of(N), weights=rng.random(N), **names),
        "values": SequenceDataset(seqs, rng.normal(size=(N, 2)), dtype=np.float64, resets=flags),
        "labels": SequenceDataset(seqs, LabelSequences([list("ab")[: i % 3] for i in range(N)])),
        "classes of steps": SequenceDataset(seqs, labels, weights=step_weights, resets=flags, **names),
        "values of steps": SequenceDataset(seqs, values, ids=[(i, 2) for i in range(N)]),
        "one value a step": SequenceDataset(seqs, [v[:, 0] for v in values], dtype=np.float16),
        "tokens": SequenceDataset([rng.integers(0, 9, n) for n in steps], rng.integers(0, 2, N)),
        "text": SequenceDataset.from_text(text, batch_size=4, steps=7),
    }


FORMS = datasets()


def assert_same(one, other):
    """Assert that two batches, or None, have the same bits."""
    for name in FIELDS:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, LabelSequences):
            a, b = a.padded(-1), b.padded(-1)
        assert (a is None) == (b is None), name
        if a is not None:
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), name


def assert_batches(given, expected):
    for one, other in itertools.zip_longest(given, expected):
        assert_same(one, other)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return a folder of eight or nine shards of a dataset of each form."""
    base = tmp_path_factory.mktemp("shards")
    for name, data in FORMS.items():
        write_shards(data, base / name, sequences_per_shard=-(-len(data) // 9))
    return base


@pytest.fixture
def sharded(folders):
    """Return a dataset that mixes three shards of nine."""
    return load_shards(folders / "classes of steps", buffer=3)


def batches(data, seed=0, size=7, **given):
    return data.batches(size, shuffle=True, rng=np.random.default_rng(seed), **given)


# ---- what was written ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_everything_of_a_dataset_comes_back(folders, form):
    data, found = FORMS[form], load_shards(folders / form)
    again = found.in_memory()
    assert len(list((folders / form).iterdir())) >= 9
    for one in (found, again):
        for name in ("classes", "ids", "feature_names", "feature_size", "dtype", "rows", "per_step", "labelled"):
            assert getattr(one, name) == getattr(data, name), name
        assert one.lengths.tolist() == data.lengths.tolist()
        assert repr(one).partition(":")[2] == repr(data).partition(":")[2]
        assert (one.tokenizer is None) == (data.tokenizer is None)
        assert (one.info is None) == (data.info is None)
    if data.info is not None:
        pd.testing.assert_frame_equal(found.info, data.info)
    if data.tokenizer is not None:
        assert found.tokenizer.characters == data.tokenizer.characters
    assert_same(again.batch(), data.batch())
    assert_batches(found.batches(7), data.batches(7))
    pd.testing.assert_frame_equal(found.describe(), data.describe())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bucket", [1, 3])
def test_where_all_shards_fit_batches_have_the_bits_of_those_in_memory(folders, form, bucket):
    assert_batches(batches(load_shards(folders / form), bucket=bucket), batches(FORMS[form], bucket=bucket))


def test_pairs_of_a_generator_are_written_as_they_come(tmp_path):
    rng = np.random.default_rng(0)
    seqs, labels = ragged(rng, 150), rng.integers(0, 3, 150)
    write_shards(zip(seqs, labels), tmp_path / "a", shard_bytes=2000)
    assert len(list((tmp_path / "a").iterdir())) > 3
    assert_same(load_shards(tmp_path / "a").in_memory().batch(), SequenceDataset(seqs, labels).batch())
    names = [["x", "y", "z"][k] for k in labels]
    write_shards(zip(seqs, names), tmp_path / "b", classes=["x", "y", "z"], feature_names=["p", "q", "r"], dtype="f8")
    found = load_shards(tmp_path / "b")
    assert (found.classes, found.feature_names, found.dtype) == (("x", "y", "z"), ("p", "q", "r"), np.float64)
    assert found.targets.tolist() == labels.tolist()
    write_shards(((s, None) for s in seqs), tmp_path / "c")
    assert load_shards(tmp_path / "c").targets is None
    write_shards(((s, s[:, 0]) for s in seqs), tmp_path / "d", per_step=True)
    assert load_shards(tmp_path / "d").per_step


@pytest.mark.parametrize("form", ["classes", "labels", "classes of steps", "values of steps", "text"])
def test_pieces_of_a_dataset_are_written_as_the_whole(tmp_path, form):
    data = FORMS[form]
    write_shards((data[i : i + 12] for i in range(0, len(data), 12)), tmp_path / "a", sequences_per_shard=7)
    found = load_shards(tmp_path / "a").in_memory()
    assert_same(found.batch(), data.batch())
    assert (found.ids, found.rows) == (data.ids, data.rows)


@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        ([], {}, "at least one sequence"),
        (3, {}, "source must be a SequenceDataset, or an iterable .* got int"),
        ("a.csv", {}, "source must be a SequenceDataset, .* got str"),
        ([np.ones((3, 2))], {}, r"pairs \(sequence, target\).* got an array of shape \(3, 2\)"),
        ([(np.ones((3, 2)), "a")], {}, "classes must be given where targets are names"),
        ([(np.ones((3, 2)), 1), (np.ones((3, 2)), None)], {}, "targets for some only"),
        ([(np.ones((3, 2)), 1), (np.full((3, 2), np.nan), 1)], {}, "items 0 to 1 .*sequence 1 holds nan"),
        ([FORMS["none"], FORMS["tokens"]], {}, "piece 1 of source has features 0, the first one 3"),
        ([FORMS["none"], FORMS["classes"]], {}, "piece 1 of source has targets 'classes', the first one 'none'"),
        ([FORMS["none"], (np.ones((3, 2)), 1)], {}, "item 1 of source must be a SequenceDataset as the first"),
        ([(np.ones((3, 2)), 1)], {"shard_bytes": 0}, "shard_bytes must be a positive integer"),
        ([(np.ones((3, 2)), 1)], {"sequences_per_shard": 1.5}, "sequences_per_shard must be a positive integer"),
        ([(np.array([2**31]), 1)], {}, "tokens must be at most 2147483647"),
        (SequenceDataset([np.ones((3, 2))], ids=[{1}]), {}, "ids must be numbers, texts"),
    ],
)
def test_what_is_no_source_is_refused_and_nothing_is_left(tmp_path, source, given, message):
    with pytest.raises(ValueError, match=message):
        write_shards(source, tmp_path / "a", **given)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_not_overwritten(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(FileExistsError, match="folder must not exist yet"):
        write_shards(FORMS["none"], tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_shards(FORMS["none"], tmp_path / "b" / "c")


# ---- batches ---------------------------------------------------------------------------------------


def test_an_epoch_has_every_sequence_once_and_each_seed_another_order(sharded):
    orders = [[i for b in batches(sharded, seed) for i in b.order.tolist()] for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(N))
    whole = FORMS["classes of steps"]
    for batch in batches(sharded):
        for b, i in enumerate(batch.order.tolist()):
            assert np.array_equal(batch.x[: batch.lengths[b], b], whole.sequences[i])
            assert np.array_equal(batch.targets[: batch.lengths[b], b], whole.targets[i])


def test_a_batch_mixes_sequences_of_a_buffer_of_shards(tmp_path):
    size, shards = 3200, 32
    write_shards(((np.full((1, 1), i), i) for i in range(size)), tmp_path / "a", sequences_per_shard=size // shards)
    mixed = {}
    for buffer in (1, 4, 8):
        data = load_shards(tmp_path / "a", buffer=buffer)
        found = [len(set(b.order // (size // shards))) for b in batches(data, size=64)]
        mixed[buffer] = np.median(found)
    assert mixed[1] <= 2 < 4 <= mixed[4] < 8 <= mixed[8]
    order = np.concatenate([b.order for b in batches(data, size=64)])
    neighbours = np.mean(np.abs(np.diff(order)) == 1)
    assert neighbours < 0.01


@pytest.mark.parametrize("bucket", [1, 3])
@pytest.mark.parametrize("buffer", [None, 3])
def test_an_epoch_begins_at_any_batch_with_the_same_bits_and_random_numbers(folders, buffer, bucket):
    data = load_shards(folders / "classes of steps", buffer=buffer)
    whole = list(batches(data, bucket=bucket))
    for start in (0, 1, 5, len(whole)):
        rng = np.random.default_rng(0)
        rest = data.batches(7, shuffle=True, rng=rng, bucket=bucket, start=start)
        after = rng.bit_generator.state
        assert_batches(rest, whole[start:])
        assert rng.bit_generator.state == after  # nothing is drawn while iterating
    with pytest.raises(ValueError, match="start must be at most"):
        batches(data, start=len(whole) + 1)


def reads_of(data, monkeypatch):
    """Return a list to which the numbers of the shards are added that are read."""
    read, found = data.reader.shard, []
    monkeypatch.setattr(data.reader, "shard", lambda number, scratch: (found.append(number), read(number, scratch))[1])
    return found


def test_shards_that_are_not_needed_are_not_read(sharded, monkeypatch):
    found = reads_of(sharded, monkeypatch)
    assert (sharded.lengths.min(), sharded.targets.low.min(), len(sharded)) == (2, -1, N)
    assert not found
    list(sharded.batches(7, start=6))
    assert found == [6, 7, 8]
    found.clear()
    list(sharded[8:15].batches(4))
    assert found == [1, 2]
    found.clear()
    list(batches(sharded))
    assert sorted(found) == list(range(9))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("buffer", "ranks"), [(None, 3), (3, 3), (4, 2)])
def test_the_parts_of_all_ranks_are_together_each_batch(folders, form, buffer, ranks):
    data = load_shards(folders / form, buffer=buffer)
    shares = [batches(data, share=(rank, ranks)) for rank in range(ranks)]
    for whole, *parts in zip(batches(data), *shares, strict=True):
        seen = np.zeros(whole.size, int)
        order = np.argsort(-whole.lengths, kind="stable")
        for one in parts:
            assert one.steps == whole.steps
            own, columns = one.part.own, one.part.columns[one.part.own]
            assert one.part.lengths.tolist() == whole.lengths[order].tolist()
            assert np.array_equal(one.order[own], whole.order[columns])
            assert np.array_equal(one.x[:, own], whole.x[:, columns])
            if one.part.padded:
                assert not one.weights[..., 0].any()
                assert not one.x[:, 0].any()
            seen[columns] += 1
        assert seen.tolist() == [1] * whole.size


def test_each_rank_reads_its_own_shards_where_enough_are_mixed(folders, monkeypatch):
    read = []
    for rank in range(2):
        data = load_shards(folders / "classes", buffer=4)
        found = reads_of(data, monkeypatch)
        sizes = [b.size - b.part.padded for b in batches(data, size=12, share=(rank, 2))]
        assert min(sizes[1:-1]) > 1
        read.append(set(found))
    assert not read[0] & read[1]
    assert read[0] | read[1] == set(range(9))


def test_memory_that_shards_take_is_bounded_and_too_little_is_refused(folders):
    data = load_shards(folders / "classes of steps")
    sizes, file = data._batching.shard_bytes, data._batching.file_bytes
    for memory in range(int(5 * sizes.max() + file), int(sizes.sum() + file), 500):
        small = load_shards(folders / "classes of steps", memory=memory)
        parts = small._batching.parts(3, np.random.default_rng(0), 1, None)
        assert small._batching.schedule(parts).peak(sizes) + file <= memory
    with pytest.raises(ValueError, match=r"memory must be at least .* write smaller ones"):
        load_shards(folders / "classes of steps", memory=1000)
    needy = load_shards(folders / "classes of steps", memory=int(4 * sizes.max() + file), buffer=8)
    with pytest.raises(ValueError, match=r"these batches need .* a smaller buffer="):
        batches(needy)


# ---- the thread that reads ahead -------------------------------------------------------------------


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "rnnbp shards"]


def raises_while_iterating(data):
    for _ in batches(data):
        raise ZeroDivisionError


def test_no_thread_is_left_however_an_iteration_ends(sharded):
    assert not threads()
    unused = batches(sharded)
    assert not threads()  # of an iteration that has not begun
    for _ in unused:
        assert len(threads()) <= 1
    assert not threads()
    iterator = batches(sharded)
    next(iterator)
    iterator.close()
    assert not threads()
    iterator = batches(sharded)
    next(iterator)
    del iterator
    gc.collect()
    assert not threads()
    with pytest.raises(ZeroDivisionError):
        raises_while_iterating(sharded)
    gc.collect()
    assert not threads()


def test_two_iterations_run_side_by_side(sharded):
    for one, other in zip(batches(sharded, 3), batches(sharded, 3), strict=True):
        assert_same(one, other)
    assert not threads()


# ---- damage ----------------------------------------------------------------------------------------


def damage_flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def damage_swap(path):
    other = path.with_name("shard-00003.parquet")
    one = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(one)


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate, damage_swap, lambda path: path.unlink()])
@pytest.mark.parametrize("late", [False, True])
def test_a_damaged_shard_is_an_error_that_names_the_file(tmp_path, damage, late):
    rng = np.random.default_rng(0)
    write_shards(((rng.normal(size=(9, 2)), 0) for _ in range(40)), tmp_path / "a", sequences_per_shard=10)
    data, path = load_shards(tmp_path / "a") if late else None, tmp_path / "a" / "shard-00002.parquet"
    damage(path)
    with pytest.raises((ValueError, FileNotFoundError), match=r"shard-0000[23]\.parquet"):
        for _ in (data or load_shards(tmp_path / "a")).batches(4):
            pass
    assert not threads()


def loaded_or_error(folder):
    try:
        return load_shards(folder).in_memory(), ""
    except (ValueError, FileNotFoundError) as error:
        return None, str(error)


def test_any_flipped_bit_of_an_index_or_a_shard_is_found_or_without_effect(tmp_path):
    rng = np.random.default_rng(0)
    data = SequenceDataset(ragged(rng, 12), rng.integers(0, 2, 12), info=info_of(12))
    write_shards(data, tmp_path / "a", sequences_per_shard=6)
    for name in ("index.npz", "shard-00001.parquet"):
        path = tmp_path / "a" / name
        whole, found = path.read_bytes(), 0
        for place in rng.integers(0, len(whole), 60):
            changed = bytearray(whole)
            changed[place] ^= 1 << rng.integers(8)
            path.write_bytes(changed)
            again, message = loaded_or_error(tmp_path / "a")
            found += again is None
            if again is None:
                assert name in message or "shard-0000" in message
            else:
                assert_same(again.batch(), data.batch())
                pd.testing.assert_frame_equal(again.info, data.info)
        path.write_bytes(whole)
        assert found > 30


def test_a_folder_without_index_is_not_one_of_shards(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is none"):
        load_shards(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"it has no index\.npz"):
        load_shards(tmp_path)


# ---- shards of strangers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "gzip", "use_dictionary": False}, "its columns are compressed or encoded"),
        ({"compression": "none", "use_dictionary": True}, "its columns are compressed or encoded"),
    ],
)
def test_a_shard_that_takes_more_memory_than_its_file_is_refused_before_it_is_read(tmp_path, options, message):
    import pyarrow as pa
    import pyarrow.parquet as pq

    steps, path = 100_000, tmp_path / "bomb.parquet"
    column = Column("x", "<f4", 4)
    zeros = pa.Array.from_buffers(column.arrow_type(pa), steps, [None, pa.py_buffer(bytes(16 * steps))])
    schema = pa.schema([pa.field("x", column.arrow_type(pa), nullable=False)])
    pq.write_table(pa.Table.from_arrays([zeros], schema=schema), path, **options)
    data = path.read_bytes()
    assert len(data) < steps
    with pytest.raises(ValueError, match=rf"bomb\.parquet.*{message}"):
        read_shard(path, len(data), zlib.crc32(data), steps, (column,), bytearray())


def test_a_shard_with_any_changed_bit_and_its_checksum_is_read_or_refused(folders, tmp_path):
    """Pyarrow by itself ends the process at some of these."""
    index = load_shards(folders / "classes of steps").reader.index
    layout, steps, rng = index.form.layout, int(index.steps[0]), np.random.default_rng(0)
    whole, path, refused = index.path(0).read_bytes(), tmp_path / "a.parquet", 0
    for place in rng.integers(len(whole) - 500, len(whole), 300):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            found = read_shard(path, len(changed), zlib.crc32(changed), steps, layout, bytearray())
        except ValueError:
            refused += 1
        else:
            assert [len(column) for column in found.values()] == [steps] * len(layout)
    assert 50 < refused < 300
