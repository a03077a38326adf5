"""Packed weights, and a pool of memory for short runs, which would spend much of their time on allocating it."""

from collections import deque
from collections.abc import Callable
from typing import Any

from rnnbp.kernels.base import Array

POOLED = 8  # runs whose memory is reused: as many as threads may run at the same time


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
        self._free: deque[tuple[Any, Any]] = deque(maxlen=POOLED)

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
