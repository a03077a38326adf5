"""Commands that mpiexec has started in several processes: which can run so, and what each of these prints."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from rnnbp.cli.output import printable
from rnnbp.training.parallel import ranks_of, started_rank, started_ranks, world


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
def refused_by_first() -> Iterator[None]:
    """Context of what all processes of one mpiexec refuse alike: the first says why and ends with an error status.

    The others end with status 0 and print nothing: Open MPI ends all processes at the first status that is not 0, the
    first process perhaps before it could print.
    """
    if started_rank() == 0:
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            yield
        except (SystemExit, ValueError):
            sys.exit(0)


def agreed(check: Callable[[], None]) -> None:
    """Call a check in all processes of one mpiexec; an error in one is raised in all, and the first prints it."""
    ranks = ranks_of(world())
    with ranks.guarded():
        ranks.agreed("the command line", check)


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
        print(printable(text), file=sys.stderr)
