"""The plot of a benchmark (the `plot` extra)."""

from typing import TYPE_CHECKING

import pandas as pd

from rnnbp.plotting import COOL, WARM, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_benchmark(table: pd.DataFrame) -> "Figure":
    """Plot run times, and fractions of the machine's sgemm peak, in a row for each workload.

    Parameters
    ----------
    table : DataFrame
        The `table` of a `rnnbp.benchmark.Benchmark`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    """
    rows = table[table["pass"] != "forward"]
    sizes = rows[["batch", "steps", "inputs", "hidden"]].astype(str).agg(", ".join, axis=1)
    rows = rows.assign(line=rows["workload"] + "  " + sizes)
    lines, libraries = rows["line"].unique()[::-1], rows["library"].unique()
    ours = [name for name in libraries if name.startswith("rnnbp")]
    colours = dict(zip(ours, COOL)) | dict(zip((name for name in libraries if name not in ours), WARM))
    fig, (times, fractions) = figure(13, 1.2 + 0.27 * len(lines), 1, 2, sharey=True, width_ratios=(1.6, 1))
    for row in range(len(lines)):
        for ax in (times, fractions):
            ax.axhline(row, color="#e3e7ee", linewidth=0.8, zorder=0)
    for name in libraries:
        best = rows[rows["library"] == name].groupby("line").agg({"ms": "min", "peak_fraction": "max"}).reindex(lines)
        for ax, column in ((times, "ms"), (fractions, "peak_fraction")):
            ax.plot(best[column], range(len(lines)), "o", color=colours[name], markersize=6, label=name)
    times.set_yticks(range(len(lines)), lines)
    times.set(xscale="log", xlabel="milliseconds, best of the numbers of threads", title="Forward + backward; an epoch")
    fractions.set(xlabel="fraction of this machine's sgemm", title="Of the peak", xlim=(0, 1))
    fractions.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return fig
