"""Parallel execution of tasks in worker processes."""

import pickle
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from rnnbp.runtime.blas import blas_threads
from rnnbp.runtime.progress import Progress

Task = TypeVar("Task")
Result = TypeVar("Result")


def completed(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int = 1
) -> Generator[tuple[int, Result], None, None]:
    """Yield ``(i, function(tasks[i]))`` of every task as it completes.

    An interrupt, an error, and closing the iterator kill the workers; use `contextlib.closing`
    where the loop over it may end early.

    Parameters
    ----------
    function : callable
        At the top level of a module, where there are several workers.
    tasks : sequence
    workers : int, default 1
        With 1 the tasks run in this process, in order, with one thread of linear algebra; else in that many new
        processes of one thread each.

    Yields
    ------
    tuple of int and result

    Raises
    ------
    ChildProcessError
        If a worker has died.

    Examples
    --------
    >>> list(completed(abs, [-2, 3]))
    [(0, 2), (1, 3)]
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        for place, task in enumerate(tasks):
            with blas_threads(1):
                result = function(task)
            yield place, result
        return
    # Imported here because these imports take long.
    from multiprocessing.connection import wait

    from rnnbp.runtime.worker_process import WorkerProcess, worker_processes

    waiting = iter(enumerate(tasks))
    busy: dict[Any, WorkerProcess] = {}

    def begin_next(worker: WorkerProcess) -> None:
        if (task := next(waiting, None)) is not None:
            worker.send(task)
            busy[worker.connection] = worker

    with worker_processes(partial(_placed, function), workers) as team:
        for worker in team:
            begin_next(worker)
        while busy:
            for connection in wait(list(busy)):
                worker = busy.pop(connection)
                result = worker.receive()
                begin_next(worker)
                yield result


def _placed(function: Callable[[Task], Result], task: tuple[int, Task]) -> tuple[int, Result]:
    place, given = task
    return place, function(given)


def in_order(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int = 1,
    *,
    progress: bool = True,
    label: str = "run",
    shown: Callable[[Task, Result], Mapping[str, float]] = lambda task, result: {},
) -> list[Result]:
    """Return ``function(task)`` of every task, in order, with a progress bar.

    Parameters
    ----------
    function, tasks, workers
        See `completed`.
    progress : bool, default True
        Show the bar.
    label : str, default 'run'
        Label of the bar.
    shown : callable, optional
        ``shown(task, result)`` returns the scores to show for a completed task. Default: none.

    Examples
    --------
    >>> in_order(abs, [-2, 3], progress=False)
    [2, 3]
    """
    results: dict[int, Result] = {}
    with Progress(len(tasks), show=progress, label=label) as bar, closing(completed(function, tasks, workers)) as done:
        for place, result in done:
            results[place] = result
            bar.update(shown(tasks[place], result))
    return [results[place] for place in range(len(tasks))]


def check_sendable(name: str, thing: Any) -> None:
    """Raise if `thing` cannot be sent to another process.

    Raises
    ------
    ValueError
        If it cannot be sent; the message names it.

    Examples
    --------
    >>> check_sendable("models['a']", lambda seed: None)
    Traceback (most recent call last):
    ValueError: models['a'] cannot be sent to another process: ... Define it at the top level of a module, or workers=1
    """
    try:
        pickled = pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{name} cannot be sent to another process: {error}. Define it at the top level of a module, or workers=1"
        ) from error
    if b"__main__" in pickled and not hasattr(sys.modules["__main__"], "__file__"):
        raise ValueError(
            f"{name} cannot be sent to another process, which cannot import what is defined in a notebook. "
            "Define it at the top level of a module, or workers=1"
        )
