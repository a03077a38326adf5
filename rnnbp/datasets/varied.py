"""Features of recordings with random variation, resampled in every training epoch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnbp.data import LazySequences, ResampledDataset, SequenceDataset
from rnnbp.features import Variation
from rnnbp.features.normalization import speaker_moments, standardized
from rnnbp.features.variation import warped

Array = np.ndarray
Feature = Callable[[Array], Array]
Moments = tuple[Array, Array]

PLAIN = Variation(speed=0.0, tempo=0.0, noisy=0.0)


@dataclass(frozen=True)
class VariedRecordings:
    """Loader of varied features of recordings: by `evaluation` in epoch 0, else by `training`; see `varied`.

    With `moments`, which has the mean and standard deviation (F,) of each recording's speaker, features are normalised
    by them.
    """

    recordings: LazySequences
    sr: float
    feature: Feature
    evaluation: Variation
    training: Variation
    seed: int
    moments: Mapping[int, Moments] | None = None

    def __call__(self, place: int, epoch: int) -> Array:
        """Compute the features (T, F) of one recording."""
        rng = np.random.default_rng([self.seed, place, epoch])
        variation = self.training if epoch else self.evaluation
        x = variation.features(self.recordings[place][:, 0], self.feature, self.sr, rng)
        return x if self.moments is None else standardized(x, *self.moments[place])


def varied(
    recordings: SequenceDataset,
    feature: Feature,
    training: Variation,
    *,
    sr: float,
    evaluation: Variation = PLAIN,
    seed: int = 0,
) -> ResampledDataset:
    """Return a dataset of features of recordings with random variation, resampled in every training epoch.

    Parameters
    ----------
    recordings : SequenceDataset
        Lazy waveforms (n, 1), with one target a recording.
    feature : callable
        Maps samples (n,) to features (T, F).
    training : Variation
        Variation in training.
    sr : float
        Sampling rate [Hz].
    evaluation : Variation, optional
        Variation in evaluation, the same at each evaluation. Default: none.
    seed : int, default 0

    Returns
    -------
    ResampledDataset

    Examples
    --------
    >>> from rnnbp.features import MFCC
    >>> waveforms = LazySequences(lambda place: np.sin(np.arange(800.0))[:, None], 2)
    >>> data = varied(SequenceDataset(waveforms, targets=[0, 1]), MFCC(sr=8000), Variation(), sr=8000)
    >>> len(data.sequences[0]), len(data.at_epoch(1).sequences[0]), len(data.at_epoch(2).sequences[0])
    (11, 10, 12)
    """
    lazy = recordings.sequences
    if not isinstance(lazy, LazySequences) or isinstance(recordings.targets, list) or recordings.targets is None:
        raise ValueError(f"recordings must be lazy, with a target each, got {recordings!r}")
    return ResampledDataset(
        VariedRecordings(lazy, sr, feature, evaluation, training, seed),
        recordings.targets,
        classes=recordings.classes,
        ids=recordings.ids,
        info=recordings.info,
        weights=recordings.weights,
        dtype=recordings.dtype,
    )


def normalized_by_speaker(data: ResampledDataset) -> ResampledDataset:
    """Return the dataset with features normalised to mean 0 and standard deviation 1 over all recordings of a speaker.

    The means and deviations are those of the recordings in evaluation; of varied ones the same are used. A recogniser
    can have them of a new speaker after some recordings, whose labels are not needed.

    Parameters
    ----------
    data : ResampledDataset
        From `varied`, with `info` that has `speaker`.

    Raises
    ------
    ValueError
        If `data` is another dataset, or does not tell the speakers.

    See Also
    --------
    rnnbp.features.normalize_speakers : the same of sequences.

    Examples
    --------
    >>> import pandas as pd
    >>> from rnnbp.features import MFCC
    >>> waveforms = LazySequences(lambda place: np.sin(np.arange(800.0))[:, None], 2)
    >>> recordings = SequenceDataset(waveforms, targets=[0, 1], info=pd.DataFrame({"speaker": ["ann", "bob"]}))
    >>> data = normalized_by_speaker(varied(recordings, MFCC(sr=8000), Variation(), sr=8000))
    >>> bool(abs(data.sequences[0].mean()) < 1e-6)
    True
    """
    draw: Any = getattr(data, "draw", None)
    if not isinstance(draw, VariedRecordings) or data.info is None or "speaker" not in data.info:
        raise ValueError(f"data must be of recordings whose info tells the speaker, got {data!r}")
    speakers = data.info["speaker"].tolist()
    moments = speaker_moments(list(data.sequences), speakers)
    own = {int(place): moments[speaker] for place, speaker in zip(data.places, speakers, strict=True)}
    return data.resampled_by(replace(draw, moments=own))


def with_warp(data: SequenceDataset, factor: float) -> ResampledDataset:
    """Return recordings normalised by speaker with mel filters warped, as if vocal tracts had another length.

    Parameters
    ----------
    data : ResampledDataset
        From `normalized_by_speaker`; the statistics are computed again.
    factor : float, 0.5 to 2
        See `rnnbp.features.mel`.

    Raises
    ------
    ValueError
        If `data` is another dataset, or its features have no mel filters.

    Examples
    --------
    >>> import pandas as pd
    >>> from rnnbp.features import LogMel
    >>> waveforms = LazySequences(lambda place: np.sin(np.arange(800.0))[:, None], 2)
    >>> recordings = SequenceDataset(waveforms, targets=[0, 1], info=pd.DataFrame({"speaker": ["ann", "bob"]}))
    >>> data = normalized_by_speaker(varied(recordings, LogMel(sr=8000), Variation(), sr=8000))
    >>> with_warp(data, 1.1).draw.feature.warp
    1.1
    """
    draw: Any = getattr(data, "draw", None)
    if not isinstance(data, ResampledDataset) or getattr(draw, "moments", None) is None:
        raise ValueError(f"data must be of recordings normalised by speaker, got {data!r}")
    plain = data.resampled_by(replace(draw, feature=warped(draw.feature, factor), evaluation=PLAIN, moments=None))
    own = normalized_by_speaker(plain)
    return with_evaluation_variation(own, draw.evaluation)


def with_evaluation_variation(
    data: SequenceDataset, evaluation: Variation, seed: int | None = None
) -> ResampledDataset:
    """Return the dataset with another variation in evaluation.

    Parameters
    ----------
    data : ResampledDataset
        From `varied` or `load_digit_strings`.
    evaluation : Variation
    seed : int, optional
        Seed of the variation. Default: unchanged.

    Raises
    ------
    ValueError
        If `data` is another dataset.
    """
    draw: Any = getattr(data, "draw", None)
    if not isinstance(data, ResampledDataset) or not isinstance(getattr(draw, "evaluation", None), Variation):
        raise ValueError(f"data must be of recordings, to which noise can be added, got {data!r}")
    return data.resampled_by(replace(draw, evaluation=evaluation, seed=draw.seed if seed is None else seed))
