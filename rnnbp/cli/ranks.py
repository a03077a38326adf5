"""Commands that mpiexec has started in several processes: which can run so, and what each of these prints."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from rnnbp.training.parallel import started_rank, started_ranks


def check_processes(options: argparse.Namespace) -> None:
    """Raise if mpiexec has started several processes of a command that each of them would run for itself.

    Raises
    ------
    ValueError
        If so.
    """
    started = started_ranks()
    if started > 1 and not getattr(options, "runs_in_ranks", False):
        raise ValueError(
            f"mpiexec has started {started} processes, of which each would do the same and overwrite the others' "
            "files: start this command without mpiexec (only rnnbp train divides its work over processes)"
        )


@contextmanager
def printing_in_first() -> Iterator[None]:
    """Context in which only the first of several processes of one mpiexec prints."""
    if started_ranks() == 1 or started_rank() == 0:
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def print_error(text: str) -> None:
    """Print a message to the standard error, in the first of several processes of one mpiexec."""
    if started_ranks() == 1 or started_rank() == 0:
        print(text, file=sys.stderr)
