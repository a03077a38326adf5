"""Runs of a comparison that failed, as a table."""

from collections.abc import Iterable

import pandas as pd

from rnnbp.comparison.training_run import TrainingRun
from rnnbp.runtime import Outcome, counted

COLUMNS = ("model", "run", "error", "traceback")


def failures(runs: Iterable[tuple[TrainingRun, Outcome]] = ()) -> pd.DataFrame:
    """Return a row for each run that failed: `model`, `run`, `error`, the last line of its `traceback`.

    Examples
    --------
    >>> failures().empty
    True
    """
    failed = [(run, outcome) for run, outcome in runs if outcome.error]
    rows = [(run.name, run.run, outcome.reason, outcome.error) for run, outcome in failed]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def described(failed: pd.DataFrame) -> str:
    """Return the runs that failed as text, a line for each; '' if there are none.

    Examples
    --------
    >>> print(described(pd.DataFrame([("gru", "fold 0", "MemoryError", "...")], columns=COLUMNS)))
    <BLANKLINE>
    1 run failed, and is in none of these figures (tracebacks: report.failures):
      gru, fold 0: MemoryError
    """
    if failed.empty:
        return ""
    lines = [f"  {', '.join(row[:-2])}: {row[-2]}" for row in failed.itertuples(index=False, name=None)]
    are = "is" if len(failed) == 1 else "are"
    heading = f"{counted(len(failed), 'run')} failed, and {are} in none of these figures (tracebacks: report.failures):"
    return "\n".join(["", heading, *lines])
