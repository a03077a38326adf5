"""Plot of a comparison (the `plot` extra)."""

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from rnnbp.models.kind import KINDS
from rnnbp.plotting import COOL, GREEN, GRID, WARM, figure
from rnnbp.plotting.figures import check_inches

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTES = {"static": WARM, "reservoir": GREEN, "recurrent": COOL}
LINES = {"static": ("dashed", "--"), "reservoir": ("dotted", ":"), "recurrent": ("solid", "-")}
MARKERS = {"static": "sDPv", "reservoir": "^<", "recurrent": "oX*d>hp"}
FAINT = "#8a94a6"


class Look(NamedTuple):
    """Colour, marker and line of a model in every plot."""

    color: str
    marker: str
    line: str


def looks(table: pd.DataFrame) -> dict[str, Look]:
    """Return the colour, marker and line of each model: warm, square and dashed for static models, and so on.

    Parameters
    ----------
    table : DataFrame
        With the columns `model` and `kind`.

    Examples
    --------
    >>> looks(pd.DataFrame({"model": ["mlp", "lstm"], "kind": ["static", "recurrent"]}))["lstm"]
    Look(color='#0072B2', marker='o', line='-')
    """
    each = {
        kind: (itertools.cycle(PALETTES[kind]), itertools.cycle(MARKERS[kind]), itertools.repeat(LINES[kind][1]))
        for kind in KINDS
    }
    return {model: Look(*map(next, each[kind])) for model, kind in zip(table["model"], table["kind"], strict=True)}


def plot_comparison(
    table: pd.DataFrame, runs: pd.DataFrame, validation_curves: pd.DataFrame, metric: str, width: float = 11
) -> "Figure":
    """Plot validation scores by epoch, a panel for each kind of model, and the test score of every seed with the mean.

    Parameters
    ----------
    table, runs, validation_curves : DataFrame
        Those of a `rnnbp.Report`.
    metric : str
        The score's name.
    width : float, default 11
        Of the figure [inches]; from 7 on the panels are side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.

    See Also
    --------
    rnnbp.compare : returns the report.
    """
    table = table.sort_values("kind", key=lambda column: column.map(KINDS.index), kind="stable")
    kinds = [kind for kind in KINDS if (table["kind"] == kind).any()]
    look, panels = looks(table), len(kinds) + 1
    seeds = max(2.2, 1.0 + 0.32 * len(table))
    check_inches("width", width)
    if width >= 7:
        fig, axes = figure(width, max(5.4, seeds + 1.6), 1, panels, width_ratios=(*[1] * len(kinds), 1.25))
    else:
        fig, axes = figure(width, 4.2 * len(kinds) + seeds, panels, 1, height_ratios=(*[4.2] * len(kinds), seeds))
    *curves, dots = axes
    for ax, kind in zip(curves, kinds, strict=True):
        _learning(ax, validation_curves.ffill(), dict(zip(table["model"], table["kind"], strict=True)), kind, look)
        ax.set_ylim(*_limits(validation_curves, metric))
        ax.set_title(f"{kind} ({LINES[kind][0]})", fontsize=11)
    for place, ax in enumerate(curves):
        if width < 7 or place == 0:
            ax.set_ylabel(f"validation {metric}")
        else:
            ax.tick_params(labelleft=False)
    _seeds(dots, table, runs, look)
    dots.set_xlabel(f"test {metric}")
    return fig


def _learning(ax: Any, curves: pd.DataFrame, kinds: dict[str, str], kind: str, look: dict[str, Look]) -> None:
    """Plot the curves of one kind over those of the others, which are grey."""
    others = [model for model in kinds if kinds[model] != kind and model in curves]
    for model in others:
        ax.plot(curves.index, curves[model], "-", color=FAINT, alpha=0.45, linewidth=0.9)
    every = max(1, len(curves) // 6)
    for n, model in enumerate(model for model in kinds if kinds[model] == kind and model in curves):
        color, marker, line = look[model]
        options = {"color": color, "marker": marker, "markersize": 5.5, "markevery": (n % every, every)}
        ax.plot(curves.index, curves[model], line, linewidth=1.8, label=model, **options)
    if others:
        ax.plot([], [], "-", color=FAINT, alpha=0.6, linewidth=0.9, label="the other kinds")
    ax.locator_params(axis="x", integer=True, nbins=5, min_n_ticks=1)
    ax.set_xlabel("epoch")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False, fontsize=9)


def _limits(curves: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Return the limits of the scores: of accuracies, without the first epochs' where they are far below the last."""
    if curves.empty:
        return 0.0, 1.0
    low, high = (float(limit(curves.to_numpy())) for limit in (np.nanmin, np.nanmax))
    if metric == "accuracy":
        low = max(low, 1 - 5 * (1 - float(np.nanmedian(curves.ffill().iloc[-1]))))
    margin = 0.04 * ((high - low) or 1)
    return low - margin, high + margin


def _seeds(ax: Any, table: pd.DataFrame, runs: pd.DataFrame, look: dict[str, Look]) -> None:
    """Plot each seed's test score in the row of its model, with the mean in the margin."""
    models = list(table["model"])[::-1]
    for row, model in enumerate(models):
        scores = runs.loc[runs["model"] == model, "test"].to_numpy()
        color, marker, _ = look[model]
        ax.plot([scores.mean()], [row], "|", color=color, markersize=17, markeredgewidth=2.5)
        ax.plot(scores, np.full(len(scores), row), marker, color=color, alpha=0.6, markersize=6, mew=0)
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 9}
        ax.annotate(f"{scores.mean():.3f}", (1, row), (6, 0), **beside)
    ax.set_yticks(range(len(models)), models)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(models) - 0.4)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.set_title("test set: seeds, and their mean", fontsize=11)
