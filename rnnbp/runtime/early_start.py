"""An early start of joblib's worker processes, which import what they need while this process reads the data."""

import atexit
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from rnnbp.runtime.dispatch import dispatched, local_processes

_starting: list[Any] = []  # an iterator over the workers that import, as long as it is not known that they have


def start_workers(n_jobs: int, modules: Sequence[str]) -> None:
    """Begin to start workers that import modules; without effect for fewer than two, or on a cluster.

    Parameters
    ----------
    n_jobs : int
    modules : sequence of str

    Examples
    --------
    >>> start_workers(1, ["rnnbp.training"])
    """
    if n_jobs > 1 and not _starting and local_processes():
        _starting.append(dispatched(n_jobs, ((_imported, (modules,)) for _ in range(n_jobs))))


def wait_for_started() -> None:
    """Wait until the workers that have been started have imported their modules."""
    while _starting:
        with suppress(Exception):  # a worker that was lost, or cannot import, is one for the tasks to tell of
            for _ in _starting[-1]:
                pass
        _starting.pop()


def _imported(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)


@atexit.register
def _ended() -> None:
    """End workers that were started for nothing."""
    with warnings.catch_warnings(action="ignore"):
        for workers in _starting:
            workers.close()
