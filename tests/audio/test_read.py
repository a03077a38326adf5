"""SPHERE, FLAC and OGG files: round trips, detection of the format from the first bytes, and damaged files."""

import io
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnbp.audio import audio_info, read_audio, read_sphere, sphere_info, write_sphere
from rnnbp.audio.base import encoded

# ---- SPHERE --------------------------------------------------------------------------------------


@given(arrays(np.int16, st.tuples(st.integers(1, 3), st.integers(1, 30))))
def test_sphere_files_round_trip_exactly(tmp_path_factory, whole):
    path = tmp_path_factory.mktemp("sphere") / "SA1.WAV"
    y = whole / 2.0**15
    write_sphere(path, y, 16000)
    back, sr = read_audio(path)
    np.testing.assert_array_equal(np.atleast_2d(back), y)
    assert sr == 16000
    info = audio_info(path)
    assert (info.channels, info.samples, info.start, info.encoding) == (*whole.shape, 1024, "PCM_16")


def sphere(data=bytes(20), size=1024, **fields):
    """Return the bytes of a SPHERE file with given header fields; those that are None are left out."""
    given = {
        "sample_count": "-i 10",
        "sample_rate": "-i 16000",
        "channel_count": "-i 1",
        "sample_n_bytes": "-i 2",
        "sample_byte_format": "-s2 01",
        "sample_coding": "-s3 pcm",
    } | fields
    lines = "".join(f"{k} {v}\n" for k, v in given.items() if v is not None)
    return (f"NIST_1A\n{size:>7}\n" + lines + "end_head\n").encode().ljust(1024) + data


@pytest.mark.parametrize("order", ["01", "10", "210", "012", "3210", "0123"])
def test_sphere_samples_are_read_in_either_byte_order(tmp_path, order):
    y = np.array([0.5, -1.0, 0.25, -0.125])
    data = encoded(y, f"PCM_{8 * len(order)}", "<" if order[0] == "0" else ">")
    fields = {"sample_n_bytes": f"-i {len(order)}", "sample_byte_format": f"-s{len(order)} {order}"}
    (tmp_path / "a.sph").write_bytes(sphere(data, sample_count="-i 4", **fields))
    assert read_sphere(tmp_path / "a.sph")[0].tolist() == y.tolist()


def test_sphere_files_are_read_as_by_soundfile(tmp_path, rng):
    soundfile = pytest.importorskip("soundfile")
    write_sphere(tmp_path / "a.sph", rng.uniform(-1, 1, (2, 40)), 16000)
    theirs, sr = soundfile.read(tmp_path / "a.sph")
    np.testing.assert_array_equal(read_sphere(tmp_path / "a.sph")[0].T, theirs)
    assert sr == 16000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"NIST_1B\n   1024\n", r"is not a SPHERE file: it begins with b'NIST_1B\\n'"),
        (b"NIST_1A\n    abc\n", "claims a header of 'abc' bytes: it must be 17 to 65536"),
        (b"NIST_1A\n9999999\n", "claims a header of '9999999' bytes"),
        (sphere()[:200].replace(b"end_head", b"        "), "is cut off: its header does not end"),
        (sphere()[:-1], "is cut off, or its header is wrong: it claims 20 bytes of samples, 19 are there"),
        (sphere(sample_count="-i 999999999999999"), "it claims 1999999999999998 bytes of samples, 20 are there"),
        (sphere(b"", sample_count="-i 0"), "holds no samples"),
        (sphere(sample_count="-i ten"), "says sample_count = 'ten' in its header: it must be a number"),
        (sphere(sample_rate=None), "must say sample_rate, an integer of 1 or more, in its header: got None"),
        (sphere(sample_rate="-r 1.5"), "must say sample_rate, an integer of 1 or more, in its header: got 1.5"),
        (sphere(sample_coding="-s26 pcm,embedded-shorten-v2.00"), "is coded as 'pcm,embedded-shorten-v2.00', and"),
        (sphere(sample_n_bytes="-i 9"), "is of 9 bytes a sample"),
        (sphere(sample_byte_format="-s2 11"), "in the order '11'"),
    ],
)
def test_malformed_sphere_files_are_refused(tmp_path, data, message):
    path = tmp_path / "a.sph"
    path.write_bytes(data)
    for read in (read_sphere, sphere_info):
        with pytest.raises(ValueError, match=message) as error:
            read(path)
        assert str(error.value).startswith(repr(str(path)))


# ---- what soundfile reads ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "encoding"),
    [
        *(("WAV", e) for e in ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")),
        *(("WAVEX", e) for e in ("ULAW", "ALAW")),
        *(("NIST", e) for e in ("ULAW", "ALAW")),
        *(("AIFF", e) for e in ("PCM_16", "ULAW", "ALAW", "FLOAT")),
        *(("AU", e) for e in ("PCM_16", "ULAW", "ALAW", "DOUBLE")),
        *(("CAF", "ALAW"), ("W64", "ULAW"), ("RF64", "ULAW"), ("RF64", "PCM_16")),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_other_encodings_are_decoded_by_soundfile(tmp_path, rng, container, encoding, channels):
    soundfile = pytest.importorskip("soundfile")
    if encoding == "GSM610" and channels == 2:
        pytest.skip("GSM 6.10 is of one channel")
    path = tmp_path / "a.snd"
    soundfile.write(path, rng.uniform(-0.9, 0.9, (400, channels)), 8000, format=container, subtype=encoding)
    with soundfile.SoundFile(path) as file:
        theirs = file.read(10_000, always_2d=True).T
    for source in (path, io.BytesIO(path.read_bytes())):
        found, sr = read_audio(source, np.float64)
        np.testing.assert_array_equal(np.atleast_2d(found), theirs)
        assert sr == 8000
    info = audio_info(path)
    assert (info.samples, info.channels, info.encoding) == (theirs.shape[1], channels, encoding)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("encoding", ["ULAW", "ALAW", "MS_ADPCM"])
def test_mu_law_from_a_pipe_is_read_to_its_end(tmp_path, rng, size, encoding):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    soundfile.write(path, rng.uniform(-0.9, 0.9, 400), 8000, subtype=encoding)
    expected, data = soundfile.read(path)[0], path.read_bytes()
    place = data.index(b"data") + 4
    path.write_bytes(data[:place] + struct.pack("<I", size) + data[place + 4 :])
    np.testing.assert_array_equal(read_audio(path, np.float64)[0], expected)
    assert audio_info(path).samples == len(expected)


def test_truncated_mu_law_is_refused(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", np.zeros(400), 8000, subtype="ULAW")
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-100])
    with pytest.raises(ValueError, match="is cut off, or its header is wrong: it claims 400 bytes of samples, 300 are"):
        read_audio(tmp_path / "a.wav")


def test_a_sphere_header_without_a_count_reads_to_the_end_and_one_with_too_few_warns(tmp_path):
    (tmp_path / "a.sph").write_bytes(sphere(sample_count="-i 0"))
    assert read_sphere(tmp_path / "a.sph")[0].shape == (10,)
    (tmp_path / "a.sph").write_bytes(sphere(sample_count="-i 7"))
    for read in (read_sphere, read_audio):
        with pytest.warns(UserWarning, match=r"a\.sph' claims 7 samples, 10 are there: the rest is left out") as told:
            assert read(tmp_path / "a.sph")[0].shape == (7,)
        assert told[0].filename == __file__


@pytest.mark.parametrize("channels", [1, 2])
def test_flac_round_trips_exactly_and_ogg_approximately(tmp_path, channels):
    soundfile = pytest.importorskip("soundfile")
    y = 0.5 * np.sin(np.arange(4000) / 9)[:, None] * np.ones(channels)
    soundfile.write(tmp_path / "a.flac", y, 8000, subtype="PCM_24")
    soundfile.write(tmp_path / "a.ogg", y, 8000)
    expected = y[:, 0] if channels == 1 else y.T
    found, sr = read_audio(tmp_path / "a.flac")
    np.testing.assert_allclose(found, expected, atol=2**-23)
    lossy, _ = read_audio(tmp_path / "a.ogg", np.float64)
    assert np.sqrt(np.mean((lossy - expected) ** 2)) < 0.02
    info = audio_info(tmp_path / "a.flac")
    assert (sr, info.sr, info.channels, info.samples, info.encoding) == (8000, 8000, channels, 4000, "PCM_24")


def test_a_truncated_or_forged_flac_takes_little_memory(tmp_path, rng):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.flac"
    soundfile.write(path, rng.uniform(-1, 1, 20_000), 8000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.flac' (is cut off: it claims 20000|is neither .*cannot read it)"):
        read_audio(path)
    # The 36 bits of the number of samples in STREAMINFO, all ones.
    path.write_bytes(whole[:21] + bytes([whole[21] | 0x0F]) + b"\xff\xff\xff\xff" + whole[26:])
    assert audio_info(path).samples > 10**10
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.flac' (is cut off: it claims 68719476735|is .*cannot read it)"):
        read_audio(path)
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


def test_decoding_stops_at_a_limit_of_samples(tmp_path, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", np.zeros(5000), 8000)
    monkeypatch.setattr("rnnbp.audio.others.MOST", 4000)
    with pytest.raises(ValueError, match=r"a\.flac' holds more than 4000 samples: cut it"):
        read_audio(tmp_path / "a.flac")


def test_a_file_that_is_no_recording_is_refused_with_its_name(tmp_path):
    pytest.importorskip("soundfile")
    (tmp_path / "a.flac").write_bytes(b"fLaC and then nothing of the kind")
    with pytest.raises(ValueError, match=r"a\.flac' is neither WAV nor SPHERE, and soundfile cannot read it"):
        read_audio(tmp_path / "a.flac")


def test_without_soundfile_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (tmp_path / "a.flac").write_bytes(b"fLaC")
    (tmp_path / "a.sph").write_bytes(sphere(sample_coding="-s4 ulaw"))
    fmt = struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + bytes(4) + b"WAVEfmt \x10\0\0\0" + fmt + b"data\2\0\0\0ab")
    needs = r'needs soundfile, which is not installed: pip install "rnnbp\[audio\]"'
    for name, what in (
        ("a.flac", "neither WAV nor SPHERE"),
        ("a.sph", "coded as 'ulaw'"),
        ("a.wav", r"of format 7 \(mu-law, 8 bits\)"),
    ):
        for read in (read_audio, audio_info):
            with pytest.raises(ImportError, match=rf"{name}' is {what}: this {needs}"):
                read(tmp_path / name)
