"""Plots of a suite of comparisons (the `plot` extra)."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnbp.comparison.plots import FAINT, LINES, MARKERS, PALETTES, looks
from rnnbp.comparison.suite.ranking import Ranking
from rnnbp.comparison.suite.statistics import ALPHA, least_p
from rnnbp.metrics import less_is_better
from rnnbp.models.kind import KINDS
from rnnbp.plotting import GRID, figure
from rnnbp.plotting.figures import check_inches

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOUR = {kind: PALETTES[kind][0] for kind in KINDS}
MARKER = {kind: MARKERS[kind][0] for kind in KINDS}
BESIDE = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 9}
LEAST = -0.05  # lower scores are drawn here, hollow
ABOVE = {"static": 0.2, "reservoir": 0.0, "recurrent": -0.2}  # places in a task's row


def plot_suite(margins: pd.DataFrame, width: float = 11) -> "Figure":
    """Plot each task's best static, reservoir and recurrent score, what recurrence gains, and the task's memory.

    Tasks are in the order of their memory, the shortest first.

    Parameters
    ----------
    margins : DataFrame
        That of a `SuiteReport`.
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
    tasks = margins.sort_values(["memory", "margin"], kind="stable").iloc[::-1].reset_index(drop=True)
    height = 1.1 + 0.42 * len(tasks)
    check_inches("width", width)
    if width >= 7:
        fig, axes = figure(width, height + 0.5, 1, 3, sharey=True, width_ratios=(1.5, 1.3, 1))
    else:
        fig, axes = figure(width, 3 * height + 1.1, 3, 1)
        _spaced(fig, hspace=0.06)
    for ax in axes:
        ax.set_yticks(range(len(tasks)), tasks["task"])
        ax.set_ylim(-0.6, len(tasks) - 0.4)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    scores, gains, memory = axes
    _scores(scores, tasks)
    _gains(gains, tasks)
    _memory(memory, tasks)
    if (tasks["outcome"] == "undecided").any():
        scores.plot([], [], "o", color=FAINT, mfc="none", mew=1.6, label="may be chance")
    handles, labels = scores.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels) if width >= 7 else 2, frameon=False)
    return fig


def _spaced(fig: "Figure", **space: float) -> None:
    """Leave space between panels, as shares of the figure."""
    layout: Any = fig.get_layout_engine()
    layout.set(**space)


def _scores(ax: Any, tasks: pd.DataFrame) -> None:
    """Plot the score of the best of each kind in the task's row: less an error rate, so that 1 is perfect."""
    errors = tasks["metric"].map(less_is_better)
    best = tasks[[f"{kind}_mean" for kind in KINDS]].set_axis(list(KINDS), axis=1).dropna(axis=1, how="all")
    best[errors] = 1 - best[errors]
    for kind in map(str, best):
        scores = best[kind]
        look = {"marker": MARKER[kind], "color": COLOUR[kind], "markersize": 8, "linestyle": "none"}
        rows = tasks.index + ABOVE[kind]
        ax.plot(scores.where(scores >= LEAST), rows, label=f"best {kind}", **look)
        ax.plot(np.where(scores < LEAST, LEAST, np.nan), rows, mfc="none", mew=1.6, **look)
        if (scores < LEAST).any():
            ax.plot([], [], mfc="none", mew=1.6, label=f"{kind}, far below 0", **look)
    names = sorted({"R²" if metric == "r2" else metric.replace("_", " ") for metric in tasks["metric"][~errors]})
    names += sorted({f"1 - {metric.replace('_', ' ')}" for metric in tasks["metric"][errors]})
    lowest = max(LEAST, 0.1 * np.floor(10 * best.min().min()) - 0.05)
    ax.set_xlim(lowest - 0.04, 1.04)
    ax.set_xlabel(f"test {' or '.join(names)} (1 is perfect)")
    ax.set_title("Best of each kind", fontsize=11)


def _gains(ax: Any, tasks: pd.DataFrame) -> None:
    """Plot the margin of the recurrent over the static model with its interval, and as a number beside."""
    ax.axvline(0, color=FAINT, linewidth=1.2)
    for place, row in enumerate(tasks.to_dict("records")):
        kind = row["outcome"]
        look = {"color": COLOUR.get(kind, FAINT), "marker": MARKER.get(kind, "o"), "markersize": 7}
        ax.plot([row["margin_low"], row["margin_high"]], [place] * 2, color=look["color"], linewidth=2.2)
        ax.plot([row["margin"]], [place], mfc=None if kind in COLOUR else "none", mew=1.6, **look)
        if not np.isnan(row["margin"]):
            ax.annotate(f"{row['margin']:+.3f}", (1, place), (4, 0), **BESIDE)
    ends = tasks[["margin", "margin_low", "margin_high"]].fillna(0)
    limit, low = max(0.01, float(ends.abs().to_numpy().max())), float(ends.to_numpy().min())
    ax.set_xlim(min(low, -0.25 * limit) - 0.06 * limit, 1.08 * limit)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.set_xlabel("recurrent − static, 95 % interval")
    ax.set_title("What recurrence gains", fontsize=11)


def _memory(ax: Any, tasks: pd.DataFrame) -> None:
    """Plot the lag within which 90 % of the gradient lies, and as a number beside."""
    ax.barh(tasks.index, tasks["memory"], height=0.55, color=FAINT)
    for place, lag in tasks["memory"].dropna().items():
        ax.annotate(f"{lag:.0f}", (1, place), (4, 0), **BESIDE)
    ax.set_xlim(0, 1.05 * tasks["memory"].fillna(1).max())
    ax.locator_params(axis="x", integer=True, nbins=5)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.set_xlabel("lag [steps] within which 90 %\nof the gradient lies")
    ax.set_title("How far back the task reaches", fontsize=11)


def plot_ranks(ranking: Ranking, kinds: Ranking, table: pd.DataFrame, width: float = 11) -> "Figure":
    """Plot the average ranks of models and of kinds, the best first; bars join those without a significant difference.

    Parameters
    ----------
    ranking, kinds, table
        Those of a `SuiteReport`.
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
    each = {"models that all tasks have": ranking, "the best of each kind": kinds}
    heights = [1.2 + 0.32 * one.scores.shape[1] for one in each.values()]
    check_inches("width", width)
    if width >= 7:
        fig, axes = figure(width, max(heights), 1, 2)
        _spaced(fig, wspace=0.06)
    else:
        fig, axes = figure(width, sum(heights) + 0.3, 2, 1, height_ratios=heights)
        _spaced(fig, hspace=0.06)
    kind_of = dict(zip(table["model"], table["kind"], strict=True)) | {kind: kind for kind in KINDS}
    for ax, (title, one) in zip(axes, each.items(), strict=True):
        few = len(one.scores) < 2 or least_p(*one.scores.shape) > ALPHA
        ax.set_title(
            f"{title}\n({len(one.scores)} tasks: too few to tell any two apart)" if few else title, fontsize=11
        )
        _diagram(ax, one, kind_of)
    return fig


def _diagram(ax: Any, ranking: Ranking, kind_of: dict[str, str]) -> None:
    models = ranking.ranks
    for row, (model, rank) in enumerate(models.items()):
        kind = kind_of[str(model)]
        ax.plot([1, rank], [row, row], LINES[kind][1], color=COLOUR[kind], linewidth=1.2)
        ax.plot([rank], [row], MARKER[kind], color=COLOUR[kind], markersize=8)
        ax.annotate(f"{rank:.2f}", (1, row), (4, 0), **BESIDE)
    for place, clique in enumerate(ranking.cliques):
        x = 1.16 + 0.035 * place
        ends = (list(models.index).index(clique[0]) - 0.25, list(models.index).index(clique[-1]) + 0.25)
        ax.plot([x, x], ends, color=FAINT, linewidth=4, transform=ax.get_yaxis_transform(), clip_on=False)
    ax.set_yticks(range(len(models)), models.index)
    ax.set_ylim(len(models) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0.9, max(len(models), 2) + 0.1)
    ax.locator_params(axis="x", integer=True)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.set_xlabel("average rank (1 is best)")


def plot_costs(table: pd.DataFrame, width: float = 11) -> "Figure":
    """Plot the test score, averaged over tasks, against parameters and against training time.

    Parameters
    ----------
    table : DataFrame
        That of a `SuiteReport`. Models that some tasks are without are left out.
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
    errors = table["metric"].map(less_is_better)
    costs = table.assign(
        test_mean=table["test_mean"].where(~errors, 1 - table["test_mean"]).clip(lower=0),
        parameters=np.log(table["parameters"].clip(lower=1)),
        seconds_mean=np.log(table["seconds_mean"].clip(lower=1e-3)),
    )
    groups = costs.groupby("model", sort=False)
    everywhere = groups.size() == table["task"].nunique()
    means = groups[["test_mean", "parameters", "seconds_mean"]].mean()[everywhere]
    models = groups[["kind"]].first()[everywhere].reset_index()
    check_inches("width", width)
    size = (1, 2) if width >= 7 else (2, 1)
    fig, axes = figure(width, 4.6 if width >= 7 else 8.5, *size)
    _cost(axes[0], means, "parameters", "parameters", models)
    _cost(axes[1], means, "seconds_mean", "seconds of a training", models)
    for ax in axes if width < 7 else axes[:1]:
        ax.set_ylabel("mean test score over tasks")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=6 if width >= 7 else 3, frameon=False, fontsize=9)
    return fig


def _cost(ax: Any, means: pd.DataFrame, cost: str, label: str, models: pd.DataFrame) -> None:
    for model, look in looks(models).items():
        options = {"color": look.color, "marker": look.marker, "linestyle": "none", "label": model}
        ax.plot(np.exp(means.loc[[model], cost]), means.loc[[model], "test_mean"], markersize=9, **options)
    if len(means):
        ax.set_xlim(np.exp(means[cost].min()) / 1.3, np.exp(means[cost].max()) * 1.3)
    ax.set_xscale("log", subs=())
    ax.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    ax.set_xlabel(label)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
