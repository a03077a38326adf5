"""Threads for the compiled kernels: how many, and how a call is shared out to them.

They are ordinary Python threads that wait for work, which compiled code does without holding the interpreter's lock:
any number of callers may use them at once, and a forked process begins with none and makes its own.
"""

import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from rnnbp._checks import positive_int

_chosen: int | None = None


def set_num_threads(n: int | None) -> None:
    """How many threads a compiled kernel may use, at the most.

    Parameters
    ----------
    n : int or None
        None: what `get_num_threads` finds by itself.

    Raises
    ------
    ValueError
        If n is not a positive integer.

    Examples
    --------
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)
    """
    global _chosen
    _chosen = None if n is None else positive_int("n", n)


def get_num_threads() -> int:
    """How many threads a compiled kernel may use.

    What `set_num_threads` was given; otherwise the first number of the environment variable OMP_NUM_THREADS, as
    joblib sets it for its workers, or else the number of processors the process may run on; and no more than a limit
    set by threadpoolctl leaves to NumPy's linear algebra.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    if _chosen is not None:
        return _chosen
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdigit() and int(wanted) > 0:
        return min(int(wanted), _limit())
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, _limit())


def _limit() -> int:
    """What threadpoolctl, if anyone has imported it, says that linear algebra may use."""
    if "threadpoolctl" not in sys.modules:
        return sys.maxsize
    return min((library.num_threads for library in _blas_libraries()), default=sys.maxsize)


@cache
def _blas_libraries() -> list[Any]:
    import threadpoolctl

    return list(threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers)


_Task = tuple[Callable[..., Any], tuple[Any, ...], queue.SimpleQueue]


class _Team:
    """Threads that take tasks from one queue."""

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self.size = 0
        self.growing = threading.Lock()

    def grow(self, size: int) -> None:
        """Have at least so many threads."""
        if self.size < size:
            with self.growing:
                for _ in range(self.size, size):
                    threading.Thread(target=self._work, name="rnnbp", daemon=True).start()
                self.size = max(self.size, size)

    def _work(self) -> None:
        while True:
            _do(self.tasks.get())


def _do(task: _Task) -> None:
    """Run a task and say how it ended."""
    function, args, ended = task
    try:
        function(*args)
    except BaseException as error:
        ended.put(error)
    else:
        ended.put(None)


_team = _Team()


def _new_team() -> None:
    global _team
    _team = _Team()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_team)


def run_shares(shares: int, function: Callable[..., Any], *args: Any) -> None:
    """Call ``function(*args, share, shares)`` for each share, side by side; return when all are done.

    The caller does the first share, and of the others those that no thread has taken yet.

    Examples
    --------
    >>> run_shares(1, print, "share and shares:")
    share and shares: 0 1
    """
    if shares == 1:
        function(*args, 0, 1)
        return
    team, ended = _team, queue.SimpleQueue[BaseException | None]()
    team.grow(shares - 1)
    for share in range(1, shares):
        team.tasks.put((function, (*args, share, shares), ended))
    _do((function, (*args, 0, shares), ended))
    while True:
        try:
            _do(team.tasks.get_nowait())
        except queue.Empty:
            break
    errors = [error for error in (ended.get() for _ in range(shares)) if error is not None]
    if errors:
        raise errors[0]
