"""Tasks in several processes at once."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rnnbp.progress import Progress

Task = TypeVar("Task")
Result = TypeVar("Result")

# Where the number of threads is read from when a process begins: one each, or the processes fight for the cores.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")


def completed(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int = 1
) -> Iterator[tuple[int, Result]]:
    """``(i, function(tasks[i]))`` of every task, as they are done.

    Parameters
    ----------
    function : callable
        At the top level of a module, where there are several workers.
    tasks : sequence
    workers : int, default 1
        With 1 the tasks are done in this process, in order; else in so many fresh ones, each with one thread.

    Yields
    ------
    tuple of int and result

    Examples
    --------
    >>> list(completed(abs, [-2, 3]))
    [(0, 2), (1, 3)]
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from enumerate(map(function, tasks))
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed  # a fifth of the package's import time
    from multiprocessing import get_context

    # Fresh processes, not forks: a fork of a process with threads, as BLAS has them, may hang.
    with _one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn"), _leave_interrupts) as pool:
        futures = {pool.submit(function, task): i for i, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def in_order(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int = 1,
    *,
    progress: bool = True,
    label: str = "run",
    shown: Callable[[Task, Result], Mapping[str, float]] = lambda task, result: {},
) -> list[Result]:
    """``function(task)`` of every task, in their order, while a bar counts them.

    Parameters
    ----------
    function, tasks, workers
        As `completed` takes them.
    progress : bool, default True
        Show the bar.
    label : str, default 'run'
        What it counts.
    shown : callable, optional
        ``shown(task, result)`` gives the scores to show of one that is done. Default: none.

    Examples
    --------
    >>> in_order(abs, [-2, 3], progress=False)
    [2, 3]
    """
    results: dict[int, Result] = {}
    with Progress(len(tasks), show=progress, label=label) as bar:
        for place, result in completed(function, tasks, workers):
            results[place] = result
            bar.update(shown(tasks[place], result))
    return [results[place] for place in range(len(tasks))]


def check_sendable(name: str, thing: Any) -> None:
    """Raise where another process could not be given `thing`.

    Raises
    ------
    ValueError
        Naming it.

    Examples
    --------
    >>> check_sendable("models['a']", lambda seed: None)
    Traceback (most recent call last):
    ValueError: models['a'] cannot be sent to another process: ... Define it at the top level of a module, or workers=1
    """
    try:
        pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{name} cannot be sent to another process: {error}. Define it at the top level of a module, or workers=1"
        ) from error


def _leave_interrupts() -> None:
    """The main process hears of Ctrl-C, and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
