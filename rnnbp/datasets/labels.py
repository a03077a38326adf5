"""Sources of the labels of a folder's recordings: file names, folders, or a table."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from rnnbp.runtime import check_fields, did_you_mean, leads_out, read_csv, refuses_by_name

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".sph")


class Labels(Protocol):
    """Protocol of a source of labels: finds a folder's recordings and their metadata."""

    def table(self, folder: Path) -> pd.DataFrame:
        """Return one row a recording: `file`, its path within the folder; `label`, if any; and other metadata."""


def recordings_in(folder: Path) -> list[str]:
    """Return the paths of the recordings in a folder and its subfolders, by suffix, sorted.

    Raises
    ------
    ValueError
        If there is none.
    """
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"folder {str(folder)!r} holds no recordings ({', '.join(SUFFIXES)})")
    return files


@refuses_by_name
@dataclass(frozen=True)
class ByName:
    """Labels from file names.

    Parameters
    ----------
    pattern : str
        Pattern of the path within the folder, with named fields in braces, matched non-greedily:
        ``"{digit}_{speaker}_{index}.wav"``. Or, if it contains ``(?P<``, a regular expression with named groups.
    label : str, optional
        The field that is the label. Default: none, and the dataset has no targets.

    Raises
    ------
    ValueError
        If the pattern has no such field.

    Examples
    --------
    >>> ByName("{digit}_{speaker}_{index}.wav", label="digit").fields("7_jackson_0.wav")
    {'digit': '7', 'speaker': 'jackson', 'index': '0'}
    """

    pattern: str
    label: str | None = None
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            compiled = re.compile(self.pattern if "(?P<" in self.pattern else _expression(self.pattern))
        except re.error as error:
            raise ValueError(f"pattern {self.pattern!r} cannot be read: {error}") from None
        fields = list(compiled.groupindex)
        if not fields:
            raise ValueError(f"pattern must have a field, such as {{label}}_{{index}}.wav, got {self.pattern!r}")
        if self.label is not None and self.label not in fields:
            raise ValueError(
                f"label must be a field of the pattern, {', '.join(fields)}; got {self.label!r}."
                f"{did_you_mean(self.label, fields)}"
            )
        object.__setattr__(self, "_compiled", compiled)

    def fields(self, file: str) -> dict[str, str]:
        """Return the fields of a file's path within the folder.

        Raises
        ------
        ValueError
            If it does not match the pattern.
        """
        match = self._compiled.fullmatch(file)
        if match is None:
            raise ValueError(f"{file!r} does not match the pattern {self.pattern!r}")
        return {name: value or "" for name, value in match.groupdict().items()}

    def table(self, folder: Path) -> pd.DataFrame:
        """Return one row a recording with the fields of its path; raise if a path does not match the pattern."""
        files = recordings_in(folder)
        table = pd.DataFrame([{"file": f} | self.fields(f) for f in files])
        if self.label is not None:
            table["label"] = table[self.label]
        return table


def _expression(pattern: str) -> str:
    """Convert a pattern to a regular expression: ``{name}`` matches non-slashes non-greedily, the rest is literal."""
    parts = re.split(r"\{(\w+)\}", pattern)
    literal, names = parts[::2], [f"(?P<{name}>[^/]+?)" for name in parts[1::2]] + [""]
    return "".join(re.escape(text) + name for text, name in zip(literal, names))


@dataclass(frozen=True)
class ByFolder:
    """Labels from folders, as in Speech Commands: ``seven/a.wav`` has the label 'seven'.

    Folders whose names begin with '_' or '.' are ignored (``_background_noise_``).

    Examples
    --------
    >>> ByFolder()
    ByFolder()
    """

    def table(self, folder: Path) -> pd.DataFrame:
        """Return one row a recording with the name of its folder as label."""
        files = [f for f in recordings_in(folder) if not any(part[0] in "_." for part in f.split("/"))]
        loose = next((f for f in files if "/" not in f), None)
        if loose is not None:
            raise ValueError(f"{loose!r} of {str(folder)!r} is in no folder that could be its label")
        if not files:
            raise ValueError(f"folder {str(folder)!r} holds no recordings in folders that could be labels")
        return pd.DataFrame({"file": files, "label": [f.split("/")[-2] for f in files]})


@dataclass(frozen=True)
class ByTable:
    """Labels from a table with one row a recording; other columns become metadata.

    Parameters
    ----------
    table_file : str or Path
        A CSV file with a header; a relative path is relative to the folder.
    file : str, default 'file'
        The column of paths, within the folder; a path that leads out of it is an error.
    label : str or None, default 'label'
        The column of labels; None for none.

    Examples
    --------
    >>> ByTable("transcripts.csv", label="word").label
    'word'
    """

    table_file: str | Path
    file: str = "file"
    label: str | None = "label"

    def __post_init__(self) -> None:
        check_fields(self)

    def table(self, folder: Path) -> pd.DataFrame:
        """Return the rows of the table; raise if a recording that it names is missing."""
        path = folder / self.table_file
        if not path.is_file():
            raise FileNotFoundError(f"table_file: there is no file {str(path)!r}")
        read = read_csv(path, dtype=str, keep_default_na=False)
        for column in (self.file, *(() if self.label is None else (self.label,))):
            if column not in read:
                raise ValueError(f"{str(path)!r} has no column {column!r}.{did_you_mean(column, read.columns)}")
        if not len(read):
            raise ValueError(f"{str(path)!r} has no rows")
        for row, name in enumerate(read[self.file]):
            if leads_out(name):
                raise ValueError(f"{str(path)!r}, row {row}: {name!r} leads out of {str(folder)!r}")
            if not name or not (folder / name).is_file():
                raise ValueError(f"{str(path)!r}, row {row}: there is no recording {name!r} in {str(folder)!r}")
        table = read.rename(columns={self.file: "file"})
        return table if self.label is None else table.assign(label=read[self.label])
