"""Files in memory, from pipes and within archives, for every reader that takes a path."""

import gzip
import io
import os
import zipfile

import numpy as np
import pytest

from rnnbp import audio, datasets
from rnnbp.runtime import opened, opened_text

Y = np.array([0.5, -1.0, 0.25])


def written(tmp_path, write, *arguments, **options):
    """Return the bytes that a writer writes to a file."""
    write(tmp_path / "written", *arguments, **options)
    return (tmp_path / "written").read_bytes()


@pytest.mark.parametrize(
    ("write", "readers"),
    [
        (audio.write_wav, (audio.read_audio, audio.read_wav)),
        (audio.write_sphere, (audio.read_audio, audio.read_sphere)),
    ],
)
def test_a_recording_is_read_from_memory(tmp_path, write, readers):
    data = written(tmp_path, write, Y, 8000)
    for read in readers:
        file = io.BytesIO(data)
        assert read(file)[0].tolist() == Y.tolist()
        assert not file.closed


def test_headers_and_features_are_read_from_memory(tmp_path):
    assert audio.audio_info(io.BytesIO(written(tmp_path, audio.write_wav, Y, 8000))).samples == 3
    assert audio.wav_info(io.BytesIO(written(tmp_path, audio.write_wav, Y, 8000))).sr == 8000
    assert audio.sphere_info(io.BytesIO(written(tmp_path, audio.write_sphere, Y, 8000))).samples == 3
    features = np.arange(6.0).reshape(3, 2)
    assert audio.read_htk(io.BytesIO(written(tmp_path, audio.write_htk, features))).values.tolist() == features.tolist()
    for write in (audio.write_ark, audio.write_ark_text):
        (found,) = audio.read_ark(io.BytesIO(written(tmp_path, write, {"utt": features})))
        assert (found[0], found[1].tolist()) == ("utt", features.tolist())


def test_an_index_in_memory_names_files_by_their_path(tmp_path, monkeypatch):
    audio.write_ark(tmp_path / "a.ark", {"utt": Y}, scp=tmp_path / "a.scp")
    text = (tmp_path / "a.scp").read_text()
    for index in (io.StringIO(text), io.BytesIO(text.encode())):
        assert audio.read_scp(index)[0].tolist() == Y.tolist()
    monkeypatch.chdir(tmp_path)
    assert audio.read_scp(io.StringIO("utt a.ark:4"))[0].tolist() == Y.tolist()


def test_members_of_archives_and_files_at_a_position_are_read(tmp_path):
    data = written(tmp_path, audio.write_wav, Y, 8000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.wav", data)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("a.wav") as member:
        assert audio.read_audio(member)[0].tolist() == Y.tolist()
    (tmp_path / "b").write_bytes(b"head" + data)
    with (tmp_path / "b").open("rb") as file:
        file.seek(4)
        assert audio.read_audio(file)[0].tolist() == Y.tolist()


def test_a_pipe_is_read(tmp_path):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as into:
        into.write(written(tmp_path, audio.write_wav, Y, 8000))
    with os.fdopen(reading, "rb") as pipe:
        assert audio.read_audio(pipe)[0].tolist() == Y.tolist()


def test_errors_name_the_source(tmp_path):
    with pytest.raises(ValueError, match=r"^<BytesIO> is empty"):
        audio.read_audio(io.BytesIO())
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with (tmp_path / "a.wav").open("rb") as file, pytest.raises(ValueError, match=r"^'.*a\.wav' is cut off"):
        audio.read_audio(file)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"RIFF", r"path must be a path or an open file, got bytes: give io\.BytesIO of them"),
        (3, "path must be a path, or a file opened in binary mode, got 3"),
        (None, "path must be a path, or a file opened in binary mode, got None"),
        (io.StringIO("RIFF"), r"path must be opened in binary mode, open\(\.\.\., 'rb'\); <StringIO> gives text"),
    ],
)
@pytest.mark.parametrize("read", [audio.read_audio, audio.audio_info, audio.read_htk, audio.read_sphere])
def test_other_objects_are_refused(read, source, message):
    with pytest.raises(ValueError, match=message):
        read(source)


def test_text_is_read_plain_compressed_and_from_text_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"a\r\nb"))  # whatever its name
    for source in (tmp_path / "a.txt", io.BytesIO(b"a\r\nb"), io.StringIO("a\nb"), io.BytesIO(gzip.compress(b"a\nb"))):
        with opened_text(source, encoding="ascii") as file:
            assert file.readlines() == ["a\n", "b"]


def test_paths_may_be_of_any_path_type(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    with os.scandir(tmp_path) as entries:
        paths = [tmp_path / "a", str(tmp_path / "a"), *entries]
    for path in paths:
        with opened(path) as source:
            assert (source.size, source.file.read()) == (3, b"abc")


def test_word_lists_segments_and_pictures_are_read_from_open_files(tmp_path):
    words = "knob\t-nab\t>>1<\t0\n"
    for file in (io.StringIO(words), io.BytesIO(words.encode()), io.BytesIO(gzip.compress(words.encode()))):
        table = datasets.load_nettalk(file)
        assert (table["word"].tolist(), table["common"].tolist()) == (["knob"], [False])
    assert datasets.load_cmudict(io.StringIO("knob N AA1 B\n")) == {"knob": (("N", "AA1", "B"),)}
    assert datasets.read_segments(io.BytesIO(b"0 30 h#\n")).values.tolist() == [[0, 30, "h#"]]
    assert datasets.read_pgm(io.BytesIO(b"P5 2 1 255\n" + bytes([0, 51]))).tolist() == [[0, 0.2]]
    with pytest.raises(ValueError, match=r"^<StringIO>, line 1: 'knob': 'X' is not a phoneme"):
        datasets.load_cmudict(io.StringIO("knob X\n"))
    with pytest.raises(ValueError, match=r"^<BytesIO> is not a binary PGM file"):
        datasets.read_pgm(io.BytesIO(b"P2"))
