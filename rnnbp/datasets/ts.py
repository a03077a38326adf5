"""Reader of the .ts format of the UEA and UCR archives; `ts_writer` writes it."""

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.data import SequenceDataset
from rnnbp.datasets.ts_header import Header, LineError
from rnnbp.runtime import DAMAGED_GZIP, TextSource, floating, number, opened_text, refuses_by_name, short_name

Array = np.ndarray
Fill = Callable[[Array], Array]
LONGEST_LINE = 2**28  # characters
FILL = "give fill=rnnbp.datasets.interpolate, a number, or a function of your own"


@refuses_by_name
def interpolate(values: Array) -> Array:
    """Fill missing values (NaN) of a sequence (T, F) by linear interpolation in time.

    The first and last known values are extended to the ends; a feature without known values becomes zeros.

    Parameters
    ----------
    values : ndarray (T, F)

    Examples
    --------
    >>> interpolate(np.array([[1.0], [np.nan], [3.0], [np.nan]]))[:, 0]
    array([1., 2., 3., 3.])
    """
    if np.ndim(values) != 2:
        raise ValueError(f"values must have shape (T, F), got {np.shape(values)}")
    filled = values.copy()
    t = np.arange(len(values))
    for column in filled.T:
        known = ~np.isnan(column)
        column[~known] = np.interp(t[~known], t[known], column[known]) if known.any() else 0.0
    return filled


def read_ts(path: TextSource, fill: Fill | float | None = None, *, dtype: DTypeLike = np.float32) -> SequenceDataset:
    """Read a .ts or .ts.gz file as a dataset.

    Sequences may have unequal lengths, several dimensions, missing values and time stamps (which determine the order
    only); targets are classes or values.

    Parameters
    ----------
    path : str, Path or file
        An open file may be in text or binary mode.
    fill : callable or float, optional
        Replacement of missing values ('?' or NaN): a number, or a function from a sequence (T, F) with NaN to one
        without, such as `rnnbp.datasets.interpolate`. If the dimensions of a sequence have different lengths, the
        shorter ones are padded with NaN at the end. Default: either is an error.
    dtype : dtype, default float32
        Dtype of the sequences.

    Returns
    -------
    SequenceDataset
        Classes in the header's order; values as (N, 1), NaN where the target is '?'.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a complete .ts file; the message begins with the file's name and the line.

    Warns
    -----
    UserWarning
        If the header has @univariate true but there are several dimensions, which are all read.

    See Also
    --------
    write_ts : writes a dataset in this format.

    References
    ----------
    A. Bagnall et al. (2018), "The UEA multivariate time series classification archive", arXiv:1811.00075

    Examples
    --------
    >>> import io
    >>> data = read_ts(io.StringIO("@classLabel true no yes\\n@data\\n1,2,3:4,5,6:yes\\n7,8:9,10:no\\n"))
    >>> data, data.sequences[1].tolist()
    (SequenceDataset: 2 sequences of 2 to 3 steps, 2 features; 2 classes, [[7.0, 9.0], [8.0, 10.0]])
    """
    # Comments in the archives' files are not all UTF-8: undecodable bytes are tolerated there, see `_Reader._lines`.
    if fill is not None and not callable(fill):
        number("fill", fill)
    floating("dtype", dtype, "float32", "float64", "float16")
    reader, name = _Reader(fill), short_name(path)
    try:
        with opened_text(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            reader.read(file)
    except (LineError, *DAMAGED_GZIP) as error:
        raise ValueError(f"{name}, line {reader.line}: {error}") from None
    header, sequences = reader.header, reader.sequences
    if header.univariate and sequences[0].shape[1] > 1:
        warnings.warn(f"{name}: @univariate is true, but there are {sequences[0].shape[1]} dimensions", stacklevel=2)
    try:
        targets = reader.targets if header.labelled else None
        return SequenceDataset(sequences, targets, classes=header.classes, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


class _Reader:
    """Line-by-line parser of a file."""

    def __init__(self, fill: Fill | float | None) -> None:
        self.fill, self.header, self.line = fill, Header(), 0
        self.sequences: list[Array] = []
        self.targets: list[Any] = []

    def read(self, file: TextIO) -> None:
        began = False
        for text in self._lines(file):
            if began:
                self._case(text)
            else:
                began = self.header.take(text)
        if not self.sequences:
            raise LineError("there is no sequence after @data" if began else "the file ends before @data")

    def _lines(self, file: TextIO) -> Iterator[str]:
        """Iterate over all lines except comments and empty ones."""
        while text := file.readline(LONGEST_LINE + 1):
            self.line += 1
            if len(text) > LONGEST_LINE:
                raise LineError(f"the line is longer than {LONGEST_LINE} characters")
            text = text.strip()
            if text and not text.startswith(("#", "%")):
                if not text.isascii() and re.search("[\udc80-\udcff]", text):
                    raise LineError("the line is not text in UTF-8")
                yield text

    def _case(self, text: str) -> None:
        """Parse one line after @data: a sequence and its label."""
        parts, header = _split(text), self.header
        found = len(parts) - header.labelled
        expected = header.dimensions or (self.sequences[0].shape[1] if self.sequences else max(found, 1))
        if found != expected:
            raise LineError(
                f"there must be {expected} dimension{'s' * (expected > 1)}{' and a label' * header.labelled} between "
                f"colons, the line has {len(parts)} part{'s' * (len(parts) > 1)}"
            )
        self.targets.append(_target(parts.pop().strip(), header) if header.labelled else None)
        sequence = None if header.timestamps else _plain(parts)
        if sequence is None:
            sequence = self._padded([_values(part, header.timestamps) for part in parts])
        promised = header.length or len(self.sequences[0] if self.sequences else sequence)
        if header.equal_length and promised != len(sequence):
            raise LineError(f"all sequences must have {promised} steps by the header, this one has {len(sequence)}")
        self.sequences.append(self._filled(sequence))

    def _padded(self, columns: list[Array]) -> Array:
        lengths = [len(c) for c in columns]
        if min(lengths) < max(lengths) and self.fill is None:
            k = next(k for k, n in enumerate(lengths) if n != lengths[0])
            raise LineError(
                f"the dimensions have different lengths: the first {lengths[0]}, number {k + 1} {lengths[k]}; {FILL}, "
                "and the shorter ones are padded with NaN for it"
            )
        sequence = np.full((max(lengths), len(columns)), np.nan)
        for column, numbers in zip(sequence.T, columns, strict=True):
            column[: len(numbers)] = numbers
        return sequence

    def _filled(self, sequence: Array) -> Array:
        missing = np.isnan(sequence)
        if not missing.any():
            return sequence
        t, f = np.argwhere(missing)[0]
        if self.fill is None:
            raise LineError(f"the value of dimension {f + 1} at step {t} is missing: {FILL}")
        filled = np.asarray(self.fill(sequence)) if callable(self.fill) else np.where(missing, self.fill, sequence)
        if filled.shape != sequence.shape or not np.isfinite(filled).all():
            raise LineError(f"fill must give finite values of shape (T, F) = {sequence.shape}, got {filled.shape}")
        return filled


def _split(text: str) -> list[str]:
    """Split a line at the colons, except those of time stamps in brackets."""
    if not text.startswith("("):
        return text.split(":")
    ends, depth = [-1], 0
    for sign in re.finditer("[():]", text):
        depth += {"(": 1, ")": -1, ":": 0}[sign[0]]
        if sign[0] == ":" and depth == 0:
            ends.append(sign.start())
    return [text[a + 1 : b] for a, b in zip(ends, [*ends[1:], len(text)], strict=True)]


def _target(text: str, header: Header) -> str | float:
    if header.classes is None:
        return float(_floats([text], "the target")[0])
    if text not in header.class_set:
        raise LineError(f"class {text[:40]!r} is not among {', '.join(header.classes[:20])}")
    return text


def _plain(parts: list[str]) -> Array | None:
    """Parse all dimensions together, or return None unless they are finite numbers and the same count of them."""
    text = ",".join(parts)
    if "_" in text or len({part.count(",") for part in parts}) != 1:  # Python's float accepts 1_000
        return None
    try:
        numbers = np.fromiter(map(float, text.split(",")), np.float64)
    except ValueError:
        return None
    return numbers.reshape(len(parts), -1).T if np.isfinite(numbers).all() else None


def _values(text: str, stamped: bool) -> Array:
    """Parse one dimension: 'v,v,v', or '(time,v),(time,v)'."""
    text = text.strip()
    if stamped or text.startswith("("):
        rest = re.sub(r"\([^()]*\)", "", text).replace(",", "").strip()
        if rest:
            raise LineError(f"time stamps must be written (time,value), got {rest[:40]!r}")
        words = [pair.rpartition(",")[2] for pair in re.findall(r"\(([^()]*)\)", text)]
    else:
        words = text.split(",")
    if words in ([], [""]):
        raise LineError("a dimension is empty")
    return _floats(words, "a value")


def _floats(words: list[str], what: str) -> Array:
    try:
        if any("_" in word for word in words):  # Python's float accepts 1_000
            raise ValueError(repr(next(word for word in words if "_" in word)))
        numbers = np.array([np.nan if word.strip() == "?" else float(word) for word in words])
    except ValueError as error:
        raise LineError(f"{what} must be a number, got {str(error).rpartition(': ')[2][:40]}") from None
    if np.isinf(numbers).any():
        raise LineError(f"{what} is infinite")
    return numbers
