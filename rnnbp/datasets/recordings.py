"""Datasets of the recordings in a folder, loaded lazily."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from rnnbp.audio import audio_info, read_audio
from rnnbp.data import MEMORY, LazySequences, SequenceDataset
from rnnbp.datasets.feature_cache import FeatureCache
from rnnbp.datasets.labels import Labels
from rnnbp.runtime import checked_path, refuses_by_name, unused

Array = np.ndarray
Feature = Callable[..., Array]


@refuses_by_name
def load_recordings(
    folder: str | Path,
    labels: Labels,
    *,
    feature: Feature | None = None,
    cache: str | Path | None = None,
    classes: Sequence[str] | None = None,
    memory: int = MEMORY,
    dtype: DTypeLike = np.float32,
) -> SequenceDataset:
    """Load the recordings of a folder and its subfolders as a lazy dataset, one sequence each.

    A recording is read on access, and at most `memory` bytes are cached, so that a folder larger than the memory can be
    trained on.

    Parameters
    ----------
    folder : str or Path
    labels : ByName, ByFolder or ByTable
        Source of the labels and other metadata of the recordings (`rnnbp.datasets.labels`).
    feature : callable, optional
        Maps samples y (n,), averaged over channels, to features (T, F): ``feature(y)``, or ``feature(y, sr)`` if it has
        a parameter `sr`. Default: the samples themselves, (n, channels).
    cache : str or Path, optional
        A folder in which features are cached; `feature` then needs a repr with its settings.
    classes : sequence of str, optional
        The labels, if their order matters or not all occur. Default: the labels found, sorted.
    memory : int, default 2**28
        The most bytes of sequences that are cached in memory.
    dtype : dtype, default float32

    Returns
    -------
    SequenceDataset
        `ids` are the files' paths within the folder; `info` has the columns `file` and, for `ByName`, its fields, those
        that are all digits as integers.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it contains no recordings, a name does not match, a recording is damaged or has another sampling rate than
        the first (raised when it is loaded), or `cache` is given without a feature.

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp.audio import write_wav
    >>> from rnnbp.datasets import ByName
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("yes_ann_0.wav", "no_ann_0.wav"):
    ...     write_wav(folder / name, np.zeros(800), 8000)
    >>> data = load_recordings(folder, ByName("{word}_{speaker}_{take}.wav", label="word"))
    >>> data, data.info.speaker.tolist()
    (SequenceDataset: 2 sequences of 800 steps, 1 feature; 2 classes, ['ann', 'ann'])
    """
    folder = checked_path("folder", folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: there is no folder {str(folder)!r}")
    if not callable(getattr(labels, "table", None)):
        raise ValueError(f"labels must be ByName(...), ByFolder() or ByTable(...), got {labels!r}")
    if feature is not None and not callable(feature):
        raise ValueError(f"feature must be a function of a recording, got {feature!r}")
    table = labels.table(folder)
    if "label" not in table:
        unused("classes", classes, None, "where labels have no label")
    files = table["file"].tolist()
    sequences = recordings([folder / f for f in files], feature, cache, memory)
    targets = table["label"].to_numpy(object) if "label" in table else None
    info = table.drop(columns="label", errors="ignore").apply(_plain)
    return SequenceDataset(sequences, targets, classes=classes, ids=files, info=info, dtype=dtype)


def _plain(column: pd.Series) -> pd.Series:
    """Convert a column to integers if it has only digits."""
    return column.astype(np.int64) if column.str.fullmatch(r"[0-9]{1,18}").all() else column


def recordings(
    paths: Sequence[Path], feature: Feature | None = None, cache: str | Path | None = None, memory: int = MEMORY
) -> LazySequences:
    """Return recordings as lazy sequences; see `load_recordings`.

    Without a feature the headers are read immediately, so that lengths are known and damaged files are found.
    """
    names = [str(p) for p in paths]
    if feature is None:
        if cache is not None:
            raise ValueError("cache is for features: give feature=")
        lengths = [audio_info(p).samples for p in paths]
        load: Callable[[int], Array] = Waveforms(tuple(paths), audio_info(paths[0]).sr)
        return LazySequences(load, len(paths), memory, lengths=lengths, names=names)
    cached = None if cache is None else FeatureCache(cache, feature)
    load = Features(Waveforms(tuple(paths), shared_rate(paths[0], feature)), feature, cached)
    return LazySequences(load, len(paths), memory, names=names)


def shared_rate(first: Path, feature: Any) -> int:
    """Return the sampling rate [Hz] of the first recording; raise if the feature has another.

    Raises
    ------
    ValueError
        If the feature has another sampling rate.
    """
    sr = audio_info(first).sr
    wanted = getattr(feature, "sr", sr)
    if wanted != sr:
        raise ValueError(f"feature is made for {wanted} Hz, but {str(first)!r} has {sr} Hz")
    return sr


@dataclass(frozen=True)
class Waveforms:
    """Loader of samples (n, channels) of recordings with the same sampling rate [Hz]."""

    paths: tuple[Path, ...]
    sr: int

    def __call__(self, place: int) -> Array:
        """Read the samples of one recording."""
        path = self.paths[place]
        y, sr = read_audio(path)
        if sr != self.sr:
            raise ValueError(f"{str(path)!r} has {sr} Hz, but {str(self.paths[0])!r} has {self.sr} Hz")
        return y[:, None] if y.ndim == 1 else y.T


@dataclass(frozen=True)
class Features:
    """Loader of features (T, F) of recordings."""

    waveforms: Waveforms
    feature: Feature
    cache: FeatureCache | None

    def __call__(self, place: int) -> Array:
        """Return the features of one recording, from the cache or computed."""
        if self.cache is None:
            return self._computed(place)
        return self.cache.get(self.waveforms.paths[place], lambda: self._computed(place))

    def _computed(self, place: int) -> Array:
        x = self.waveforms(place)
        y = x[:, 0] if x.shape[1] == 1 else x.mean(axis=1)
        takes_rate = "sr" in inspect.signature(self.feature).parameters
        return self.feature(y, self.waveforms.sr) if takes_rate else self.feature(y)
