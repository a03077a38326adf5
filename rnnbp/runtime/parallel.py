"""Tasks performed in this process, or by workers through joblib: its own processes, a Dask cluster or Ray."""

import os
import pickle
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import numpy as np

from rnnbp.runtime.attempts import Outcome, attempted
from rnnbp.runtime.checks import integer_at_least, require
from rnnbp.runtime.descriptions import counted
from rnnbp.runtime.dispatch import active_backend, backend_name, dispatched, local_processes
from rnnbp.runtime.early_start import wait_for_started
from rnnbp.runtime.packing import packed, unpacked
from rnnbp.runtime.worker import performed

Array = np.ndarray
Task = TypeVar("Task")
Outcomes = Generator[tuple[int, Outcome], None, None]

IN_COMPANY, ATTEMPTS = 2, 3  # a run whose worker was lost is repeated beside others, then alone
GIVEN_UP = f"its worker was lost {ATTEMPTS} times, at last without another beside it, perhaps for want of memory: "


def outcomes(function: Callable[[Task], Any], tasks: Iterable[Task], n_jobs: int | None = None) -> Outcomes:
    """Return an iterator over ``(i, outcome of function(tasks[i]))``, each as it completes.

    A task that raises is an outcome with its traceback, and the others go on. A task whose worker process is killed is
    repeated, and given up when it has lost three workers, the last one alone. An interrupt, and closing the iterator,
    kill the workers.

    Parameters
    ----------
    function : callable
        Lambdas, closures and functions of a notebook are sent to workers too.
    tasks : iterable
        Arrays that several of them share reach a worker once: in memory-mapped files, or scattered by Dask or Ray.
    n_jobs : int, optional
        Number of workers, each of one thread; -1 for one a core. With 1 the tasks run in this process, in order, with
        one thread, too. Default: 1, or what `joblib.parallel_config` has set, which also sets the backend, such as
        ``joblib.parallel_config(backend="dask")``.

    Yields
    ------
    tuple of int and Outcome
        The outcome's `result` is None where the task failed, and its `error`, the traceback, None where it did not.

    Raises
    ------
    ValueError
        If `n_jobs` is no number of workers.
    ImportError
        If there are several workers without the extra `parallel`.

    Examples
    --------
    >>> [(i, outcome.result) for i, outcome in outcomes(abs, [-2, 3])]
    [(0, 2), (1, 3)]
    """
    tasks = list(tasks)
    jobs = _workers(n_jobs, len(tasks))
    return _in_this_process(function, tasks) if jobs is None else _by_workers(function, tasks, jobs)


def job_count(n_jobs: int | None) -> int | None:
    """`n_jobs` if it is a number of workers: None, a positive integer, or -1 for one a core.

    Examples
    --------
    >>> job_count(0)
    Traceback (most recent call last):
    ValueError: n_jobs must be a positive integer, or -1 for all cores, got 0
    """
    if n_jobs is None or (n_jobs == -1 and not isinstance(n_jobs, bool)):
        return n_jobs
    return integer_at_least("n_jobs", n_jobs, 1, "a positive integer, or -1 for all cores")


def _workers(n_jobs: int | None, tasks: int) -> int | None:
    """Return the number of tasks that joblib performs at the same time; None where they run in this process."""
    if job_count(n_jobs) == 1 or (n_jobs is None and "joblib" not in sys.modules):
        return None
    require("joblib", "parallel")
    import joblib

    jobs = min(joblib.effective_n_jobs(n_jobs), max(tasks, 1))
    if n_jobs is not None and n_jobs > 0:
        jobs = min(jobs, n_jobs)  # a cluster offers all it has
    return None if jobs == 1 and local_processes() else jobs


def _in_this_process(function: Callable[[Task], Any], tasks: Sequence[Task]) -> Outcomes:
    for place, task in enumerate(tasks):
        yield place, attempted(function, task)


def _by_workers(function: Callable[[Task], Any], tasks: Sequence[Task], jobs: int) -> Outcomes:
    """Repeat tasks whose workers were lost until each has an outcome."""
    try:
        calls = packed([(function, task) for task in tasks])
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"a task cannot be sent to a worker: {error}: leave out what is of this process alone, or n_jobs=1"
        ) from error
    wait_for_started()
    waiting, losses = dict.fromkeys(range(len(tasks))), Counter[int]()
    while waiting:
        begun: list[int] = []
        places = [place for place in waiting if losses[place] < IN_COMPANY] or list(waiting)[:1]
        try:
            with closing(_round(calls, places, jobs, begun)) as completed:
                for place, outcome in completed:
                    del waiting[place]
                    yield place, outcome
        except Exception as error:  # not of a task, whose errors are outcomes
            lost = [place for place in begun if place in waiting]
            if not lost:
                raise
            text = " ".join(str(error).split()).partition(" Detailed tracebacks ")[0]  # of which loky only says where
            reason = f"{type(error).__name__}: {text}"
        else:
            continue
        losses.update(lost)
        warnings.warn(f"a worker was lost, with {counted(len(lost), 'run')}: {reason}", RuntimeWarning, stacklevel=2)
        for place in lost:
            if losses[place] == ATTEMPTS:
                del waiting[place]
                yield place, Outcome(error=GIVEN_UP + reason, exception=ChildProcessError(GIVEN_UP + reason))


def _round(calls: Array, places: Sequence[int], jobs: int, begun: list[int]) -> Outcomes:
    """Yield the outcomes of some of the packed calls, and add each to `begun` as it is sent to a worker."""
    backend = backend_name()
    parent = os.getpid() if backend in ("LokyBackend", "MultiprocessingBackend") else None
    sent = _sent(calls, backend)

    def next_calls() -> Iterator[Any]:
        for place in places:
            begun.append(place)
            yield performed, (sent, place, parent)

    completed = dispatched(jobs, next_calls())
    try:
        for place, outcome in completed:
            yield place, unpacked(outcome, 0)
    finally:
        with warnings.catch_warnings(action="ignore"):  # of tasks that are not completed
            completed.close()


def _sent(calls: Array, backend: str) -> Any:
    """Return what tells workers where the packed calls are, which reach each of them once."""
    if backend == "DaskDistributedBackend":
        # Without a hash, by which the copy that a lost worker had would be taken for this one.
        return active_backend().client.scatter(calls, broadcast=True, hash=False)
    if backend == "RayBackend":
        active_backend().supports_return_generator = True  # as it calls back, which joblib asks for
        return _StoredByRay(calls)
    return calls  # joblib writes it to a file, which its processes map into memory


class _StoredByRay:
    """Array in the memory that Ray's workers share."""

    def __init__(self, array: Array) -> None:
        import ray

        self.reference = ray.put(array)

    def __call__(self) -> Array:
        import ray

        return ray.get(self.reference)
