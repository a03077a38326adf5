"""Plot of a sweep (the `plot` extra)."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnbp.plotting import COOL, WARM, figure
from rnnbp.plotting.figures import check_inches

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAINT = "#8a94a6"
MOST_COLUMNS, MOST_LABELS = 4, 6


def plot_sweep(
    table: pd.DataFrame, values: Mapping[str, Sequence[Any]], monitor: str, best: int | None, width: float = 11
) -> "Figure":
    """Plot the score of each run, a panel for each parameter; the best trial stands out.

    Parameters
    ----------
    table : DataFrame
        Of a `SweepReport`.
    values : mapping of str to sequence
        The value of each parameter in each row of the table.
    monitor : str
        Name of the score.
    best : int, optional
        Number of the best trial.
    width : float, default 11
        Of the figure [inches].

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.

    See Also
    --------
    rnnbp.sweep : returns the report.
    """
    check_inches("width", width)
    panels = values or {"trial": list(table["trial"])}
    columns = min(len(panels), MOST_COLUMNS, max(1, int(width / 2.5)))
    rows = math.ceil(len(panels) / columns)
    fig, axes = figure(width, 3.2 * rows + 0.3, rows, columns, sharey=True, squeeze=False)
    shown = axes.ravel()[: len(panels)]
    for ax, (name, given) in zip(shown, panels.items(), strict=True):
        _panel(ax, name, given, table, best)
    for ax in axes.ravel()[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(monitor.replace("_", " "))
    if (table["status"] == "pruned").any():
        shown[-1].legend(frameon=False, fontsize=9)
    lost = int(table["score"].isna().sum())
    if lost:
        fig.suptitle(
            f"{lost} of {len(table)} runs diverged or failed, and have no score", fontsize=10, x=0.99, ha="right"
        )
    return fig


def _panel(ax: Any, name: str, given: Sequence[Any], table: pd.DataFrame, best: int | None) -> None:
    """Plot the scores over the values of one parameter, of the runs that have it."""
    has = np.array([one is not None for one in given])
    if _is_scale([one for one in given if one is not None], int(table["trial"][has].nunique())):
        table, places, labels = table[has], np.array([one for one in given if one is not None], float), None
    else:
        places, labels = _categories(given)
    scores, pruned = table["score"].to_numpy(), (table["status"] == "pruned").to_numpy()
    is_best = (table["trial"] == (-1 if best is None else best)).to_numpy()
    for chosen, style in (
        (pruned, {"marker": "x", "color": FAINT, "label": "pruned"}),
        (~pruned & ~is_best, {"marker": "o", "color": COOL[0], "alpha": 0.6, "label": "run"}),
        (is_best, {"marker": "D", "color": WARM[0], "label": "best trial"}),
    ):
        if np.isfinite(scores[chosen]).any():
            ax.plot(places[chosen], scores[chosen], linestyle="none", markersize=6, mew=1.5, **style)
    if labels is not None:
        ax.set_xticks(range(len(labels)), labels)
        ax.set_xlim(-0.5, len(labels) - 0.5)
        if max(map(len, labels)) * len(labels) > 28:
            ax.tick_params(axis="x", rotation=30)
    elif places.min() > 0 and places.max() >= 20 * places.min():
        ax.set_xscale("log")
    ax.set_xlabel(name)


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def _is_scale(values: Sequence[Any], trials: int) -> bool:
    """Return whether values stand on an axis of numbers: where they are many, or each trial has its own, not whole."""
    drawn = any(isinstance(one, float) for one in values) and len(set(values)) == trials > 2
    return _numeric(values) and (drawn or len(set(values)) > MOST_LABELS)


def _categories(values: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """Return where values stand among labels, numbers in their order, others in that of the table."""
    different = list(dict.fromkeys(values))
    ordered = sorted(different) if _numeric(different) else different
    labels = [f"{one:g}" if isinstance(one, float) else "none" if one is None else str(one) for one in ordered]
    place = {value: k for k, value in enumerate(ordered)}
    return np.array([place[one] for one in values], float), labels
