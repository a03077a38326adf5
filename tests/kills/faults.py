"""Faults of the file system, injected at the n-th call that changes it: errors, short writes, death of the process."""

import builtins
import errno
import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

CHANGES = ("chmod", "fsync", "ftruncate", "link", "mkdir", "remove", "rename", "replace", "rmdir", "symlink")
CHANGES += ("truncate", "unlink", "utime", "write")
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}
FAULTS = (*ERRORS, "short write", "death")


class Died(BaseException):
    """The process has died: nothing that it does afterwards changes the disk. No handler of errors takes it."""


class Faults:
    """Counts the calls that change the file system, of which the n-th fails.

    At the n-th call, an error of the system is raised; or only half of what should be written is, which the caller must
    notice; or the process dies, with half of it written: it raises `Died`, as does every later call, without effect.
    """

    def __init__(self, fault: str, at: int) -> None:
        self.fault, self.at = fault, at
        self.calls: list[str] = []
        self.dead = False

    def call(self, name: str, function: Callable[..., Any], *given: Any, **options: Any) -> Any:
        """Call a function of the system, or fail."""
        if self.dead:
            raise Died
        self.calls.append(name)
        if len(self.calls) != self.at:
            return function(*given, **options)
        half = name == "write" and len(given[-1]) > 1
        if self.fault == "short write":
            return (
                function(*given[:-1], bytes(given[-1])[: len(given[-1]) // 2]) if half else function(*given, **options)
            )
        if self.fault == "death":
            if half:
                function(*given[:-1], bytes(given[-1])[: len(given[-1]) // 2])
            self.dead = True
            raise Died
        raise OSError(ERRORS[self.fault], os.strerror(ERRORS[self.fault]))


class _RawFile(io.FileIO):
    """A file whose writes are counted; `close` always closes, as the end of a process does."""

    faults: ClassVar[Faults]

    def write(self, data: Any) -> int:
        data = memoryview(data).cast("B")
        return int(self.faults.call("write", super().write, data))

    def truncate(self, size: int | None = None) -> int:
        return int(self.faults.call("truncate", super().truncate, size))


@contextmanager
def injected(fault: str, at: int) -> Iterator[Faults]:
    """Context in which the `at`-th call that changes the file system fails; a death ends the block.

    All of Python's ways to write are covered: the functions of `os`, which `pathlib` and `shutil` call, and files that
    `open` opens, which `numpy`, `zipfile` and `pandas` write to. Libraries that open files in C are not.
    """
    faults, real = Faults(fault, at), io.open
    raw_type = type("RawFile", (_RawFile,), {"faults": faults})

    def opened(file: Any, mode: str = "r", buffering: int = -1, *text: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return real(file, mode, buffering, *text, **options)
        own = {name: options.pop(name) for name in ("closefd", "opener") if name in options}
        raw = faults.call("open", raw_type, file, mode.replace("b", "").replace("t", ""), **own)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *text, **options)

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **options: faults.call(name, function, *given, **options)

    def opened_by_number(path: Any, flags: int, *given: Any, **options: Any) -> int:
        reads = not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        call = os_open if reads else counted("open", os_open)
        return int(call(path, flags, *given, **options))

    os_open = os.open
    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            if hasattr(os, name):
                patch.setattr(os, name, counted(name, getattr(os, name)))
        patch.setattr(os, "open", opened_by_number)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(sys, "unraisablehook", lambda _: None)  # of files that a dead process has not closed
        try:
            yield faults
        except Died:
            pass
        finally:
            gc.collect(1)  # files of tracebacks
