"""A limit to the threads of NumPy's linear algebra.

OpenBLAS, which NumPy and SciPy bring along, splits products of more than some 500,000 operations, and dot products of
more than 10,000 numbers, among all cores. Its threads wait for each other within a product; where another program
uses a core, a product takes the time for which the operating system lets that program run, some milliseconds.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

NAMES = [
    (f"{prefix}openblas_get_num_threads{suffix}", f"{prefix}openblas_set_num_threads{suffix}")
    for prefix in ("scipy_", "")
    for suffix in ("64_", "")
]


class Library(NamedTuple):
    """The functions of an OpenBLAS library that return and set its number of threads."""

    get_num_threads: Callable[[], int]
    set_num_threads: Callable[[int], None]


class _Limit:
    """The limits that threads of this process have asked for; the lowest one is in force.

    Attributes
    ----------
    wanted : list of int
        The limits, one for each `blas_threads` that has not ended.
    before : list of (Library, int)
        The libraries of more than one thread, and their numbers of threads without a limit.
    now : int
        The limit in force; `sys.maxsize` for none.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted: list[int] = []
        self.before: list[tuple[Library, int]] = []
        self.now = sys.maxsize

    def add(self, n: int) -> None:
        with self.lock:
            if not self.wanted:
                counts = [(library, library.get_num_threads()) for library in libraries()]
                self.before = [(library, count) for library, count in counts if count > 1]
            self.wanted.append(n)
            self.enforce(n if n < self.now else self.now)

    def remove(self, n: int) -> None:
        with self.lock:
            self.wanted.remove(n)
            self.enforce(min(self.wanted, default=sys.maxsize))

    def enforce(self, n: int) -> None:
        if n != self.now:
            for library, before in self.before:
                library.set_num_threads(min(n, before))
            self.now = n


_limit = _Limit()


class blas_threads:  # noqa: N801 - used as a function
    """Context in which a product of NumPy's linear algebra uses at most `n` threads.

    Without effect where the library is not OpenBLAS.

    Parameters
    ----------
    n : int, default 1

    Examples
    --------
    >>> with blas_threads(1):
    ...     (np.ones((2, 3)) @ np.ones((3, 2))).shape
    (2, 2)
    """

    def __init__(self, n: int = 1) -> None:
        self.n = n

    def __enter__(self) -> None:
        _limit.add(self.n)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _limit.remove(self.n)


def threads_outside() -> Iterable[int]:
    """Return the numbers of threads, above 1, of libraries outside of all `blas_threads`; none if not within one."""
    return [before for _, before in _limit.before] if _limit.wanted else []


def libraries() -> tuple[Library, ...]:
    """Return the OpenBLAS libraries of NumPy and, where it has been imported, of SciPy."""
    return _libraries("scipy.linalg" in sys.modules)


@cache
def _libraries(with_scipy: bool) -> tuple[Library, ...]:
    found = []
    for path in _paths(with_scipy):
        try:
            loaded = ctypes.PyDLL(str(path), mode=getattr(os, "RTLD_NOLOAD", 0) | getattr(os, "RTLD_NOW", 0))
        except OSError:  # a file that is there, but not loaded
            continue
        for get, set_ in NAMES:
            if hasattr(loaded, get) and hasattr(loaded, set_):
                library = Library(getattr(loaded, get), getattr(loaded, set_))
                library.set_num_threads.restype = None  # type: ignore[attr-defined]
                found.append(library)
                break
    return tuple(found)


def _paths(with_scipy: bool) -> list[Path]:
    """Return the files of OpenBLAS: those that wheels contain, and on Linux whatever is loaded."""
    site, packages = Path(np.__file__).parents[1], ["numpy", "scipy"] if with_scipy else ["numpy"]
    folders = [folder for name in packages for folder in (f"{name}.libs", f"{name}/.dylibs")]
    found = {path.resolve() for folder in folders for path in (site / folder).glob("*openblas*")}
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    found |= {Path(line[line.index("/") :]).resolve() for line in lines if "openblas" in line and "/" in line}
    return sorted(found)
