"""The number of threads of kernels and of large matrix products."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from rnnbp.runtime.blas import blas_threads, threads_outside
from rnnbp.runtime.checks import positive_int

MOST = max(64, os.cpu_count() or 1)  # more than there are processors: for the bits of a machine that has more

FLOPS_PER_THREAD = 7.5e6  # at least, for each thread: some 75 us of work

_chosen: int | None = None
_single = ContextVar("_single", default=False)


def set_num_threads(n: int | None) -> None:
    """Limit the number of threads of kernels and of large matrix products.

    Each thread sums the gradient of its own sequences, so another number of threads gives another rounding of the
    sum; the same number gives the same bits.

    Parameters
    ----------
    n : int or None
        None: what `get_num_threads` finds by itself.

    Raises
    ------
    ValueError
        If n is not a positive integer, or is above 64 and the number of processors.

    Examples
    --------
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)
    """
    global _chosen
    _chosen = None if n is None else thread_count("n", n)


def thread_count(name: str, n: int) -> int:
    """`n` if it is a number of threads that this machine may be asked for.

    Examples
    --------
    >>> thread_count("n", 10**9)
    Traceback (most recent call last):
    ValueError: n must be at most ..., got 1000000000: this process has ...
    """
    if positive_int(name, n) > MOST:
        raise ValueError(
            f"{name} must be at most {MOST}, got {n}: this process has {cores()} processors, and more threads than "
            "processors slow each other down"
        )
    return int(n)


@contextmanager
def threads_as_before() -> Iterator[None]:
    """Restore the number of threads at the end of the block.

    Examples
    --------
    >>> with threads_as_before():
    ...     set_num_threads(1)
    """
    global _chosen
    before = _chosen
    try:
        yield
    finally:
        _chosen = before


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread in kernels and linear algebra that this thread calls in the block, whatever else is set.

    Examples
    --------
    >>> with one_thread():
    ...     get_num_threads()
    1
    """
    before = _single.set(True)
    try:
        with blas_threads(1):
            yield
    finally:
        _single.reset(before)


@contextmanager
def one_thread_unless_chosen() -> Iterator[None]:
    """Use one thread within the block, unless `set_num_threads` or OMP_NUM_THREADS has chosen a number.

    Examples
    --------
    >>> with one_thread_unless_chosen():
    ...     n = get_num_threads()
    """
    if _chosen is not None or os.environ.get("OMP_NUM_THREADS"):
        yield
        return
    with one_thread():
        yield


def get_num_threads() -> int:
    """Return the number of threads that a kernel or a large matrix product may use.

    What `set_num_threads` was given; otherwise the first number of the environment variable OMP_NUM_THREADS, as
    joblib sets it for its workers, or else the number of processors the process may run on; and no more than a limit
    set by threadpoolctl leaves to NumPy's linear algebra.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    if _single.get():
        return 1
    if _chosen is not None:
        return _chosen
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return min(int(wanted), MOST, _limit())
    return min(cores(), _limit())


def threads_for(flops: float, most: int) -> int:
    """Return the number of threads that pays for a number of floating-point operations, at most `most`.

    Examples
    --------
    >>> threads_for(1e6, most=64)
    1
    """
    worth = min(most, int(flops / FLOPS_PER_THREAD))
    return min(worth, get_num_threads()) if worth > 1 else 1


def cores() -> int:
    """Return the number of cores that this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _limit() -> int:
    """Return the limit that threadpoolctl, where it has been imported, sets for linear algebra."""
    if "threadpoolctl" not in sys.modules:
        return sys.maxsize
    if outside := threads_outside():
        return min(outside)
    return min((library.num_threads for library in _blas_libraries()), default=sys.maxsize)


@cache
def _blas_libraries() -> list[Any]:
    import threadpoolctl

    return list(threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers)
