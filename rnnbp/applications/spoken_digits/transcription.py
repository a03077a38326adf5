"""Transcription of recordings with times, by a network trained by CTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.audio import read_audio
from rnnbp.data import listed
from rnnbp.decoding import align, beam_search
from rnnbp.features import HTKMFCC, LPCC, MFCC, ClassicMFCC, LogMel, power_to_db, resample, rms
from rnnbp.models import Sequential, load
from rnnbp.runtime import from_config, of_type, positive_int, refuses_by_name

Array = np.ndarray
BRIDGE = 0.1  # longest quiet passage within a word [s]
SpeechFeature = LogMel | MFCC | LPCC | ClassicMFCC | HTKMFCC
FEATURES: dict[str, type] = {feature.__name__: feature for feature in (LogMel, MFCC, LPCC, ClassicMFCC, HTKMFCC)}


@dataclass(frozen=True)
class Transcriber:
    """Transcriber of recordings: labels with start and end times.

    Parameters
    ----------
    model : Sequential
        Trained by `rnnbp.CTC`; its first output is the blank.
    feature : LogMel, MFCC, LPCC, ClassicMFCC or HTKMFCC
        The features it was trained on.
    classes : sequence of str
        The names of its outputs, including the blank.
    width : int, default 16
        Width of the beam; see `rnnbp.decoding.beam_search`.

    Raises
    ------
    ValueError
        If there is not a name for each output, or the model does not take the features.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Dense(13, 3))
    >>> Transcriber(model, rnnbp.features.MFCC(sr=8000), ["<blank>", "yes", "no"]).outputs(np.zeros(8000), 8000).shape
    (101, 3)
    """

    model: Sequential
    feature: SpeechFeature
    classes: tuple[str, ...]
    width: int = 16

    def __post_init__(self) -> None:
        of_type("model", self.model, Sequential)
        of_type("feature", self.feature, SpeechFeature)
        object.__setattr__(self, "classes", tuple(of_type("classes", self.classes, Sequence[str])))
        positive_int("width", self.width)
        shape = self.model.out_shape
        if shape[0] != "T" or shape[-1] != len(self.classes):
            raise ValueError(f"classes must name each of the model's outputs {shape}, got {len(self.classes)} names")
        if self.model.classes not in (None, self.classes):
            raise ValueError(
                f"classes must be those that the model was trained on, {listed(self.model.classes or ())}, in their "
                f"order; got {listed(self.classes)}"
            )
        self.model.forward(np.zeros((1, 1, self.feature.feature_size)))

    @classmethod
    @refuses_by_name
    def load(cls, path: str | Path) -> "Transcriber":
        """Load a model file that records its features and labels: ``info["features"]`` and `classes`.

        Parameters
        ----------
        path : str or Path
            A file such as `rnnbp train bilstm connected-digits` writes.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a model file, or lacks them.
        """
        model = load(path)
        if not model.info.get("features") or model.classes is None:
            raise ValueError(
                f"{str(path)!r} does not record the features and classes that it was trained on: train it by "
                "`rnnbp train bilstm connected-digits`"
            )
        return cls(model, from_config(model.info["features"], FEATURES), model.classes)

    @refuses_by_name
    def __call__(self, y: ArrayLike, sr: int) -> pd.DataFrame:
        """Transcribe a recording.

        Parameters
        ----------
        y : array_like (n,), or (channels, n), which are averaged
        sr : int
            Its sampling rate [Hz]; if it differs from the features', the recording is resampled.

        Returns
        -------
        DataFrame
            A row for each label: `start` and `end` in seconds, `label`. The labels are the most probable ones by beam
            search; their steps are those of their most probable path, extended over the loud frames around (`spoken`).
        """
        signal = self._resampled(y, sr)
        outputs = self._outputs(signal)
        best = beam_search(outputs, self.width)[0].labels
        found = align(outputs, best)
        hop, rate = self.feature.hop_length, self.feature.sr
        level = power_to_db(rms(signal, frame_length=2 * hop, hop_length=hop) ** 2, amin=1e-10, top_db=None)
        starts, ends = spoken(level, found.starts, found.stops, bridge=round(BRIDGE * rate / hop))
        seconds = hop / rate
        return pd.DataFrame(
            {"start": starts * seconds, "end": ends * seconds, "label": [self.classes[k] for k in best]}
        )

    @refuses_by_name
    def outputs(self, y: ArrayLike, sr: int) -> Array:
        """Return the network's outputs (logits) at every step, (T, K).

        Parameters
        ----------
        y, sr
            As in a call.
        """
        return self._outputs(self._resampled(y, sr))

    def _resampled(self, y: ArrayLike, sr: int) -> Array:
        positive_int("sr", sr)
        signal = np.asarray(y)
        if signal.ndim == 2:
            signal = signal.mean(axis=0)
        return resample(signal, orig_sr=sr, target_sr=int(self.feature.sr))

    def _outputs(self, signal: Array) -> Array:
        return self.model.forward(self.feature(signal)[:, None])[:, 0]

    @refuses_by_name
    def file(self, path: str | Path) -> pd.DataFrame:
        """Transcribe a file.

        Parameters
        ----------
        path : str or Path
            A file that `rnnbp.audio.read_audio` reads.

        Raises
        ------
        FileNotFoundError, ValueError, ImportError
            As `rnnbp.audio.read_audio`.
        """
        return self(*read_audio(path))


def spoken(level: Array, starts: Array, stops: Array, bridge: int) -> tuple[Array, Array]:
    """Find the start and end of each spoken label from the steps at which a network emits it.

    A network trained by CTC emits a label for few steps, somewhere within the word. The word is extended in both
    directions while it is loud: at least a quarter of the level range, in dB, from the recording's quietest step to the
    word's loudest; across quiet passages of up to `bridge` steps, as in "eight" and "six", but not beyond the quietest
    step between it and the next.

    Parameters
    ----------
    level : ndarray (T,)
        Loudness at every step, in dB.
    starts, stops : ndarray (L,) of int
        See `rnnbp.decoding.align`.
    bridge : int

    Returns
    -------
    starts, ends : ndarray (L,) of int

    Examples
    --------
    >>> level = np.array([0.0, 0, 9, 9, 9, 1, 8, 8, 0, 0, 9, 9, 0])
    >>> spoken(level, np.array([3, 11]), np.array([4, 12]), bridge=1)
    (array([ 2, 10]), array([ 8, 12]))
    """
    T = len(level)
    cuts = [stop + int(level[stop : max(start, stop + 1)].argmin()) for stop, start in zip(stops[:-1], starts[1:])]
    limits = zip(starts, stops, [0, *cuts], [*cuts, T], strict=False)  # no label has no limits
    quietest = float(np.quantile(level, 0.05))
    found = np.array([_loud(level, quietest, bridge, *one) for one in limits], np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _loud(level: Array, quietest: float, bridge: int, start: int, stop: int, first: int, last: int) -> tuple[int, int]:
    """Return the loud range around the steps from `start` to before `stop`, within `first` to before `last`."""
    loudest = float(level[first:last].max(initial=quietest))
    loud = np.flatnonzero(level[first:last] > quietest + 0.25 * (loudest - quietest)) + first
    for t in loud[loud < start][::-1]:
        if start - t > bridge + 1:
            break
        start = int(t)
    for t in loud[loud >= stop]:
        if t - stop > bridge:
            break
        stop = int(t) + 1
    return int(start), int(stop)
