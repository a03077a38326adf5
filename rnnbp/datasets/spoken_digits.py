"""The Free Spoken Digit Dataset: six speakers say the ten digits fifty times each."""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.data import MEMORY, SequenceDataset
from rnnbp.datasets.labels import ByName
from rnnbp.datasets.recordings import Feature, load_recordings
from rnnbp.datasets.registry import located
from rnnbp.runtime import choice, number, refuses_by_name, unused

DIGITS = tuple("0123456789")
NAMES = ByName("{digit}_{speaker}_{index}.wav", label="digit")


@refuses_by_name
def load_spoken_digits(
    path: str | Path | None = None,
    split: str = "official",
    *,
    speaker: str | None = None,
    test_fraction: float = 0.1,
    seed: int = 0,
    feature: Feature | None = None,
    cache: str | Path | None = None,
    memory: int = MEMORY,
    dtype: DTypeLike = np.float32,
) -> tuple[SequenceDataset, SequenceDataset]:
    """Load the Free Spoken Digit Dataset: recordings of about half a second at 8 kHz, 50 a digit and speaker.

    Parameters
    ----------
    path : str or Path, optional
        A copy of the dataset, or its folder `recordings`. Default: downloaded (10 MiB) to the folder RNNBP_DATA.
    split : str, default 'official'
        The test set. 'official': the recordings of index 0 to 4, a tenth; 'speaker': all recordings of `speaker`, who
        is not in the training set; 'random': a random fraction, stratified by digit.
    speaker : str, optional
        The held-out speaker, for the split 'speaker'.
    test_fraction : float, default 0.1
        For the split 'random'.
    seed : int, default 0
        For the split 'random'.
    feature, cache, memory, dtype
        See `load_recordings`; without a feature the sequences are samples (n, 1).

    Returns
    -------
    train, test : SequenceDataset
        Classes '0' to '9'; `info` has `file`, `digit`, `speaker` and `index`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or the data are missing and downloads are forbidden.
    ValueError
        If a name is not of the form ``{digit}_{speaker}_{index}.wav``, the split or speaker is unknown, or an argument
        belongs to another split.

    References
    ----------
    Z. Jackson et al. (2018), "Free Spoken Digit Dataset", v1.0.8, doi:10.5281/zenodo.1342401, CC BY-SA 4.0;
    downloaded is v1.0.10 of https://github.com/Jakobovski/free-spoken-digit-dataset

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp.audio import write_wav
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("3_ann_0.wav", "3_ann_5.wav", "7_ann_0.wav", "7_ann_5.wav"):
    ...     write_wav(folder / name, np.zeros(800), 8000)
    >>> train, test = load_spoken_digits(folder)
    >>> train, test.info["index"].tolist()
    (SequenceDataset: 2 sequences of 800 steps, 1 feature; 10 classes, [0, 0])
    """
    choice("split", split, ("official", "random", "speaker"))
    if (speaker is not None) != (split == "speaker"):
        raise ValueError(
            f"speaker must be given with the split 'speaker', and only then: got {speaker!r} with {split!r}"
        )
    if split != "random":
        unused("test_fraction", test_fraction, 0.1, f"in the split {split!r}, but in 'random'")
        unused("seed", seed, 0, f"in the split {split!r}, but in 'random'")
    folder = located("spoken-digits", path, "[0-9]_*_*.wav")
    data = load_recordings(folder, NAMES, feature=feature, cache=cache, classes=DIGITS, memory=memory, dtype=dtype)
    if split == "random":
        train, test = data.split(1 - number("test_fraction", test_fraction, 0, 1), seed=seed)
        return train, test
    assert data.info is not None
    if split == "speaker":
        chosen = (data.info["speaker"] == choice("speaker", speaker, set(data.info["speaker"]))).to_numpy()
    else:
        chosen = (data.info["index"] < 5).to_numpy()
    if chosen.all() or not chosen.any():
        raise ValueError(f"the split {split!r} leaves a part without recordings: {str(folder)!r} has {len(data)}")
    return data.subset(~chosen), data.subset(chosen)
