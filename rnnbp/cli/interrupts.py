"""Interruption of commands by Ctrl-C or SIGTERM: orderly exit, with a message on how to continue."""

import argparse
import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn


class Terminated(KeyboardInterrupt):
    """Interruption by SIGTERM."""


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM within the block, so that files and workers are cleaned up as after Ctrl-C.

    Has no effect if the process ignores SIGTERM or handles it already, or outside of its main thread.
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
    """Return the exit status that a shell expects of a process ended by the signal.

    Examples
    --------
    >>> status(KeyboardInterrupt()), status(Terminated())
    (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def how_to_continue(options: argparse.Namespace, arguments: Sequence[str]) -> str:
    """Return the message after "interrupted": the command that continues the work.

    Parameters
    ----------
    options : Namespace
        `kept_by` is the option that writes checkpoints and its metavar; None if they are always written. Commands
        without it have no checkpoints and nothing to lose.
    arguments : sequence of str
        Command-line arguments that `options` were parsed from.

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
