"""Rotation of the files of a run's checkpoints: FILE, FILE.1, FILE.2, ..., newest first."""

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rnnbp.runtime import DamagedFileError, positive_int, replacing

T = TypeVar("T")
KEEP = 3  # checkpoints of a run
MOST = 100


def older(path: str | Path, number: int) -> Path:
    """Return the file of the checkpoint that is `number` older than the newest.

    Examples
    --------
    >>> older("run.npz", 0).name, older("run.npz", 2).name
    ('run.npz', 'run.npz.2')
    """
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.{number}") if number else path


def check_keep(keep: int) -> None:
    """Raise unless `keep` is a number of checkpoints.

    Examples
    --------
    >>> check_keep(0)
    Traceback (most recent call last):
    ValueError: keep must be a positive integer, got 0
    """
    if positive_int("keep", keep) > MOST:
        raise ValueError(f"keep must be at most {MOST}, got {keep}")


def rotate(path: str | Path, keep: int) -> None:
    """Make the newest file also the one before, and so on, so that a new one can be renamed to `path`.

    There is no moment at which the newest is not at `path`. After a process was killed, or failed to write the new one,
    the newest is at two names; it is not rotated again.

    Parameters
    ----------
    path : str or Path
    keep : int >= 1
        Number of files, with the new one; older ones are deleted.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.npz"
    >>> for epoch in "1234":
    ...     rotate(path, keep=3)
    ...     with replacing(path) as beside:
    ...         _ = beside.write_text(epoch)
    >>> [older(path, number).read_text() for number in range(3)], older(path, 3).exists()
    (['4', '3', '2'], False)
    """
    _delete_from(path, keep)
    newest, before = older(path, 0), older(path, 1)
    if keep == 1 or not newest.is_file() or (before.exists() and newest.samefile(before)):
        return
    gap = next((number for number in range(1, keep) if not older(path, number).exists()), keep - 1)
    for number in range(gap, 1, -1):
        older(path, number - 1).replace(older(path, number))
    before.unlink(missing_ok=True)  # with keep = 2, the oldest
    try:
        before.hardlink_to(newest)
    except OSError:  # a file system without links
        with replacing(before) as beside:
            shutil.copyfile(newest, beside)


def _delete_from(path: str | Path, number: int) -> None:
    """Delete the files of a number and older, up to the first that does not exist."""
    while number < MOST and older(path, number).is_file():
        older(path, number).unlink()
        number += 1


def remove_checkpoints(path: str | Path) -> None:
    """Delete a checkpoint and the older ones beside it, where there are any.

    Parameters
    ----------
    path : str or Path
        As `Trainer.fit` took it.

    Examples
    --------
    >>> remove_checkpoints("nowhere.npz")
    """
    for number in existing(path):
        older(path, number).unlink()


def existing(path: str | Path) -> list[int]:
    """Return the numbers of the checkpoint files that there are, newest first.

    Examples
    --------
    >>> existing("nowhere.npz")
    []
    """
    return [number for number in range(MOST) if older(path, number).is_file()]


class Rotation:
    """The checkpoint files that one trainer writes, or was resumed from.

    Files of another run at the same path are never taken for older ones of this run: its first checkpoint replaces
    them.

    Examples
    --------
    >>> import tempfile
    >>> path, rotation = Path(tempfile.mkdtemp()) / "run.npz", Rotation()
    >>> for text in ("first", "second"):
    ...     rotation.write(path, keep=2, write=lambda path: Path(path).write_text(text))
    >>> rotation.read(path, lambda path: Path(path).read_text())
    'second'
    """

    def __init__(self) -> None:
        self._whole: dict[Path, bool] = {}  # of this run's newest files

    def write(self, path: str | Path, keep: int, write: Callable[[str | Path], Any]) -> None:
        """Call ``write(path)``, which replaces the file atomically, after rotating the files before it.

        A file that was damaged when the run was resumed is replaced and not rotated, so that whole ones stay.
        """
        newest = older(path, 0)
        if newest not in self._whole:
            for number in existing(path):
                if number:  # the newest stays until it is replaced
                    older(path, number).unlink()
        elif self._whole[newest]:
            rotate(path, keep)
        write(path)
        self._whole[newest] = True

    def read(self, path: str | Path, read: Callable[[str | Path], T]) -> T:
        """Return ``read(path)``, or, where that file is damaged or missing, of the newest that is whole.

        Warns
        -----
        UserWarning
            If an older file is read; it names both.

        Raises
        ------
        DamagedFileError
            If all files are damaged; it names them.
        """
        found, errors = read_newest(path, read)
        self._whole[older(path, 0)] = not errors
        return found


def read_newest(path: str | Path, read: Callable[[str | Path], T]) -> tuple[T, list[str]]:
    """Return ``read(file)`` of the newest checkpoint that is whole, and the errors of those that are not.

    Warns and raises as `Rotation.read` does.
    """
    errors: list[str] = []
    older_files = [older(path, number) for number in existing(path) if number]
    for file in (path, *older_files):
        try:
            found = read(file)
        except (DamagedFileError, FileNotFoundError) as error:
            if not older_files:
                raise
            errors.append(str(error))
            continue
        if errors:
            before = f"resumed from the one before, {str(file)!r}: the training since then is repeated"
            warnings.warn(f"{'; '.join(errors)}; {before}", stacklevel=5)
        return found, errors
    raise DamagedFileError(f"none of {1 + len(older_files)} checkpoints is whole: {'; '.join(errors)}")
