"""The `rnnbp` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Protocol

import rnnbp
from rnnbp.cli import (
    bench,
    check,
    compare,
    datasets,
    evaluate,
    export,
    gradients,
    import_,
    nettalk,
    predict,
    reproduce,
    speak,
    speakers,
    sweep,
    train,
    transcribe,
)
from rnnbp.cli.arguments import check_targets, resolve_dataset
from rnnbp.cli.how_to_continue import how_to_continue
from rnnbp.cli.output import printing_safely
from rnnbp.cli.ranks import agreed, check_processes, print_error, printing_in_first, refused_by_first
from rnnbp.runtime import exit_status, terminated_as_interrupted


class Command(Protocol):
    """Module of a subcommand, whose docstring is its help."""

    __name__: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, options: argparse.Namespace) -> None:
        """Run the command."""


COMMANDS: tuple[Command, ...] = (
    *(compare, sweep, train, evaluate, predict, export, import_, check, gradients, bench, reproduce),
    *(transcribe, speakers, nettalk, speak, datasets),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 means success, 2 a wrong argument or file, 130 and 143 an interruption by Ctrl-C and SIGTERM.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Examples
    --------
    >>> main(["datasets"])  # doctest: +ELLIPSIS
    name ...
    0
    """
    given = sys.argv[1:] if arguments is None else arguments
    with refused_by_first():
        options = parser().parse_args(given)
    try:
        with terminated_as_interrupted(), printing_in_first(), printing_safely():
            with refused_by_first():
                check_processes(options)
            agreed(lambda: check_targets(options))
            agreed(lambda: resolve_dataset(options))
            options.run(options)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter's final flush fails
        return 141  # the status of a process ended by SIGPIPE
    except KeyboardInterrupt as interrupt:
        print_error(f"rnnbp: interrupted{how_to_continue(options, given)}")
        return exit_status(interrupt)
    except (ValueError, OSError, ImportError, rnnbp.TrainingDivergedError, rnnbp.RankError) as error:
        print_error(f"rnnbp: error: {error}")
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of the command."""
    top = argparse.ArgumentParser(prog="rnnbp", description=rnnbp.__doc__)
    top.add_argument("--version", action="version", version=f"rnnbp {rnnbp.__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        added = commands.add_parser(
            command.__name__.rpartition(".")[2].rstrip("_"),  # no module can be called `import`
            help=command.__doc__,
            description=command.__doc__,
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return top
