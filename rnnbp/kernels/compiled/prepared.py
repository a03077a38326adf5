"""Packed weights, with memory for short runs, of which allocation would be a large part of the time."""

from collections import deque
from collections.abc import Callable
from typing import Any

from rnnbp.kernels.base import Array

SHARES = 8  # runs at the same time, in as many threads, whose memory is reused


class Prepared:
    """Packed weights, and memory of runs that have ended.

    Parameters
    ----------
    weights : tuple of ndarray
        The bias of each slot, and the weights packed for the forward pass.
    vectors : ndarray
        The values that are the same at all steps.

    Examples
    --------
    >>> prepared = Prepared((), None)
    >>> first = prepared.borrow("as long", list)
    >>> second = prepared.borrow("as long", list)
    >>> prepared.give_back("as long", first)
    >>> second is first, prepared.borrow("as long", list) is first
    (False, True)
    """

    def __init__(self, weights: tuple[Array, ...], vectors: Array) -> None:
        self.weights, self.vectors = weights, vectors
        self._free: deque[tuple[Any, Any]] = deque(maxlen=SHARES)

    def borrow(self, key: Any, allocate: Callable[[], Any]) -> Any:
        """Return the memory that was last given back under this key, which nobody else has; else allocate it."""
        try:
            last, memory = self._free.pop()  # atomic
        except IndexError:
            return allocate()
        return memory if last == key else allocate()

    def give_back(self, key: Any, memory: Any) -> None:
        """Let the next run with the same key use the memory."""
        self._free.append((key, memory))
