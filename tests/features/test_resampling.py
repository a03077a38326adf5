"""Resampling: lengths, tones, and the method without soxr."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features
from rnnbp.features import resampling

WAYS = [
    "polyphase",
    pytest.param("soxr_hq", marks=pytest.mark.oracles),
    pytest.param("soxr_vhq", marks=pytest.mark.oracles),
]


@pytest.mark.parametrize("res_type", WAYS)
@pytest.mark.parametrize(("orig_sr", "target_sr"), [(8000, 16000), (16000, 8000), (44100, 8000), (8000, 11025)])
def test_a_tone_keeps_its_frequency(res_type, orig_sr, target_sr):
    if res_type != "polyphase":
        pytest.importorskip("soxr")
    n, m = orig_sr, target_sr  # a second of each
    y = np.sin(2 * np.pi * 440 * np.arange(n) / orig_sr)
    out = features.resample(y, orig_sr=orig_sr, target_sr=target_sr, res_type=res_type)
    inside = slice(m // 10, -m // 10)
    np.testing.assert_allclose(out[inside], np.sin(2 * np.pi * 440 * np.arange(m) / target_sr)[inside], atol=2e-3)


def test_frequencies_above_half_the_lower_rate_are_removed():
    y = np.sin(2 * np.pi * 7000 * np.arange(16000) / 16000)
    out = features.resample(y, orig_sr=16000, target_sr=8000, res_type="polyphase")
    assert np.abs(out[400:-400]).max() < 1e-2


@given(n=st.integers(1, 3000), old=st.integers(1, 60), new=st.integers(1, 60))
def test_the_length_is_rounded_up(n, old, new):
    assert len(features.resample(np.ones(n), orig_sr=old, target_sr=new, res_type="polyphase")) == -(-n * new // old)


@pytest.mark.oracles
@given(n=st.integers(1, 3000), old=st.integers(1, 60), new=st.integers(1, 60))
def test_the_length_by_soxr_is_rounded_up(n, old, new):
    pytest.importorskip("soxr")
    assert len(features.resample(np.ones(n), orig_sr=old, target_sr=new, res_type="soxr_hq")) == -(-n * new // old)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_preserved(dtype):
    assert features.resample(np.ones(100, dtype), orig_sr=8, target_sr=5).dtype == dtype


def test_resampling_to_the_same_rate_is_a_copy():
    y = np.arange(5.0)
    out = features.resample(y, orig_sr=8000, target_sr=8000)
    np.testing.assert_array_equal(out, y)
    assert not np.shares_memory(out, y)


def test_without_soxr_the_polyphase_filter_is_used(monkeypatch, rng):
    y = rng.standard_normal(800)
    expected = features.resample(y, orig_sr=8000, target_sr=6000, res_type="polyphase")
    monkeypatch.setitem(sys.modules, "soxr", None)
    monkeypatch.setattr(resampling, "find_spec", lambda name: None)
    np.testing.assert_array_equal(features.resample(y, orig_sr=8000, target_sr=6000), expected)
    with pytest.raises(ImportError, match=r'this needs soxr, which is not installed: pip install "rnnbp\[audio\]"'):
        features.resample(y, orig_sr=8000, target_sr=6000, res_type="soxr_hq")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"orig_sr": 0}, "orig_sr must be a positive integer, got 0"),
        ({"target_sr": 8000.5}, "target_sr must be a positive integer, got 8000.5"),
        ({"res_type": "polyphas"}, "res_type must be one of .*Did you mean 'polyphase'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.resample(np.ones(100), **{"orig_sr": 8000, "target_sr": 6000, **arguments})
