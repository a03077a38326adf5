"""Worker process that executes tasks and ends with its parent process."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Literal

# Numbers of threads, read at the start of a process: one each, so that processes do not compete for the cores.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")


# Not forked from this process: a fork of a process with threads, such as those of BLAS, may hang. On Linux forked from
# a server, a process of one thread that imports once what all workers need; elsewhere that may hang as well.
METHOD: Literal["forkserver", "spawn"] = "forkserver" if sys.platform == "linux" else "spawn"


class WorkerProcess:
    """New process with one thread for arithmetic that waits for tasks.

    It ignores Ctrl-C, on which the parent process kills it, and ends by itself when the parent has ended in any way.

    Parameters
    ----------
    function : callable
        Defined at the top level of a module; called with each task.

    Attributes
    ----------
    connection : Connection
        Readable when the task is completed or the process has died.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        forked = METHOD == "forkserver"
        context = multiprocessing.get_context("forkserver") if forked else multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        environment = os.environ.copy()  # a server has that of the time when it was started
        self._process = context.Process(target=_work, args=(function, theirs, environment), daemon=True)
        with theirs:
            self._process.start()

    def send(self, task: Any) -> None:
        """Start a task; one task at a time."""
        try:
            self.connection.send(task)
        except OSError:
            raise self._death() from None

    def receive(self) -> Any:
        """Return the result of the task.

        Raises
        ------
        ChildProcessError
            If the process has died.
        Exception
            The exception of the function.
        """
        try:
            result, error = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if error is not None:
            raise error
        return result

    def kill(self) -> None:
        """Kill the process immediately."""
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
    """Context with a number of worker processes, which are killed at its end."""
    team: list[WorkerProcess] = []
    try:
        start_server([])
        with _one_thread(), _interrupts_blocked():
            for _ in range(number):
                team.append(WorkerProcess(function))
        yield team
    finally:
        for worker in team:
            worker.kill()
        for worker in team:
            worker.join()


def start_server(modules: Sequence[str]) -> None:
    """Start the server from which workers are forked, unless it is running; it imports modules meanwhile.

    Without effect where workers are not forked.
    """
    if METHOD == "forkserver":
        with _one_thread(), _interrupts_blocked():
            multiprocessing.set_forkserver_preload(list(modules))
            forkserver.ensure_running()


def _work(function: Callable[[Any], Any], connection: Connection, environment: dict[str, str]) -> None:
    """Execute tasks until the parent process ends."""
    os.environ.update(environment)
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
        except Exception as error:  # a result or an exception that cannot be pickled
            connection.send((None, RuntimeError(f"a worker process cannot send what came of its task: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Context in which new processes start with SIGINT blocked, which a terminal sends to all processes on Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first process starts it, which unblocks the signal
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
