"""Report of a sweep: a table of its runs, a ranking of its trials, the best parameters and the best model."""

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnbp.comparison.sweeps.described import described, plain
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.space import Parameters
from rnnbp.metrics import less_is_better
from rnnbp.models import Sequential
from rnnbp.runtime import counted
from rnnbp.runtime.tables import write_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10  # trials in the printed ranking
MOST_ERRORS = 3  # printed below it
STATUSES = ("ok", "pruned", "diverged", "failed")


@dataclass(frozen=True)
class SweepReport:
    """Result of `rnnbp.sweep`.

    Attributes
    ----------
    trials : list of dict
        The parameters of each trial.
    runs : list of RunResult
        Of each trial and seed, in order.
    monitor : str
        The column of the history that is the score.
    planned : int
        Number of runs of the whole sweep; more than `runs` after an interruption.

    Examples
    --------
    `rnnbp.sweep` makes one; here two trials by hand, of which one diverged:

    >>> runs = [RunResult(0, 0, "diverged"), RunResult(1, 0, "ok", 0.9, 1)]
    >>> report = SweepReport([{"learning_rate": 9.0}, {"learning_rate": 0.1}], runs, "validation_accuracy", 2)
    >>> report.best, report.best_score
    ({'learning_rate': 0.1}, 0.9)
    """

    trials: list[Parameters]
    runs: list[RunResult]
    monitor: str
    planned: int
    _model: Callable[[RunResult, Parameters], Sequential] | None = field(default=None, repr=False)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each run.

        Columns: `trial`, `seed`, the parameters, `status` ('ok', 'pruned', 'diverged' or 'failed'), `score`,
        `best_epoch`, the epoch of the score, `epochs_trained`, `seconds` of training, and `error`, of a failed run the
        traceback. The score is NaN where a run diverged or failed.
        """
        return pd.DataFrame([self._row(run) for run in self.runs])

    def _row(self, run: RunResult) -> dict[str, Any]:
        names = dict.fromkeys(name for one in self.trials for name in one)
        parameters = self.trials[run.trial]
        values = {name: _cell(parameters[name]) if name in parameters else None for name in names}
        results = ("status", "score", "best_epoch", "epochs_trained", "seconds", "error")
        return {"trial": run.trial, "seed": run.seed} | values | {name: getattr(run, name) for name in results}

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row for each trial, the best one first.

        Columns: `trial`, the parameters, `score`, the mean over seeds, `std`, their standard deviation, and `status`:
        the worst of its runs. A trial of which a run was pruned, diverged or failed comes after all others, without a
        score; of equal scores the earlier trial comes first.
        """
        table, names = self.table, [name for name in self.table if name in {n for one in self.trials for n in one}]
        groups = table.groupby("trial", sort=True)
        ranking = groups[names].first()
        ranking["score"], ranking["std"] = groups["score"].mean(), groups["score"].std(ddof=1)
        ranking["status"] = [max(group, key=STATUSES.index) for _, group in groups["status"]]
        ranking.loc[ranking["status"] != "ok", ["score", "std"]] = float("nan")
        order = ranking["score"].sort_values(ascending=less_is_better(self.monitor), kind="stable").index
        return ranking.loc[order].reset_index()

    @property
    def best_trial(self) -> int:
        """Number of the trial with the best mean score.

        Raises
        ------
        ValueError
            If no trial has a score.
        """
        best = self.ranking.iloc[0]
        if best["status"] != "ok":
            raise ValueError(f"no trial has a score: {self._counts()}; table['error'] says why")
        return int(best["trial"])

    @property
    def best(self) -> Parameters:
        """Parameters of the best trial."""
        return dict(self.trials[self.best_trial])

    @property
    def best_score(self) -> float:
        """Mean score of the best trial: the best of many on the same validation set, hence optimistic."""
        self.best_trial  # noqa: B018 - raises where there is none
        return float(self.ranking["score"].iloc[0])

    @cached_property
    def model(self) -> Sequential:
        """Trained model of the best trial, of its best seed."""
        sign, best = (1 if less_is_better(self.monitor) else -1), self.best_trial
        run = min((one for one in self.runs if one.trial == best), key=lambda one: sign * one.score)
        if self._model is None:
            raise ValueError("this report was made without models")
        return self._model(run, self.trials[best])

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Learning curves: the history of each run, with `trial` and `seed`."""
        rows = [{"trial": run.trial, "seed": run.seed, **row} for run in self.runs for row in run.rows]
        return pd.DataFrame(rows)

    def plot(self, width: float = 11) -> "Figure":
        """Plot the score of each run by each parameter.

        Parameters
        ----------
        width : float, default 11
            Of the figure [inches].

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.comparison.sweeps.plots import plot_sweep

        best = None if self.ranking["score"].isna().all() else self.best_trial
        return plot_sweep(self.table, self._varied(), self.monitor, best, width)

    def _varied(self) -> dict[str, list[Any]]:
        """Return, of each parameter that differs between trials, its value in every run; None where it has none."""
        names = dict.fromkeys(name for one in self.trials for name in one)
        values = {name: [_cell(self.trials[run.trial].get(name)) for run in self.runs] for name in names}
        return {name: column for name, column in values.items() if len(set(column)) > 1}

    def to_csv(self, folder: str | Path) -> None:
        """Write `table.csv`, `ranking.csv` and `curves.csv`.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.
        """
        write_tables(folder, {"table": self.table, "ranking": self.ranking, "curves": self.curves})

    def _counts(self) -> str:
        found = [run.status for run in self.runs]
        counts = [f"{found.count(status)} {status}" for status in STATUSES if status in found]
        missing = self.planned - len(self.runs)
        return ", ".join(counts + [f"{missing} not finished"] * bool(missing)) or "no run finished"

    @property
    def _verdict(self) -> str:
        title = f"Sweep: {counted(len(self.trials), 'trial')}, {counted(self.planned, 'run')} ({self._counts()})."
        if not self.runs or self.ranking["score"].isna().all():
            return f"{title} No trial has a score."
        parameters = ", ".join(f"{name}={_short(value)}" for name, value in self.best.items())
        spread = self.ranking["std"].iloc[0]
        score = f"{self.best_score:.4f}" + ("" if pd.isna(spread) else f" ± {spread:.4f}")
        return f"{title} Best {self.monitor} {score}, of trial {self.best_trial}: {parameters}"

    def _shown(self) -> pd.DataFrame:
        return self.ranking.head(SHOWN).dropna(axis="columns", how="all")

    def __repr__(self) -> str:
        if not self.runs:
            return self._verdict
        table = self._shown().to_string(index=False, float_format="{:.4g}".format, na_rep="")
        return "\n".join([self._verdict, f"{table}{self._more()}", *self._failures()])

    def _repr_html_(self) -> str:
        if not self.runs:
            return f"<p>{html.escape(self._verdict)}</p>"
        table = self._shown().to_html(index=False, border=0, float_format="{:.4g}".format, na_rep="")
        below = html.escape("\n".join([self._more().strip(), *self._failures()])).replace("\n", "<br>")
        return f"<p>{html.escape(self._verdict)}</p>{table}<p>{below}</p>"

    def _more(self) -> str:
        hidden = len(self.ranking) - SHOWN
        return f"\n... {counted(hidden, 'further trial')} in .ranking" if hidden > 0 else ""

    def _failures(self) -> list[str]:
        """Return a line for each different error of runs that failed, with the first run that it ended."""
        lines: dict[str, str] = {}
        for run in self.runs:
            if run.status == "failed":
                reason = (run.error.strip().splitlines() or ["without a message"])[-1]
                lines.setdefault(reason, f"trial {run.trial}, seed {run.seed} failed: {reason}")
        hidden = len(lines) - MOST_ERRORS
        shown = [*list(lines.values())[:MOST_ERRORS], *([f"... {counted(hidden, 'further error')}"] * (hidden > 0))]
        return [*shown, "(tracebacks: .table['error'])"] if shown else []


def _cell(value: Any) -> Any:
    """Return a parameter's value as it stands in a table."""
    return value if plain(value) else described(value)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(_cell(value))
