"""SPHERE, FLAC and OGG files: there and back, told by how they begin, and refused where they are damaged."""

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
def test_sphere_files_come_back_exactly(tmp_path_factory, whole):
    path = tmp_path_factory.mktemp("sphere") / "SA1.WAV"
    y = whole / 2.0**15
    write_sphere(path, y, 16000)
    back, sr = read_audio(path)
    np.testing.assert_array_equal(np.atleast_2d(back), y)
    assert sr == 16000
    info = audio_info(path)
    assert (info.channels, info.samples, info.start, info.encoding) == (*whole.shape, 1024, "PCM_16")


def sphere(data=bytes(20), size=1024, **fields):
    """A file's bytes, with the fields of its header given, or left out where they are None."""
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
def test_samples_in_either_byte_order(tmp_path, order):
    y = np.array([0.5, -1.0, 0.25, -0.125])
    data = encoded(y, f"PCM_{8 * len(order)}", "<" if order[0] == "0" else ">")
    fields = {"sample_n_bytes": f"-i {len(order)}", "sample_byte_format": f"-s{len(order)} {order}"}
    (tmp_path / "a.sph").write_bytes(sphere(data, sample_count="-i 4", **fields))
    assert read_sphere(tmp_path / "a.sph")[0].tolist() == y.tolist()


def test_soundfile_reads_the_same(tmp_path, rng):
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
        (sphere(sample_count="-i 0"), "holds no samples"),
        (sphere(sample_count="-i ten"), "says sample_count = 'ten' in its header: it must be a number"),
        (sphere(sample_rate=None), "must say sample_rate, an integer of 1 or more, in its header: got None"),
        (sphere(sample_rate="-r 1.5"), "must say sample_rate, an integer of 1 or more, in its header: got 1.5"),
        (sphere(sample_coding="-s26 pcm,embedded-shorten-v2.00"), "coded as 'pcm,embedded-shorten-v2.00': it must be"),
        (sphere(sample_n_bytes="-i 9"), "is of 9 bytes a sample"),
        (sphere(sample_byte_format="-s2 11"), "in the order '11'"),
    ],
)
def test_sphere_files_that_are_refused(tmp_path, data, message):
    path = tmp_path / "a.sph"
    path.write_bytes(data)
    for read in (read_sphere, sphere_info):
        with pytest.raises(ValueError, match=message) as error:
            read(path)
        assert str(error.value).startswith(repr(str(path)))


# ---- what soundfile reads ------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
def test_flac_comes_back_exactly_and_ogg_nearly(tmp_path, channels):
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


def test_a_flac_that_is_cut_off_or_claims_more_than_it_holds_takes_little_memory(tmp_path, rng):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.flac"
    soundfile.write(path, rng.uniform(-1, 1, 20_000), 8000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.flac' (is cut off: it claims 20000 samples|cannot be read)"):
        read_audio(path)
    # The 36 bits of the number of samples in STREAMINFO, all ones.
    path.write_bytes(whole[:21] + bytes([whole[21] | 0x0F]) + b"\xff\xff\xff\xff" + whole[26:])
    assert audio_info(path).samples > 10**10
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.flac' (is cut off: it claims 68719476735 samples|cannot be read)"):
        read_audio(path)
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


def test_a_recording_may_not_grow_without_limit_as_it_is_read(tmp_path, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", np.zeros(5000), 8000)
    monkeypatch.setattr("rnnbp.audio.others.MOST", 4000)
    with pytest.raises(ValueError, match=r"a\.flac' holds more than 4000 samples: cut it"):
        read_audio(tmp_path / "a.flac")


def test_what_is_no_recording_is_said(tmp_path):
    pytest.importorskip("soundfile")
    (tmp_path / "a.flac").write_bytes(b"fLaC and then nothing of the kind")
    with pytest.raises(ValueError, match=r"a\.flac' cannot be read as a recording"):
        read_audio(tmp_path / "a.flac")


def test_without_soundfile_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (tmp_path / "a.flac").write_bytes(b"fLaC")
    with pytest.raises(ImportError, match=r'needs soundfile, which is not installed: pip install "rnnbp\[audio\]"'):
        read_audio(tmp_path / "a.flac")
