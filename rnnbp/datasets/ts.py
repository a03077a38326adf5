"""The .ts format of the UEA and UCR archives, read and written whole."""

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from rnnbp._checks import did_you_mean
from rnnbp.data import SequenceDataset
from rnnbp.storage import replacing

Array = np.ndarray
DIRECTIVES = (
    "problemname",
    "timestamps",
    "missing",
    "univariate",
    "dimension",
    "dimensions",
    "equallength",
    "serieslength",
    "targetlabel",
    "classlabel",
    "data",
)
Fill = Callable[[Array], Array]


@dataclass
class _Header:
    """What stands before @data."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def flag(self, name: str, default: bool = False) -> bool:
        words = self.values.get(name)
        return default if words is None else words[0].lower() == "true"

    @property
    def classes(self) -> list[str] | None:
        return self.values["classlabel"][1:] if self.flag("classlabel") else None

    @property
    def labelled(self) -> bool:
        return self.flag("classlabel") or self.flag("targetlabel")

    def number(self, *names: str) -> int | None:
        for name in names:
            if name in self.values:
                return int(self.values[name][0])
        return 1 if self.flag("univariate") else None


class _LineError(ValueError):
    """What is wrong with a line; the reader adds where."""


def interpolate(values: Array) -> Array:
    """Missing values (NaN) of a sequence (T, F) filled linearly between their neighbours in time.

    Beyond the first and last known value stands that value; where a feature is missing throughout, zeros.

    Examples
    --------
    >>> interpolate(np.array([[1.0], [np.nan], [3.0], [np.nan]]))[:, 0]
    array([1., 2., 3., 3.])
    """
    filled = values.copy()
    t = np.arange(len(values))
    for column in filled.T:
        known = ~np.isnan(column)
        column[~known] = np.interp(t[~known], t[known], column[known]) if known.any() else 0.0
    return filled


def read_ts(path: str | Path, fill: Fill | None = None) -> SequenceDataset:
    """Read a .ts or .ts.gz file: unequal lengths, several dimensions, missing values, classes or values as targets,
    with or without time stamps (whose order is kept and whose times are not).

    Parameters
    ----------
    path : str or Path
    fill : callable, optional
        ``fill(sequence (T, F) with NaN) -> sequence without``, for missing values ('?' or NaN): `interpolate`, say.
        Default: they are an error.

    Returns
    -------
    SequenceDataset
        Classes in the header's order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a whole .ts file; the message begins with the file's name and the line.

    References
    ----------
    A. Bagnall et al. (2018), "The UEA multivariate time series classification archive", arXiv:1811.00075

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.ts"
    >>> _ = path.write_text("@classLabel true no yes\\n@data\\n1,2,3:4,5,6:yes\\n7,8:9,10:no\\n")
    >>> data = read_ts(path)
    >>> data, data.sequences[1].tolist()
    (SequenceDataset: 2 sequences of 2 to 3 steps, 2 features; 2 classes, [[7.0, 9.0], [8.0, 10.0]])
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    line = 0
    header, sequences, labels = _Header(), [], []
    began = False
    try:
        with _opened(path) as file:
            for line, text in enumerate(file, 1):  # noqa: B007
                text = text.strip()
                if not text or text.startswith("#"):
                    continue
                if began:
                    sequence, label = _case(text, header, fill)
                    sequences.append(sequence)
                    labels.append(label)
                else:
                    began = _directive(text, header)
        if not sequences:
            raise _LineError("the file ends before @data" if not began else "there is no sequence after @data")
        targets = None if not header.labelled else labels
        return SequenceDataset(sequences, targets, classes=header.classes)
    except (_LineError, EOFError, UnicodeDecodeError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path.name}, line {line}: {error}") from None


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _directive(text: str, header: _Header) -> bool:
    """Take in a header line; True for @data."""
    if not text.startswith("@"):
        raise _LineError(f"a header line must begin with @ or #, got {text[:40]!r}")
    name, *words = text[1:].split()
    known = name.lower()
    if known not in DIRECTIVES:
        raise _LineError(f"unknown directive @{name}.{did_you_mean(known, DIRECTIVES)}")
    if known == "data":
        return True
    if not words:
        raise _LineError(f"@{name} needs a value")
    if known in ("dimension", "dimensions", "serieslength") and not words[0].isdigit():
        raise _LineError(f"@{name} must be a number, got {words[0]!r}")
    if known == "classlabel" and words[0].lower() == "true" and len(words) < 2:
        raise _LineError("@classLabel true must be followed by the classes")
    header.values[known] = words
    return False


def _case(text: str, header: _Header, fill: Fill | None) -> tuple[Array, Any]:
    """One line after @data: the sequence (T, F) and its label."""
    dimensions = _split(text)
    label: Any = None
    if header.labelled:
        if len(dimensions) < 2:
            raise _LineError("a sequence and its label must be separated by ':'")
        label = _label(dimensions.pop().strip(), header)
    expected = header.number("dimensions", "dimension")
    if expected is not None and len(dimensions) != expected:
        raise _LineError(f"the header promises {expected} dimensions, the line has {len(dimensions)}")
    columns = [_values(d, header.flag("timestamps")) for d in dimensions]
    lengths = {len(c) for c in columns}
    if len(lengths) > 1:
        raise _LineError(f"the dimensions have different lengths: {', '.join(map(str, sorted(lengths)))}")
    length = header.number("serieslength") if "serieslength" in header.values else None
    if header.flag("equallength") and length is not None and lengths != {length}:
        raise _LineError(f"the header promises {length} steps, the line has {lengths.pop()}")
    sequence = np.stack(columns, axis=1)
    if np.isnan(sequence).any():
        if fill is None:
            raise _LineError("a value is missing: give fill=rnnbp.datasets.interpolate, or a function of your own")
        sequence = fill(sequence)
    return sequence, label


def _split(text: str) -> list[str]:
    """At the colons, but not those of a time stamp within brackets."""
    return re.split(r":(?![^()]*\))", text)


def _label(text: str, header: _Header) -> Any:
    if header.classes is None:
        try:
            return float(text)
        except ValueError:
            raise _LineError(f"the target must be a number, got {text[:40]!r}") from None
    if text not in header.classes:
        raise _LineError(f"class {text[:40]!r} is not among {', '.join(header.classes)}")
    return text


def _values(text: str, stamped: bool) -> Array:
    """One dimension: 'v,v,v', or '(time,v),(time,v)'."""
    text = text.strip()
    if stamped or text.startswith("("):
        words = [pair.rpartition(",")[2] for pair in _pairs(text)]
    else:
        words = text.split(",")
    if words == [""]:
        raise _LineError("a dimension is empty")
    try:
        numbers = np.array([np.nan if w.strip() == "?" else float(w) for w in words])
    except ValueError as error:
        raise _LineError(f"not a number: {str(error).rpartition(': ')[2][:40]}") from None
    if np.isinf(numbers).any():
        raise _LineError("a value is infinite")
    return numbers


def _pairs(text: str) -> Iterator[str]:
    rest = re.sub(r"\([^()]*\)", "", text).replace(",", "").strip()
    if rest:
        raise _LineError(f"time stamps must be written (time,value), got {rest[:40]!r}")
    return (m.group(1) for m in re.finditer(r"\(([^()]*)\)", text))


def write_ts(path: str | Path, data: SequenceDataset, name: str = "rnnbp") -> None:
    """Write a dataset as .ts or .ts.gz, whole or not at all; `read_ts` gives it back, to the last bit.

    Parameters
    ----------
    path : str or Path
    data : SequenceDataset
        With one target a sequence (classes or one value), or none.
    name : str, default 'rnnbp'
        For @problemName.

    Raises
    ------
    ValueError
        If targets are one a step or several a sequence, which the format cannot hold, or a class's name has a space
        or a colon.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.ts"
    >>> write_ts(path, SequenceDataset([np.ones((2, 1))], ["yes"]))
    >>> path.read_text().splitlines()[-3:]
    ['@classLabel true yes', '@data', '1.0,1.0:yes']
    """
    labels = _labels(data)
    lines = [*_header_lines(data, name), "@data"]
    for sequence, label in zip(data.sequences, labels, strict=True):
        columns = sequence.reshape(len(sequence), -1).T
        lines.append(":".join([*(",".join(map(repr, c.tolist())) for c in columns), *label]))
    path = Path(path)
    content = ("\n".join(lines) + "\n").encode()
    with replacing(path) as beside:
        beside.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _header_lines(data: SequenceDataset, name: str) -> list[str]:
    equal = len(set(data.lengths.tolist())) == 1
    lines = [
        f"@problemName {name}",
        "@timeStamps false",
        "@missing false",
        f"@univariate {str(data.feature_size == 1).lower()}",
        f"@dimensions {data.feature_size}",
        f"@equalLength {str(equal).lower()}",
    ]
    if equal:
        lines.append(f"@seriesLength {data.lengths[0]}")
    if data.targets is None:
        return [*lines, "@classLabel false"]
    classes = _classes(data)
    return [*lines, "@targetLabel true" if classes is None else f"@classLabel true {' '.join(classes)}"]


def _classes(data: SequenceDataset) -> tuple[str, ...] | None:
    """The classes' names; None where targets are values."""
    if not isinstance(data.targets, np.ndarray) or data.targets.ndim != 1:
        raise ValueError("a .ts file holds one target a sequence; these are one a step, or several")
    if data.targets.dtype.kind != "i":
        return None
    classes = data.classes or tuple(map(str, range(int(data.targets.max()) + 1)))
    for c in classes:
        if re.search(r"[\s:]", c) or not c:
            raise ValueError(f"a class's name in a .ts file cannot have a space or a colon, got {c!r}")
    return classes


def _labels(data: SequenceDataset) -> list[list[str]]:
    """What stands behind each sequence."""
    if data.targets is None:
        return [[] for _ in range(len(data))]
    classes = _classes(data)
    return [[repr(float(t)) if classes is None else classes[t]] for t in data.targets]
