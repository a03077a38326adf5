"""Processes that train one model together and communicate by MPI."""

import hashlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from rnnbp.data import PartGenerator, SequenceBatch
from rnnbp.gradients import Cost, Gradient
from rnnbp.runtime import Terminated, exit_status, raise_if_asked
from rnnbp.runtime.threads import one_thread_unless_chosen
from rnnbp.training.parallel.ranks import Array, RankError, Ranks, Result

BYTES = 2048  # of the message of a process to all others, the text of an error
SPINS = 2000  # tests of a request without a pause, some milliseconds
PAUSE = 1e-4  # seconds between tests afterwards
LOSS, WEIGHT, STEPS, PLACE, PLACE_SQUARED, SAVE, END, FAILED, NUMBERS = range(9)
MODULUS = 10_007


class MPIRanks(Ranks):
    """Processes that communicate by MPI, each of which runs the same program.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    """

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self.MPI, self.comm = MPI, comm.Dup()  # its messages do not mix with those of the caller's
        self.rank, self.size = self.comm.rank, self.comm.size
        self.share = self.rank, self.size
        self._joint: BaseException | None = None  # the last error that was raised in all processes
        self._wish = False, False
        self._buffer = np.zeros(0)

    def generator(self, rng: np.random.Generator, batch: SequenceBatch) -> np.random.Generator:
        assert batch.part is not None
        return PartGenerator(rng.bit_generator, batch.part, batch.reset is not None)

    def counted(self, batch: SequenceBatch, steps: int, start: int = 0, stop: int | None = None) -> int:
        assert batch.part is not None
        stop = batch.steps if stop is None else stop
        whole, real = (
            int(np.clip(one - start, 0, stop - start).sum()) for one in (batch.lengths, batch.lengths[batch.part.own])
        )
        return round(steps * real / whole) if whole else 0

    def reduced(
        self, gradients: Iterator[Gradient], batch: SequenceBatch, number: int, weight: Callable[[], float]
    ) -> Iterator[Gradient]:
        total = 0.0
        for k, g in enumerate(gradients):
            total = total if k else weight()
            start, stop = g.span
            steps = self.counted(batch, g.cost.steps, start, stop)
            vector, numbers = self._sum(g.vector, total, g.loss, steps, number * 7919 + start * 31 + stop)
            whole = numbers[WEIGHT] or 1.0
            cost = Cost(round(numbers[STEPS]), g.cost.peak_bytes)
            reduced = (vector / whole).astype(g.vector.dtype)
            yield replace(g, loss=float(numbers[LOSS] / whole), vector=reduced, cost=cost)

    def summed(self, vector: Array, loss: float, steps: int) -> tuple[Array, float, int]:
        found, numbers = self._sum(vector, 1.0, loss, steps, 0)
        return found.copy(), float(numbers[LOSS]), round(numbers[STEPS])

    def _sum(self, vector: Array, weight: float, loss: float, steps: float, place: int) -> tuple[Array, Array]:
        """Return the sums over all processes of a vector and a loss times a weight, and of what else there is.

        `place` is where in the epoch the process is: all must be at the same one.
        """
        sums, place = self._buffer[:-NUMBERS], place % MODULUS
        np.multiply(vector, weight, out=sums)
        self._buffer[-NUMBERS:] = loss * weight if weight else 0.0, weight, steps, place, place * place, *self._wish, 0
        return sums, self._all_reduce()

    def _all_reduce(self) -> Array:
        """Sum the buffer over all processes, and return its last numbers; raise in all if one has failed."""
        self._wait(self.comm.Iallreduce(self.MPI.IN_PLACE, self._buffer))
        numbers = self._buffer[-NUMBERS:]
        if numbers[FAILED]:
            self._meet("an error", None)
        if self.size * numbers[PLACE_SQUARED] != numbers[PLACE] ** 2:
            self._raise(RankError("the ranks are at different batches or steps: all need the same data and arguments"))
        return numbers

    def wishes(self, checkpoint: bool, end: bool) -> tuple[bool, bool]:
        found = bool(self._buffer[-NUMBERS + SAVE]), bool(self._buffer[-NUMBERS + END])
        self._wish = checkpoint and not any(found), end and not found[1]
        if any(found):
            self._sum(
                np.zeros(len(self._buffer) - NUMBERS), 0.0, 0.0, 0.0, MODULUS - 2
            )  # as `together` does at its end
        return found

    def interrupt(self) -> None:
        try:
            raise_if_asked()
            raise Terminated  # another rank was
        except KeyboardInterrupt as interruption:
            self._raise(interruption)

    @contextmanager
    def together(self, size: int) -> Iterator[None]:
        self._buffer = np.zeros(size + NUMBERS)
        try:
            yield
        except Exception as error:
            if error is self._joint:
                raise
            self._buffer[:] = 0  # the others are waiting, or coming, to add theirs
            self._buffer[-NUMBERS + FAILED] = 1
            self._wait(self.comm.Iallreduce(self.MPI.IN_PLACE, self._buffer))
            self._meet("an error", error)
        self._sum(np.zeros(size), 0.0, 0.0, 0.0, MODULUS - 1)  # an error of one that comes after its last sum

    @contextmanager
    def guarded(self) -> Iterator[None]:
        try:
            with one_thread_unless_chosen():
                yield
        except BaseException as error:
            if error is not self._joint:
                self._end(error)
            raise

    def _end(self, error: BaseException) -> None:
        """End all processes after an error that the others do not learn of."""
        stopped = isinstance(error, KeyboardInterrupt)
        text = "was interrupted" if stopped else f"failed:\n{traceback.format_exc()}"
        print(f"{self} {text}; all ranks end", file=sys.stderr, flush=True)
        self.comm.Abort(exit_status(error) if stopped else 1)

    def agreed(self, name: str, function: Callable[[], Result]) -> Result:
        try:
            found = function()
        except Exception as error:
            if error is self._joint:
                raise
            self._meet(name, error)
        self._meet(name, None)
        return found

    def collected(self, name: str, own: Any, function: Callable[[list[Any]], Result]) -> Result:
        self._meet(name, None)
        all_of_them = self.comm.gather(own)
        return self.from_first(name, lambda: function(all_of_them))

    def from_first(self, name: str, function: Callable[[], Result]) -> Result:
        found: list[Any] = []
        self.agreed(name, lambda: found.append(function()) if self.first else None)
        return self.comm.bcast(found[0] if self.first else None)

    def check_same(self, values: Mapping[str, Any]) -> None:
        own = {name: hashlib.sha256(repr(value).encode()).hexdigest() for name, value in values.items()}
        self._meet("the start of a training", None)
        everyone = self.comm.allgather(own)
        for rank, theirs in enumerate(everyone):
            for name in own:
                if theirs[name] != everyone[0][name]:
                    same = "all ranks have to make the same model, data and trainer, with the same seeds"
                    self._raise(ValueError(f"{name} of rank {rank} differ from those of rank 0: {same}"))

    def _meet(self, name: str, error: BaseException | None) -> None:
        """Wait until all processes are at the same place; raise in all if one has failed, or is at another place.

        Raises
        ------
        Exception
            `error` itself where there is one; else a RankError, or a TrainingDivergedError, for that of another.
        """
        text = "" if error is None else f"{type(error).__name__}: {error}"
        own, gathered = np.zeros(BYTES, np.uint8), np.zeros((self.size, BYTES), np.uint8)
        encoded = "\0".join([name, str(self), text]).encode()[:BYTES]
        own[: len(encoded)] = np.frombuffer(encoded, np.uint8)
        self._wait(self.comm.Iallgather(own, gathered))
        found = [bytes(one).decode(errors="replace").split("\0")[:3] for one in gathered]
        if error is not None:
            self._raise(error)
        for _, rank, text in found:
            if text:
                self._raise(RankError(f"{rank} failed: {text}"))
        for place, rank, _ in found:
            if place != found[0][0]:
                self._raise(
                    RankError(f"{found[0][1]} is at {found[0][0]}, and {rank} at {place}: call it in all ranks")
                )

    def _raise(self, error: BaseException) -> NoReturn:
        """Raise an error that all processes raise."""
        self._joint = error
        raise error

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.size} (process {os.getpid()} on {platform.node()})"

    def _wait(self, request: Any) -> None:
        """Wait for the others; signals are handled in between, and another program may use the core."""
        tests = 0
        while not request.Test():
            tests += 1
            if tests > SPINS:
                time.sleep(PAUSE)
