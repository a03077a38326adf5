"""Plot of a comparison (the `plot` extra)."""

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnbp.plotting import COOL, WARM, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def colours(table: pd.DataFrame) -> dict[str, str]:
    """Return a colour for each model: warm for static, cool for recurrent models.

    Parameters
    ----------
    table : DataFrame
        With the columns `model` and `kind`.

    Examples
    --------
    >>> colours(pd.DataFrame({"model": ["mlp", "lstm"], "kind": ["static", "recurrent"]}))
    {'mlp': '#D55E00', 'lstm': '#0072B2'}
    """
    palettes = {"static": itertools.cycle(WARM), "recurrent": itertools.cycle(COOL)}
    return {model: next(palettes[kind]) for model, kind in zip(table["model"], table["kind"], strict=True)}


def plot_comparison(table: pd.DataFrame, runs: pd.DataFrame, validation_curves: pd.DataFrame, metric: str) -> "Figure":
    """Plot validation scores by epoch, and the test score of every seed with the mean.

    Parameters
    ----------
    table, runs, validation_curves : DataFrame
        Those of a `rnnbp.Report`.
    metric : str
        The score's name.

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
    colour, kind = colours(table), dict(zip(table["model"], table["kind"], strict=True))
    fig, (curves, dots) = figure(11, max(4.4, 1.2 + 0.5 * len(colour)), 1, 2, width_ratios=(1.25, 1))
    for model in colour:
        style = "--" if kind[model] == "static" else "-"
        curve = validation_curves[model]
        curves.plot(curve.index, curve, style, color=colour[model], linewidth=1.8, label=model)
    middle = float(np.nanmedian(validation_curves.iloc[-1]))
    lowest = float(np.nanmin(validation_curves.to_numpy()))
    curves.set_ylim(max(lowest, 1 - 5 * (1 - middle)) if metric == "accuracy" else None)
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.set(xlabel="epoch", ylabel=f"validation {metric}", title="Learning (mean over the folds)")
    fig.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=6)
    models = list(colour)[::-1]
    for row, model in enumerate(models):
        scores = runs.loc[runs["model"] == model, "test"].to_numpy()
        dots.plot(scores, np.full(len(scores), row), "o", color=colour[model], alpha=0.45, markersize=6, mew=0)
        dots.plot([scores.mean()], [row], "|", color=colour[model], markersize=22, markeredgewidth=2.5)
        dots.annotate(
            f"{scores.mean():.3f}", (scores.mean(), row), (0, 13), textcoords="offset points", ha="center", fontsize=8
        )
    dots.set_yticks(range(len(models)), [f"{model}  ({kind[model]})" for model in models])
    dots.set_ylim(-0.6, len(models) - 0.2)
    dots.grid(axis="x", color="#e3e7ee", linewidth=0.8)
    dots.set(xlabel=f"test {metric}", title="Test set, one dot for each seed")
    return fig
