"""A pool of threads that run the shards of a kernel's call.

They are ordinary Python threads that take tasks from a queue. Any number of callers may use them at once; a forked
process starts without any and makes its own.

What is special is how they wait. The operating system takes some 50 us to wake a sleeping thread, longer than many a
kernel runs. So a thread without work first *spin-waits*: it reads a counter in memory, again and again, for about
0.3 ms, and goes to sleep only if the counter has not changed by then. There are two counters: `STARTED` is increased
when compiled code begins, which tells the pool's threads to look into the queue; `FINISHED` when a shard is done, which
tells the caller. Both are increased (`notify`) and read (`spin_wait`) in compiled code without the interpreter's lock,
so that the thread that was notified can take the lock at once.
"""

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rnnbp.kernels.compiled.compiling import entry

STARTED, FINISHED = 0, 8  # places of the two counters, each in a cache line of its own
SPINS = 1 << 20  # reads of a counter before a thread goes to sleep: some 0.3 ms


@intrinsic
def notify(typingctx, signals, signal):
    """Increase a counter; whoever sees it sees all that was written before (release order)."""

    def codegen(context, builder, sig, args):
        place = _place(context, builder, sig, args)
        builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "release")
        return context.get_dummy_value()

    return types.void(signals, signal), codegen


@intrinsic
def _count(typingctx, signals, signal):
    """Read a counter (acquire order)."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_place(context, builder, sig, args), "acquire", 8)

    return types.int64(signals, signal), codegen


def _place(context, builder, sig, args):
    """Return the address of a counter."""
    return builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [args[1]])


@entry
def spin_wait(signals, signal, last):
    """Wait until a counter differs from `last`, for `SPINS` reads at most."""
    for _ in range(SPINS):
        if _count(signals, signal) != last:
            break


@entry
def finish(signals, last):
    """Signal that a shard is finished, and spin-wait for the next call."""
    notify(signals, FINISHED)
    spin_wait(signals, STARTED, last)


def _compile() -> None:
    """Compile both functions for the pool's counters."""
    signals = types.Array(types.int64, 1, "C")
    spin_wait.compile((signals, types.int64, types.int64))
    finish.compile((signals, types.int64))


class _Team:
    """Threads that take tasks from one queue."""

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self.signals = np.zeros(16, np.int64)
        self.size = 0
        self.growing = threading.Lock()

    def grow(self, size: int) -> None:
        """Start threads until there are at least `size`."""
        if self.size < size:
            with self.growing:
                _compile()  # here, not in the threads, whose memory a caller does not expect to grow
                for _ in range(self.size, size):
                    threading.Thread(target=self._work, name="rnnbp", daemon=True).start()
                self.size = max(self.size, size)

    def _work(self) -> None:
        while True:
            _do(self.tasks.get())
            last = int(self.signals[STARTED])
            finish(self.signals, last if self.tasks.empty() else last - 1)

    def result(self, finished: "_Finished") -> BaseException | None:
        """Return the error with which the next shard finished, or None."""
        last = int(self.signals[FINISHED])
        if finished.empty():
            spin_wait(self.signals, FINISHED, last)
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


def run_shards(shards: int, function: Callable[..., Any]) -> None:
    """Call ``function(signals, shard, shards)`` for each shard in parallel; return when all are finished.

    The caller runs the first shard, and those of the others that no thread has taken yet. Compiled code that is called
    should ``notify(signals, STARTED)`` first, so that the threads are awake.

    Examples
    --------
    >>> run_shards(1, lambda signals, shard, shards: print(shard, "of", shards))
    0 of 1
    """
    team = _team
    if shards == 1:
        function(team.signals, 0, 1)
        return
    team.grow(shards - 1)
    finished: _Finished = queue.SimpleQueue()
    for shard in range(1, shards):
        team.tasks.put((function, (team.signals, shard, shards), finished))
    _do((function, (team.signals, 0, shards), finished))
    while True:
        try:
            _do(team.tasks.get_nowait())
        except queue.Empty:
            break
    errors = [error for error in (team.result(finished) for _ in range(shards)) if error is not None]
    if errors:
        raise errors[0]
