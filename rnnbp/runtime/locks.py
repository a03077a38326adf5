"""Lock files, by which processes tell each other what they work on; a process that ends gives up its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: others are not noticed
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked_file(path: Path, *, wait: bool) -> Iterator[bool]:
    """Context in which a lock file, created where there is none, is locked: True, or False if another process has it.

    Parameters
    ----------
    path : Path
    wait : bool
        Whether to wait for the other process, rather than yield False.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "lock"
    >>> with locked_file(path, wait=False) as first, locked_file(path, wait=False) as second:
    ...     first, second
    (True, False)
    """
    if fcntl is None:
        yield True
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError:  # a file system without locks
            pass
        yield True
    finally:
        with suppress(OSError):
            os.close(descriptor)
