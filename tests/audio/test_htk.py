"""HTK feature files: round trips of all parameter kinds, the bytes of the HTK Book, and damaged files."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnbp.audio import read_htk, write_htk
from rnnbp.audio.htk import KINDS, QUALIFIERS, SHORTS, kind_code, kind_name

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 5))


@given(
    arrays(np.float32, SHAPES, elements=st.floats(-1e6, 1e6, width=32)), st.sampled_from(sorted({*KINDS} - {*SHORTS}))
)
def test_floats_round_trip_exactly(tmp_path_factory, values, kind):
    path = tmp_path_factory.mktemp("htk") / "a.htk"
    write_htk(path, values, period=0.0125, kind=f"{kind}_E_D_A_Z")
    found = read_htk(path)
    np.testing.assert_array_equal(found.values, values)
    assert (found.period, found.kind) == (0.0125, f"{kind}_E_D_A_Z")


@given(arrays(np.float32, SHAPES, elements=st.floats(-1000, 1000, width=32)))
def test_compressed_values_round_trip_to_a_65534th_of_their_range(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("htk") / "a.htk"
    write_htk(path, values, kind="MFCC_0_C")
    assert path.stat().st_size == 12 + (len(values) + 4) * 2 * values.shape[1]
    found = read_htk(path)
    assert found.kind == "MFCC_0"
    # Half a step, and what A and B lose as float32: B is as large as the value's distance from 0 in steps.
    spread = np.ptp(values, axis=0)
    atol = spread / 65534 * 0.51 + 4e-7 * (abs(values).max(axis=0) + spread) + 1e-30
    assert (abs(found.values - values) <= atol).all()


@given(arrays(np.int16, SHAPES, elements=st.integers(-32767, 32767)))
def test_integers_round_trip_exactly(tmp_path_factory, whole):
    path = tmp_path_factory.mktemp("htk") / "a.htk"
    for kind in ("WAVEFORM", "DISCRETE"):
        write_htk(path, whole, kind=kind)
        np.testing.assert_array_equal(read_htk(path).values, whole)
    write_htk(path, whole / 32767, kind="IREFC")
    np.testing.assert_allclose(read_htk(path).values, whole / 32767, rtol=1e-7)


@given(st.sampled_from(KINDS), st.sets(st.sampled_from(sorted(QUALIFIERS))))
def test_every_parameter_kind_has_its_code(base, letters):
    kind = "_".join([base, *sorted(letters)])
    assert kind_code(kind_name(kind_code(kind))) == kind_code(kind)
    assert kind_code(kind) & 0o77 == KINDS.index(base)


def test_written_bytes_equal_those_of_the_htk_book(tmp_path):
    """Big-endian; 10 ms are 100,000 times 100 ns; MFCC is 6, _0 0o20000, _D 0o400."""
    path = tmp_path / "a.mfc"
    write_htk(path, [[1.0, -2.0]], period=0.01, kind="MFCC_0_D")
    assert path.read_bytes() == struct.pack(">iiHHff", 1, 100_000, 8, 6 + 0o20000 + 0o400, 1.0, -2.0)
    # Compressed: A and B, then integers, x = (integer + B) / A; four samples more in the header.
    body = struct.pack(">ff", 2.0, 4.0) + struct.pack(">ff", 10.0, -4.0) + struct.pack(">hhhh", 0, 0, -10, 8)
    path.write_bytes(struct.pack(">iiHH", 6, 100_000, 4, 6 + 0o2000) + body)
    assert read_htk(path).values.tolist() == [[5.0, -1.0], [0.0, 1.0]]
    # With a checksum, two bytes follow.
    path.write_bytes(struct.pack(">iiHHf", 1, 100_000, 4, 9 + 0o10000, 0.5) + b"ab")
    assert (read_htk(path).values.tolist(), read_htk(path).kind) == ([[0.5]], "USER")


def htk(samples=3, period=100_000, size=8, code=9, data=bytes(24)):
    return struct.pack(">iiHH", samples, period, size, code) + data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is cut off: an HTK file has a header of 12 bytes, it holds 0"),
        (htk()[:-1], "is cut off, or its header is wrong: 3 samples of 8 bytes make 36, it holds 35"),
        (htk(data=bytes(32)), "3 samples of 8 bytes make 36, it holds 44"),
        (htk(samples=2**31 - 1), "2147483647 samples of 8 bytes make 17179869188, it holds 36"),
        (htk(samples=0), "is not an HTK file: it claims 0 samples of 8 bytes"),
        (htk(samples=-1), "it claims -1 samples"),
        (htk(period=0), "every 0 x 100 ns"),
        (htk(code=12), "of kind 12"),
        (htk(samples=4, size=6), "4 samples of 6 bytes make 36"),
        (htk(samples=4, size=6, code=9 + 0o2000), "4 samples of 6 bytes make 36"),
        (htk(samples=6, size=4, code=9 + 0o2000), "holds nan at step 0, feature 0: not finite"),
        (htk(samples=1, size=4, data=struct.pack(">f", np.nan)), "holds nan at step 0, feature 0: not finite"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "is (not an HTK file|cut off, or its header is wrong)"),
    ],
)
def test_malformed_files_are_refused(tmp_path, data, message):
    path = tmp_path / "a.htk"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        read_htk(path)
    assert str(error.value).startswith(repr(str(path)))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([[0.0]], {"kind": "MFC"}, "kind must be one of .*; got 'MFC'. Did you mean 'MFCC'"),
        ([[0.0]], {"kind": "MFCC_X"}, "qualifier of kind 'MFCC_X' must be one of"),
        ([[0.0]], {"kind": "MFCC_K"}, "kind must be without _K, whose checksum is not written"),
        ([[0]], {"kind": "DISCRETE_C"}, "kind DISCRETE is of 16 bits already: it cannot have _C"),
        ([0.0], {}, r"values must be a finite matrix of shape \(T, F\), got float64 of \(1,\)"),
        ([[np.nan]], {}, "values must be a finite matrix"),
        ([[1e300]], {}, "values must be within the range of float32"),
        ([[0.5]], {"kind": "WAVEFORM"}, "values must be integers from -32767 to 32767 for kind WAVEFORM"),
        ([[1.5]], {"kind": "IREFC"}, "values must be within -1 and 1 for kind IREFC"),
        ([[0.0]], {"period": 0.0}, "period must be a number between 1e-07 and"),
        (np.zeros((1, 20_000)), {}, "values must have fewer than 16384 features, got 20000"),
    ],
)
def test_a_refused_write_leaves_no_file(tmp_path, values, options, message):
    with pytest.raises(ValueError, match=message):
        write_htk(tmp_path / "a.htk", values, **options)
    assert list(tmp_path.iterdir()) == []


def test_trailing_bytes_of_less_than_a_sample_are_a_warning(tmp_path):
    (tmp_path / "a.htk").write_bytes(htk(data=bytes(25)))
    with pytest.warns(UserWarning, match=r"a\.htk' has 1 bytes behind its 3 samples"):
        assert read_htk(tmp_path / "a.htk").values.shape == (3, 2)


def test_a_nearly_constant_feature_is_compressed_as_a_constant(tmp_path):
    write_htk(tmp_path / "a.htk", np.array([[0.0], [8.4e-44]], np.float32), kind="MFCC_C")
    assert read_htk(tmp_path / "a.htk").values.max() < 1e-30


def test_soundfile_reads_and_writes_the_same_waveforms(tmp_path, rng):
    soundfile = pytest.importorskip("soundfile")
    whole = rng.integers(-32767, 32768, (50, 1))
    write_htk(tmp_path / "ours.htk", whole, period=1 / 16000, kind="WAVEFORM")
    theirs, sr = soundfile.read(tmp_path / "ours.htk", dtype="int16")
    assert (theirs.tolist(), sr) == (whole[:, 0].tolist(), 16000)
    soundfile.write(tmp_path / "theirs.htk", theirs, 8000, format="HTK", subtype="PCM_16")
    found = read_htk(tmp_path / "theirs.htk")
    assert (found.values.tolist(), found.period, found.kind) == (whole.tolist(), 1 / 8000, "WAVEFORM")


def test_a_signaling_nan_is_refused_without_a_warning(tmp_path):
    path = tmp_path / "a.mfc"
    path.write_bytes(struct.pack(">iiHH", 1, 100_000, 4, 9) + bytes.fromhex("7f800001"))
    with pytest.raises(ValueError, match=r"a\.mfc' holds nan at step 0, feature 0: not finite"):
        read_htk(path)
