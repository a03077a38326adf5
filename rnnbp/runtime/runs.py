"""All runs of a comparison: their outcomes in order, with a progress bar, and a warning for each that fails."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

from rnnbp.runtime.attempts import Outcome
from rnnbp.runtime.parallel import outcomes
from rnnbp.runtime.progress import Progress

Task = TypeVar("Task")


def run_all(
    function: Callable[[Task], Any],
    tasks: Sequence[Task],
    n_jobs: int | None = None,
    *,
    name: Callable[[Task], str] = str,
    progress: bool = True,
    label: str = "run",
    shown: Callable[[Task, Any], Mapping[str, float]] = lambda task, result: {},
) -> list[Outcome]:
    """Return the outcome of ``function(task)`` of every task, in order, with a progress bar.

    Parameters
    ----------
    function, tasks, n_jobs
        See `outcomes`.
    name : callable, default str
        ``name(task)`` is what the warning calls a task that fails.
    progress : bool, default True
        Show the bar.
    label : str, default 'run'
        Label of the bar.
    shown : callable, optional
        ``shown(task, result)`` returns the scores to show for a completed task. Default: none.

    Raises
    ------
    Exception
        That of the first task, if all fail.

    Warns
    -----
    RuntimeWarning
        For each task that fails, where others do not.

    Examples
    --------
    >>> [outcome.result for outcome in run_all(abs, [-2, 3], progress=False)]
    [2, 3]
    """
    found: dict[int, Outcome] = {}
    with Progress(len(tasks), show=progress, label=label) as bar, closing(outcomes(function, tasks, n_jobs)) as done:
        for place, outcome in done:
            found[place] = outcome
            bar.update({} if outcome.error else shown(tasks[place], outcome.result))
    if found and all(outcome.error for outcome in found.values()):
        raise failure(found[0])
    for place, outcome in found.items():
        if outcome.error:
            warnings.warn(f"{name(tasks[place])} failed: {outcome.reason}", RuntimeWarning, stacklevel=2)
    return [found[place] for place in range(len(tasks))]


def failure(outcome: Outcome) -> Exception:
    """Return the exception of a task that failed, with the traceback of its process as a note.

    Examples
    --------
    >>> failure(Outcome(error="Traceback ...", exception=ValueError("no")))
    ValueError('no')
    """
    error = outcome.exception or RuntimeError(outcome.reason)
    error.add_note(f"In the process of the run:\n{outcome.error}")
    return error
