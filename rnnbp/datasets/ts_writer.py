"""Writer of the .ts format of the UEA and UCR archives."""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.runtime import refuses_by_name, replacing

Array = np.ndarray


@refuses_by_name
def write_ts(path: str | Path, data: SequenceDataset, name: str = "rnnbp") -> None:
    """Write a dataset as .ts or .ts.gz atomically; `read_ts` in the same dtype restores it exactly.

    The format has names for all classes, so that classes without names are read back with their numbers as names; and
    no integers, so that tokens are read back as one feature.

    Parameters
    ----------
    path : str or Path
        Compressed if it ends with .gz; the output is deterministic.
    data : SequenceDataset
        With one target a sequence (a class or one value), or none.
    name : str, default 'rnnbp'
        One word, for @problemName.

    Raises
    ------
    ValueError
        If targets are one a step or several a sequence, which the format cannot represent, a name has a space, or a
        class's name has a colon.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.ts"
    >>> write_ts(path, SequenceDataset([np.ones((2, 1))], ["yes"]))
    >>> path.read_text().splitlines()[-3:]
    ['@classLabel true yes', '@data', '1.0,1.0:yes']
    """
    path = Path(path)
    if not re.fullmatch(r"\S+", name):
        raise ValueError(f"name must be one word, got {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"name must be text that UTF-8 can encode, got {name!r}") from None
    labels = _labels(data)
    header = _header(data, name)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: there is no folder {str(path.parent)!r} to write {path.name!r} to")
    with replacing(path) as beside, beside.open("wb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                packed.writelines(_lines(data, header, labels))
        else:
            file.writelines(_lines(data, header, labels))
        _to_disk(file)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _lines(data: SequenceDataset, header: list[str], labels: list[str] | None) -> Iterator[bytes]:
    for line in header:
        yield f"{line}\n".encode()
    for i, sequence in enumerate(data.sequences):
        # The fewest digits that round-trip each number in its dtype.
        words = sequence.reshape(len(sequence), -1).T.astype(str).tolist()
        parts = [*map(",".join, words), *(() if labels is None else (labels[i],))]
        yield f"{':'.join(parts)}\n".encode()


def _header(data: SequenceDataset, name: str) -> list[str]:
    equal = data.lengths.min() == data.lengths.max()
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
        return [*lines, "@classLabel false", "@data"]
    classes = _classes(data) if data.labelled else None
    return [*lines, "@targetLabel true" if classes is None else f"@classLabel true {' '.join(classes)}", "@data"]


def _labels(data: SequenceDataset) -> list[str] | None:
    """Return the label at the end of each line."""
    targets = data.targets
    if targets is None:
        return None
    if not isinstance(targets, np.ndarray) or targets.shape[1:] not in ((), (1,)):
        raise ValueError("data has targets for each step, or several a sequence; a .ts file holds one a sequence")
    if data.labelled:
        classes = _classes(data)
        return [classes[k] for k in targets]
    return [repr(float(value)) for value in targets[:, 0]]


def _classes(data: SequenceDataset) -> tuple[str, ...]:
    classes = data.classes or tuple(map(str, range(1 + int(np.max(np.asarray(data.targets))))))
    for c in classes:
        if not re.fullmatch(r"[^\s:]+", c):
            raise ValueError(f"a class's name in a .ts file cannot be empty or have a space or a colon, got {c!r}")
    return classes
