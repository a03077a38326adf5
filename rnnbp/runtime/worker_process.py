"""A process that does tasks for this one, and never outlives it."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

# Where the number of threads is read from when a process begins: one each, or the processes fight for the cores.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")


class WorkerProcess:
    """A fresh process with one thread for arithmetic, that waits for tasks.

    It leaves Ctrl-C to this process, which kills it, and ends by itself when this process is gone, however that ended.

    Parameters
    ----------
    function : callable
        At the top level of a module: called with each task.

    Attributes
    ----------
    connection : Connection
        Ready to be read when the task is done, or when the process is dead.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        # Fresh, not a fork: a fork of a process with threads, as BLAS has them, may hang.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(function, theirs), daemon=True)
        with theirs:
            self._process.start()

    def send(self, task: Any) -> None:
        """Begin a task; only one at a time."""
        try:
            self.connection.send(task)
        except OSError:
            raise self._death() from None

    def receive(self) -> Any:
        """What the function returned.

        Raises
        ------
        ChildProcessError
            If the process has died.
        Exception
            What the function raised.
        """
        try:
            result, error = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if error is not None:
            raise error
        return result

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._process.kill()
        self.connection.close()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join()

    def _death(self) -> ChildProcessError:
        self._process.join(1)
        code = self._process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        return ChildProcessError(
            f"a worker process {how}, perhaps for want of memory: try fewer workers; a script must call rnnbp below "
            "`if __name__ == '__main__':`, as each worker imports it"
        )


@contextmanager
def worker_processes(function: Callable[[Any], Any], number: int) -> Iterator[list[WorkerProcess]]:
    """A number of worker processes, which are killed at the end of the block, however that comes."""
    team: list[WorkerProcess] = []
    try:
        with _one_thread(), _interrupts_blocked():
            for _ in range(number):
                team.append(WorkerProcess(function))
        yield team
    finally:
        for worker in team:
            worker.kill()
        for worker in team:
            worker.join()


def _work(function: Callable[[Any], Any], connection: Connection) -> None:
    """Answer tasks for as long as the other process lives."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        answer: tuple[Any, Exception | None]
        try:
            answer = function(connection.recv()), None
        except EOFError:
            return
        except Exception as error:
            error.add_note(f"In a worker process:\n{traceback.format_exc()}")
            answer = None, error
        try:
            connection.send(answer)
        except OSError:
            return
        except Exception as error:  # a result, or an error, that cannot be sent
            connection.send((None, RuntimeError(f"a worker process cannot send what came of its task: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process that is begun within is spared Ctrl-C, which a terminal sends to all, from its first moment."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which the first process starts otherwise, unblocking the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
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
