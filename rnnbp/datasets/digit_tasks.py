"""Spoken digit tasks, single digits and strings, with the settings of `rnnbp compare`, chosen on training data only."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from rnnbp.data import ResampledDataset
from rnnbp.datasets.digit_strings import BACKGROUND, digit_waveforms, load_digit_strings
from rnnbp.datasets.varied import PLAIN, normalized_by_speaker, varied
from rnnbp.features import MFCC, LogMel, Variation
from rnnbp.runtime import choice

KNOWN_SPEAKERS = Variation(speed=0.1, tempo=0.2, noisy=0.3, masks=4)
NEW_SPEAKERS = replace(KNOWN_SPEAKERS, speed=0.2, tempo=0.3)  # more variation for unseen speakers
NORMALIZED_SPEAKERS = replace(KNOWN_SPEAKERS, speed=0.0, warp=0.15, tempo=0.3)  # the same, for features by speaker
TEST_TIME_VARIATION = Variation(speed=0.1, warp=0.1, tempo=0.15, noisy=0.0)  # augmentation of test recordings
NORMALIZATIONS = ("utterance", "speaker")
VARIED_STRINGS = Variation(speed=0.1, tempo=0.2, noisy=0.9, snr=(0.0, 40.0))


@cache
def digit_feature() -> MFCC:
    """Return the feature extractor of the digit tasks.

    13 cepstra every 12.5 ms with deltas and accelerations, normalised to mean 0 and standard deviation 1 over the
    recording.

    Examples
    --------
    >>> digit_feature().feature_size
    39
    """
    return MFCC(sr=8000, n_mels=26, hop_length=100, deltas=2, normalize="utterance")


@cache
def new_speaker_feature() -> LogMel:
    """Return the feature extractor for speakers that are not in the training set, normalised by speaker.

    Log-mel spectra of 26 filters every 12.5 ms.

    Examples
    --------
    >>> new_speaker_feature().feature_size
    26
    """
    return LogMel(sr=8000, n_mels=26, hop_length=100)


def spoken_digits(
    path: str | Path | None = None,
    split: str = "official",
    *,
    speaker: str | None = None,
    normalize: str | None = None,
    evaluation: Variation = PLAIN,
    seed: int = 0,
) -> tuple[ResampledDataset, ResampledDataset]:
    """Load the recordings of `load_spoken_digits` as features, with random variation in training.

    Parameters
    ----------
    path, split, speaker
        See `load_spoken_digits`. For the split 'speaker', training has more variation.
    normalize : {'utterance', 'speaker'}, optional
        'utterance': cepstra, `digit_feature`, normalised over each recording; 'speaker': log-mel spectra,
        `new_speaker_feature`, normalised over all recordings of a speaker, those of the test set over the test set's;
        no labels are needed for that. Default: 'speaker' for the split 'speaker', else 'utterance'.
    evaluation : Variation, optional
        Variation of recordings in evaluation. Default: none.
    seed : int, default 0
        Seed of all variations.

    Returns
    -------
    train, test : ResampledDataset
        Features (T, 39), or (T, 26) where they are normalised by speaker.

    Raises
    ------
    FileNotFoundError, ValueError
        See `load_spoken_digits`; ValueError if `normalize` is unknown, too.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from rnnbp.audio import write_wav
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("3_ann_0.wav", "3_ann_5.wav"):
    ...     write_wav(folder / name, np.full(800, 0.5), 8000)
    >>> spoken_digits(folder)[1]
    ResampledDataset: 1 sequence, 39 features; 10 classes
    """
    new = split == "speaker"
    by_speaker = choice("normalize", normalize or ("speaker" if new else "utterance"), NORMALIZATIONS) == "speaker"
    feature = new_speaker_feature() if by_speaker else digit_feature()
    *parts, sr = digit_waveforms(path, split, speaker, feature)
    training = NORMALIZED_SPEAKERS if by_speaker else NEW_SPEAKERS if new else KNOWN_SPEAKERS
    train, test = (
        varied(part, feature, training, sr=sr, evaluation=evaluation, seed=2 * seed + k) for k, part in enumerate(parts)
    )
    return (normalized_by_speaker(train), normalized_by_speaker(test)) if by_speaker else (train, test)


def connected_digits(
    path: str | Path | None = None,
    split: str = "official",
    *,
    speaker: str | None = None,
    strings: int = 1000,
    test_strings: int = 500,
    evaluation: Variation = BACKGROUND,
    seed: int = 0,
) -> tuple[ResampledDataset, ResampledDataset]:
    """Load strings of 3 to 7 spoken digits, concatenated with silences and noise, for `rnnbp.CTC`.

    Parameters
    ----------
    path, split, speaker, strings, test_strings, seed
        See `load_digit_strings`.
    evaluation : Variation, optional
        Variation of strings in evaluation. Default: noise at 20 to 40 dB.

    Returns
    -------
    train, test : ResampledDataset
        Features (T, 39) of `digit_feature`.

    Raises
    ------
    FileNotFoundError, ValueError
        See `load_digit_strings`.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from rnnbp.audio import write_wav
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("3_ann_0.wav", "3_ann_5.wav"):
    ...     write_wav(folder / name, np.full(800, 0.5), 8000)
    >>> connected_digits(folder, strings=5, test_strings=2)[1]
    ResampledDataset: 2 sequences, 39 features; label sequences of 11 classes
    """
    return load_digit_strings(
        path,
        split,
        feature=digit_feature(),
        speaker=speaker,
        strings=strings,
        test_strings=test_strings,
        evaluation=evaluation,
        training=VARIED_STRINGS,
        seed=seed,
    )
