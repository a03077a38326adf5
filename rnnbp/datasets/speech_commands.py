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
from rnnbp.runtime import choice

PARTS = ("training", "validation", "testing")
NAMES = ByName(r"(?P<word>[^/_]+)/(?P<speaker>[^/_]+)_nohash_(?P<take>\d+)\.wav", label="word")
MOST = 2**27 - 1  # as the dataset's README has it: the most recordings a class may have


def part_of(file: str, validation: float = 10, testing: float = 10) -> str:
    """The part that a recording belongs to, by the hash of its speaker, as the dataset defines it.

    So all takes of a speaker are in one part, and stay in it whatever is added.

    Parameters
    ----------
    file : str
        Its name: ``{speaker}_nohash_{take}.wav``, folders before it or not.
    validation, testing : float, default 10
        Per cent.

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


def load_speech_commands(
    path: str | Path | None = None,
    words: Sequence[str] | None = None,
    *,
    feature: Feature | None = None,
    cache: str | Path | None = None,
    memory: int = MEMORY,
    dtype: DTypeLike = np.float32,
) -> tuple[SequenceDataset, SequenceDataset, SequenceDataset]:
    """Which word is said? 105,829 recordings of a second or less at 16 kHz, 35 words.

    Parameters
    ----------
    path : str or Path, optional
        A copy of version 0.02, a folder for each word. Default: downloaded (2.3 GiB) to the folder RNNBP_DATA.
    words : sequence of str, optional
        Only these, in this order: the ten commands yes, no, up, down, left, right, on, off, stop and go, say. Default:
        all that are there, sorted.
    feature, cache, memory, dtype
        As `rnnbp.datasets.load_recordings`; without a feature the sequences are samples (n, 1).

    Returns
    -------
    train, validation, test : SequenceDataset
        The official parts, by the speaker's hash, none in two of them. `info` has `file`, `word`, `speaker` and `take`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is not there and may not be downloaded.
    ValueError
        If a word is not there, or a part would be empty.

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
    """Labels of the recordings in some of the folders."""

    words: tuple[str, ...]

    def table(self, folder: Path) -> pd.DataFrame:
        """See `rnnbp.datasets.labels.Labels`."""
        files = [f"{word}/{path.name}" for word in self.words for path in sorted((folder / word).glob("*.wav"))]
        table = pd.DataFrame([{"file": f} | NAMES.fields(f) for f in files])
        return table.assign(label=table["word"])
