"""Measurement of run times (the minimum of interleaved runs) and of peak memory (as the operating system counts it)."""

import ctypes
import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnbp.runtime import memory_pool as workspace
from rnnbp.runtime import require

TURN = 0.03  # seconds: a faster call runs several times in a turn, so that later runs find their data in the cache


@dataclass(frozen=True)
class TimedCall:
    """A call to be timed, and its number of threads."""

    run: Callable[[], object]
    threads: int


def best_times(calls: Sequence[TimedCall], use_threads: Callable[[int], None], seconds: float) -> list[float]:
    """Measure the shortest run time of each call [s].

    The calls take turns, so that a temporary load on the machine affects all of them.

    Parameters
    ----------
    calls : sequence of TimedCall
    use_threads : callable
        Called with the number of threads before each turn.
    seconds : float
        Total time for all calls after a first turn for warming up; every call has at least three turns more.

    Returns
    -------
    list of float
    """
    best, began = [math.inf] * len(calls), 0.0
    for turn in range(10**6):
        if turn == 1:
            began = time.perf_counter()
        if turn > 3 and time.perf_counter() - began > seconds:
            break
        for i, call in enumerate(calls):
            use_threads(call.threads)
            elapsed = _turn(call.run)
            best[i] = min(best[i], elapsed) if turn else best[i]
    return best


def _turn(run: Callable[[], object]) -> float:
    """Return the shortest run time in one turn."""
    best, began = math.inf, time.perf_counter()
    while time.perf_counter() - began < TURN or best == math.inf:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


@contextmanager
def blas_threads() -> Iterator[Callable[[int], None]]:
    """Context manager that gives a function to set the number of BLAS threads, and restores it at the end.

    Raises
    ------
    ImportError
        Without the `bench` extra.
    """
    controller = require("threadpoolctl", extra="bench").ThreadpoolController()
    libraries = controller.select(user_api="blas").lib_controllers
    before = [library.num_threads for library in libraries]

    def use(threads: int) -> None:
        for library in libraries:
            library.set_num_threads(threads)

    try:
        yield use
    finally:
        for library, threads in zip(libraries, before, strict=True):
            library.set_num_threads(threads)


def sgemm_peak(use_threads: Callable[[int], None], threads: int, size: int = 2048) -> float:
    """Measure the floating-point operations per second of NumPy's product of two float32 matrices."""
    a = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    out = np.empty_like(a)
    (seconds,) = best_times([TimedCall(lambda: np.matmul(a, a, out=out), threads)], use_threads, 0.5)
    return 2 * size**3 / seconds


def peak_memory(run: Callable[[], object]) -> float:
    """Measure the peak memory of a call [bytes] beyond that of the process before; NaN without Linux's /proc.

    Freed memory that the workspace and the allocator have pooled is first returned to the operating system, so that it
    counts when it is allocated again.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return math.nan
    gc.collect()
    workspace.release()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    try:
        reset.write_text("5", encoding="ascii")  # resets the high-water mark
    except OSError:
        return math.nan
    before = _kibibytes(status, "VmRSS")
    run()
    return 1024.0 * (_kibibytes(status, "VmHWM") - before)


def _kibibytes(status: Path, name: str) -> int:
    lines = status.read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
