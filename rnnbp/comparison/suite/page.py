"""HTML page of a suite of comparisons."""

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from rnnbp.comparison.page import document, picture, settings_table, table
from rnnbp.comparison.report_page import KINDS_EXPLAINED, Compared, number, sections
from rnnbp.comparison.suite.ranking import Ranking
from rnnbp.models.kind import KINDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ComparedSuite(Protocol):
    """What a page reads of a `rnnbp.SuiteReport`."""

    @property
    def reports(self) -> Mapping[str, Compared]: ...
    @property
    def margins(self) -> pd.DataFrame: ...
    @property
    def wide(self) -> pd.DataFrame: ...
    @property
    def ranks(self) -> pd.DataFrame: ...
    @property
    def ranking(self) -> Ranking: ...
    @property
    def ranking_of_kinds(self) -> Ranking: ...
    @property
    def failures(self) -> pd.DataFrame: ...
    @property
    def verdict(self) -> str: ...
    def plot(self, width: float = ..., /) -> "Figure": ...
    def plot_ranks(self, width: float = ..., /) -> "Figure": ...
    def plot_costs(self, width: float = ..., /) -> "Figure": ...


def suite_page(suite: ComparedSuite) -> str:
    """Return a suite's report as a self-contained HTML page.

    Parameters
    ----------
    suite : SuiteReport
    """
    title = "Where does recurrence pay off?"
    tasks, seeds = len(suite.reports), max(report.runs["seed"].nunique() for report in suite.reports.values())
    described = _described(suite)
    body = f"""<h1>{title}</h1>
<p class="verdict">{html.escape(suite.verdict)}</p>
{picture(suite.plot, f"Scores, margins and memory of each task. {suite.verdict}")}
<h2>What each task needs</h2>
{table(columns_to_read(suite.margins), f"{tasks} tasks, mean test scores over {seeds} seeds", ["metric", *KINDS])}
<p class="note">{KINDS_EXPLAINED} The best of each kind is chosen by cross-validation within the training set; each test
set is used once. Differences are improvements, paired by seed, ± half the 95 % interval of each task by itself.
<b>bptt − esn</b> compares one reservoir with the same network after backpropagation through all its weights.
<b>memory</b> is the lag within which 90 % of the gradient of the best recurrent network lies.</p>
{_failures(suite.failures)}
<h2>Every model on every task</h2>
{table(_wide(suite), "Mean test score; an empty cell: the task is without the model")}
{_published(suite.reports)}
<h2>Average ranks</h2>
{
        picture(
            suite.plot_ranks,
            f"Average ranks, 1 is best. {_ranks(suite)}",
            "1 is best. A bar joins models that do not differ "
            "significantly by Wilcoxon's signed-rank test over the tasks, corrected by Holm's method (Demsar 2006).",
        )
    }
<p>Models that all tasks have: {html.escape(suite.ranking.sentence)}</p>
<p>The best of each kind: {html.escape(suite.ranking_of_kinds.sentence)}</p>
<h2>Costs</h2>
{
        picture(
            suite.plot_costs,
            "Mean test score over tasks against parameters and against training time, by model",
            "Models that all tasks have. The score is the mean over tasks, of error rates 1 less the rate, an R² "
            "below 0 counting as 0; parameters and seconds are geometric means.",
        )
    }
<h2>Task by task</h2>
{"".join(_task(name, report, described) for name, report in suite.reports.items())}
<h2>Settings of all tasks</h2>
{settings_table(described, "Training and versions") if described else ""}"""
    return document(f"rnnbp: {title}", body)


def _failures(failed: pd.DataFrame) -> str:
    """Return the runs that failed as a section; their tracebacks are in those of the tasks."""
    if failed.empty:
        return ""
    columns = ["task", "model", "run", "error"]
    return f"<h2>Failed runs</h2>\n{table(failed[columns], 'They are in none of the figures', text=columns)}"


def _published(reports: Mapping[str, Compared]) -> str:
    """Return the published figures that the tasks' settings name, as a section."""
    figures = {task: one.settings["published"] for task, one in reports.items() if "published" in one.settings}
    return f"<h2>Published figures</h2>\n{settings_table(figures, 'By others, with their sources')}" if figures else ""


def _described(suite: ComparedSuite) -> dict[str, str]:
    """Return the settings that all tasks have in common."""
    first, *rest = (report.settings for report in suite.reports.values())
    return {name: text for name, text in first.items() if all(other.get(name) == text for other in rest)}


def _ranks(suite: ComparedSuite) -> str:
    return ", ".join(f"{row.model} {row.rank:.2f}" for row in suite.ranks.itertuples())


def _task(name: str, report: Compared, described: dict[str, str]) -> str:
    own = {key: text for key, text in report.settings.items() if key not in {*described, "published"}}
    question = report.settings.get("task", name).removeprefix(f"{name}: ").removeprefix(name)
    about = ", ".join(filter(None, [question, report.metric]))
    return f"""<details><summary>{html.escape(name)} <span>{html.escape(about)}</span></summary>
<p>{html.escape(report.verdict)}</p>
{sections(report, own, heading=3)}
</details>
"""


def columns_to_read(margins: pd.DataFrame) -> pd.DataFrame:
    """Return a suite's margins as text, one row per task.

    Parameters
    ----------
    margins : DataFrame
        That of a `SuiteReport`.
    """
    read: dict[str, Any] = {"task": margins["task"], "metric": margins["metric"]}
    for kind in KINDS:
        pairs = zip(margins[kind], margins[f"{kind}_mean"], strict=True)
        read[kind] = [f"{model} {number(mean, 3)}" if isinstance(model, str) else "" for model, mean in pairs]
    for name, column in (
        ("recurrent − static", "margin"),
        ("recurrent − reservoir", "over_reservoir"),
        ("bptt − esn", "bptt"),
    ):
        pairs = zip(margins[column], margins[f"{column}_high"] - margins[column], strict=True)
        read[name] = [number(mean, 3, "+") + (f" ± {half:.3f}" if half == half else "") for mean, half in pairs]
    read["memory"] = [f"{lag:.0f}" if lag == lag else "" for lag in margins["memory"]]
    shown = pd.DataFrame(read)
    return shown.loc[:, (shown != "").any()]


def _wide(suite: ComparedSuite) -> pd.DataFrame:
    """Return the mean scores as text, with as few columns as possible: a column for each task or for each model."""
    scores = suite.wide.map(lambda score: number(score, 3))
    if len(scores.columns) < len(scores):
        return scores.rename_axis("task").reset_index()
    return scores.T.rename_axis("model").reset_index()
