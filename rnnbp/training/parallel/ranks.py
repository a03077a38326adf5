"""The processes that train one model together: here the one and only; see `mpi_ranks` for several."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients import Gradient
from rnnbp.runtime import raise_if_asked

Array = np.ndarray
Result = TypeVar("Result")


class RankError(RuntimeError):
    """Error raised in a process that trains together with others when one of the others has failed; it names it.

    Examples
    --------
    >>> raise RankError("rank 1 of 4 failed: MemoryError")
    Traceback (most recent call last):
    rnnbp.training.parallel.ranks.RankError: rank 1 of 4 failed: MemoryError
    """


class Ranks:
    """The only process of a training, in which all of these do nothing; base of `MPIRanks`.

    Attributes
    ----------
    rank, size : int
    share : (int, int), or None
        The share of this process, as `rnnbp.SequenceDataset.batches` takes it.

    Examples
    --------
    >>> Ranks().collected("a sum", 2, sum)
    2
    """

    rank, size = 0, 1
    share: tuple[int, int] | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes files."""
        return self.rank == 0

    def generator(self, rng: np.random.Generator, batch: SequenceBatch) -> np.random.Generator:
        """Return the generator of this process's random numbers for its part of a batch."""
        return rng

    def counted(self, batch: SequenceBatch, steps: int, start: int = 0, stop: int | None = None) -> int:
        """Return how many of the steps that were computed of a part's span are not those of its padding."""
        return steps

    def reduced(
        self, gradients: Iterator[Gradient], batch: SequenceBatch, number: int, weight: Callable[[], float]
    ) -> Iterator[Gradient]:
        """Yield gradients of the mean loss of the whole batch from those of this process's part.

        Parameters
        ----------
        gradients : iterator of Gradient
        batch : SequenceBatch
            The part.
        number : int
            Of the batch.
        weight : callable
            Returns the sum of the weights of the part, by which its mean loss was divided.
        """
        return gradients

    def summed(self, vector: Array, loss: float, steps: int) -> tuple[Array, float, int]:
        """Return the sums over all processes of a vector (P,) in float64, a loss and a number of steps."""
        return vector, loss, steps

    def wishes(self, checkpoint: bool, end: bool) -> tuple[bool, bool]:
        """Return whether any process wishes to write a checkpoint, and to end, after a batch or `together`.

        Of several processes, the wishes before the last `reduced` of the batch, or before the end of `together`.
        """
        return checkpoint, end

    def interrupt(self) -> None:
        """Raise in all processes the interruption that one of them was asked for."""
        raise_if_asked()

    def together(self, size: int) -> AbstractContextManager[None]:
        """Return the context of `reduced` and `summed` for vectors of a size; an error in one process ends it in all.

        All processes enter it together, and within it they wait for each other in these two only.
        """
        return nullcontext()

    def guarded(self) -> AbstractContextManager[None]:
        """Return a context in which an error that the others do not learn of ends all processes."""
        return nullcontext()

    def agreed(self, name: str, function: Callable[[], Result]) -> Result:
        """Return the result of a function that all processes call; an error in one raises in all."""
        return function()

    def collected(self, name: str, own: Any, function: Callable[[list[Any]], Result]) -> Result:
        """Return the result, in all processes, of a function that the first calls with what each has."""
        return function([own])

    def from_first(self, name: str, function: Callable[[], Result]) -> Result:
        """Return the result, in all processes, of a function that only the first calls."""
        return function()

    def check_same(self, values: Mapping[str, Any]) -> None:
        """Raise in all processes unless all have the same values of what is named."""


ONE_PROCESS = Ranks()
