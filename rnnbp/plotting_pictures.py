"""Pictures of networks that look at pictures (the `plot` extra)."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp._checks import positive_int
from rnnbp.plotting import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCH = 0.95  # of a picture's side


def plot_pictures(pictures: ArrayLike, titles: Sequence[str] | None = None, columns: int = 8) -> "Figure":
    """Grey pictures in rows, 0 black and 1 white.

    Parameters
    ----------
    pictures : array_like (N, height, width)
    titles : sequence of str, optional
        One above each.
    columns : int, default 8
        How many side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    ValueError
        If there is no picture, or titles are not one for each.

    Examples
    --------
    >>> fig = plot_pictures(np.zeros((3, 8, 8)), ["0 taken for 6", "1", "2"])
    >>> [ax.get_title() for ax in fig.axes]
    ['0 taken for 6', '1', '2']
    """
    return _grid(_pictures(pictures), titles, columns, cmap="gray", vmin=0, vmax=1)[0]


def plot_hidden_units(
    fields: ArrayLike, importance: pd.DataFrame | None = None, most: int = 24, columns: int = 8
) -> "Figure":
    """What each hidden unit looks for: red where a bright pixel excites it, blue where it inhibits, white at 0.

    Above each stand its number and what it is worth.

    Parameters
    ----------
    fields : array_like (H, height, width)
        `rnnbp.diagnostics.receptive_fields`.
    importance : DataFrame, optional
        What `rnnbp.diagnostics.unit_importance` returned: the units in its order, each with its rise of the loss.
        Default: in the order of the largest sum of squared weights, which stands above each.
    most : int, default 24
        Only so many are drawn.
    columns : int, default 8

    Returns
    -------
    matplotlib.figure.Figure
        With one colour scale for all, from minus to plus the largest weight that is drawn.

    Raises
    ------
    ImportError
        Without the `plot` extra.
    ValueError
        If there is no unit, or `importance` names other units than there are.

    Examples
    --------
    >>> fig = plot_hidden_units([[[1.0, -2.0]], [[3.0, 0.0]]])
    >>> [ax.get_title() for ax in fig.axes[:2]], fig.axes[0].images[0].get_clim()
    (['1: 9', '0: 5'], (-3.0, 3.0))
    """
    weights = _pictures(fields)
    if importance is None:
        size = (weights**2).sum(axis=(1, 2))
        importance = pd.DataFrame({"unit": np.arange(len(size)), "rise": size}).sort_values("rise", ascending=False)
    if sorted(importance["unit"]) != list(range(len(weights))):
        units = ", ".join(map(str, importance["unit"]))
        raise ValueError(f"importance must have a row for each of the {len(weights)} units, got {units}")
    shown = importance.head(positive_int("most", most))
    drawn = weights[shown["unit"]]
    titles = [f"{unit}: {rise:.2g}" for unit, rise in zip(shown["unit"], shown["rise"], strict=True)]
    largest = float(np.abs(drawn).max()) or 1.0
    fig, axes = _grid(drawn, titles, columns, cmap="RdBu_r", vmin=-largest, vmax=largest)
    fig.colorbar(axes[0].images[0], ax=axes, label="weight", fraction=0.03)
    return fig


def plot_reading(
    pictures: ArrayLike, answers: Mapping[str, ArrayLike], classes: Sequence[str], targets: ArrayLike
) -> "Figure":
    """Pictures, and beside each of their rows what each model says when it has seen that row and those above.

    Parameters
    ----------
    pictures : array_like (N, T, width)
    answers : mapping of str to array_like (T, N, K)
        By the models' names, probabilities after each row.
    classes : sequence of str (K,)
    targets : array_like (N,) of int
        Places in `classes`: what is right, which has a frame.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    ValueError
        If shapes do not fit each other.

    See Also
    --------
    rnnbp.diagnostics.answers_by_step : the outputs, of which `rnnbp.CrossEntropy.probabilities` makes probabilities.

    Examples
    --------
    >>> fig = plot_reading(np.zeros((2, 8, 8)), {"GRU": np.full((8, 2, 10), 0.1)}, "0123456789", [3, 7])
    >>> [ax.get_title() for ax in fig.axes[:2]], fig.axes[1].images[0].get_clim()
    (['', 'GRU'], (0.0, 1.0))
    """
    grey, right = _pictures(pictures), np.asarray(targets)
    said = {name: np.asarray(a) for name, a in answers.items()}
    if not said:
        raise ValueError("answers must be of one model or more, got none")
    wanted = (grey.shape[1], len(grey), len(classes))
    for name, a in said.items():
        if a.shape != wanted:
            raise ValueError(f"answers must have shape (T, N, K) = {wanted}, got {a.shape} of {name!r}")
    if right.shape != (len(grey),):
        raise ValueError(f"targets must have shape (N,) = {(len(grey),)}, got {right.shape}")
    size = (1.5 + 2.1 * len(said), 1.55 * len(grey) + 0.5)
    fig, axes = figure(*size, len(grey), 1 + len(said), squeeze=False, width_ratios=(1, *[1.4] * len(said)))
    for i, (picture, *others) in enumerate(axes):
        _image(picture, grey[i], cmap="gray", vmin=0, vmax=1)
        for ax, (name, a) in zip(others, said.items(), strict=True):
            _image(ax, a[:, i], cmap="Purples", vmin=0, vmax=1, aspect="auto")
            ax.axvspan(right[i] - 0.5, right[i] + 0.5, fill=False, edgecolor="#D55E00", linewidth=1.5)
            ax.set_title(name if i == 0 else "", fontsize=9)
            ax.set_axis_on()
            ax.set_xticks(range(len(classes)), classes if i == len(grey) - 1 else [""] * len(classes), fontsize=8)
            ax.set_yticks([])
    fig.colorbar(axes[0][1].images[0], ax=axes, label="probability", fraction=0.03, aspect=40)
    return fig


def _pictures(pictures: ArrayLike) -> np.ndarray:
    found = np.asarray(pictures, np.float64)
    if found.ndim != 3 or not found.size:
        raise ValueError(f"pictures must have shape (N, height, width), none of them 0, got {found.shape}")
    return found


def _grid(pictures: np.ndarray, titles: Sequence[str] | None, columns: int, **how: Any) -> tuple["Figure", list[Any]]:
    """Small pictures in rows, and their axes; places that are left over are taken away."""
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"titles must be one for each of the {len(pictures)} pictures, got {len(titles)}")
    columns = min(positive_int("columns", columns), len(pictures))
    rows = math.ceil(len(pictures) / columns)
    height = INCH * pictures.shape[1] / pictures.shape[2]
    fig, axes = figure(INCH * columns + 0.8, (height + 0.25) * rows, rows, columns, squeeze=False)
    used, left = np.split(axes.ravel(), [len(pictures)])
    for ax in left:
        ax.remove()
    for ax, picture in zip(used, pictures, strict=True):
        _image(ax, picture, **how)
    for ax, title in zip(used, titles or []):
        ax.set_title(title, fontsize=8, pad=2)
    return fig, list(used)


def _image(ax: Any, picture: np.ndarray, **how: Any) -> None:
    ax.grid(False)
    ax.imshow(picture, interpolation="nearest", **how)
    ax.set_axis_off()
