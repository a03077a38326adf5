"""Plots of a certificate and of the diagnostics of gradients through time (the `plot` extra)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnbp.plotting import COOL, WARM, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (*COOL, *WARM)
MARKS = "osD^v<>Ph*X"


def plot_certificate(table: pd.DataFrame, by_lag: pd.DataFrame) -> "Figure":
    """Draw the distance from full BPTT with what each test would notice, the cost, and the fraction by lag.

    A bar ends at the distance of one gradient; a tick stands at the smallest bias of the mean that the test of an
    unbiased algorithm would notice. Fractions are plotted for algorithms for which they are known to within a
    quarter: the noise of the others would hide them.

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
        name = row["algorithm"]
        at = max(row["distance"], 1e-17)
        far.plot([1e-17, at], [place, place], color=colour[name], linewidth=1.5, alpha=0.5)
        far.plot([at], [place], mark[name], color=colour[name], markersize=8)
        far.annotate(_verdict(row), (at, place), (7, -3), textcoords="offset points")
        if row["guarantee"] == "unbiased":
            far.plot([row["smallest_bias"]], [place], "|", color="black", markersize=14, markeredgewidth=2)
        cost.plot([row["seconds"] * 1e3], [row["allocated_bytes"] / 1e3], mark[name], color=colour[name], markersize=8)
    far.axvline(1e-12, color="tab:gray", linewidth=1, linestyle=":")
    far.set_yticks(range(len(names)), names[::-1])
    far.set(xscale="log", xlim=(1e-17, 1e6), title="Distance from full BPTT's gradient")
    far.set_xlabel("relative distance of one gradient (|: smallest bias of the mean noticed)")
    cost.set(xscale="log", yscale="log", title="Cost", xlabel="milliseconds", ylabel="peak memory, kB")
    for name, group in by_lag.groupby("algorithm", sort=False):
        if not group["error"].max() > 0.25:
            _plot_fractions(lag, group, str(name), colour[str(name)], mark[str(name)])
    handles = [cost.lines[-1 - i] for i in range(len(names))]
    fig.legend(handles, names, frameon=False, fontsize=7, loc="outside right upper")
    lag.set(ylim=(-0.25, 1.5), title="Fraction of the gradient by lag", xlabel="steps back", ylabel="fraction")
    return fig


def _verdict(row: pd.Series) -> str:
    """Return the text for a guarantee and whether it holds."""
    if row["guarantee"] == "approximate":
        return "approximate"
    if row["ok"] is pd.NA:
        return f"{row['guarantee']}: inconclusive"
    return str(row["guarantee"]) if row["ok"] else f"NOT {row['guarantee']}"


def _plot_fractions(ax: Any, group: pd.DataFrame, name: str, colour: str, mark: str) -> None:
    lags, fraction, error = (group[column].to_numpy(float) for column in ("lag", "fraction", "error"))
    ax.plot(lags, fraction, "-" + mark, color=colour, markersize=4, linewidth=1.3, label=name)
    if (error > 0).any():
        ax.fill_between(lags, fraction - error, fraction + error, color=colour, alpha=0.15, linewidth=0)


def plot_error_flow(flows: Mapping[str, pd.DataFrame]) -> "Figure":
    """Plot the relative norm of the gradient with respect to the state k steps back, on a logarithmic axis.

    A falling straight line is a vanishing gradient, a rising one an exploding gradient.

    Parameters
    ----------
    flows : mapping of str to DataFrame
        Results of `rnnbp.diagnostics.error_flow`, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = figure(7, 3.6)
    lines = {
        f"{name}, layer {layer}" if len(set(flow["layer"])) > 1 else name: (group["lag"], group["relative"])
        for name, flow in flows.items()
        for layer, group in flow.groupby("layer")
    }
    for colour, (name, (lag, relative)) in zip(COLOURS, lines.items()):
        ax.semilogy(lag, relative, color=colour, linewidth=1.8, label=name)
    ax.set(xlabel="steps back, k", ylabel="|dL/dh[T-k]|, relative", title="Error flow")
    ax.legend(frameon=False)
    return fig


def plot_singular_values(found: Mapping[str, pd.DataFrame]) -> "Figure":
    """Plot the range of the singular values of the Jacobian product by lag.

    Parameters
    ----------
    found : mapping of str to DataFrame
        Results of `rnnbp.diagnostics.singular_values`, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = figure(4.2 * len(found), 3.4, 1, len(found), squeeze=False, sharey=True)
    for ax, colour, (name, values) in zip(axes[0], COLOURS, found.items()):
        lowest = 1e-16 * values["largest"]
        smallest = values["smallest"].clip(lower=lowest)
        ax.fill_between(values["lag"], smallest, values["largest"], color=colour, alpha=0.2, linewidth=0)
        ax.semilogy(values["lag"], values["median"].clip(lower=lowest), color=colour, linewidth=1.8, label="median")
        ax.semilogy(values["lag"], values["rms"], "--", color=colour, linewidth=1.2, label="root mean square")
        ax.axhline(1, color="tab:gray", linewidth=1, linestyle=":")
        ax.set(xlabel="lag", title=name)
    axes[0][0].set_ylabel("singular values")
    axes[0][0].legend(frameon=False, fontsize=8)
    return fig


def plot_lyapunov(curves: Mapping[str, np.ndarray]) -> "Figure":
    """Plot the convergence of the Lyapunov exponents.

    Parameters
    ----------
    curves : mapping of str to ndarray (T, S)
        Results of `rnnbp.diagnostics.lyapunov_curve`, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = figure(4.2 * len(curves), 3.4, 1, len(curves), squeeze=False)
    for ax, colour, (name, curve) in zip(axes[0], COLOURS, curves.items()):
        ax.plot(np.arange(1, len(curve) + 1), np.where(np.isfinite(curve), curve, np.nan), color=colour, linewidth=0.9)
        ax.axhline(0, color="tab:gray", linewidth=1, linestyle=":")
        ax.set(xlabel="steps", title=f"{name}: largest {curve[-1].max():+.3f}")
    axes[0][0].set_ylabel("Lyapunov exponents, per step")
    return fig


def plot_spectral_radii(radii: Mapping[str, np.ndarray]) -> "Figure":
    """Plot the spectral radius of the state Jacobian over time.

    Parameters
    ----------
    radii : mapping of str to ndarray (T,)
        Results of `rnnbp.diagnostics.spectral_radii`, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = figure(7, 3)
    for colour, (name, values) in zip(COLOURS, radii.items()):
        ax.plot(values, color=colour, linewidth=1.5, label=name)
    ax.axhline(1, color="tab:gray", linewidth=1, linestyle=":")
    ax.set(xlabel="step", ylabel="spectral radius")
    ax.legend(frameon=False)
    return fig


def plot_gates(found: Mapping[str, pd.DataFrame]) -> "Figure":
    """Plot the fractions in which each gate is closed, in between, and open.

    Parameters
    ----------
    found : mapping of str to DataFrame
        Results of `rnnbp.diagnostics.gate_saturation`, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = [(f"{name}: {row['gate']}", row) for name, table in found.items() for _, row in table.iterrows()][::-1]
    fig, ax = figure(7, 0.36 * len(rows) + 1.1)
    for y, (_, row) in enumerate(rows):
        between = 1 - row["closed"] - row["open"]
        ax.barh(y, row["closed"], color=COOL[0])
        ax.barh(y, between, left=row["closed"], color="#d5dbe5")
        ax.barh(y, row["open"], left=1 - row["open"], color=WARM[1])
        ax.plot([row["mean"]], [y], "|", color="black", markersize=14, markeredgewidth=2)
    ax.set_yticks(range(len(rows)), [label for label, _ in rows])
    ax.set(xlim=(0, 1), xlabel="closed (blue), in use (grey), open (orange); the bar is the mean value")
    return fig


def plot_memory(memory: Mapping[str, float]) -> "Figure":
    """Plot effective memories as bars.

    Parameters
    ----------
    memory : mapping of str to float
        Results of `rnnbp.diagnostics.effective_memory`, by name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(memory)[::-1]
    fig, ax = figure(7, 0.4 * len(names) + 1.1)
    longest = max([value for value in memory.values() if np.isfinite(value)], default=1.0)
    for y, name in enumerate(names):
        value = memory[name]
        ax.barh(y, value if np.isfinite(value) else 1.2 * longest, color=COOL[0], alpha=0.85)
        text = f"{value:.1f}" if np.isfinite(value) else "longer than the sequence"
        ax.annotate(text, (0, y), (6, -4), textcoords="offset points", color="white")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="steps until a perturbation of the state has decayed to 1 / e")
    return fig
