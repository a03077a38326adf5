"""SIGTERM and Ctrl-C: interruption at once, or, while work asks for it, at its next point where nothing is lost."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Terminated(KeyboardInterrupt):
    """Interruption by SIGTERM."""


def exit_status(interruption: BaseException) -> int:
    """Return the exit status that a shell expects of a process that the signal of an interruption has ended.

    Examples
    --------
    >>> exit_status(KeyboardInterrupt()), exit_status(Terminated())
    (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT)


@dataclass
class _State:
    deferred: bool = False
    asked: type[KeyboardInterrupt] | None = None


_STATE = _State()
BEFORE: dict[int, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
RAISED: dict[int, type[KeyboardInterrupt]] = {signal.SIGTERM: Terminated, signal.SIGINT: KeyboardInterrupt}


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Context in which SIGTERM raises `Terminated`, so that files and workers are cleaned up as after Ctrl-C.

    Within `deferred`, SIGTERM and Ctrl-C are raised by `raise_if_asked`; a second one takes effect at once. A signal
    that the process ignores or handles otherwise is left alone. Has no effect outside of the main thread.
    """
    own = [signum for signum, before in BEFORE.items() if _in_main_thread() and signal.getsignal(signum) == before]
    for signum in own:
        signal.signal(signum, _interrupt)
    try:
        yield
    finally:
        _STATE.asked = None
        for signum in own:
            signal.signal(signum, BEFORE[signum])


@contextmanager
def saves_on_sigterm() -> Iterator[None]:
    """Context in which SIGTERM and Ctrl-C save the checkpoint of a training before they end the program.

    `Trainer.fit` and `fit_up_to` with a `checkpoint` write it at the end of the current batch. Then the program ends
    with status 143 after SIGTERM, as shells expect it, or KeyboardInterrupt is raised after Ctrl-C. A second signal
    takes effect at once, and so does the first outside of such a training. For scripts: the command line does this
    itself. Has no effect outside of the main thread.

    Raises
    ------
    SystemExit
        After SIGTERM.

    Examples
    --------
    >>> import rnnbp
    >>> data = rnnbp.SequenceDataset([[[0.0], [1.0]]], targets=[[1.0]])
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Last(), rnnbp.Dense(2, 1))
    >>> trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError())
    >>> with saves_on_sigterm():
    ...     history = trainer.fit_up_to(3, data, progress=False)  # and checkpoint="run.npz"
    """
    with terminated_as_interrupted():
        try:
            yield
        except Terminated as interruption:
            sys.exit(exit_status(interruption))


@contextmanager
def deferred() -> Iterator[None]:
    """Context in which `raise_if_asked` raises the first SIGTERM or Ctrl-C, or the end of the block does.

    Only within `terminated_as_interrupted`, and in the main thread.

    Examples
    --------
    >>> try:
    ...     with terminated_as_interrupted(), deferred():
    ...         signal.raise_signal(signal.SIGTERM)
    ...         print("saved")
    ... except Terminated:
    ...     print("terminated")
    saved
    terminated
    """
    _STATE.deferred = _in_main_thread()
    try:
        yield
    finally:
        _STATE.deferred = False
    raise_if_asked()


def asked() -> bool:
    """Return whether the program has been asked to end; see `deferred`."""
    return _STATE.asked is not None and _in_main_thread()


def raise_if_asked() -> None:
    """Raise the interruption that was deferred, if there is one."""
    if asked() and (interruption := _STATE.asked) is not None:
        _STATE.asked = None
        raise interruption


def _interrupt(signum: int, _: Any) -> None:
    if not _STATE.deferred:
        raise RAISED[signum]
    _STATE.asked, _STATE.deferred = RAISED[signum], False  # a second one is not deferred
    signal.signal(signum, BEFORE[signum])  # a second one ends even a long call of compiled code


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
