"""The threads that share a kernel's call: ordinary Python threads that wait for work.

Any number of callers may use them at once, and a forked process begins with none and makes its own. Queues hand out the
work and tell of its end. To wake a thread that sleeps takes longer than many a kernel runs; so one that has nothing to
do listens for a while before it goes to sleep, for one of two bells. They are rung from compiled code, where the
interpreter is free for the thread that hears them.
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

BEGUN, ENDED = 0, 8  # the bells, each in a line of the cache
PATIENCE = 1 << 20  # looks at a bell before a thread goes to sleep: some 0.3 ms


@intrinsic
def ring(typingctx, bells, bell):
    """Count one more, for all threads to see, and with it all that was written before."""

    def codegen(context, builder, sig, args):
        place = _place(context, builder, sig, args)
        builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "release")
        return context.get_dummy_value()

    return types.void(bells, bell), codegen


@intrinsic
def _count(typingctx, bells, bell):
    """How often a bell has been rung."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_place(context, builder, sig, args), "acquire", 8)

    return types.int64(bells, bell), codegen


def _place(context, builder, sig, args):
    """The address of a bell."""
    return builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [args[1]])


@entry
def listen(bells, bell, last):
    """Wait until a bell has been rung more than `last` times, but not for long."""
    for _ in range(PATIENCE):
        if _count(bells, bell) != last:
            break


@entry
def end(bells, last):
    """Say that a share is done, and listen for the next."""
    ring(bells, ENDED)
    listen(bells, BEGUN, last)


def _compile() -> None:
    """For the bells as they are here."""
    bells = types.Array(types.int64, 1, "C")
    listen.compile((bells, types.int64, types.int64))
    end.compile((bells, types.int64))


class _Team:
    """Threads that take tasks from one queue."""

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self.bells = np.zeros(16, np.int64)
        self.size = 0
        self.growing = threading.Lock()

    def grow(self, size: int) -> None:
        """Have at least so many threads."""
        if self.size < size:
            with self.growing:
                _compile()  # or each thread would, while its caller believes itself alone
                for _ in range(self.size, size):
                    threading.Thread(target=self._work, name="rnnbp", daemon=True).start()
                self.size = max(self.size, size)

    def _work(self) -> None:
        while True:
            _do(self.tasks.get())
            last = int(self.bells[BEGUN])
            end(self.bells, last if self.tasks.empty() else last - 1)

    def result(self, ended: "_Ended") -> BaseException | None:
        """How the next share ended."""
        last = int(self.bells[ENDED])
        if ended.empty():
            listen(self.bells, ENDED, last)
        return ended.get()


_Ended = queue.SimpleQueue[BaseException | None]
_Task = tuple[Callable[..., Any], tuple[Any, ...], _Ended]


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


def run_shares(shares: int, function: Callable[..., Any]) -> None:
    """Call ``function(bells, share, shares)`` for each share, side by side; return when all are done.

    The caller does the first share, and of the others those that no thread has taken yet. Compiled code that is called
    does well to ``ring(bells, BEGUN)`` first.

    Examples
    --------
    >>> run_shares(1, lambda bells, share, shares: print(share, "of", shares))
    0 of 1
    """
    team = _team
    if shares == 1:
        function(team.bells, 0, 1)
        return
    team.grow(shares - 1)
    ended: _Ended = queue.SimpleQueue()
    for share in range(1, shares):
        team.tasks.put((function, (team.bells, share, shares), ended))
    _do((function, (team.bells, 0, shares), ended))
    while True:
        try:
            _do(team.tasks.get_nowait())
        except queue.Empty:
            break
    errors = [error for error in (team.result(ended) for _ in range(shares)) if error is not None]
    if errors:
        raise errors[0]
