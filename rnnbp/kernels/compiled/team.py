"""How the threads of a pool wait for each other where kernels are compiled.

The operating system takes some 50 us to wake a sleeping thread, longer than many a kernel runs. So a thread without
work first *spin-waits*: it reads a counter in memory, again and again, for about 0.3 ms, and goes to sleep only if the
counter has not changed by then. There are two counters: `STARTED` is increased when compiled code begins, which tells
the pool's threads to look into the queue; `FINISHED` when a shard is done, which tells the caller. Both are increased
(`notify`) and read (`spin_wait`) in compiled code without the interpreter's lock, so that the thread that was notified
can take the lock at once.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.team import FINISHED, STARTED, wait_by

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


class Spinning:
    """Threads spin-wait before they sleep."""

    def prepare(self) -> None:
        """Compile both functions for the pool's counters."""
        signals = types.Array(types.int64, 1, "C")
        spin_wait.compile((signals, types.int64, types.int64))
        finish.compile((signals, types.int64))

    def finish(self, signals: np.ndarray, last: int) -> None:
        """Signal that a shard is finished, and wait until the counter `STARTED` differs from `last`."""
        finish(signals, last)

    def wait(self, signals: np.ndarray, last: int) -> None:
        """Wait until the counter `FINISHED` differs from `last`."""
        spin_wait(signals, FINISHED, last)


wait_by(Spinning())
