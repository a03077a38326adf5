"""Atomic writes of files and folders: written to a temporary path beside the target, then renamed."""

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnbp.runtime.descriptions import got

try:
    import fcntl
except ImportError:  # Windows: temporary files of a killed process are not removed
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: str | Path, name: str = "path") -> Iterator[Path]:
    """Context with a temporary path beside `path`, renamed to it on success, deleted on an error.

    An existing file keeps its mode, and a symbolic link remains one. Temporary files of a killed process that wrote to
    `path` are removed. `name` is the argument's that messages name.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError, OSError
        If `path` names a folder, or a device.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as beside:
    ...     _ = beside.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    check_target(name, path)
    path = Path(os.path.realpath(path))
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None

    def create(beside: Path) -> None:  # not readable by others until it has its mode
        beside.touch(0o666 if mode is None else 0o600, exist_ok=False)

    with temporary(path, create) as beside:
        yield beside
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)


def checked_path(name: str, value: Any) -> Path:
    """Return a path, or raise unless `value` is a str or Path of characters that names of files may have.

    Examples
    --------
    >>> checked_path("folder", None)
    Traceback (most recent call last):
    ValueError: folder must be a str or Path, got None
    """
    if not isinstance(value, str | Path):
        raise ValueError(f"{name} must be a str or Path, {got(value)}")
    try:
        allowed = b"\0" not in os.fsencode(value)
    except UnicodeError:
        allowed = False
    if not allowed:
        raise ValueError(f"{name} must be the name of a file, got {str(value)!r}")
    return Path(value)


def check_target(name: str, path: str | Path) -> None:
    """Raise unless a file can be written to `path`, to be called before the work whose result is written.

    Parameters
    ----------
    name : str
        Name of the path in the message.
    path : str or Path

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    IsADirectoryError
        If it is a folder.
    OSError
        If it, or its folder, is something else that cannot be written to.

    Examples
    --------
    >>> check_target("checkpoint", "nowhere/c.npz")
    Traceback (most recent call last):
    FileNotFoundError: checkpoint: there is no folder 'nowhere' to write 'c.npz' to
    """
    target = Path(os.path.realpath(checked_path(name, path)))
    if target.is_dir():
        raise IsADirectoryError(f"{name} must name a file, and {str(path)!r} is a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{name} must name an ordinary file, and {str(path)!r} is a device")
    folder = target.parent if Path(path).is_symlink() else Path(path).parent
    if not folder.exists():
        raise FileNotFoundError(f"{name}: there is no folder {str(folder)!r} to write {target.name!r} to")
    if not folder.is_dir():
        raise NotADirectoryError(f"{name}: {str(folder)!r} is a file, not a folder to write {target.name!r} to")
    _check_access(name, folder)


def check_target_folder(name: str, path: str | Path) -> None:
    """Raise unless `path` is a writable folder or one can be created there.

    Parameters
    ----------
    name : str
        Name of the path in the message.
    path : str or Path

    Raises
    ------
    NotADirectoryError
        If it, or a parent, is a file.
    PermissionError
        If there is no permission to write to it.

    Examples
    --------
    >>> check_target_folder("output", __file__)
    Traceback (most recent call last):
    NotADirectoryError: output must name a folder, and '...files.py' is a file
    """
    path = checked_path(name, path)
    folder = next(folder for folder in (path, *path.parents) if folder.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{name} must name a folder, and {str(folder)!r} is a file")
    _check_access(name, folder)


def _check_access(name: str, folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{name}: the folder {str(folder)!r} may not be written to")


@contextmanager
def temporary(path: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """Context with a hidden file or folder beside `path`, which the block renames; removed on an error.

    Those that a killed process has left are removed first: they are not locked.

    Parameters
    ----------
    path : Path
    create : callable
        ``create(beside)`` creates the file or folder; it raises FileExistsError where there is one.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a"
    >>> with temporary(path, Path.mkdir) as beside:
    ...     _ = beside.rename(path)
    >>> beside.name, path.is_dir()
    ('.a.0.part', True)
    """
    for number in range(100):
        beside = path.with_name(f".{path.name}.{number}.part")
        with _locked(beside) as abandoned:
            if abandoned:
                _remove(beside)
        try:
            create(beside)
        except FileExistsError:  # of another process or thread
            continue
        with _locked(beside) as ours:
            if ours is False:  # another process removed it as abandoned before it was locked
                continue
            try:
                yield beside
            except BaseException:
                _remove(beside)
                raise
            return
    raise OSError(f"{str(path)!r} is being written 100 times together: remove {str(beside)!r} if it is not")


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: those of new and of renamed files.

    Has no effect on systems where folders cannot be opened (Windows) and on file systems that do not offer it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[bool | None]:
    """Context in which a file or folder is locked: True if it exists and was not locked by another, else False.

    None on systems without locks.
    """
    if fcntl is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        yield _lock(path, descriptor)
    finally:
        os.close(descriptor)


def _lock(path: Path, descriptor: int) -> bool | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat())  # False: renamed or replaced in the meantime
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks
        return None


def file_name(name: str) -> str:
    """Return a name as that of one file or folder: what these may not contain, and spaces, as % and two hex digits.

    Different names stay different, and none leads to another folder.

    Examples
    --------
    >>> file_name("bi-gru"), file_name("a/b c"), file_name("..")
    ('bi-gru', 'a%2Fb%20c', '%2E.')
    """
    kept = re.sub(r'[\x00-\x20/\\:*?"<>|]|%(?=[0-9A-F]{2})', lambda found: f"%{ord(found[0]):02X}", str(name))
    return f"%2E{kept[1:]}" if kept.startswith(".") else kept or "%"


def leads_out(name: str) -> bool:
    """Return whether a path that a file names may lead out of the folder that it is relative to.

    Examples
    --------
    >>> [leads_out(name) for name in ("a/b.wav", "..b/a", "/etc/passwd", "a/../../b", "C:x")]
    [False, False, True, True, True]
    """
    absolute = name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name) is not None
    return absolute or ".." in re.split(r"[/\\]", name) or "\0" in name
