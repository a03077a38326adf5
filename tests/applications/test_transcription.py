"""Transcription of recordings to labels with times, and scores with noise."""

import numpy as np
import pytest

import rnnbp
from rnnbp.applications.spoken_digits import Transcriber, noise_table
from rnnbp.applications.spoken_digits.transcription import spoken
from rnnbp.audio import write_wav
from rnnbp.datasets.varied import PLAIN, varied
from rnnbp.features import LogMel, Variation
from rnnbp.runtime import to_config

SR = 8000
FEATURE = LogMel(sr=SR, n_fft=256, hop_length=80, n_mels=4, top_db=80.0)
CLASSES = ("<blank>", "low", "high")


def tone(hertz, seconds):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SR)) / SR)


def tones(*parts):
    """Return tones of 0.2 s with silences of 0.1 s before, between and after, and the start of each tone."""
    silence = np.zeros(SR // 10)
    pieces = [silence]
    for hertz in parts:
        pieces += [tone(hertz, 0.2), silence]
    return np.concatenate(pieces), 0.1 + 0.3 * np.arange(len(parts))


@pytest.fixture
def model():
    """Return a model with 'low' where the band of 700 Hz is loud, 'high' where that of 3000 Hz is, else the blank."""
    made = rnnbp.Sequential(rnnbp.Dense(4, 3))
    made.params["0.w"], made.params["0.b"] = np.zeros((3, 4)), np.zeros(3)
    for k, hertz in ((1, 700), (2, 3000)):
        levels = FEATURE(tone(hertz, 0.2))[10]
        made.params["0.w"][k, levels.argmax()] = 1
        made.params["0.b"][k] = 14 - levels.max()
    made.classes, made.loss, made.info = CLASSES, rnnbp.CTC(), {"features": to_config(FEATURE)}
    return made


@pytest.fixture
def transcriber(model):
    return Transcriber(model, FEATURE, CLASSES)


def test_labels_and_their_times_are_found(transcriber):
    y, starts = tones(700, 3000, 3000, 700)
    found = transcriber(y, SR)
    assert found.columns.tolist() == ["start", "end", "label"]
    assert found["label"].tolist() == ["low", "high", "high", "low"]
    np.testing.assert_allclose(found["start"], starts, atol=0.03)
    np.testing.assert_allclose(found["end"], starts + 0.2, atol=0.03)


@pytest.mark.parametrize("sr", [16000, 44100, 11025])
def test_other_rates_are_resampled(transcriber, sr):
    y, starts = tones(700, 3000)
    found = transcriber(rnnbp.features.resample(y, orig_sr=SR, target_sr=sr), sr)
    assert found["label"].tolist() == ["low", "high"]
    np.testing.assert_allclose(found["start"], starts, atol=0.04)


def test_channels_are_averaged_and_files_read(transcriber, tmp_path):
    y, _ = tones(3000, 700)
    write_wav(tmp_path / "a.wav", np.stack([y, np.zeros_like(y)]), SR)
    assert transcriber.file(tmp_path / "a.wav")["label"].tolist() == ["high", "low"]


def test_silence_has_no_labels(transcriber):
    assert transcriber(np.zeros(4000), SR).empty


def test_a_transcriber_is_loaded_from_a_model_file(transcriber, model, tmp_path):
    model.save(tmp_path / "m.npz")
    again = Transcriber.load(tmp_path / "m.npz")
    assert again.feature == FEATURE
    assert again.classes == CLASSES
    y, _ = tones(700, 3000)
    assert again(y, SR).equals(transcriber(y, SR))


def test_a_model_without_features_and_classes_is_refused(model, tmp_path):
    model.info = {}
    model.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"m\.npz' does not record the features and classes that it was trained on"):
        Transcriber.load(tmp_path / "m.npz")
    model.info = {"features": {"type": "Popen", "args": "true"}}
    model.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="unknown type 'Popen'"):
        Transcriber.load(tmp_path / "m.npz")


def test_classes_and_features_that_do_not_fit_the_model_are_refused(model):
    with pytest.raises(ValueError, match=r"classes must name each of the model's outputs .* got 2 names"):
        Transcriber(model, FEATURE, ("<blank>", "a"))
    with pytest.raises(
        ValueError, match="classes must be those that the model was trained on, '<blank>', 'low', 'high'"
    ):
        Transcriber(model, FEATURE, ("<blank>", "high", "low"))
    with pytest.raises(ValueError, match="does not fit layer 0"):
        Transcriber(model, LogMel(sr=SR, n_mels=5), CLASSES)
    whole = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(4, 3))
    with pytest.raises(ValueError, match="classes must name each of the model's outputs"):
        Transcriber(whole, FEATURE, CLASSES)


def test_a_word_spans_short_silences_and_ends_before_the_next():
    level = np.array([0, 0, 9, 0, 9, 9, 1, 9, 9, 0, 0, 0, 9, 0.0])
    spikes = np.array([4, 8])
    starts, ends = spoken(level, spikes, spikes + 1, bridge=2)
    assert starts.tolist() == [2, 7]
    assert ends.tolist() == [6, 9]
    starts, ends = spoken(level, spikes, spikes + 1, bridge=0)
    assert starts.tolist() == [4, 7]


def test_adjacent_labels_have_a_common_boundary():
    starts, ends = spoken(np.full(6, 5.0), np.array([1, 2]), np.array([2, 5]), bridge=1)
    assert starts.tolist() == [1, 2]
    assert ends.tolist() == [2, 5]


# ---- noise --------------------------------------------------------------------------------------


def words():
    waveforms = rnnbp.data.LazySequences(lambda place: tone((700, 3000)[place % 2], 0.2)[:, None], 20)
    data = rnnbp.SequenceDataset(waveforms, targets=np.arange(20) % 2)
    return varied(data, FEATURE, Variation(speed=0.05, noisy=0), sr=SR)


def test_the_noise_table_has_a_row_a_noise_and_a_column_a_ratio():
    model = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(4, 2))
    low, high = (x.mean(axis=0) for x in words().sequences[:2])
    model.params["1.w"] = np.stack([low - high, high - low])
    model.params["1.b"] = [-(low @ low - high @ high) / 2, (low @ low - high @ high) / 2]
    table = noise_table(model, rnnbp.CrossEntropy(), words(), snrs=[30, -40])
    assert table.index.tolist() == ["white", "speech"]
    assert table.columns.tolist() == ["clean", "30 dB", "-40 dB"]
    assert (table[["clean", "30 dB"]] == 1).all(axis=None)
    assert (table["-40 dB"] < 0.8).all()
    assert table.equals(noise_table(model, rnnbp.CrossEntropy(), words(), snrs=[30, -40]))


def test_noise_is_refused_for_data_that_are_not_recordings(model):
    plain = rnnbp.SequenceDataset([np.zeros((3, 4))], targets=[0])
    with pytest.raises(ValueError, match="data must be of recordings, to which noise can be added, got"):
        noise_table(rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(4, 2)), rnnbp.CrossEntropy(), plain)


def test_evaluation_is_without_variation_by_default():
    assert words().draw.evaluation == PLAIN
