"""Calls given to joblib: each by itself, as soon as a worker is free."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import resource_tracker
from typing import Any


def dispatched(jobs: int, calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]) -> Any:
    """Begin calls, given as functions with arguments, and return a generator of their results as they complete."""
    from joblib import Parallel, parallel_config

    limited = parallel_config("loky", inner_max_num_threads=1) if local_processes() else nullcontext()
    with limited:
        parallel = Parallel(
            jobs, return_as="generator_unordered", pre_dispatch=jobs, batch_size=1, max_nbytes=1, mmap_mode="c"
        )
        with _interrupts_blocked():
            return parallel((function, arguments, {}) for function, arguments in calls)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Context in which new processes start with SIGINT blocked.

    A Ctrl-C in the terminal, which is sent to all processes, does not reach them: this process ends them. Without
    effect where signals cannot be blocked.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from joblib.externals.loky.backend import resource_tracker as joblibs

    for tracker in (resource_tracker, joblibs):  # else the first process starts them, which unblocks the signal
        tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def active_backend() -> Any:
    """Return joblib's backend in force."""
    from joblib.parallel import get_active_backend

    return get_active_backend()[0]


def backend_name() -> str:
    """Return the name of the class of joblib's backend in force."""
    return type(active_backend()).__name__


def local_processes() -> bool:
    """Return whether joblib starts processes of this machine by itself."""
    return backend_name() == "LokyBackend"
