"""Strings of spoken digits: recordings concatenated with silences and noise, resampled every training epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from rnnbp.data import BLANK, LabelSequences, LazySequences, ResampledDataset, SequenceDataset
from rnnbp.datasets.recordings import shared_rate
from rnnbp.datasets.registry import located
from rnnbp.datasets.spoken_digits import DIGITS, load_spoken_digits
from rnnbp.features import Variation
from rnnbp.runtime import integer_at_least, number, of_type, positive_int, refuses_by_name, seed_int

Array = np.ndarray
BACKGROUND = Variation(speed=0.0, tempo=0.0, snr=(20.0, 40.0))


@dataclass(frozen=True)
class DigitStrings:
    """Loader of digit strings, concatenated from recordings of single digits, each string by one speaker.

    Parameters
    ----------
    recordings : LazySequences
        Waveforms (n, 1).
    candidates : tuple of tuple of ndarray of int
        For each string and each of its digits, the indices of the recordings to sample from.
    sr : float
        Sampling rate [Hz].
    feature : callable
        Maps samples (n,) to features (T, F).
    evaluation, training : Variation
        Variation in epoch 0 (evaluation), and in all others (training).
    gap : (float, float)
        The shortest and longest silence before, between and after digits, in seconds.
    seed : int
    """

    recordings: LazySequences
    candidates: tuple[tuple[Array, ...], ...]
    sr: float
    feature: Callable[[Array], Array]
    evaluation: Variation
    training: Variation
    gap: tuple[float, float]
    seed: int

    def __call__(self, place: int, epoch: int) -> Array:
        """Compute the features (T, F) of a string."""
        rng = self._rng(place, epoch)
        y, _ = self.joined(place, rng)
        return self._variation(epoch).features(y, self.feature, self.sr, rng)

    def sound(self, place: int, epoch: int = 0) -> tuple[Array, Array]:
        """Return the waveform (n,) of a string with noise, and the start and end of each digit, (L, 2) in seconds."""
        rng = self._rng(place, epoch)
        y, spans = self.joined(place, rng)
        heard = self._variation(epoch).sound(y, self.sr, rng)
        return heard, spans * (len(heard) / len(y) / self.sr)

    def _rng(self, place: int, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, place, epoch])

    def _variation(self, epoch: int) -> Variation:
        return self.training if epoch else self.evaluation

    def joined(self, place: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return the waveform (n,) of a string without noise, and start and end of its digits, (L, 2) in samples."""
        words = [self.recordings[int(rng.choice(among))][:, 0] for among in self.candidates[place]]
        gaps = np.rint(rng.uniform(*self.gap, len(words) + 1) * self.sr).astype(np.int64)
        stops = np.cumsum(gaps[:-1] + [len(word) for word in words])
        y = np.zeros(stops[-1] + gaps[-1], words[0].dtype)
        spans = np.stack([stops - [len(word) for word in words], stops], axis=1)
        for word, (start, stop) in zip(words, spans, strict=True):
            y[start:stop] = word
        return y, spans


@refuses_by_name
def load_digit_strings(
    path: str | Path | None = None,
    split: str = "official",
    *,
    feature: Callable[[Array], Array],
    speaker: str | None = None,
    strings: int = 1000,
    test_strings: int = 500,
    fewest: int = 3,
    most: int = 7,
    gap: tuple[float, float] = (0.0, 0.4),
    evaluation: Variation = BACKGROUND,
    training: Variation | None = None,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> tuple[ResampledDataset, ResampledDataset]:
    """Load strings of spoken digits, concatenated from the training and test recordings of `load_spoken_digits`.

    Each string is by one speaker. Its digits are sampled once; the recordings, the silences and the noise are resampled
    every epoch.

    Parameters
    ----------
    path, split, speaker
        See `load_spoken_digits`; training strings use its training set, test strings its test set.
    feature : callable
        Maps samples (n,) to features (T, F).
    strings, test_strings : int, default 1000 and 500
        Numbers of training and test strings.
    fewest, most : int, default 3 and 7
        Least and greatest number of digits in a string.
    gap : (float, float), default (0, 0.4)
        The shortest and longest silence before, between and after digits, in seconds.
    evaluation, training : Variation
        `evaluation`: variation of test strings, and of training strings when they are evaluated; `training`: variation
        of training strings in training. By default both only add noise at 20 to 40 dB.
    seed : int, default 0
    dtype : dtype, default float32
        Of the features.

    Returns
    -------
    train, test : ResampledDataset
        Label sequences for `rnnbp.CTC`; classes are the blank and '0' to '9'; `info` has `speaker`.

    Raises
    ------
    ValueError
        If an argument is out of its range; see also `load_spoken_digits`.

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp.audio import write_wav
    >>> from rnnbp.features import MFCC
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("3_ann_0.wav", "3_ann_5.wav", "7_ann_0.wav", "7_ann_5.wav"):
    ...     write_wav(folder / name, np.full(800, 0.5), 8000)
    >>> train, test = load_digit_strings(folder, feature=MFCC(sr=8000), strings=5, test_strings=2)
    >>> test, [test.classes[k] for k in test.targets[0]]
    (ResampledDataset: 2 sequences, 13 features; label sequences of 11 classes, ['7', '7', '7', '3', '3'])
    """
    of_type("evaluation", evaluation, Variation)
    of_type("training", training, Variation | None)
    seed_int("seed", seed)
    integer_at_least("most", most, positive_int("fewest", fewest), f"an integer of {fewest} or more")
    low, high = gap
    number("gap", low, 0, number("gap", high, 0))
    *parts, sr = digit_waveforms(path, split, speaker, feature, dtype)
    sizes = positive_int("strings", strings), positive_int("test_strings", test_strings)
    train, test = (
        _joined(part, size, (fewest, most), sr, feature, evaluation, own_training, gap, 2 * seed + k, dtype)
        for k, (part, size, own_training) in enumerate(
            zip(parts, sizes, (training or evaluation, evaluation), strict=True)
        )
    )
    return train, test


def digit_waveforms(
    path: str | Path | None,
    split: str,
    speaker: str | None,
    feature: Callable[[Array], Array],
    dtype: DTypeLike = np.float32,
) -> tuple[SequenceDataset, SequenceDataset, int]:
    """Load the recordings of `load_spoken_digits` and their sampling rate [Hz], which `feature` must have too."""
    folder = located("spoken-digits", path, "[0-9]_*_*.wav")
    train, test = load_spoken_digits(folder, split, speaker=speaker, dtype=dtype)
    return train, test, shared_rate(folder / str(train.ids[0]), feature)


def _joined(
    singles: SequenceDataset,
    size: int,
    digits: tuple[int, int],
    sr: int,
    feature: Callable[[Array], Array],
    evaluation: Variation,
    training: Variation,
    gap: tuple[float, float],
    seed: int,
    dtype: DTypeLike,
) -> ResampledDataset:
    """Return a dataset of strings of these recordings."""
    assert singles.info is not None
    assert isinstance(singles.sequences, LazySequences)
    assert isinstance(singles.targets, np.ndarray)
    by_digit: dict[str, dict[int, Array]] = {}
    for speaker, rows in singles.info.groupby("speaker", sort=True).groups.items():
        said = singles.targets[rows.to_numpy()]
        by_digit[str(speaker)] = {int(k): rows.to_numpy()[said == k] for k in np.unique(said)}
    rng = np.random.default_rng(seed_int("seed", seed))
    speakers = rng.choice(list(by_digit), size)
    said = [rng.choice(list(by_digit[s]), rng.integers(digits[0], digits[1] + 1)) for s in speakers]
    candidates = tuple(tuple(by_digit[s][int(k)] for k in one) for s, one in zip(speakers, said, strict=True))
    draw = DigitStrings(singles.sequences, candidates, sr, feature, evaluation, training, gap, seed)
    labels = LabelSequences([one + 1 for one in said], classes=(BLANK, *DIGITS))
    info = pd.DataFrame({"speaker": speakers})
    return ResampledDataset(draw, labels, info=info, dtype=dtype)
