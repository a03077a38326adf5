"""WAV files: round trips of every encoding, agreement with SciPy, and wrong headers."""

import builtins
import os
import struct
import tracemalloc

import numpy as np
import pytest
import scipy.io.wavfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnbp.audio import read_audio, read_wav, wav_info, write_wav
from rnnbp.audio.riff import FORMAT_OF, OF_FORMAT

BITS = {encoding: bits for (_, bits), encoding in OF_FORMAT.items()}
INTEGERS = [e for e in BITS if e.startswith("PCM")]


def grid(encoding, shape, rng):
    """Return numbers that the encoding represents exactly, with the least and the greatest."""
    if encoding in ("FLOAT", "DOUBLE"):
        return rng.normal(size=shape).astype("f4" if encoding == "FLOAT" else "f8")
    half = 2 ** (BITS[encoding] - 1)
    whole = rng.integers(-half, half, shape)
    whole.flat[:2] = -half, half - 1
    return whole / half


@pytest.mark.parametrize("encoding", BITS)
@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_every_encoding_round_trips_exactly(tmp_path, rng, encoding, channels):
    y = grid(encoding, (channels, 101), rng)
    write_wav(tmp_path / "a.wav", y, 11025, encoding)
    back, sr = read_wav(tmp_path / "a.wav", np.float64)
    np.testing.assert_array_equal(back, y if channels > 1 else y[0])
    info = wav_info(tmp_path / "a.wav")
    assert (sr, info.sr, info.channels, info.samples, info.encoding) == (11025, 11025, channels, 101, encoding)
    assert (tmp_path / "a.wav").stat().st_size % 2 == 0
    assert read_audio(tmp_path / "a.wav")[0].dtype == np.float32


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(-1, 1, width=32)), st.sampled_from(INTEGERS))
def test_samples_round_trip_to_half_a_quantization_step(tmp_path_factory, y, encoding):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    write_wav(path, y, 8000, encoding)
    step = 2.0 ** (1 - BITS[encoding])
    atol = np.where(y.astype(float) > 1 - step, step, step / 2)  # 1 itself has no integer
    assert (abs(read_wav(path, np.float64)[0] - y) <= atol).all()


@pytest.mark.parametrize(("encoding", "kind"), [("PCM_U8", "u1"), ("PCM_16", "i2"), ("PCM_32", "i4"), ("FLOAT", "f4")])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_samples_agree_with_scipy(tmp_path, rng, encoding, kind, channels):
    y = grid(encoding, (channels, 50), rng)
    write_wav(tmp_path / "ours.wav", y, 8000, encoding)
    sr, theirs = scipy.io.wavfile.read(tmp_path / "ours.wav")
    assert (sr, theirs.dtype) == (8000, np.dtype(kind))
    scipy.io.wavfile.write(tmp_path / "theirs.wav", sr, theirs)
    back = read_wav(tmp_path / "theirs.wav", np.float64)[0]
    np.testing.assert_array_equal(np.atleast_2d(back), y)


def test_24_bits_and_double_agree_with_soundfile(tmp_path, rng):
    soundfile = pytest.importorskip("soundfile")
    for encoding in BITS:
        y = grid(encoding, (2, 50), rng)
        soundfile.write(tmp_path / "theirs.wav", y.T, 8000, subtype=encoding)
        np.testing.assert_array_equal(read_wav(tmp_path / "theirs.wav", np.float64)[0], y)
        write_wav(tmp_path / "ours.wav", y, 8000, encoding)
        np.testing.assert_array_equal(soundfile.read(tmp_path / "ours.wav")[0].T, y)


def test_chunks_before_the_samples_are_skipped(tmp_path):
    write_wav(tmp_path / "a.wav", [0.5, -0.5], 8000)
    whole = (tmp_path / "a.wav").read_bytes()
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    (tmp_path / "a.wav").write_bytes(whole[:12] + odd + whole[12:36] + odd + whole[36:] + b"id3 cut of")
    assert read_wav(tmp_path / "a.wav")[0].tolist() == [0.5, -0.5]


# ---- what is damaged -----------------------------------------------------------------------------


def patched(whole, at, bytes_):
    return whole[:at] + bytes_ + whole[at + len(bytes_) :]


def wav(samples=100, channels=1, encoding="PCM_16"):
    """Return the bytes of a file with a header of 44 bytes."""
    bits, form = BITS[encoding], FORMAT_OF[encoding][0]
    data = bytes(samples * channels * bits // 8)
    fmt = struct.pack("<HHIIHH", form, channels, 8000, 8000 * channels * bits // 8, channels * bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


WHOLE = wav()
HUGE = struct.pack("<I", 0xFFFFFFFF)
DAMAGED = [
    (b"", "is empty"),
    (WHOLE[:10], r"cannot|is not a WAV file|is cut off: it holds 10 bytes"),
    (b"RIFFabcdAVI ...", r"is not a WAV file: it begins with b'RIFFabcdAVI '"),
    (WHOLE[:12], "is cut off: it ends before a chunk 'fmt '"),
    (WHOLE[:30], "has a chunk 'fmt ' of 16 bytes, 10 of which are there"),
    (WHOLE[:36], "is cut off: it ends before a chunk 'data'"),
    (WHOLE[:-1], "is cut off, or its header is wrong: it claims 200 bytes of samples, 199 are there"),
    (patched(WHOLE, 40, struct.pack("<I", 10**9)), "it claims 1000000000 bytes of samples, 200 are there"),
    (patched(WHOLE, 40, HUGE)[:45], "holds no samples"),
    (patched(WHOLE, 16, HUGE), "is cut off: its chunk b'fmt ' claims 4294967295 bytes"),
    (patched(WHOLE, 16, struct.pack("<I", 4)), "has a chunk 'fmt ' of 4 bytes, 4 of which are there"),
    (patched(WHOLE, 12, b"junk" + HUGE), "is cut off: its chunk b'junk' claims 4294967295 bytes, 224 are left"),
    (patched(WHOLE, 12, b"junk"), "has its samples before a chunk 'fmt '"),
    (patched(WHOLE, 20, b"\x07\x00"), "claims 16 bits of mu-law: it must be 8"),
    (patched(WHOLE, 20, b"\x06\x00"), "claims 16 bits of A-law: it must be 8"),
    (patched(WHOLE, 32, b"\x04\x00"), "claims 4 bytes for 1 channels of 16 bits: it must be 2"),
    (patched(WHOLE, 22, b"\x00\x00"), "claims 0 channels at 8000 Hz"),
    (patched(WHOLE, 24, bytes(4)), "claims 1 channels at 0 Hz"),
    (patched(WHOLE, 22, b"\xff\xff"), "claims 2 bytes for 65535 channels of 16 bits: it must be 131070"),
    (wav(samples=0), "holds no samples"),
    (WHOLE[:36] + (b"skip" + bytes(4)) * 2000, "has no samples among its first 1000 chunks"),
    (patched(wav(encoding="FLOAT"), 52, b"\x00\x00\xc0\x7f"), r"holds \[nan\] at sample 2: not finite"),
    (patched(wav(encoding="DOUBLE"), 52, struct.pack("<d", 1e300)), r"holds \[inf\] at sample 1: not finite"),
]


@pytest.mark.parametrize(("data", "message"), DAMAGED)
def test_damaged_files_are_refused_with_their_name_and_in_little_memory(tmp_path, data, message):
    path = tmp_path / "bad.wav"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as error:
        read_audio(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(error.value).startswith(repr(str(path)))
    assert peak < 2**20


@pytest.mark.parametrize("data", [patched(WHOLE, 20, b"\xfe\xff"), patched(WHOLE, 20, b"\x34\x12")])
def test_an_unknown_format_is_refused_with_its_code(tmp_path, data):
    pytest.importorskip("soundfile")
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(ValueError, match=r"is of format \d+ \(16 bits\), and soundfile cannot read it: "):
        read_wav(tmp_path / "a.wav")


PIPES = [0, 0x7FFFF000, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF]


@pytest.mark.parametrize("size", PIPES)
@pytest.mark.parametrize("encoding", BITS)
def test_a_recording_from_a_pipe_is_read_to_its_end(tmp_path, rng, size, encoding):
    y = grid(encoding, (2, 101), rng)
    write_wav(tmp_path / "a.wav", y, 8000, encoding)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(
        patched(patched(whole, 4, HUGE), whole.index(b"data") + 4, struct.pack("<I", size))
    )
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav", np.float64)[0], y)
    assert wav_info(tmp_path / "a.wav").samples == 101


def test_a_recording_of_size_zero_followed_by_chunks_is_empty(tmp_path):
    empty = wav(samples=0)
    (tmp_path / "a.wav").write_bytes(empty + b"LIST\4\0\0\0abcd" + b"id3 \1\0\0\0ab")
    with pytest.raises(ValueError, match="holds no samples"):
        read_wav(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(empty + b"LIST\4\0\0\0abcdefgh")
    assert read_wav(tmp_path / "a.wav")[0].shape == (8,)


@pytest.mark.parametrize(
    ("data", "samples", "message"),
    [
        (
            patched(WHOLE, 40, struct.pack("<I", 199)),
            99,
            "has 199 bytes of samples, no multiple of the 2 of one: 1 ",
        ),
        (patched(WHOLE, 40, struct.pack("<I", 201)), 100, "has 201 bytes of samples, no multiple of the 2 of one"),
        (patched(WHOLE, 40, HUGE)[:-1], 99, "has 199 bytes of samples, no multiple of the 2 of one"),
        (patched(WHOLE, 32, b"\0\0"), 100, "claims 0 bytes for 1 channels of 16 bits: read as 2"),
    ],
)
@pytest.mark.parametrize("read", [read_wav, read_audio])
def test_a_wrong_header_that_loses_no_sample_is_a_warning(tmp_path, data, samples, message, read):
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.warns(UserWarning, match=rf"a\.wav' {message}") as told:
        assert read(tmp_path / "a.wav")[0].shape == (samples,)
    assert told[0].filename == __file__, "the warning points to the caller's line"


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.binary(max_size=60), st.integers(0, 44), st.integers(0, 44))
def test_files_with_changed_or_missing_bytes_are_read_or_refused(tmp_path_factory, noise, at, lost):
    path = tmp_path_factory.mktemp("wav") / "noise.wav"
    path.write_bytes(patched(WHOLE, at, noise)[: len(WHOLE) - lost])
    try:
        y, _ = read_wav(path)
    except (ValueError, ImportError) as error:
        told = str(error)
    else:
        told = str(path)
        assert np.isfinite(y).all()
        assert 0 < y.size <= len(WHOLE)
    assert str(path) in told


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([0.0, -1.5], {}, "y must be within -1 and 1, got -1.5 at sample 1: scale it, or write 'FLOAT'"),
        ([0.0, np.nan], {"encoding": "FLOAT"}, "y must be finite, got nan at sample 1"),
        ([], {}, r"y must be floats of shape \(n,\) or \(channels, n\), got float64 of \(0,\)"),
        ([1, 2], {}, "got int64 of"),
        (np.zeros((2, 2, 2)), {}, r"got float64 of \(2, 2, 2\)"),
        ([0.0], {"encoding": "PCM_12"}, r"encoding must be one of 'DOUBLE', .*; got 'PCM_12'. Did you mean"),
        ([0.0], {"sr": 0}, "sr must be a positive integer, got 0"),
    ],
)
def test_a_refused_write_leaves_no_file(tmp_path, y, options, message):
    with pytest.raises(ValueError, match=message):
        write_wav(tmp_path / "a.wav", y, **{"sr": 8000} | options)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"path: there is no file 'no\.wav'"):
        read_audio("no.wav")


@pytest.mark.parametrize("name", ["folder", "pipe", "text/a.wav", "nu\0ll.wav"])
def test_a_path_that_is_no_file_is_refused_before_it_is_opened(name, tmp_path):
    """To open a pipe that nobody writes to would wait for ever."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError, match="path: there is no file '"):
        read_wav(tmp_path / name)


def test_a_recording_is_opened_once(tmp_path, monkeypatch):
    write_wav(tmp_path / "a.wav", np.linspace(-1, 1, 4000), 8000)
    opened, plain = [], builtins.open
    monkeypatch.setattr(builtins, "open", lambda *given, **more: opened.append(given) or plain(*given, **more))
    y, _ = read_audio(tmp_path / "a.wav")
    assert len(y) == 4000
    assert len(opened) == 1


@pytest.mark.parametrize(("code", "bits", "nan"), [(3, 32, "0100807f"), (3, 64, "010000000000f07f")])
def test_a_signaling_nan_is_refused_without_a_warning(code, bits, nan, tmp_path):
    """Refuse a NaN whose conversion the processor remarks on, as any other; warnings are errors here."""
    data = bytes.fromhex(nan)
    fmt = struct.pack("<HHIIHH", code, 1, 8000, 8000 * bits // 8, bits // 8, bits)
    body = b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)
    for dtype in (np.float32, np.float64):
        with pytest.raises(ValueError, match=r"a\.wav' holds .*nan.* at sample 0: not finite"):
            read_wav(tmp_path / "a.wav", dtype)
