"""Kaldi archives: round trips in text and binary, compressed matrices by their definition, and damaged files."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnbp.audio import read_ark, read_scp, write_ark, write_ark_text
from rnnbp.data import SequenceDataset

FLOATS = {w: st.floats(allow_nan=False, allow_infinity=False, width=w) for w in (32, 64)}
SHAPES = st.one_of(st.tuples(st.integers(1, 5)), st.tuples(st.integers(1, 4), st.integers(1, 4)))
ARRAYS = st.one_of(*(arrays(f"f{w // 8}", SHAPES, elements=FLOATS[w]) for w in FLOATS))
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9)
ITEMS = st.dictionaries(KEYS, ARRAYS, min_size=1, max_size=4)


@given(ITEMS)
def test_binary_archives_and_indices_round_trip_exactly(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("kaldi")
    write_ark(folder / "a.ark", items, scp=folder / "a.scp")
    lazy = read_scp(folder / "a.scp")
    assert lazy.names == list(items)
    for (key, found), (wanted, array), indexed in zip(read_ark(folder / "a.ark"), items.items(), lazy, strict=True):
        assert (key, found.dtype) == (wanted, array.dtype)
        np.testing.assert_array_equal(found, array)
        np.testing.assert_array_equal(indexed, array)


@given(ITEMS)
def test_text_archives_round_trip_exactly(tmp_path_factory, items):
    path = tmp_path_factory.mktemp("kaldi") / "a.txt"
    write_ark_text(path, items)
    for (key, found), (wanted, array) in zip(read_ark(path), items.items(), strict=True):
        assert key == wanted
        np.testing.assert_array_equal(found, array)


def test_text_written_by_kaldi_is_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("utt1  [\n  1 2.5 \n  -3e-1 4 ]\nutt2  [ 5 6 ]\n\nutt3 [\n 7 ]\n")
    found = {key: array.tolist() for key, array in read_ark(path)}
    assert found == {"utt1": [[1, 2.5], [-0.3, 4]], "utt2": [5, 6], "utt3": [[7]]}


def compressed(kind, low, spread, rows, columns, data):
    return b"utt \0B" + kind + struct.pack("<ffii", low, spread, rows, columns) + data


def test_compressed_matrices_are_linear_in_their_integers(tmp_path):
    path = tmp_path / "a.ark"
    path.write_bytes(compressed(b"CM2 ", -1.0, 2.0, 2, 2, struct.pack("<HHHH", 0, 65535, 13107, 52428)))
    np.testing.assert_allclose(dict(read_ark(path))["utt"], [[-1, 1], [-0.6, 0.6]], rtol=1e-6)
    path.write_bytes(compressed(b"CM3 ", -1.0, 2.0, 1, 3, bytes([0, 255, 51])))
    np.testing.assert_allclose(dict(read_ark(path))["utt"], [[-1, 1, -0.6]], rtol=1e-6)


def test_compressed_columns_are_linear_between_their_percentiles(tmp_path):
    """Percentiles 0, 25, 75 and 100 are coded as 0, 64, 192 and 255, column by column."""
    heads = struct.pack("<HHHH", 0, 6553, 19661, 65535) + struct.pack("<HHHH", 0, 0, 65535, 65535)
    data = heads + bytes([0, 64, 192, 255, 32, 223]) + bytes([0, 64, 192, 255, 128, 200])
    path = tmp_path / "a.ark"
    path.write_bytes(compressed(b"CM ", 10.0, 65535.0, 6, 2, data))
    found = dict(read_ark(path))["utt"]
    middle = 19661 + (65535 - 19661) * 31 / 63
    np.testing.assert_allclose(found[:, 0], 10 + np.array([0, 6553, 19661, 65535, 3276.5, middle]), rtol=1e-6)
    np.testing.assert_allclose(found[:, 1], 10 + np.array([0, 0, 65535, 65535, 32767.5, 65535]), rtol=1e-6)


def test_a_moved_archive_is_found_beside_its_index(tmp_path, monkeypatch, rng):
    items = {f"utt{i}": rng.normal(size=(i + 2, 3)).astype(np.float32) for i in range(4)}
    monkeypatch.chdir(tmp_path)
    write_ark("feats.ark", ((k, v) for k, v in items.items()), scp="feats.scp")
    monkeypatch.chdir("/")
    sequences = read_scp(tmp_path / "feats.scp", memory=50)
    data = SequenceDataset(sequences, targets=[0, 1, 0, 1], ids=sequences.names)
    assert data.lengths.tolist() == [2, 3, 4, 5]
    np.testing.assert_array_equal(data.sequences[2], items["utt2"])
    assert data.sequences.cached_bytes <= 50


def binary_matrix(rows, columns, data=bytes(16), kind=b"FM "):
    return b"utt \0B" + kind + b"\4" + struct.pack("<i", rows) + b"\4" + struct.pack("<i", columns) + data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (binary_matrix(2, 2)[:-1], "'utt' is cut off, or its header is wrong: it claims 16 bytes, 15 are there"),
        (binary_matrix(2**31 - 1, 2**31 - 1), "it claims 18446744056529682436 bytes, 16 are there"),
        (binary_matrix(0, 2), "'utt' is empty: it claims a size of 0 x 2"),
        (binary_matrix(-1, 2), "'utt' is empty: it claims a size of -1 x 2"),
        (binary_matrix(2, 2, kind=b"FX "), "'utt' is of type b'FX ': it must be a matrix or vector"),
        (binary_matrix(2, 2).replace(b"\4", b"\5"), "'utt' has no size of 4 bytes where one should be"),
        (binary_matrix(1, 1, struct.pack("<f", np.nan)), r"'utt' holds nan at \[0, 0\]: not finite"),
        (compressed(b"CM2 ", 0, 1, 2**30, 2**30, b""), "it claims 2305843009213693952 bytes, 0 are there"),
        (compressed(b"CM ", 0, 1, 1, 1, bytes(8)), "it claims 9 bytes, 8 are there"),
        (compressed(b"CM2 ", 0, 1, 1, 1, b"")[:-3], "'utt' is cut off in its header"),
        (compressed(b"CM3 ", np.inf, 1, 1, 1, b"a"), r"'utt' holds inf at \[0, 0\]"),
        (b"utt [\n 1 2\n 3 4\n", r"'utt' is cut off: it has no '\]'"),
        (b"utt [\n 1 2\n 3 ]\n", "'utt' has rows of 2 numbers and of other sizes"),
        (b"utt [ 1 two ]\n", "'utt' holds what is no number"),
        (b"utt [ 1 nan ]\n", r"'utt' holds nan at \[1\]: not finite"),
        (b"utt [ ]\n", "'utt' is empty"),
        (b"utt 1 2 3\n", r"'utt' must begin with '\[', or be binary: it begins with b'1 2 3'"),
        (b"utt", "is cut off behind b'utt'"),
        (b"a" * 5000, "is not a Kaldi archive: it has b'aaaaaaaaaaaaaaaaaaaa' where a key should be"),
        (b"RIFF\x24\0\0\0WAVE", "is not a Kaldi archive: it has b'RIFF"),
        (b" [ 1 ]", "it has a space where a key should be"),
    ],
)
def test_malformed_archives_are_refused(tmp_path, data, message):
    path = tmp_path / "a.ark"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        list(read_ark(path))
    assert str(error.value).startswith(repr(str(path)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("utt1 gunzip -c a.ark.gz |", r"line 1: commands and ranges are not taken, got 'gunzip -c a\.ark\.gz \|'"),
        ("utt1 a.ark:5[0:9]", "commands and ranges are not taken"),
        ("utt1", "line 1: it must be 'key file:offset', got 'utt1'"),
        ("", r"a\.scp' is empty"),
    ],
)
def test_malformed_indices_are_refused(tmp_path, line, message):
    (tmp_path / "a.scp").write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        read_scp(tmp_path / "a.scp")


def test_an_index_with_a_wrong_offset_or_file_is_refused(tmp_path):
    write_ark(tmp_path / "a.ark", {"utt": np.ones(3)})
    (tmp_path / "a.scp").write_text("utt a.ark:9999\nutt2 b.ark:4\n")
    lazy = read_scp(tmp_path / "a.scp")
    with pytest.raises(ValueError, match=r"a\.ark': 'utt' must begin with '\['"):
        lazy[0]
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*b\.ark'"):
        lazy[1]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"a b": np.ones(3)}, "a key must be a word without spaces, and come once: got 'a b'"),
        ([("a", np.ones(3)), ("a", np.ones(3))], "and come once: got 'a'"),
        ({"": np.ones(3)}, "got ''"),
        ({"a": np.ones((2, 2, 2))}, r"the array of 'a' must be finite numbers \(T, F\) or \(n,\), got float64 of"),
        ({"a": np.zeros((0, 3))}, "the array of 'a' must be finite numbers"),
        ({"a": [np.nan]}, "the array of 'a' must be finite numbers"),
    ],
)
@pytest.mark.parametrize("write", [write_ark, write_ark_text])
def test_a_refused_write_leaves_no_file(tmp_path, write, items, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "a.ark", items)
    assert list(tmp_path.iterdir()) == []
