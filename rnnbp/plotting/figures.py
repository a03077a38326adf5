"""Figures with matplotlib (the `plot` extra), and their colours."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.runtime import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
