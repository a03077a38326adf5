"""Clipping: against PyTorch, in place, and at the edges of float32."""

import math

import numpy as np
import pytest

from rnnbp.optimizers import ClipNorm, ClipValue, base
from rnnbp.optimizers.clipping import norm


@pytest.mark.parametrize("length", [0.5, 1.0, 100.0])
def test_clip_norm_scales_gradients_above_the_norm(length, rng):
    gradient = rng.standard_normal(100)
    gradient *= length / np.linalg.norm(gradient)
    before = gradient.copy()
    assert ClipNorm(1.0)(gradient) == pytest.approx(length)
    np.testing.assert_allclose(gradient, before * min(1, 1 / length))


@pytest.mark.torch
def test_clip_norm_is_pytorchs(rng):
    torch = pytest.importorskip("torch")
    gradient = rng.standard_normal(100)
    w = torch.zeros(100, dtype=torch.float64, requires_grad=True)
    w.grad = torch.tensor(gradient)
    theirs = torch.nn.utils.clip_grad_norm_([w], 2.0)
    assert ClipNorm(2.0)(gradient) == pytest.approx(theirs.item())
    np.testing.assert_allclose(gradient, w.grad.numpy(), rtol=1e-6)  # it adds 1e-6 to the norm


def test_clip_value_clips_every_component(rng):
    gradient = 3 * rng.standard_normal(100)
    before = gradient.copy()
    assert ClipValue(1.5)(gradient) == pytest.approx(np.linalg.norm(before))
    np.testing.assert_array_equal(gradient, np.clip(before, -1.5, 1.5))


@pytest.mark.parametrize("clip", [ClipNorm(1.0), ClipValue(1.0)])
def test_dtype_is_preserved(clip, rng):
    gradient = 9 * rng.standard_normal(10).astype(np.float32)
    assert type(clip(gradient)) is float
    assert gradient.dtype == np.float32


def test_norm_of_a_float32_gradient_neither_overflows_nor_underflows():
    assert norm(np.full(4, 2.0**120, np.float32)) == 2.0**121
    assert norm(np.full(4, 2.0**-120, np.float32)) == 2.0**-119
    gradient = np.full(4, 2.0**120, np.float32)
    ClipNorm(1.0)(gradient)
    np.testing.assert_allclose(gradient, 0.5)


def test_norm_of_many_small_float32_numbers_is_accurate():
    assert norm(np.full(10**6, 0.1, np.float32)) == pytest.approx(100, rel=1e-7)


def test_norm_in_blocks_is_the_norm(rng, monkeypatch):
    monkeypatch.setattr(base, "BLOCK", 7)
    vector = rng.standard_normal(100)
    assert norm(vector) == pytest.approx(np.linalg.norm(vector), rel=1e-14)
    assert norm(np.zeros(0)) == 0


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_nonfinite_gradients_are_not_scaled(number):
    gradient = np.array([3.0, number, -5.0])
    before = ClipNorm(1.0)(gradient)
    assert math.isnan(before) if np.isnan(number) else before == math.inf
    np.testing.assert_array_equal(gradient, [3.0, number, -5.0])
    assert not math.isfinite(ClipValue(1.0)(gradient))
    np.testing.assert_array_equal(gradient, [1.0, np.nan if np.isnan(number) else 1.0, -1.0])


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, "1"])
def test_wrong_limits_are_refused(value):
    with pytest.raises(ValueError, match=f"max_norm must be a number above 0, got {value!r}"):
        ClipNorm(value)
    with pytest.raises(ValueError, match=f"limit must be a number above 0, got {value!r}"):
        ClipValue(value)


def test_repr_shows_the_limit():
    assert (repr(ClipNorm(1.0)), repr(ClipValue(0.5))) == ("ClipNorm(1)", "ClipValue(0.5)")
