"""Pictures of gradients: the certificate's, and what the gradient does through time (the `plot` extra)."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnbp.plotting import COOL, WARM, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (*COOL, *WARM)
MARKS = "osD^v<>Ph*X"


def plot_certificate(table: pd.DataFrame, by_lag: pd.DataFrame) -> "Figure":
    """Distance from full BPTT; memory against time; and which share of the error arrives by lag.

    Parameters
    ----------
    table, by_lag : DataFrame
        A `rnnbp.Certificate`'s.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    """
    names = table["algorithm"].tolist()
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    mark = {name: MARKS[i % len(MARKS)] for i, name in enumerate(names)}
    fig, (far, cost, lag) = figure(15, max(3.8, 0.34 * len(names) + 1.2), 1, 3, width_ratios=(1, 0.9, 1.3))
    for place, (_, row) in enumerate(table[::-1].iterrows()):
        name, failed = row["algorithm"], row["ok"] is not pd.NA and not row["ok"]
        at = max(row["distance"], 1e-17)
        far.plot([1e-17, at], [place, place], color=colour[name], linewidth=1.5, alpha=0.5)
        far.plot([at], [place], mark[name], color=colour[name], markersize=8)
        far.annotate("not what it claims" if failed else row["claim"], (at, place), (7, -3), textcoords="offset points")
        cost.plot([row["seconds"] * 1e3], [row["allocated_bytes"] / 1e3], mark[name], color=colour[name], markersize=8)
    far.axvline(1e-12, color="tab:gray", linewidth=1, linestyle=":")
    far.set_yticks(range(len(names)), names[::-1])
    far.set(xscale="log", xlim=(1e-17, 1e4), title="Distance from full BPTT's gradient", xlabel="relative distance")
    cost.set(xscale="log", yscale="log", title="Cost", xlabel="milliseconds", ylabel="peak memory, kB")
    for name, group in by_lag.groupby("algorithm", sort=False):
        _share(lag, group, str(name), colour[str(name)], mark[str(name)])
    lag.set(ylim=(-0.25, 1.5), title="Share of the error that arrives", xlabel="steps back", ylabel="share")
    lag.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def _share(ax: Any, group: pd.DataFrame, name: str, colour: str, mark: str) -> None:
    lags, share, error = (group[column].to_numpy(float) for column in ("lag", "share", "error"))
    ax.plot(lags, share, "-" + mark, color=colour, markersize=4, linewidth=1.3, label=name)
    if (error > 0).any():
        ax.fill_between(lags, share - error, share + error, color=colour, alpha=0.15, linewidth=0)
