"""Feature extractors: equal to the functions they combine, restored by their repr, mapped over datasets."""

import inspect
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnbp
from rnnbp import features

PIPELINES = {
    "LogMel": features.LogMel(sr=8000, n_mels=20, deltas=1),
    "LogMel, default": features.LogMel(sr=16000),
    "MFCC": features.MFCC(sr=8000, n_mfcc=13, n_fft=256, hop_length=80, deltas=2, normalize="utterance"),
    "MFCC, not centred": features.MFCC(sr=8000, center=False, lifter=22, coef=0.97, window=("kaiser", 5.0), htk=True),
    "LPCC": features.LPCC(sr=8000, order=10, n_lpcc=15, deltas=1, width=5, normalize="running"),
    "ClassicMFCC": features.ClassicMFCC(sr=8000, deltas=2, energy=False),
    "HTKMFCC": features.HTKMFCC(sr=8000, deltas=2, energy="normalized", normalize="utterance"),
}
pipelines = pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)


@pipelines
def test_repr_restores_an_extractor(pipeline):
    again = eval(repr(pipeline), vars(features))
    assert again == pipeline
    assert hash(again) == hash(pipeline)


@pipelines
def test_feature_size_is_the_number_of_features(pipeline, rng):
    x = pipeline(rng.standard_normal(4000))
    assert x.ndim == 2
    assert x.shape[1] == pipeline.feature_size
    assert x.shape[1] == pipeline.static_size * (1 + pipeline.deltas)
    assert x.dtype == np.float64
    assert pipeline(rng.standard_normal(4000).astype(np.float32)).dtype == np.float32


@pipelines
def test_an_extractor_maps_a_dataset(pipeline, rng):
    recordings = rnnbp.SequenceDataset(
        [rng.standard_normal((n, 1)) for n in (900, 4000)], ["no", "yes"], dtype=np.float64
    )
    mapped = recordings.map(pipeline)
    assert mapped.classes == ("no", "yes")
    for (x, _), (y, _) in zip(mapped, recordings, strict=True):
        np.testing.assert_array_equal(x, pipeline(y[:, 0]))


@pipelines
def test_extractors_are_immutable(pipeline):
    with pytest.raises(FrozenInstanceError):
        pipeline.deltas = 1


@given(n=st.integers(1, 1000), deltas=st.integers(0, 2))
def test_recordings_of_any_length_have_features(n, deltas):
    pipeline = features.MFCC(sr=8000, deltas=deltas, normalize="utterance")
    assert pipeline(np.ones(n)).shape == (1 + n // 80, 13 * (1 + deltas))


def test_an_extractor_equals_the_functions_applied_in_sequence(rng):
    y = rng.standard_normal(4000)
    settings = {"sr": 8000, "n_fft": 300, "win_length": 201, "hop_length": 77}
    raised = features.preemphasis(y, coef=0.9)
    for pipeline, static in (
        (features.LogMel, features.log_mel(raised, n_mels=30, top_db=50, **settings)),
        (features.MFCC, features.mfcc(raised, n_mels=30, n_mfcc=9, lifter=5, **settings)),
        (features.LPCC, features.lpcc(raised, order=7, n_lpcc=9, lifter=5, **settings)),
        (features.ClassicMFCC, features.classic_mfcc(y, coef=0.9, n_mels=30, n_mfcc=9, lifter=5, **settings)),
    ):
        own = {
            features.LogMel: {"n_mels": 30, "top_db": 50},
            features.MFCC: {"n_mels": 30, "n_mfcc": 9, "lifter": 5},
            features.LPCC: {"order": 7, "n_lpcc": 9, "lifter": 5},
            features.ClassicMFCC: {"n_mels": 30, "n_mfcc": 9, "lifter": 5},
        }[pipeline]
        whole = pipeline(**settings, **own, coef=0.9, deltas=2, width=5, normalize="utterance")(y)
        np.testing.assert_array_equal(whole, features.normalize_utterance(features.with_deltas(static, 2, width=5)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: features.MFCC(sr=8000, fmax=5000), "fmax must be a number above 0 and at most 4000, got 5000"),
        (lambda: features.MFCC(sr=8000, n_mfcc=50), "n_mfcc must be at most n_mels = 40, got 50"),
        (lambda: features.MFCC(sr=8000, n_fft=128, win_length=200), "win_length must be at most n_fft = 128, got 200"),
        (lambda: features.MFCC(sr=8000, normalize="uterance"), "normalize must be one of .*Did you mean 'utterance'"),
        (lambda: features.MFCC(sr=8000, deltas=-1), "deltas must be an integer of 0 or more, got -1"),
        (lambda: features.MFCC(sr=8000, deltas=1, width=2), "width must be an odd integer of 3 or more, got 2"),
        (lambda: features.MFCC(sr=8000, width=1), "width must be an odd integer of 3 or more, got 1"),
        (lambda: features.LogMel(sr=8000, coef=2), "coef must be a number between 0 and 1, got 2"),
        (lambda: features.LogMel(sr=8000, top_db=-2), "top_db must be a number of 0 or more, got -2"),
        (lambda: features.LPCC(sr=8000, order=0), "order must be a positive integer, got 0"),
        (lambda: features.ClassicMFCC(sr=8000, n_fft=100), "n_fft must be at least win_length = 200, got 100"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_recording_too_short_for_a_frame_is_refused():
    with pytest.raises(ValueError, match="y must have at least n_fft = 256 samples where center is False, got 100"):
        features.MFCC(sr=8000, center=False)(np.zeros(100))


def test_a_network_trains_on_extracted_features(rng):
    pipeline = features.MFCC(sr=8000, deltas=1, normalize="utterance")
    recordings = rnnbp.SequenceDataset([rng.standard_normal((n, 1)) for n in (900, 4000)], [0, 1])
    model = rnnbp.Sequential(rnnbp.GRU(pipeline.feature_size, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=0)
    (gradient,) = rnnbp.BPTT().gradients(model, recordings.map(pipeline).batch(), rnnbp.CrossEntropy())
    assert np.isfinite(gradient.vector).all()
    assert np.abs(gradient.vector).max() > 0


@pytest.mark.parametrize("name", features.__all__)
def test_public_names_are_documented(name):
    thing = getattr(features, name)
    text = inspect.getdoc(thing) or ""
    assert "Examples\n--------" in text
    if inspect.isfunction(thing):
        assert "Returns\n-------" in text, f"{name} does not say what it returns"
