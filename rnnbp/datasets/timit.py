"""TIMIT: sentences with time-aligned phones and words."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from rnnbp.data import MEMORY, SequenceDataset
from rnnbp.datasets.recordings import Feature, recordings
from rnnbp.datasets.text_lines import text_lines
from rnnbp.runtime import TextSource, checked_path, named, refuses_by_name, unused

Array = np.ndarray
SAMPLE = re.compile("[0-9]{1,18}")


@refuses_by_name
def read_segments(path: TextSource) -> pd.DataFrame:
    """Read the segments of a .phn or .wrd file of TIMIT.

    Parameters
    ----------
    path : str, Path or file

    Returns
    -------
    DataFrame
        `start` and `end`, in samples, end exclusive, and `label`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line is not ``start end label``, or ends before it starts; the message begins with the file's name and the
        line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "SA1.PHN"
    >>> _ = path.write_text("0 3050 h#\\n3050 4559 sh\\n")
    >>> read_segments(path)
       start   end label
    0      0  3050    h#
    1   3050  4559    sh
    """
    rows = []
    for place, line in text_lines(path):
        words = line.split()
        if len(words) != 3 or not all(map(SAMPLE.fullmatch, words[:2])) or int(words[1]) < int(words[0]):
            if words:
                raise ValueError(f"{place}: it must be 'start end label', got {line.strip()[:60]!r}")
            continue
        rows.append((int(words[0]), int(words[1]), words[2]))
    if not rows:
        raise ValueError(f"{named(path)} is empty")
    return pd.DataFrame(rows, columns=["start", "end", "label"])


@refuses_by_name
def load_timit(
    path: str | Path,
    *,
    feature: Feature | None = None,
    classes: Sequence[str] | None = None,
    cache: str | Path | None = None,
    memory: int = MEMORY,
    dtype: DTypeLike = np.float32,
) -> tuple[SequenceDataset, SequenceDataset]:
    """Load TIMIT, or a dataset with the same layout, for framewise phone classification.

    TIMIT is licensed by LDC; the user provides a copy.

    Parameters
    ----------
    path : str or Path
        The folder with TRAIN and TEST, which contain ``{region}/{sex}{speaker}/{sentence}.wav`` with .phn and .wrd
        beside; in upper or lower case, as SPHERE or RIFF, or named .WAV.wav.
    feature : callable, optional
        See `rnnbp.datasets.load_recordings`; it must have `hop_length`, and `center` or `win_length`, which determine
        the time of a frame, as those of `rnnbp.features` do. Default: the samples themselves, and no targets.
    classes : sequence of str, optional
        The phones, if their order matters or not all occur. Default: the phones found, sorted.
    cache, memory, dtype
        See `rnnbp.datasets.load_recordings`.

    Returns
    -------
    train, test : SequenceDataset
        With a feature, targets are the phone at the centre of each frame, -1 if there is none or it is not in
        `classes`. `info` has `file`, `region`, `sex`, `speaker`, `sentence` (beginning with SA for the sentences that
        all speakers read), `phones` and `words`, tuples of str.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or a recording has no .phn.
    ValueError
        If a split has no recordings, or a file is damaged.

    References
    ----------
    J. S. Garofolo et al. (1993), "DARPA TIMIT acoustic-phonetic continuous speech corpus", doi:10.6028/NIST.IR.4930;
    LDC93S1.

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp.audio import write_sphere
    >>> from rnnbp.features import MFCC
    >>> root = Path(tempfile.mkdtemp())
    >>> for part in ("TRAIN", "TEST"):
    ...     folder = root / part / "DR1" / "FCJF0"
    ...     folder.mkdir(parents=True)
    ...     write_sphere(folder / "SA1.WAV", np.zeros(1600), 16000)
    ...     _ = (folder / "SA1.PHN").write_text("0 800 sh\\n800 1600 iy\\n")
    >>> train, test = load_timit(root, feature=MFCC(sr=16000))
    >>> train.info.phones[0], train.targets[0]
    (('sh', 'iy'), array([ 1,  1,  1,  1,  1,  0,  0,  0,  0,  0, -1]))
    """
    root = checked_path("path", path)
    if not root.is_dir():
        raise FileNotFoundError(f"path: there is no folder {str(root)!r}")
    if feature is None:
        unused("classes", classes, None, "without feature=, as samples have no targets")
    tables = [_table(root, part) for part in ("train", "test")]
    if classes is None:
        classes = sorted({phone for table in tables for phones in table["phones"] for phone in phones})
    train, test = (_dataset(root, table, classes, feature, cache, memory, dtype) for table in tables)
    return train, test


def _table(root: Path, part: str) -> pd.DataFrame:
    """Return the metadata of each recording of a split."""
    folders = [p for p in root.iterdir() if p.is_dir() and p.name.lower() == part]
    rows = [_row(root, wav) for folder in folders for wav in sorted(folder.rglob("*")) if _is_recording(wav)]
    if not rows:
        raise ValueError(f"{str(root)!r} has no recordings in {part.upper()}")
    return pd.DataFrame(rows)


def _is_recording(path: Path) -> bool:
    """Return whether a file is a recording: SA1.WAV, but not the SPHERE file if SA1.WAV.wav is beside it."""
    double = path.with_name(f"{path.name}.wav")
    return path.suffix.lower() == ".wav" and path.is_file() and not double.exists()


def _row(root: Path, wav: Path) -> dict[str, Any]:
    speaker = wav.parent.name
    phones, words = _beside(wav, ".phn"), _beside(wav, ".wrd")
    if phones is None:
        raise FileNotFoundError(f"path: {str(wav)!r} has no .phn beside it")
    return {
        "file": wav.relative_to(root).as_posix(),
        "region": wav.parent.parent.name.upper(),
        "sex": speaker[0].upper(),
        "speaker": speaker[1:].upper(),
        "sentence": wav.name.partition(".")[0].upper(),
        "phones": tuple(read_segments(phones)["label"]),
        "words": () if words is None else tuple(read_segments(words)["label"]),
    }


def _beside(wav: Path, suffix: str) -> Path | None:
    stem = wav.name.partition(".")[0]
    choices = (wav.with_name(stem + s) for s in (suffix, suffix.upper()))
    return next((p for p in choices if p.is_file()), None)


def _dataset(
    root: Path,
    table: pd.DataFrame,
    classes: Sequence[str],
    feature: Any,
    cache: str | Path | None,
    memory: int,
    dtype: DTypeLike,
) -> SequenceDataset:
    paths = [root / file for file in table["file"]]
    sequences = recordings(paths, feature, cache, memory)
    ids = table["file"].tolist()
    if feature is None:
        return SequenceDataset(sequences, ids=ids, info=table, dtype=dtype)
    first = _centre(feature)
    number_of = {name: k for k, name in enumerate(classes)}
    targets = [
        _labels(p, first + feature.hop_length * np.arange(n), number_of)
        for p, n in zip(paths, sequences.lengths, strict=True)
    ]
    return SequenceDataset(sequences, targets, classes=classes, ids=ids, info=table, dtype=dtype)


def _labels(wav: Path, samples: Array, number_of: dict[str, int]) -> Array:
    """Return the class of the phone at each of some increasing sample positions; -1 where there is none."""
    phones = _beside(wav, ".phn")
    segments = read_segments(phones if phones is not None else wav)
    place = np.searchsorted(segments["start"].to_numpy(), samples, side="right") - 1
    numbers = np.array([number_of.get(label, -1) for label in segments["label"]])
    inside = (place >= 0) & (samples < segments["end"].to_numpy()[place])
    return np.where(inside, numbers[place], -1)


def _centre(feature: Any) -> int:
    """Return the sample position of the centre of the first frame."""
    if not hasattr(feature, "hop_length"):
        raise ValueError(f"feature must have hop_length, so that its frames have a time: got {feature!r}")
    if getattr(feature, "center", False):
        return 0
    return (feature.n_fft if hasattr(feature, "center") else feature.win_length) // 2
