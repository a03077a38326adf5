"""Speech Commands: 35 words by 2,618 speakers."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from rnnbp.data import MEMORY, SequenceDataset
from rnnbp.datasets.labels import ByName
from rnnbp.datasets.recordings import Feature, load_recordings
from rnnbp.datasets.registry import located
from rnnbp.runtime import choice, refuses_by_name

PARTS = ("training", "validation", "testing")
NAMES = ByName(r"(?P<word>[^/_]+)/(?P<speaker>[^/_]+)_nohash_(?P<take>\d+)\.wav", label="word")
MOST = 2**27 - 1  # greatest number of recordings of a class, from the dataset's README


def part_of(file: str, validation: float = 10, testing: float = 10) -> str:
    """Return the official split of a recording, by the hash of its speaker.

    All recordings of a speaker are in the same split, and stay there if recordings are added.

    Parameters
    ----------
    file : str
        File name ``{speaker}_nohash_{take}.wav``, with or without folders.
    validation, testing : float, default 10
        Sizes of the two splits in per cent.

    Returns
    -------
    str
        'training', 'validation' or 'testing'.

    References
    ----------
    P. Warden (2018), "Speech Commands: A dataset for limited-vocabulary speech recognition", arXiv:1804.03209,
    section 6.1.

    Examples
    --------
    >>> part_of("right/a69b9b3e_nohash_0.wav"), part_of("right/bb05582b_nohash_3.wav")
    ('validation', 'testing')
    """
    speaker = re.sub(r"_nohash_.*$", "", file.rpartition("/")[2])
    place = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (MOST + 1) * (100 / MOST)
    return "validation" if place < validation else "testing" if place < validation + testing else "training"


@refuses_by_name
def load_speech_commands(
    path: str | Path | None = None,
    words: Sequence[str] | None = None,
    *,
    feature: Feature | None = None,
    cache: str | Path | None = None,
    memory: int = MEMORY,
    dtype: DTypeLike = np.float32,
) -> tuple[SequenceDataset, SequenceDataset, SequenceDataset]:
    """Load Speech Commands: 105,829 recordings of 35 words, up to a second each, at 16 kHz.

    Parameters
    ----------
    path : str or Path, optional
        A copy of version 0.02, a folder for each word. Default: downloaded (2.3 GiB) to the folder RNNBP_DATA.
    words : sequence of str, optional
        The words to load, in this order, such as the ten commands yes, no, up, down, left, right, on, off, stop and
        go. Default: all, sorted.
    feature, cache, memory, dtype
        See `rnnbp.datasets.load_recordings`; without a feature the sequences are samples (n, 1).

    Returns
    -------
    train, validation, test : SequenceDataset
        The official splits, with disjoint speakers. `info` has `file`, `word`, `speaker` and `take`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or the data are missing and downloads are forbidden.
    ValueError
        If a word is missing, or a split would be empty.

    References
    ----------
    P. Warden (2018), "Speech Commands: A dataset for limited-vocabulary speech recognition", arXiv:1804.03209;
    CC BY 4.0.

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp.audio import write_wav
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "right").mkdir()
    >>> for name in ("a69b9b3e_nohash_0", "bb05582b_nohash_3", "00000001_nohash_0"):
    ...     write_wav(folder / "right" / f"{name}.wav", np.zeros(160), 16000)
    >>> [part.ids[0] for part in load_speech_commands(folder)]
    ['right/00000001_nohash_0.wav', 'right/a69b9b3e_nohash_0.wav', 'right/bb05582b_nohash_3.wav']
    """
    folder = located("speech-commands", path, "*/*_nohash_*.wav").parent
    there = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(("_", ".")))
    chosen = there if words is None else [choice("word", w, there) for w in words]
    labels = _Words(tuple(chosen))
    data = load_recordings(folder, labels, feature=feature, cache=cache, classes=chosen, memory=memory, dtype=dtype)
    parts = np.array([part_of(str(file)) for file in data.ids])
    for part in PARTS:
        if part not in parts:
            raise ValueError(f"{str(folder)!r} has no recording of the {part} part")
    train, validation, test = (data.subset(parts == part) for part in PARTS)
    return train, validation, test


@dataclass(frozen=True)
class _Words:
    """Labels from folders, for a subset of the words."""

    words: tuple[str, ...]

    def table(self, folder: Path) -> pd.DataFrame:
        """Return one row a recording with its word as label."""
        files = [f"{word}/{path.name}" for word in self.words for path in sorted((folder / word).glob("*.wav"))]
        table = pd.DataFrame([{"file": f} | NAMES.fields(f) for f in files])
        return table.assign(label=table["word"])
