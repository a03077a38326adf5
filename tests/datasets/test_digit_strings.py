"""Synthetic spoken digits written as files, single and concatenated to strings."""

from dataclasses import replace

import numpy as np
import pytest

from rnnbp.audio import read_wav
from rnnbp.datasets import load, load_digit_strings, load_spoken_digits, synthetic_word, write_synthetic_digits
from rnnbp.datasets.digit_tasks import connected_digits, digit_feature, spoken_digits
from rnnbp.datasets.synthetic_words import WORDS
from rnnbp.datasets.varied import PLAIN, normalized_by_speaker, varied, with_evaluation_variation
from rnnbp.features import MFCC, Variation

FEATURE = MFCC(sr=8000, n_mfcc=5, n_mels=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits")
    write_synthetic_digits(path, speakers=("ann", "bob"), takes=7, digits=("1", "6", "8"))
    return path


# ---- words that are made ------------------------------------------------------------------------


@pytest.mark.parametrize("digit", WORDS)
def test_synthetic_words_are_finite_and_less_than_a_second_long(digit, rng):
    y = synthetic_word(WORDS[digit], rng)
    assert 0.1 < len(y) / 8000 < 0.85
    assert np.isfinite(y).all()
    assert 0.5 < np.abs(y).max() <= 1


def test_a_longer_tract_has_lower_formants():
    def centre(tract):
        spectrum = np.abs(np.fft.rfft(synthetic_word(("iy", "iy"), np.random.default_rng(1), tract=tract), 8192))
        above = spectrum[1500:4000]
        return np.sum(above * np.arange(1500, 4000)) / above.sum()

    assert centre(0.8) < 0.93 * centre(1.1)


def test_written_files_are_read_by_the_loader(folder):
    train, test = load_spoken_digits(folder)
    assert (len(train), len(test)) == (2 * 3 * 2, 2 * 3 * 5)
    assert set(test.info["speaker"]) == {"ann", "bob"}


# ---- one at a time ------------------------------------------------------------------------------


def test_single_digits_are_varied_in_training_only(folder):
    train, test = spoken_digits(folder)
    waveforms, _ = load_spoken_digits(folder)
    np.testing.assert_array_equal(train.sequences[3], digit_feature()(waveforms.sequences[3]).astype(np.float32))
    assert train.at_epoch(1).sequences[3].shape != train.at_epoch(2).sequences[3].shape
    assert train.feature_size == test.feature_size == 39
    assert train.classes == tuple("0123456789")


def test_training_for_new_speakers_varies_more(folder):
    known, _ = spoken_digits(folder)
    by_utterance, _ = spoken_digits(folder, "speaker", speaker="bob", normalize="utterance")
    new, _ = spoken_digits(folder, "speaker", speaker="bob")
    assert by_utterance.draw.training.speed > known.draw.training.speed
    assert new.draw.training.warp > known.draw.training.warp
    assert new.draw.training.tempo > known.draw.training.tempo
    assert known.draw.evaluation == new.draw.evaluation == PLAIN


def test_features_for_new_speakers_are_normalised_over_all_recordings_of_a_speaker(folder):
    for part in spoken_digits(folder, "speaker", speaker="bob"):
        x = np.concatenate(list(part.sequences))
        np.testing.assert_allclose([x.mean(axis=0), x.std(axis=0)], [np.zeros(26), np.ones(26)], atol=1e-4)
        assert abs(part.sequences[0].mean(axis=0)).max() > 0.1


def test_varied_recordings_and_views_are_normalised_as_those_unvaried(folder):
    """The speaker's statistics are those of the recordings, whatever variation there is, in any subset."""
    _, test = spoken_digits(folder, "speaker", speaker="bob")
    raw = test.resampled_by(replace(test.draw, moments=None))
    x = np.concatenate(list(raw.sequences))
    for one, plain in (
        (test.at_epoch(2), raw.at_epoch(2)),
        (with_evaluation_variation(test, Variation(), 3), with_evaluation_variation(raw, Variation(), 3)),
    ):
        wanted = (plain.sequences[4] - x.mean(axis=0)) / x.std(axis=0)
        np.testing.assert_allclose(one.subset([4, 1]).sequences[0], wanted, rtol=1e-3, atol=1e-4)


def test_known_speakers_are_normalised_by_recording_unless_told_otherwise(folder):
    assert spoken_digits(folder)[0].feature_size == 39
    assert spoken_digits(folder, normalize="speaker")[0].feature_size == 26
    assert spoken_digits(folder, "speaker", speaker="bob", normalize="utterance")[1].draw.moments is None
    with pytest.raises(ValueError, match=r"normalize must be one of .*; got 'speakers'\. Did you mean 'speaker'"):
        spoken_digits(folder, normalize="speakers")


def test_data_without_speakers_cannot_be_normalised_by_speaker(folder):
    train, _ = load_spoken_digits(folder)
    for data in (train, varied(type(train)(train.sequences, train.targets), FEATURE, PLAIN, sr=8000)):
        with pytest.raises(ValueError, match="data must be of recordings whose info tells the speaker"):
            normalized_by_speaker(data)


def test_digit_strings_are_loaded_by_name(folder):
    _, test = load("spoken-digits", path=folder, split="speaker", speaker="bob")
    assert set(test.info["speaker"]) == {"bob"}


def test_recordings_in_memory_are_refused(folder):
    train, _ = load_spoken_digits(folder)
    in_memory = type(train)(list(train.sequences), train.targets)
    with pytest.raises(ValueError, match="recordings must be lazy, with a target each"):
        varied(in_memory, FEATURE, PLAIN, sr=8000)


# ---- strings ------------------------------------------------------------------------------------


def strings(folder, **options):
    return load_digit_strings(folder, feature=FEATURE, **{"strings": 30, "test_strings": 20} | options)


def test_strings_have_3_to_7_digits_of_one_speaker_and_one_split(folder):
    train, test = strings(folder)
    singles = load_spoken_digits(folder)
    for part, single in zip((train, test), singles, strict=True):
        assert set(part.targets.lengths) == {3, 4, 5, 6, 7}
        for labels, among, speaker in zip(part.targets, part.draw.candidates, part.info["speaker"], strict=True):
            for label, places in zip(labels, among, strict=True):
                assert set(single.info["speaker"][places]) == {speaker}
                assert set(single.targets[places]) == {label - 1}
    assert train.classes[0] == "<blank>"
    assert [train.classes[k] for k in range(1, 11)] == list("0123456789")


def test_digits_are_at_the_reported_times(folder):
    _, test = strings(folder, gap=(0.1, 0.3))
    draw = test.draw
    y, spans = draw.joined(2, np.random.default_rng(0))
    silent = np.ones(len(y), bool)
    for start, stop in spans:
        assert np.abs(y[start:stop]).max() > 0.3
        silent[start:stop] = False
    assert not y[silent].any()
    assert (spans[1:, 0] - spans[:-1, 1] >= 800).all()
    assert (spans[1:, 0] - spans[:-1, 1] <= 2400).all()
    heard, seconds = draw.sound(2)
    assert seconds[-1, 1] * 8000 < len(heard)
    assert 0 < np.mean(heard[: int(seconds[0, 0] * 8000)] ** 2) < np.mean(heard**2)  # noise before the first


def test_every_epoch_joins_other_recordings_of_the_same_digits(folder):
    train, _ = strings(folder, training=Variation())
    first, second = train.at_epoch(1), train.at_epoch(2)
    assert [one.tolist() for one in first.targets] == [one.tolist() for one in second.targets]
    assert sum(len(a) == len(b) for a, b in zip(first.sequences, second.sequences, strict=True)) < 5
    np.testing.assert_array_equal(first.sequences[3], train.at_epoch(1).sequences[3])


def test_strings_follow_from_the_seed_and_differ_between_splits(folder):
    (a, a_test), (b, _), (c, _) = (strings(folder, seed=seed) for seed in (1, 1, 2))
    assert [one.tolist() for one in a.targets] == [one.tolist() for one in b.targets]
    assert [one.tolist() for one in a.targets] != [one.tolist() for one in c.targets]
    assert [one.tolist() for one in a.targets[:20]] != [one.tolist() for one in a_test.targets]


def test_noise_can_be_added_in_evaluation(folder):
    _, test = connected_digits(folder, strings=2, test_strings=3)
    clean, loud = (with_evaluation_variation(test, v) for v in (PLAIN, Variation(speed=0, tempo=0, snr=(0, 0))))
    assert clean.sequences[1].shape == loud.sequences[1].shape == test.sequences[1].shape
    assert not np.array_equal(clean.sequences[1], loud.sequences[1])
    y, spans = clean.draw.sound(1)
    assert not y[: int(spans[0, 0] * 8000)].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fewest": 4, "most": 3}, "most must be an integer of 4 or more, got 3"),
        ({"fewest": 0}, "fewest must be a positive integer, got 0"),
        ({"gap": (0.5, 0.1)}, "gap must be"),
        ({"strings": 0}, "strings must be a positive integer, got 0"),
        ({"split": "offical"}, "split must be one of"),
    ],
)
def test_wrong_arguments_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        strings(folder, **options)


def test_a_recording_of_another_rate_is_refused_by_name(folder, tmp_path):
    from rnnbp.audio import write_wav

    for path in folder.glob("1_ann_*.wav"):
        write_wav(tmp_path / path.name, read_wav(path)[0], 16000)
    with pytest.raises(ValueError, match=r"feature is made for 8000 Hz, but .*1_ann_.* has 16000 Hz"):
        strings(tmp_path)
