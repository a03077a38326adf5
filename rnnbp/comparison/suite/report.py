"""Report of a suite of comparisons: one report a task, beside what each task's data needs."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rnnbp.comparison.failures import described, failures
from rnnbp.comparison.report import Report
from rnnbp.comparison.suite.margins import margins
from rnnbp.comparison.suite.page import columns_to_read, suite_page
from rnnbp.comparison.suite.ranking import Ranking
from rnnbp.comparison.suite.verdict import verdict
from rnnbp.metrics import less_is_better
from rnnbp.models.kind import KINDS
from rnnbp.plotting import DARK_PAPER, INK, LIGHT_INK, PAPER, drawn_in
from rnnbp.runtime import check_fields, checked_path, replacing
from rnnbp.runtime.tables import write_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SuiteReport:
    """Result of `rnnbp.compare_suite`.

    Attributes
    ----------
    reports : mapping of str to Report
        The comparison of each task, in the suite's order.
    memory : mapping of str to DataFrame
        Lag profile of the gradient of each task's best recurrent network, as `rnnbp.comparison.memory_profile` returns
        it: columns `lag` and `share`. Tasks without a recurrent network are left out.
    failed : mapping of str to str
        The traceback of the first run of each task of which every run failed.

    Examples
    --------
    `rnnbp.compare_suite` makes one; here from a comparison of two networks on one task:

    >>> import numpy as np, rnnbp
    >>> rng = np.random.default_rng(0)
    >>> data = rnnbp.SequenceDataset([rng.normal(k, 1, (6, 2)) for k in (0, 2) * 12], targets=[0, 1] * 12)
    >>> def static(seed):
    ...     return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 2), seed=seed)
    >>> def recurrent(seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=seed)
    >>> report = rnnbp.compare({"a": static, "b": recurrent}, data, data, seeds=2, epochs=3, progress=False)
    >>> suite = SuiteReport({"clouds": report})
    >>> suite.table[["task", "model", "kind"]].values.tolist()
    [['clouds', 'a', 'static'], ['clouds', 'b', 'recurrent']]
    """

    reports: Mapping[str, Report]
    memory: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Summary table, one row for each task and model.

        Columns: `task`, `metric`, and those of `Report.table`.
        """
        tables = [
            report.table.assign(task=task, metric=report.metric)[["task", "metric", *report.table]]
            for task, report in self.reports.items()
        ]
        return pd.concat(tables, ignore_index=True)

    @property
    def failures(self) -> pd.DataFrame:
        """Runs that failed: `task`, `model`, `run`, `error`, `traceback`; one row for a task of which every run did."""
        whole = [(task, "all", "all", text.strip().rpartition("\n")[2], text) for task, text in self.failed.items()]
        tables = [report.failures.assign(task=task) for task, report in self.reports.items()]
        columns = ["task", *failures()]
        return pd.concat([*tables, pd.DataFrame(whole, columns=columns, dtype=object)], ignore_index=True)[columns]

    @cached_property
    def wide(self) -> pd.DataFrame:
        """Mean test score of each model (columns) on each task (rows); NaN where the task is without the model."""
        pivot = self.table.pivot_table(index="task", columns="model", values="test_mean", sort=False)
        return pivot.reindex(index=list(self.reports), columns=list(dict.fromkeys(self.table["model"])))

    @cached_property
    def ranking(self) -> Ranking:
        """Average ranks, with their tests, of the models that all tasks have."""
        return Ranking(self._signed(self.wide).dropna(axis=1))

    @cached_property
    def ranking_of_kinds(self) -> Ranking:
        """Average ranks, with their tests, of the best static, reservoir and recurrent model of each task.

        Each is chosen by validation; kinds that are not on every task are left out.
        """
        scores = self.margins.set_index("task")[[f"{kind}_mean" for kind in KINDS]].set_axis(list(KINDS), axis=1)
        return Ranking(self._signed(scores).dropna(axis=1))

    def _signed(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Return scores of tasks (rows) so that more is better, error rates negated."""
        sign = [-1 if less_is_better(self.reports[task].metric) else 1 for task in scores.index]
        return scores.mul(sign, axis=0)

    @property
    def ranks(self) -> pd.DataFrame:
        """Average rank of each model that all tasks have, the best first: `model`, `kind`, `rank`."""
        kinds = dict(zip(self.table["model"], self.table["kind"], strict=True))
        ranks = self.ranking.ranks
        return pd.DataFrame({"model": ranks.index, "kind": [kinds[name] for name in ranks.index], "rank": ranks.values})

    @cached_property
    def margins(self) -> pd.DataFrame:
        """What recurrence is worth on each task, one row per task, beside the memory that the task needs.

        Columns: `task`, `metric`; the best `static`, `reservoir` and `recurrent` model, chosen by validation within the
        training set, each with the mean test score, `static_mean`, ...; the improvement, paired by seed, with its 95 %
        interval: `margin`, of the recurrent over the static model (`margin_low`, `margin_high`, `margin_p`, Hedges' g
        `effect`); `over_reservoir`, of the recurrent model over the reservoir; `bptt`, of the reservoir's own network
        trained by backpropagation over the reservoir; `memory`, the lag [steps] within which 90 % of the best recurrent
        network's gradient lies; `outcome`: 'recurrent', 'static' or 'undecided', by the margin's p-value, and
        `over_reservoir_outcome`: 'recurrent', 'reservoir' or 'undecided'. Improvements are positive for error rates
        too.
        """
        return margins(self.reports, self.memory)

    @property
    def verdict(self) -> str:
        """Two or three sentences: where recurrence pays off, where not, and what its training adds."""
        return verdict(self.margins)

    def plot(self, width: float = 11) -> "Figure":
        """Plot each task's best static, reservoir and recurrent score, what recurrence gains, and the task's memory.

        Parameters
        ----------
        width : float, default 11
            Of the figure [inches]; from 7 on its panels are side by side.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.comparison.suite.plots import plot_suite

        return plot_suite(self.margins, width)

    def plot_ranks(self, width: float = 11) -> "Figure":
        """Plot the critical-difference diagram of Demsar (2006): average ranks; bars join models without a difference.

        Of the models that all tasks have, and of the best of each kind.

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
        from rnnbp.comparison.suite.plots import plot_ranks

        return plot_ranks(self.ranking, self.ranking_of_kinds, self.table, width)

    def plot_costs(self, width: float = 11) -> "Figure":
        """Plot the test score, averaged over tasks, against parameters and against training time.

        Of the models that all tasks have.

        Parameters
        ----------
        width : float, default 11
            Of the figure [inches]; from 7 on its panels are side by side.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.comparison.suite.plots import plot_costs

        return plot_costs(self.table, width)

    def to_csv(self, folder: str | Path) -> None:
        """Write `table.csv`, `margins.csv`, `ranks.csv`, `memory.csv`, `curves.csv` and, if any failed, `failures.csv`.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.
        """
        curves = [report.curves.assign(task=task) for task, report in self.reports.items()]
        profiles = [profile.assign(task=task) for task, profile in self.memory.items()]
        frames = {
            "table": self.table,
            "margins": self.margins,
            "ranks": self.ranks,
            "curves": pd.concat(curves, ignore_index=True),
            "memory": pd.concat(profiles, ignore_index=True) if profiles else pd.DataFrame(columns=["lag", "share"]),
        }
        write_tables(folder, frames if self.failures.empty else frames | {"failures": self.failures})

    def to_html(self, path: str | Path) -> None:
        """Write the report as one self-contained HTML page, with the comparison of each task.

        Parameters
        ----------
        path : str or Path
            In a folder that exists. Without the `plot` extra the page has a note in place of each plot.
        """
        with replacing(path) as temporary:
            temporary.write_text(suite_page(self), encoding="utf-8")

    def write(self, folder: str | Path) -> None:
        """Write `report.html`, the tables of `to_csv` and, with the `plot` extra, `suite.png` and `suite-dark.png`.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.
        """
        folder = checked_path("folder", folder)
        self.to_csv(folder)
        self.to_html(folder / "report.html")
        for name, ink, paper in (("suite", INK, PAPER), ("suite-dark", LIGHT_INK, DARK_PAPER)):
            try:
                with drawn_in(ink, paper), replacing(folder / f"{name}.png") as temporary:
                    self.plot().savefig(temporary, format="png", dpi=150)
            except ImportError:
                return  # the page has a note in its place

    def __repr__(self) -> str:
        return f"{self.verdict}\n{columns_to_read(self.margins).to_string(index=False)}{described(self.failures)}"

    def _repr_html_(self) -> str:
        table = columns_to_read(self.margins).to_html(index=False, border=0)
        failed = f"<pre>{html.escape(text)}</pre>" if (text := described(self.failures)) else ""
        return f"<p>{html.escape(self.verdict)}</p>{table}{failed}"
