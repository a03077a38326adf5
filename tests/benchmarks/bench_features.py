"""A second of 8 kHz speech to features, in milliseconds, beside librosa and python_speech_features.

    python tests/benchmarks/bench_features.py

It needs the extra `oracles`.
"""

import time
from collections.abc import Callable

import librosa
import numpy as np
import python_speech_features as psf

from rnnbp import features

SR = 8000
FRAMING = {"n_fft": 256, "hop_length": 80}


def librosas(y: np.ndarray) -> np.ndarray:
    """Return 13 MFCC with deltas and accelerations, normalised, by librosa."""
    c = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=13, n_mels=40, **FRAMING)
    x = np.vstack([c, *(librosa.feature.delta(c, order=n, mode="nearest") for n in (1, 2))]).T
    return (x - x.mean(axis=0)) / x.std(axis=0)


def main() -> None:
    """Print the median and the least of 500 calls each, timed in turns."""
    full = features.MFCC(sr=SR, deltas=2, normalize="utterance", **FRAMING)
    tasks: dict[str, Callable[[np.ndarray], object]] = {
        "MFCC, deltas, accelerations, normalised: rnnbp": full,
        "MFCC, deltas, accelerations, normalised: librosa": librosas,
        "MFCC: rnnbp": lambda y: features.mfcc(y, sr=SR, **FRAMING),
        "MFCC: librosa": lambda y: librosa.feature.mfcc(y=y, sr=SR, n_mfcc=13, n_mels=40, **FRAMING),
        "classic MFCC: rnnbp": lambda y: features.classic_mfcc(y, sr=SR, n_fft=256),
        "classic MFCC: python_speech_features": lambda y: psf.mfcc(y, SR, nfft=256),
        "LPC cepstra: rnnbp": lambda y: features.lpcc(y, sr=SR, **FRAMING),
    }
    for dtype in (np.float64, np.float32):
        y = np.random.default_rng(0).standard_normal(SR).astype(dtype)
        seconds: dict[str, list[float]] = {name: [] for name in tasks}
        for _ in range(500):
            for name, task in tasks.items():
                start = time.perf_counter()
                task(y)
                seconds[name].append(time.perf_counter() - start)
        for name, times in seconds.items():
            print(f"{dtype.__name__}  {name:52} {1e3 * np.median(times):.3f}  {1e3 * min(times):.3f}")


if __name__ == "__main__":
    main()
