"""Calls given to joblib: each by itself, as soon as a worker is free."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from rnnbp.runtime.interrupts import interrupts_blocked


def dispatched(jobs: int, calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]) -> Any:
    """Begin calls, given as functions with arguments, and return a generator of their results as they complete."""
    from joblib import Parallel, parallel_config

    limited = parallel_config("loky", inner_max_num_threads=1) if local_processes() else nullcontext()
    with limited:
        parallel = Parallel(
            jobs, return_as="generator_unordered", pre_dispatch=jobs, batch_size=1, max_nbytes=1, mmap_mode="c"
        )
        with interrupts_blocked():
            return parallel((function, arguments, {}) for function, arguments in calls)


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
