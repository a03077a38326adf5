"""Commands that are interrupted, by Ctrl-C or SIGTERM: they end in order, and say how to continue."""

import argparse
import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Within the block SIGTERM raises `Terminated`, so that files are cleared away and workers ended as after Ctrl-C.

    Unless the process ignores SIGTERM, or handles it already, or this is not its main thread.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(*_: Any) -> NoReturn:
    raise Terminated


def status(interrupt: KeyboardInterrupt) -> int:
    """What a shell expects of a process that a signal ended.

    Examples
    --------
    >>> status(KeyboardInterrupt()), status(Terminated())
    (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def how_to_continue(options: argparse.Namespace, arguments: Sequence[str]) -> str:
    """What follows "interrupted": the command to go on with.

    Parameters
    ----------
    options : Namespace
        `kept_by` names the option that keeps checkpoints, and what it takes; None where they are always kept. Commands
        without it keep nothing and lose nothing.
    arguments : sequence of str
        What `options` were read from.

    Examples
    --------
    >>> options = argparse.Namespace(kept_by=("checkpoints", "DIR"), checkpoints="kept")
    >>> how_to_continue(options, ["compare", "--checkpoints", "kept"])
    '; what was trained is kept, the same command continues it:\\n  rnnbp compare --checkpoints kept'
    >>> options.checkpoints = None
    >>> how_to_continue(options, ["compare"])
    '; nothing was kept. So that it can be continued, begin it by:\\n  rnnbp compare --checkpoints DIR'
    """
    if "kept_by" not in options:
        return ""
    command = shlex.join(["rnnbp", *arguments])
    if options.kept_by is not None:
        option, taken = options.kept_by
        if getattr(options, option) is None:
            return f"; nothing was kept. So that it can be continued, begin it by:\n  {command} --{option} {taken}"
    return f"; what was trained is kept, the same command continues it:\n  {command}"
