"""Word lists with pronunciations: NETtalk's corpus, the CMU dictionary, and errors of damaged files."""

import gzip
import os
from pathlib import Path

import pytest

from rnnbp.datasets import load_cmudict, load_nettalk, text_lines

HEADER = "Copyright (C) 1988 by Terrence J. Sejnowski.\n\nThe data begin below.\n"
WORDS = "knob\t-nab\t>>1<\t0\nthe\tD-x\t>>0\t0\nabatis\t@bxti-\t1<0>2<\t2\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nettalk.data").write_text(HEADER + WORDS)
    return tmp_path


# ---- NETtalk ------------------------------------------------------------------------------------


def test_words_are_read_in_order_without_the_header(folder):
    table = load_nettalk(folder)
    assert table.columns.tolist() == ["word", "phonemes", "stress", "group", "common"]
    assert table.iloc[2].tolist() == ["abatis", "@bxti-", "1<0>2<", "foreign", False]
    assert table["word"].tolist() == ["knob", "the", "abatis"]
    assert load_nettalk(folder / "nettalk.data").equals(table)


def test_common_words_are_those_of_the_bundled_list(folder):
    (folder / "nettalk.list").write_text("(THE OF AND\n TO KNOB)\n")
    assert load_nettalk(folder)["common"].tolist() == [True, True, False]


def test_compressed_files_and_other_line_ends_are_read(folder):
    whole = load_nettalk(folder)
    path = folder / "packed.data.gz"
    path.write_bytes(gzip.compress(WORDS.replace("\n", "\r\n").encode()))
    assert load_nettalk(path).equals(whole)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("knob\t-nab\t>>1<", r"nettalk\.data, line 7: a word has 4 fields between tabs, the line has 3"),
        ("Knob\t-nab\t>>1<\t0", "line 7: a word must be lower case letters, got 'Knob'"),
        ("knob\tnab\t>>1<\t0", "line 7: 'knob' has 4 letters, but 3 symbols of phonemes"),
        ("knob\t-nab\t>>1<<\t0", "line 7: 'knob' has 4 letters, but 5 symbols of stress"),
        ("knob\t-n~b\t>>1<\t0", "line 7: '~' is not a symbol of phonemes; they are -abc"),
        ("knob\t-nab\t>>3<\t0", "line 7: '3' is not a symbol of stress; they are <>012"),
        ("knob\t-nab\t>>1<\tyes", "line 7: the last field must be 0, 1 or 2, got 'yes'"),
        ("x" * 70000, "line 7: the line is longer than 65536 characters"),
    ],
)
def test_a_line_that_is_wrong_is_named(folder, line, message):
    with (folder / "nettalk.data").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=message):
        load_nettalk(folder)


def test_empty_and_missing_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: there is no file '.*none\.data'"):
        load_nettalk(tmp_path / "none.data")
    with pytest.raises(FileNotFoundError, match=r"is no copy of nettalk: it has no 'nettalk\.data'"):
        load_nettalk(tmp_path)
    (tmp_path / "nettalk.data").write_text(HEADER)
    with pytest.raises(ValueError, match=r"nettalk\.data: there is no word in it: a line of 4 fields"):
        load_nettalk(tmp_path)


def test_nothing_is_downloaded_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    monkeypatch.setenv("RNNBP_OFFLINE", "1")
    for load in (load_nettalk, lambda: load_cmudict(whole=True)):
        with pytest.raises(FileNotFoundError, match="RNNBP_OFFLINE forbids to download it"):
            load()
    (tmp_path / "nettalk").mkdir()
    (tmp_path / "nettalk" / "nettalk.data").write_text(WORDS)
    (tmp_path / "cmudict" / "cmudict-master").mkdir(parents=True)
    (tmp_path / "cmudict" / "cmudict-master" / "cmudict.dict").write_text("knob N AA1 B\n")
    assert len(load_nettalk()) == 3
    assert load_cmudict(whole=True) == {"knob": (("N", "AA1", "B"),)}


@pytest.mark.slow
def test_the_downloaded_corpus_has_the_documented_words():
    if "RNNBP_TEST_DATA" not in os.environ:
        pytest.skip("RNNBP_TEST_DATA does not say where the corpus is")
    table = load_nettalk(Path(os.environ["RNNBP_TEST_DATA"]) / "nettalk")
    assert len(table) > 15_000
    assert (table["word"].str.len() == table["phonemes"].str.len()).all()
    words = table.set_index("word")
    assert words.loc["aardvark", ["phonemes", "stress"]].tolist() == ["a-rdvark", "1<<<>2<<"]
    assert 700 < table["common"].sum() <= 1100


# ---- CMU dictionary -----------------------------------------------------------------------------


def test_the_bundled_words_are_everyday_ones():
    words = load_cmudict()
    assert len(words) == 20_088
    assert sum(map(len, words.values())) == 23_193
    assert words["the"][0] == ("DH", "AH0")
    assert {*"abcdefghijklmnopqrstuvwxyz", "don't", "you're", "language", "computer"} <= set(words)
    assert all(word == word.lower() for word in words)


def test_user_dictionaries_are_read_in_either_format(tmp_path):
    path = tmp_path / "cmudict-0.7b"
    path.write_bytes(b";;; # a comment\nKNOB  N AA1 B\nREAD  R EH1 D\nREAD(1)  R IY1 D\n\nD\xc9J\xc0  D EY2 ZH AA1\n")
    expected = {"knob": (("N", "AA1", "B"),), "read": (("R", "EH1", "D"), ("R", "IY1", "D"))}
    assert load_cmudict(path) == expected | {"déjà": (("D", "EY2", "ZH", "AA1"),)}
    new = tmp_path / "cmudict.dict.gz"
    new.write_bytes(gzip.compress(b"knob N AA1 B # a note\nread R EH1 D\nread(2) R IY1 D\n"))
    assert load_cmudict(new) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("knob N AA1 B\nread R E1 D\n", r"my\.dict, line 2: 'read': 'E1' is not a phoneme of ARPAbet"),
        ("knob N AA B\n", "line 1: 'knob': 'AA' is not a phoneme"),
        ("knob\n", "line 1: 'knob': there are no phonemes"),
        ("\n;;; nothing\n", r"my\.dict: there is no word in it"),
    ],
)
def test_malformed_dictionaries_are_refused(tmp_path, text, message):
    (tmp_path / "my.dict").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_cmudict(tmp_path / "my.dict")


# ---- lines --------------------------------------------------------------------------------------


def test_a_truncated_archive_is_refused_with_its_line(tmp_path):
    whole = gzip.compress(b"".join(b"word%d\n" % n for n in range(5000)))
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.gz, after line \d+: Compressed file ended"):
        list(text_lines.text_lines(tmp_path / "cut.gz"))
    (tmp_path / "none.gz").write_bytes(b"word\n")
    with pytest.raises(ValueError, match=r"none\.gz, after line 0: Not a gzipped file"):
        list(text_lines.text_lines(tmp_path / "none.gz"))
