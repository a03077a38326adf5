"""Reading by one background thread, one item ahead of what is used."""

import threading
import weakref
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")


class ReadAhead(Generic[Item, Read]):
    """Results of a function for items in order, computed by one thread, at most one ahead of what was taken.

    The thread ends with the last item, at an error, which `take` raises, when it is closed, and with the process.

    Parameters
    ----------
    read : callable
    items : iterable

    Examples
    --------
    >>> ahead = ReadAhead(lambda n: n * n, [3, 4])
    >>> ahead.take(), ahead.take()
    (9, 16)
    >>> ahead.close()
    """

    def __init__(self, read: Callable[[Item], Read], items: Iterable[Item]) -> None:
        state = _State[Read]()
        thread = threading.Thread(target=_run, args=(read, list(items), state), name="rnnbp shards", daemon=True)
        self._state = state
        # Also before the interpreter ends, which must not find the thread in the middle of a read.
        self.close = weakref.finalize(self, _stop, state, thread)
        thread.start()

    def take(self) -> Read:
        """Return the next result, and let the thread go on to the one after it."""
        found = self._state.results.get()
        if isinstance(found, BaseException):
            self.close()
            raise found
        self._state.permits.release()
        return found


class _State(Generic[Read]):
    """What the thread and its user share."""

    def __init__(self) -> None:
        self.results: SimpleQueue[Read | BaseException] = SimpleQueue()
        self.permits = threading.Semaphore(1)
        self.stopped = False


def _run(read: Callable[[Item], Read], items: list[Item], state: _State[Read]) -> None:
    try:
        for item in items:
            state.permits.acquire()
            if state.stopped:
                return
            state.results.put(read(item))
    except BaseException as error:  # for the user of the results, whatever it is
        state.results.put(error)


def _stop(state: _State[Read], thread: threading.Thread) -> None:
    state.stopped = True
    state.permits.release()
    if thread.is_alive():
        thread.join()
