"""Spoken Arabic Digits: 88 speakers say the ten digits ten times each, as MFCC."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from rnnbp.data import SequenceDataset
from rnnbp.datasets.registry import located
from rnnbp.runtime import refuses_by_name

Array = np.ndarray
COEFFICIENTS, TAKES = 13, 10
TRAIN, TEST = "Train_Arabic_Digit.txt", "Test_Arabic_Digit.txt"


@refuses_by_name
def load_spoken_arabic_digits(
    path: str | Path | None = None, *, dtype: DTypeLike = np.float32
) -> tuple[SequenceDataset, SequenceDataset]:
    """Load Spoken Arabic Digits, ten classes; a frame is 13 MFCC, and test speakers are not in the training set.

    Parameters
    ----------
    path : str or Path, optional
        The folder of Train_Arabic_Digit.txt and Test_Arabic_Digit.txt. Default: downloaded to the folder RNNBP_DATA.
    dtype : dtype, default float32

    Returns
    -------
    train, test : SequenceDataset
        The official split: 6,600 utterances of 66 speakers and 2,200 of 22 others, of 4 to 93 frames. Classes '0' to
        '9'; `info` has `digit`, `speaker` (numbered within its file), `sex` and `take`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or the data are missing and downloads are forbidden.
    ValueError
        If a line is not 13 finite numbers, or digits and speakers have unequal numbers of utterances; the message
        begins with the file's name.

    References
    ----------
    N. Hammami & M. Bedda (2010), "Improved tree model for Arabic speech recognition", ICCSIT. Data: UCI,
    doi:10.24432/C52C9Q, CC BY 4.0.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> line = " ".join(["0.5"] * 13)
    >>> for name in (TRAIN, TEST):
    ...     _ = (folder / name).write_text(f"\\n{line}\\n{line}\\n" * 200)
    >>> load_spoken_arabic_digits(folder)[0]
    SequenceDataset: 200 sequences of 2 steps, 13 features; 10 classes
    """
    folder = located("spoken-arabic-digits", path, TRAIN)
    return _read(folder / TRAIN, dtype), _read(folder / TEST, dtype)


def _read(path: Path, dtype: DTypeLike) -> SequenceDataset:
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    sequences = list(_blocks(path))
    # Ordered by digit, then by speaker with men first, ten takes each.
    speakers, rest = divmod(len(sequences), 10 * TAKES)
    if rest or not speakers or speakers % 2:
        raise ValueError(
            f"{str(path)!r} has {len(sequences)} utterances: it must be ten takes of ten digits by as many men as women"
        )
    digit, speaker, take = (a.ravel() for a in np.indices((10, speakers, TAKES)))
    info = pd.DataFrame({"digit": digit, "speaker": speaker, "take": take})
    info["sex"] = np.where(speaker < speakers // 2, "male", "female")
    try:
        return SequenceDataset(sequences, digit, classes=tuple("0123456789"), info=info, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def _blocks(path: Path) -> Iterator[Array]:
    """Iterate over the utterances (T, 13), separated by blank lines."""
    rows: list[list[float]] = []
    with path.open(encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words and rows:
                yield np.array(rows)
                rows = []
            if words:
                rows.append(_numbers(path, number, words))
    if rows:
        yield np.array(rows)


def _numbers(path: Path, number: int, words: list[str]) -> list[float]:
    try:
        if "_" in "".join(words):  # Python's float accepts 1_000
            raise ValueError(f"numbers must be without '_', got {words[:COEFFICIENTS]}")
        row = [float(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{str(path)!r}, line {number}: {str(error)[:80]}") from None
    if len(row) != COEFFICIENTS or not np.isfinite(row).all():
        raise ValueError(f"{str(path)!r}, line {number}: it must be {COEFFICIENTS} finite numbers, got {words[:14]}")
    return row
