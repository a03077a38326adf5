"""What a worker process does: one task at a time, with one thread, as long as its parent process runs."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from rnnbp.runtime.attempts import Outcome, attempted
from rnnbp.runtime.packing import packed, unpacked

Array = np.ndarray


def performed(calls: Array | Callable[[], Array], place: int, parent: int | None) -> tuple[int, Array]:
    """Perform a packed task, and return its place and its outcome, packed.

    Parameters
    ----------
    calls : ndarray of uint8, or callable that returns it
        Packed pairs of a function and its task.
    place : int
        Which of them.
    parent : int, optional
        The process with which this one ends.
    """
    if parent is not None and parent != os.getpid():
        _end_with(parent)
    with _libraries_of_one_thread():
        outcome = attempted(_performed, (calls if isinstance(calls, np.ndarray) else calls(), place))
    return place, _sendable(outcome)


def _performed(call: tuple[Array, int]) -> Any:
    function, task = unpacked(*call)
    try:
        return function(task)
    except SystemExit as error:  # which joblib would raise in the process of the user, and end all other tasks
        raise RuntimeError(f"the task called sys.exit({'' if error.code is None else repr(error.code)})") from error


def _sendable(outcome: Outcome) -> Array:
    """Return an outcome, packed; one that cannot be restored from it is a failure that says so."""
    try:
        sent = packed([outcome])
        unpacked(sent, 0)
        return sent
    except Exception as error:
        text = outcome.error or f"{type(error).__name__}: the result cannot be sent by its worker process: {error}"
        return packed([Outcome(error=text, exception=RuntimeError(text.rpartition("\n")[2]))])


@cache
def _end_with(parent: int) -> None:
    """Start a thread that ends this process when its parent process has ended."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _libraries_of_one_thread() -> Iterator[None]:
    """Limit the threads of libraries that have been imported, where the environment of the process does not."""
    numba, limits = sys.modules.get("numba"), None
    if "threadpoolctl" in sys.modules:
        limits = sys.modules["threadpoolctl"].threadpool_limits(1)
    before = numba.get_num_threads() if numba is not None and numba.config.NUMBA_NUM_THREADS > 1 else 1
    if numba is not None and before > 1:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        if numba is not None and before > 1:
            numba.set_num_threads(before)
        if limits is not None:
            limits.restore_original_limits()
