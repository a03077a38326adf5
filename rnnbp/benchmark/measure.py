"""How time and memory are measured: in turns, the best of each; memory as the operating system sees it."""

import ctypes
import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnbp import workspace
from rnnbp._checks import require

TURN = 0.03  # seconds: what is faster runs several times a turn, the first of which brings its memory back


@dataclass(frozen=True)
class Racer:
    """Something to be timed, with so many threads."""

    run: Callable[[], object]
    threads: int


def race(racers: Sequence[Racer], use_threads: Callable[[int], None], seconds: float) -> list[float]:
    """The shortest run of each, in seconds. They take turns, so that what slows the machine for a while slows all.

    Parameters
    ----------
    racers : sequence of Racer
    use_threads : callable
        Told the number of threads before each turn.
    seconds : float
        For all together, after each has run once; three turns each at least.
    """
    best, began = [math.inf] * len(racers), 0.0
    for turn in range(10**6):
        if turn == 1:
            began = time.perf_counter()
        if turn > 3 and time.perf_counter() - began > seconds:
            break
        for place, racer in enumerate(racers):
            use_threads(racer.threads)
            took = _turn(racer.run)
            best[place] = min(best[place], took) if turn else best[place]
    return best


def _turn(run: Callable[[], object]) -> float:
    """The shortest of a turn's runs."""
    best, began = math.inf, time.perf_counter()
    while time.perf_counter() - began < TURN or best == math.inf:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


@contextmanager
def linear_algebra() -> Iterator[Callable[[int], None]]:
    """A function that sets the number of threads of NumPy's linear algebra; put back at the end.

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
    """Floating-point operations a second of NumPy's product of two float32 matrices: the best of several."""
    a = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    out = np.empty_like(a)
    (seconds,) = race([Racer(lambda: np.matmul(a, a, out=out), threads)], use_threads, 0.5)
    return 2 * size**3 / seconds


def peak_memory(run: Callable[[], object]) -> float:
    """Bytes that a call takes at its peak beyond what the process held before; NaN where Linux's /proc is not there.

    What the workspace and the allocator keep of freed memory is given back first, so that it counts when it is taken
    again.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return math.nan
    gc.collect()
    workspace.release()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    try:
        reset.write_text("5", encoding="ascii")  # the high-water mark begins anew
    except OSError:
        return math.nan
    before = _kibibytes(status, "VmRSS")
    run()
    return 1024.0 * (_kibibytes(status, "VmHWM") - before)


def _kibibytes(status: Path, name: str) -> int:
    lines = status.read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
