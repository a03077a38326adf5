"""The .ts format: reading, writing, and malformed files."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rnnbp.data import SequenceDataset
from rnnbp.datasets import interpolate, read_ts, write_ts
from rnnbp.datasets import ts as reader
from rnnbp.datasets.bundled import bundled

HEAD = "@problemName p\n@dimensions 2\n@equalLength false\n@classLabel true no yes\n@data\n"


def file(tmp_path, text, name="a.ts"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lists(data):
    return [s.T.tolist() for s in data.sequences]


# ---- reading ------------------------------------------------------------------------------------


def test_unequal_lengths_several_dimensions_and_comments_are_read(tmp_path):
    text = (
        "# a comment\n\n@PROBLEMNAME two words\n@timestamps FALSE\n@missing false\n@univariate false\n@Dimension 2\n"
        "@equallength false\n@ClassLabel True yes no\n@DATA\n# another\n1,2,3:4,5e-1,+6:no\n\n 7 , 8 : 9 , 10 : yes \n"
    )
    data = read_ts(file(tmp_path, text))
    assert lists(data) == [[[1, 2, 3], [4, 0.5, 6]], [[7, 8], [9, 10]]]
    assert data.classes == ("yes", "no")
    assert data.targets.tolist() == [1, 0]


def test_targets_may_be_values(tmp_path):
    data = read_ts(file(tmp_path, "@targetLabel true\n@data\n1,2:0.25\n3:-4\n5:?\n"))
    np.testing.assert_array_equal(data.targets, [[0.25], [-4], [np.nan]])
    assert data.classes is None


def test_targets_may_be_missing(tmp_path):
    data = read_ts(file(tmp_path, "@univariate true\n@classLabel false\n@data\n1,2\n3"))
    assert lists(data) == [[[1, 2]], [[3]]]
    assert data.targets is None


def test_time_stamps_may_be_numbers_or_dates(tmp_path):
    text = (
        "@timeStamps true\n@classLabel true a b\n@data\n(0,1),(1.5,2):(0,3),(7,4):a\n"
        "(2013-11-01 00:00:00,5), (2013-11-01 00:00:10,6) : (0,7),(1,8) : b\n"
    )
    data = read_ts(file(tmp_path, text))
    assert lists(data) == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert data.targets.tolist() == [0, 1]


def test_line_ends_of_any_system_and_byte_order_marks_are_read(tmp_path):
    text = "\ufeff# caf".encode() + b"\xe9\r\n@classLabel true \xc3\xa9 b\r\n@data\r\n1,2:\xc3\xa9\r\n"
    data = read_ts(file(tmp_path, text))
    assert data.classes == ("é", "b")
    assert lists(data) == [[[1, 2]]]


MISSING = "@missing true\n@classLabel true a\n@data\n?,1,NaN,3,?:5,?,?,?,6:a\n"


def test_missing_values_are_filled_by_the_given_function_or_number(tmp_path):
    path = file(tmp_path, MISSING)
    assert lists(read_ts(path, fill=interpolate)) == [[[1, 1, 2, 3, 3], [5, 5.25, 5.5, 5.75, 6]]]
    assert lists(read_ts(path, fill=-1)) == [[[-1, 1, -1, 3, -1], [5, -1, -1, -1, 6]]]
    assert lists(read_ts(path, fill=lambda s: np.nan_to_num(s, nan=9.0)))[0][0] == [9, 1, 9, 3, 9]
    assert lists(read_ts(file(tmp_path, "@data\n?,?:1,2\n"), fill=interpolate)) == [[[0, 0], [1, 2]]]


def test_comments_may_begin_with_a_per_cent_sign(tmp_path):
    text = "%# cut down\n% and more\n%\n@classLabel true 1 %\n@data\n% between\n1,2:1\n%1,2:1\n3:%\n"
    data = read_ts(file(tmp_path, text))
    assert lists(data) == [[[1, 2]], [[3]]]
    assert data.classes == ("1", "%")


@pytest.mark.parametrize("dimensions", ["", "@dimensions 2\n"])
def test_several_dimensions_under_univariate_true_are_read_with_a_warning(tmp_path, dimensions):
    path = file(tmp_path, f"@univariate true\n{dimensions}@classLabel true a\n@data\n1,2:3,4:a\n5:6:a\n")
    with pytest.warns(UserWarning, match=r"a\.ts: @univariate is true, but there are 2 dimensions") as told:
        assert lists(read_ts(path)) == [[[1, 2], [3, 4]], [[5], [6]]]
    assert told[0].filename == __file__


def test_dimensions_of_different_lengths_are_padded_with_nan_for_fill(tmp_path):
    path = file(tmp_path, "@targetLabel true\n@data\n1,2,3,4:5,7:0.5\n1:2,3:0.5\n")
    assert lists(read_ts(path, fill=interpolate)) == [[[1, 2, 3, 4], [5, 7, 7, 7]], [[1, 1], [2, 3]]]
    assert lists(read_ts(path, fill=0)) == [[[1, 2, 3, 4], [5, 7, 0, 0]], [[1, 0], [2, 3]]]
    seen = []
    read_ts(path, fill=lambda s: seen.append(s) or np.nan_to_num(s))
    np.testing.assert_array_equal(seen[0].T, [[1, 2, 3, 4], [5, 7, np.nan, np.nan]])
    with pytest.raises(ValueError, match=r"line 3: .*the first 4, number 2 2; give fill=.* are padded with NaN for it"):
        read_ts(path)


def test_equal_lengths_are_those_of_the_longest_dimension(tmp_path):
    head = "@equalLength true\n@seriesLength 3\n@data\n"
    assert read_ts(file(tmp_path, head + "1,2,3:1\n"), fill=0).lengths.tolist() == [3]
    with pytest.raises(ValueError, match="line 4: all sequences must have 3 steps by the header, this one has 2"):
        read_ts(file(tmp_path, head + "1,2:1\n"), fill=0)


def test_open_files_in_text_or_binary_mode_are_read(tmp_path):
    text = HEAD + "1,2:3,4:no\n"
    for source in (io.StringIO(text), io.BytesIO(text.encode()), io.BytesIO(gzip.compress(text.encode()))):
        assert lists(read_ts(source)) == [[[1, 2], [3, 4]]]
    with file(tmp_path, text).open() as opened:
        assert lists(read_ts(opened)) == [[[1, 2], [3, 4]]]
    with pytest.raises(ValueError, match=r"^<BytesIO>, line 1: unknown directive @nothing"):
        read_ts(io.BytesIO(b"@nothing\n"))
    with pytest.raises(ValueError, match=r"^<BytesIO>, line \d+: Compressed file ended"):
        read_ts(io.BytesIO(gzip.compress(text.encode())[:-9]))


def test_missing_values_are_an_error_by_default(tmp_path):
    with pytest.raises(ValueError, match=r"a.ts, line 4: the value of dimension 1 at step 0 is missing: give fill="):
        read_ts(file(tmp_path, MISSING))
    with pytest.raises(ValueError, match=r"a.ts, line 4: fill must give finite values of shape \(T, F\) = \(5, 2\)"):
        read_ts(file(tmp_path, MISSING), fill=lambda s: s)
    with pytest.raises(ValueError, match=r"got \(2, 2\)"):
        read_ts(file(tmp_path, MISSING), fill=lambda s: np.zeros((2, 2)))


@given(st.lists(hnp.arrays(np.float64, (2, 4), elements=st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_plain_numbers_are_read_as_those_between_time_stamps_are(values):
    """Dimensions of plain numbers are parsed together, those with time stamps word by word: to the same bits."""
    plain = "".join(":".join(",".join(map(repr, d)) for d in s.tolist()) + "\n" for s in values)
    stamped = "".join(":".join(",".join(f"(0,{v!r})" for v in d) for d in s.tolist()) + "\n" for s in values)
    found = read_ts(io.StringIO(f"@data\n{plain}"), dtype=np.float64)
    expected = read_ts(io.StringIO(f"@timeStamps true\n@data\n{stamped}"), dtype=np.float64)
    for a, b, s in zip(found.sequences, expected.sequences, values, strict=True):
        np.testing.assert_array_equal(a, s.T)
        np.testing.assert_array_equal(a, b)


# ---- what is wrong, and where -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 0: the file ends before @data"),
        ("@classLabel true a\n", "line 1: the file ends before @data"),
        (HEAD, "line 5: there is no sequence after @data"),
        (
            HEAD + "1,2:3,4:no\n1,2:3",
            "line 7: there must be 2 dimensions and a label between colons, the line has 2 parts",
        ),
        (
            HEAD + "1,2:3,4:5,6:no\n",
            "line 6: there must be 2 dimensions and a label between colons, the line has 4 parts",
        ),
        (HEAD + "1\n", "line 6: there must be 2 dimensions and a label between colons, the line has 1 part"),
        (HEAD + "1,2:3,4:\n", "line 6: class '' is not among no, yes"),
        (HEAD + "1,2:3,4:maybe\n", "line 6: class 'maybe' is not among no, yes"),
        (HEAD + "1,2:3,4:ye", "line 6: class 'ye' is not among no, yes"),
        (HEAD + "1,2:3,4,5:no\n", "line 6: the dimensions have different lengths: the first 2, number 2 3"),
        (HEAD + "1,2:3,4x:no\n", "line 6: a value must be a number, got '4x'"),
        (HEAD + "1,2:3,:no\n", "line 6: a value must be a number, got ''"),
        (HEAD + "1,2:3,4_0:no\n", "line 6: a value must be a number, got '4_0'"),
        (HEAD + "1,2:3,inf:no\n", "line 6: a value is infinite"),
        (HEAD + "1,2::no\n", "line 6: a dimension is empty"),
        (HEAD + "1,2:__import__('os'):no\n", "line 6: a value must be a number, got"),
        ("@data\n1,2:3,4\n1,2\n", "line 3: there must be 2 dimensions between colons, the line has 1 part"),
        ("@univariate true\n@dimensions 3\n@data\n1\n", "line 4: there must be 3 dimensions between colons"),
        ("@equalLength true\n@seriesLength 3\n@data\n1,2\n", "line 4: all sequences must have 3 steps by the header, "),
        ("@equalLength true\n@data\n1,2\n1\n", "line 4: all sequences must have 2 steps by the header, this one has 1"),
        ("@targetLabel true\n@data\n1,2:a\n", "line 3: the target must be a number, got 'a'"),
        ("@targetLabel true\n@data\n1,2:-inf\n", "line 3: the target is infinite"),
        ("@targetLabel true\n@classLabel true a\n@data\n", "line 3: @classLabel and @targetLabel cannot both be true"),
        ("@timeStamps true\n@data\n(0,1),(1,2\n", r"line 3: time stamps must be written \(time,value\), got '\(12'"),
        ("@timeStamps true\n@data\n1,2\n", r"line 3: time stamps must be written \(time,value\), got '12'"),
        ("@timeStamps true\n@data\n()\n", "line 3: a dimension is empty"),
        ("1,2:no\n", "line 1: a line before @data must begin with @, # or %, got '1,2:no'"),
        ("@classlabels true a\n", r"line 1: unknown directive @classlabels. Did you mean 'classLabel'\?"),
        ("@\n", "line 1: unknown directive @"),
        ("@missing\n", "line 1: @missing needs a value"),
        ("@missing maybe\n", "line 1: @missing must be true or false, got 'maybe'"),
        ("@dimensions two\n", "line 1: @dimensions must be a positive integer of at most 9 digits, got 'two'"),
        ("@dimensions 0\n", "got '0'"),
        (
            "@seriesLength 99999999999999999999\n",
            "line 1: @seriesLength must be a positive integer of at most 9 digits",
        ),
        ("@classLabel true\n", "line 1: @classLabel true needs the classes"),
        ("@classLabel true a b a\n", "line 1: @classLabel has 'a' twice"),
        ("@missing true\n@missing true\n", "line 2: @missing is there twice"),
        (b"@classLabel true a\xe9\n", "line 1: the line is not text in UTF-8"),
    ],
)
def test_errors_name_the_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"^a.ts, {message}" if message.startswith("line") else message):
        read_ts(file(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: there is no file '.*none\.ts'"):
        read_ts(tmp_path / "none.ts")
    with pytest.raises(FileNotFoundError, match="path: there is no file"):
        read_ts(tmp_path)


def test_a_truncated_file_is_an_error_wherever_it_is_cut(tmp_path):
    """Except within the last label or number, where the rest may be a complete file, and before the last line."""
    text = HEAD + "1.5,2.5:3.5,4.5:yes\n1.5,2.5:3.5,4.5:yes\n"
    end = len(text) - 1
    for size in range(end):
        beginning = text[:size]
        whole_lines = beginning.endswith((":yes\n", ":yes"))
        if whole_lines and size > len(HEAD):
            assert len(read_ts(file(tmp_path, beginning))) == beginning.count("yes") - 1
        else:
            with pytest.raises(ValueError, match=r"^a\.ts, line \d: "):
                read_ts(file(tmp_path, beginning))


def test_a_truncated_or_damaged_gz_is_an_error(tmp_path):
    whole = gzip.compress((HEAD + "1,2:3,4:no\n" * 1000).encode(), mtime=0)
    assert len(read_ts(file(tmp_path, whole, "a.ts.gz"))) == 1000
    for damaged in (whole[:-9], whole[:40], b"not gzip", whole[:20] + b"\xff" * 20 + whole[40:], whole[:-1] + b"\x99"):
        with pytest.raises(ValueError, match=r"^a\.ts\.gz, line \d+: "):
            read_ts(file(tmp_path, damaged, "a.ts.gz"))


def test_a_line_that_is_too_long_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "LONGEST_LINE", 100)
    with pytest.raises(ValueError, match=r"a\.ts, line 6: the line is longer than 100 characters"):
        read_ts(file(tmp_path, HEAD + "1," * 1000))


def test_many_dimensions_are_read_in_linear_time(tmp_path):
    line = ":".join(["1,2,3,4,5"] * 4000)
    data = read_ts(file(tmp_path, f"@data\n{line}\n"))
    assert data.feature_size == 4000
    stamped = ":".join(["(0,1),(1,2)"] * 4000)
    assert read_ts(file(tmp_path, f"@data\n{stamped}\n")).feature_size == 4000


# ---- round trips --------------------------------------------------------------------------------


def finite(dtype):
    return hnp.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False)


@st.composite
def datasets(draw):
    """Generate any dataset that the format can represent."""
    dtype = draw(st.sampled_from([np.float16, np.float32, np.float64]))
    F = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    sequences = [draw(hnp.arrays(dtype, (n, F), elements=finite(dtype))) for n in lengths]
    N = len(lengths)
    kind = draw(st.sampled_from(["none", "classes", "values"]))
    if kind == "none":
        return SequenceDataset(sequences, dtype=dtype)
    if kind == "values":
        values = draw(hnp.arrays(float, N, elements=st.floats(allow_infinity=False)))
        return SequenceDataset(sequences, values, dtype=dtype)
    word = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C"), exclude_characters=":"), min_size=1)
    classes = draw(st.lists(word, min_size=1, max_size=4, unique=True))
    labels = draw(hnp.arrays(np.int64, N, elements=st.integers(0, len(classes) - 1)))
    return SequenceDataset(sequences, labels, classes=classes, dtype=dtype)


@pytest.mark.parametrize("name", ["a.ts", "a.ts.gz"])
@given(data=datasets())
def test_what_is_written_is_read_back_to_the_last_bit(tmp_path_factory, name, data):
    path = tmp_path_factory.getbasetemp() / name
    write_ts(path, data)
    back = read_ts(path, dtype=data.dtype)
    assert back.classes == data.classes
    np.testing.assert_array_equal(back.targets, data.targets)
    for a, b in zip(back.sequences, data.sequences, strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def test_japanese_vowels_round_trip(tmp_path):
    data = read_ts(bundled("JapaneseVowels_TEST.ts.gz"))
    write_ts(tmp_path / "again.ts", data, name="JapaneseVowels")
    again = read_ts(tmp_path / "again.ts")
    assert again.classes == data.classes
    assert (again.targets == data.targets).all()
    np.testing.assert_array_equal(np.concatenate(again.sequences), np.concatenate(data.sequences))
    with gzip.open(bundled("JapaneseVowels_TEST.ts.gz"), "rt") as original:
        numbers = [line for line in original if line[0] not in "#@"]
    written = (tmp_path / "again.ts").read_text().splitlines()
    assert written[:5] == [
        "@problemName JapaneseVowels",
        "@timeStamps false",
        "@missing false",
        "@univariate false",
        "@dimensions 12",
    ]
    assert [float(v) for v in written[-1].split(":")[0].split(",")] == [
        float(v) for v in numbers[-1].split(":")[0].split(",")
    ]


def test_classes_without_names_are_read_as_numbers_and_tokens_as_values(tmp_path):
    write_ts(tmp_path / "a.ts", SequenceDataset([np.array([3, 1]), np.array([2, 2])], [0, 2]))
    data = read_ts(tmp_path / "a.ts")
    assert data.classes == ("0", "1", "2")
    assert data.targets.tolist() == [0, 2]
    assert data.sequences[0].tolist() == [[3], [1]]
    assert "@equalLength true\n@seriesLength 2\n" in (tmp_path / "a.ts").read_text()


def test_output_is_deterministic_and_no_temporary_file_remains(tmp_path):
    data = SequenceDataset([np.ones((2, 1))], ["yes"])
    write_ts(tmp_path / "a.ts.gz", data)
    first = (tmp_path / "a.ts.gz").read_bytes()
    write_ts(tmp_path / "a.ts.gz", data)
    assert (tmp_path / "a.ts.gz").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["a.ts.gz"]


def test_a_file_is_unchanged_if_writing_fails(tmp_path, monkeypatch):
    def full(_):
        raise OSError("no space left")

    path = file(tmp_path, "as it was")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_ts(path, SequenceDataset([np.ones((2, 1))]))
    assert path.read_text() == "as it was"
    assert [p.name for p in tmp_path.iterdir()] == ["a.ts"]


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (
            [[0, 1], [1, 0]],
            {},
            "data has targets for each step, or several a sequence; a .ts file holds one a sequence",
        ),
        (np.zeros((2, 3)), {}, "a .ts file holds one a sequence"),
        (["a b", "c"], {}, "a class's name in a .ts file cannot be empty or have a space or a colon, got 'a b'"),
        (["a:b", "c"], {}, "got 'a:b'"),
        (["", "c"], {}, "got ''"),
        (["a", "b"], {"name": "two words"}, "name must be one word, got 'two words'"),
        (["a", "b"], {"name": "a\n@data"}, "name must be one word"),
    ],
)
def test_datasets_that_the_format_cannot_represent_are_refused(tmp_path, targets, options, message):
    data = SequenceDataset([np.zeros((2, 1)), np.ones((2, 1))], targets)
    with pytest.raises(ValueError, match=message):
        write_ts(tmp_path / "a.ts", data, **options)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: there is no folder '.*none' to write 'a\.ts' to"):
        write_ts(tmp_path / "none" / "a.ts", SequenceDataset([[[1.0]]]))
