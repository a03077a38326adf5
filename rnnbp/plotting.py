"""Figures with matplotlib (the `plot` extra), and the plot of a comparison."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp._checks import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnbp.report import Report

# After the palette of Okabe & Ito, distinguishable with colour vision deficiency: warm for static models, cool for
# recurrent ones.
WARM = ("#D55E00", "#E69F00", "#8C510A", "#CC79A7")
COOL = ("#0072B2", "#009E73", "#56B4E9", "#332288", "#117733", "#44AA99")


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **layout: Any) -> tuple["Figure", Any]:
    """Create a figure and its axes, outside pyplot, so that no figure stays registered there.

    Parameters
    ----------
    width, height : float
        Size [inches].
    rows, columns : int, default 1
        Number of axes in each direction.
    **layout
        Further arguments of `matplotlib.figure.Figure.subplots`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : Axes or ndarray of Axes

    Raises
    ------
    ImportError
        Without the `plot` extra.

    Examples
    --------
    >>> fig, ax = figure(4, 3)
    >>> fig.get_size_inches()
    array([4., 3.])
    """
    module = require("matplotlib.figure", extra="plot")
    fig = module.Figure(figsize=(width, height), layout="constrained")
    fig._repr_png_ = lambda: _png(fig)  # displayed by a notebook, with or without pyplot
    axes = fig.subplots(rows, columns, **layout)
    for ax in np.ravel(axes):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="#e3e7ee", linewidth=0.8)
        ax.set_axisbelow(True)
    return fig, axes


def _png(fig: "Figure") -> bytes:
    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=80, bbox_inches="tight")
    return file.getvalue()


def colours(report: "Report") -> dict[str, str]:
    """Return a colour for each model: warm for static, cool for recurrent models."""
    left = {"static": list(WARM), "recurrent": list(COOL)}
    kinds = dict(zip(report.table["model"], report.table["kind"], strict=True))
    found = {}
    for model, kind in kinds.items():
        found[model] = left[kind][0]
        left[kind].append(left[kind].pop(0))
    return found


def plot_comparison(report: "Report") -> "Figure":
    """Plot validation scores by epoch, and the test score of every seed with the mean.

    Parameters
    ----------
    report : Report

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
    colour = colours(report)
    fig, (curves, dots) = figure(11, max(4.4, 1.2 + 0.5 * len(colour)), 1, 2, width_ratios=(1.25, 1))
    by_epoch = report.validation_curves
    for model in report.table["model"]:
        style = "--" if _kind(report, model) == "static" else "-"
        curves.plot(by_epoch.index, by_epoch[model], style, color=colour[model], linewidth=1.8, label=model)
    middle = float(np.nanmedian(by_epoch.iloc[-1]))
    lowest = float(np.nanmin(by_epoch.to_numpy()))
    curves.set_ylim(max(lowest, 1 - 5 * (1 - middle)) if report.metric == "accuracy" else None)
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.set(xlabel="epoch", ylabel=f"validation {report.metric}", title="Learning (mean over the folds)")
    fig.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=6)
    for row, model in enumerate(reversed(report.table["model"].tolist())):
        scores = report.runs.loc[report.runs["model"] == model, "test"].to_numpy()
        dots.plot(scores, np.full(len(scores), row), "o", color=colour[model], alpha=0.45, markersize=6, mew=0)
        dots.plot([scores.mean()], [row], "|", color=colour[model], markersize=22, markeredgewidth=2.5)
        dots.annotate(
            f"{scores.mean():.3f}", (scores.mean(), row), (0, 13), textcoords="offset points", ha="center", fontsize=8
        )
    models = report.table["model"].tolist()[::-1]
    dots.set_yticks(range(len(models)), [f"{m}  ({_kind(report, m)})" for m in models])
    dots.set_ylim(-0.6, len(models) - 0.2)
    dots.grid(axis="x", color="#e3e7ee", linewidth=0.8)
    dots.set(xlabel=f"test {report.metric}", title="Test set, a dot a seed")
    return fig


def _kind(report: "Report", model: str) -> str:
    return str(report.table.set_index("model").loc[model, "kind"])
