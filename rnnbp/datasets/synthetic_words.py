"""Synthetic speech-like words for tests of recognisers: harmonics with gliding formants, fricatives and stops."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rnnbp.audio import write_wav
from rnnbp.datasets.signals import FORMANTS, TRACT
from rnnbp.runtime import checked_path, generator, number, of_type, positive_int, refuses_by_name, seed_int

Array = np.ndarray
SR = 8000  # Hz
FRAME = 40  # samples with constant formants and amplitudes

# Each digit's sounds: vowels of `FORMANTS`, fricatives s and f (weaker), nasal n, and stop - (silence, then a burst).
WORDS = {
    "0": ("s", "ih", "er", "ao"),
    "1": ("uw", "ah", "n"),
    "2": ("-", "uw"),
    "3": ("f", "er", "iy"),
    "4": ("f", "ao", "er"),
    "5": ("f", "aa", "ih", "f"),
    "6": ("s", "ih", "-", "s"),
    "7": ("s", "eh", "f", "ah", "n"),
    "8": ("eh", "ih", "-"),
    "9": ("n", "aa", "ih", "n"),
}
HUM = (250, 1300, 2300)
HISS = {"s": 0.15, "f": 0.04}


@refuses_by_name
def synthetic_word(
    sounds: Sequence[str], rng: np.random.Generator, *, pitch: float = 120.0, tract: float = 1.0
) -> Array:
    """Synthesise a word of 0.2 to 0.6 s at 8 kHz, (n,).

    The word is made of harmonics of a falling pitch, weighted by formants that glide from sound to sound, and of
    frication noise.

    Parameters
    ----------
    sounds : sequence of str
        Vowels of `rnnbp.datasets.signals.FORMANTS`, 's', 'f', 'n' and '-'.
    rng : numpy.random.Generator
        For lengths, small deviations, and noise.
    pitch : float, default 120
        Fundamental frequency in Hz.
    tract : float, default 1
        Factor of all formants.

    Examples
    --------
    >>> y = synthetic_word(WORDS["3"], np.random.default_rng(0))
    >>> len(y) / 8000, bool(0.5 < np.abs(y).max() <= 0.9)
    (0.275, True)
    """
    if not len(of_type("sounds", sounds, Sequence[str])):
        raise ValueError("sounds must hold at least one sound, got none")
    generator("rng", rng)
    pitch, tract = number("pitch", pitch, 1, SR / 2), number("tract", tract, 0.1, 10)
    lengths = np.rint(rng.uniform(0.06, 0.16, len(sounds)) * SR / FRAME).astype(np.int64)
    middles = np.cumsum(lengths) - lengths / 2
    t = np.arange(lengths.sum())
    formants = np.array([FORMANTS.get(s, HUM) for s in sounds]) * tract * np.exp(rng.normal(0, 0.03, (len(sounds), 3)))
    tracks = np.stack([np.interp(t, middles, track) for track in formants.T], axis=1)
    voice = np.interp(t, middles, [0.0 if s in HISS or s == "-" else 0.4 if s == "n" else 1.0 for s in sounds])
    hiss = np.repeat([HISS.get(s, 0.0) for s in sounds], lengths)
    for k in np.flatnonzero(np.array(sounds) == "-"):
        hiss[np.cumsum(lengths)[k] - 3 : np.cumsum(lengths)[k] - 1] = 0.2
    y = _harmonics(tracks, voice, pitch * np.linspace(1.1, 0.85, len(t)))
    y += np.diff(rng.standard_normal(len(y) + 1)) * np.repeat(hiss, FRAME)
    return 0.8 * y / np.abs(y).max() + 0.001 * rng.standard_normal(len(y))


def _harmonics(tracks: Array, voice: Array, pitch: Array) -> Array:
    """Synthesise a sum of harmonics weighted by formants (T, 3), in frames of `FRAME` samples."""
    k = np.arange(1, int(0.48 * SR / pitch.max()) + 1)
    hertz = pitch[:, None] * k
    resonances = 1 / (1 + ((hertz[:, :, None] - tracks[:, None, :]) / (60 + 0.04 * tracks[:, None, :])) ** 2)
    weights = voice[:, None] * (resonances @ np.array([1.0, 0.6, 0.3]))
    phase = 2 * np.pi * np.cumsum(np.repeat(pitch, FRAME)) / SR
    at = np.arange(len(phase)) / FRAME - 0.5
    smooth = np.stack([np.interp(at, np.arange(len(pitch)), w) for w in weights.T], axis=1)
    return (smooth * np.sin(phase[:, None] * k)).sum(axis=1)


@refuses_by_name
def write_synthetic_digits(
    folder: str | Path,
    *,
    speakers: Sequence[str] = ("ann", "bob", "cid"),
    takes: int = 10,
    digits: Sequence[str] = tuple(WORDS),
    seed: int = 0,
) -> None:
    """Write synthetic digits as files that `load_spoken_digits` reads.

    Parameters
    ----------
    folder : str or Path
        Created if it does not exist.
    speakers : sequence of str
        Names; each speaker has their own pitch and vocal tract.
    takes : int, default 10
        Recordings of each digit by each speaker; the first five are the official test set.
    digits : sequence of str
        Default: all ten.
    seed : int, default 0

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_synthetic_digits(folder, speakers=["ann"], takes=6, digits=["1", "8"])
    >>> len(list(folder.glob("*.wav")))
    12
    """
    of_type("speakers", speakers, Sequence[str])
    of_type("digits", digits, Sequence[str])
    folder, rng = checked_path("folder", folder), np.random.default_rng(seed_int("seed", seed))
    folder.mkdir(parents=True, exist_ok=True)
    for speaker in speakers:
        pitch, tract = rng.uniform(90, 220), np.exp(rng.normal(0, TRACT))
        for digit in digits:
            for take in range(positive_int("takes", takes)):
                own = pitch * np.exp(rng.normal(0, 0.05))
                write_wav(
                    folder / f"{digit}_{speaker}_{take}.wav",
                    synthetic_word(WORDS[digit], rng, pitch=own, tract=tract),
                    SR,
                )
