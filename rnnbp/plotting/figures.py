"""Figures with matplotlib (the `plot` extra), and their colours."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.runtime import number, positive_int, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# After the palette of Okabe & Ito: warm for static models, green for reservoirs, cool for recurrent ones. Those of one
# family differ in lightness too, and with red-green colour blindness; all are visible on white and on dark pages.
WARM = ("#D55E00", "#F0B000", "#7F4A1E", "#D8A48F")
GREEN = ("#009E73", "#8FBF3F", "#4D6B1F")
COOL = ("#0072B2", "#56B4E9", "#7B3FE4", "#7D8794")

INK, PAPER = "#1d2430", "#ffffff"  # text and background of a light page
LIGHT_INK, DARK_PAPER = "#e4e8ef", "#14181f"
GRID = "#8a94a650"  # half transparent: for light and dark


@contextmanager
def drawn_in(ink: str, paper: str = "none") -> Iterator[None]:
    """Draw figures within the block with text and axes in one colour, on a background.

    Parameters
    ----------
    ink : str
        Colour of text and axes.
    paper : str, default 'none'
        Colour of the background; 'none' is transparent.

    Raises
    ------
    ImportError
        Without the `plot` extra.

    Examples
    --------
    >>> with drawn_in(LIGHT_INK, DARK_PAPER):
    ...     fig, ax = figure(4, 3)
    >>> fig.get_facecolor()[:3] == (20 / 255, 24 / 255, 31 / 255)
    True
    """
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    background = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), paper)
    options = dict.fromkeys(names, ink) | background | {"svg.hashsalt": "rnnbp"}
    with require("matplotlib", extra="plot").rc_context(options):
        yield


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
    for name, size in (("width", width), ("height", height)):
        check_inches(name, size)
    for name, number_of in (("rows", rows), ("columns", columns)):
        positive_int(name, number_of)
    module = require("matplotlib.figure", extra="plot")
    fig = module.Figure(figsize=(width, height), layout="constrained")
    fig._repr_png_ = lambda: _png(fig)  # displayed by a notebook, with or without pyplot
    axes = fig.subplots(rows, columns, **layout)
    for ax in np.ravel(axes):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color=GRID, linewidth=0.8)
        ax.set_axisbelow(True)
    return fig, axes


def check_inches(name: str, value: Any) -> None:
    """Raise unless a value is the size of a figure in inches.

    Examples
    --------
    >>> check_inches("width", "wide")
    Traceback (most recent call last):
    ValueError: width must be a number between 0.1 and 650, got 'wide'
    """
    number(name, value, 0.1, 650)


def _png(fig: "Figure") -> bytes:
    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=80, bbox_inches="tight")
    return file.getvalue()
