"""A pool of threads that run the shards of a call.

They are ordinary Python threads that take tasks from a queue. Any number of callers may use them at once; a forked
process starts without any and makes its own. Where compiled kernels are in use, threads spin-wait before they sleep
(`rnnbp.kernels.compiled.team`).

On a busy machine a thread may wait for a core longer than its shard takes. So calls are timed: where the caller had to
wait for the others longer than it worked itself, it runs all shards alone for a time, in proportion to what it lost,
and then tries again. Who runs a shard changes no result.
"""

import os
import queue
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

import numpy as np

STARTED, FINISHED = 0, 8  # places of two counters in `signals`, each in a cache line of its own
LATE = 0.5  # of the caller's own time: a longer wait for the others is no gain worth having
ALONE = 20  # times the wait, for how long shards are run alone after it: trying again costs a twentieth at most


class Waiting(Protocol):
    """How threads wait for each other before they sleep."""

    def prepare(self) -> None:
        """Do once what takes long, before threads are started."""

    def finish(self, signals: np.ndarray, last: int) -> None:
        """Signal that a shard is finished, and wait for a while until the counter `STARTED` differs from `last`."""

    def wait(self, signals: np.ndarray, last: int) -> None:
        """Wait for a while until the counter `FINISHED` differs from `last`."""


class Sleeping:
    """Threads sleep immediately."""

    def prepare(self) -> None: ...

    def finish(self, signals: np.ndarray, last: int) -> None: ...

    def wait(self, signals: np.ndarray, last: int) -> None: ...


class _Team:
    """Threads that take tasks from one queue."""

    waiting: Waiting = Sleeping()

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self.signals = np.zeros(16, np.int64)
        self.size, self.alone_until = 0, 0.0
        self.growing = threading.Lock()

    def grow(self, size: int) -> None:
        """Start threads until there are at least `size`."""
        if self.size < size:
            with self.growing:
                self.waiting.prepare()  # here, not in the threads, whose memory a caller does not expect to grow
                for _ in range(self.size, size):
                    threading.Thread(target=self._work, name="rnnbp", daemon=True).start()
                self.size = max(self.size, size)

    def _work(self) -> None:
        while True:
            _do(self.tasks.get())
            last = int(self.signals[STARTED])
            self.waiting.finish(self.signals, last if self.tasks.empty() else last - 1)

    def run(self, tasks: "list[_Task]") -> None:
        """Run the first task here and the others wherever a thread is free; return when all have been taken."""
        self.grow(len(tasks) - 1)
        for task in tasks[1:]:
            self.tasks.put(task)
        _do(tasks[0])
        while True:
            try:
                _do(self.tasks.get_nowait())
            except queue.Empty:
                return

    def results(self, finished: "_Finished", count: int, begun: float) -> list[BaseException | None]:
        """Return the errors with which the shards of a call have finished, None for most."""
        taken = perf_counter()
        found = [self._result(finished) for _ in range(count)]
        now = perf_counter()
        if now - taken > LATE * (taken - begun):
            self.alone_until = now + ALONE * (now - taken)
        return found

    def _result(self, finished: "_Finished") -> BaseException | None:
        """Return the error with which the next shard finished, or None."""
        last = int(self.signals[FINISHED])
        if finished.empty():
            self.waiting.wait(self.signals, last)
        return finished.get()


_Finished = queue.SimpleQueue[BaseException | None]
_Task = tuple[Callable[..., Any], tuple[Any, ...], _Finished]


def _do(task: _Task) -> None:
    """Run a task and report its error, or None."""
    function, args, finished = task
    try:
        function(*args)
    except BaseException as error:
        finished.put(error)
    else:
        finished.put(None)


_team = _Team()


def _new_team() -> None:
    global _team
    _team = _Team()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_team)


def wait_by(waiting: Waiting) -> None:
    """Let all threads wait for each other in this way."""
    if _team.size:
        waiting.prepare()
    _Team.waiting = waiting


def run_shards(shards: int, function: Callable[..., Any]) -> None:
    """Call ``function(signals, shard, shards)`` for each shard in parallel; return when all are finished.

    The caller runs the first shard, and those of the others that no thread has taken yet; all of them in order where
    threads came late shortly before. Compiled code that is called should ``notify(signals, STARTED)`` first, so that
    the threads are awake.

    Examples
    --------
    >>> run_shards(1, lambda signals, shard, shards: print(shard, "of", shards))
    0 of 1
    """
    team = _team
    if shards == 1:
        function(team.signals, 0, 1)
        return
    begun = perf_counter()
    finished: _Finished = queue.SimpleQueue()
    tasks = [(function, (team.signals, shard, shards), finished) for shard in range(shards)]
    if begun < team.alone_until:
        for task in tasks:
            _do(task)
    else:
        team.run(tasks)
    errors = [error for error in team.results(finished, shards, begun) if error is not None]
    if errors:
        raise errors[0]
