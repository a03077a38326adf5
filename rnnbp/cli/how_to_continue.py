"""What an interrupted command says: how to continue its work."""

import argparse
import shlex
from collections.abc import Sequence


def how_to_continue(options: argparse.Namespace, arguments: Sequence[str]) -> str:
    """Return the message after "interrupted": the command that continues the work.

    Parameters
    ----------
    options : Namespace
        `checkpoint_option` is the option that writes checkpoints and its metavar; None if they are always written. Only
        commands that train have it.
    arguments : sequence of str
        Command-line arguments that `options` were parsed from.

    Examples
    --------
    >>> options = argparse.Namespace(checkpoint_option=("checkpoints", "DIR"), checkpoints="runs")
    >>> how_to_continue(options, ["compare", "--checkpoints", "runs"])
    '; the checkpoints are saved, and the same command resumes from them:\\n  rnnbp compare --checkpoints runs'
    >>> options.checkpoints = None
    >>> how_to_continue(options, ["compare"])
    '; nothing was saved. To resume after an interruption, start it by:\\n  rnnbp compare --checkpoints DIR'
    """
    if "checkpoint_option" not in options:
        return ""
    command = shlex.join(["rnnbp", *arguments])
    if options.checkpoint_option is not None:
        option, metavar = options.checkpoint_option
        if getattr(options, option) is None:
            command += f" --{option} {metavar}"
            return f"; nothing was saved. To resume after an interruption, start it by:\n  {command}"
    return f"; the checkpoints are saved, and the same command resumes from them:\n  {command}"
