"""Plots of images and of models that classify images (the `plot` extra)."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.plotting.figures import figure
from rnnbp.runtime import naming, positive_int, refuses_by_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCH = 0.95  # width of an image


@refuses_by_name
def plot_pictures(pictures: ArrayLike, titles: Sequence[str] | None = None, columns: int = 8) -> "Figure":
    """Plot grey images in rows, with 0 black and 1 white.

    Parameters
    ----------
    pictures : array_like (N, height, width)
    titles : sequence of str, optional
        Titles of the images.
    columns : int, default 8
        Number of images in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    ValueError
        If there is no image, or the number of titles differs from that of images.

    Examples
    --------
    >>> fig = plot_pictures(np.zeros((3, 8, 8)), ["0 taken for 6", "1", "2"])
    >>> [ax.get_title() for ax in fig.axes]
    ['0 taken for 6', '1', '2']
    """
    return _grid(_pictures("pictures", pictures), titles, columns, cmap="gray", vmin=0, vmax=1)[0]


@refuses_by_name
def plot_hidden_units(
    fields: ArrayLike, importance: pd.DataFrame | None = None, most: int = 24, columns: int = 8
) -> "Figure":
    """Plot the receptive field of each hidden unit: excitatory weights red, inhibitory blue, 0 white.

    The title of each is the number of the unit and its importance.

    Parameters
    ----------
    fields : array_like (H, height, width)
        Result of `rnnbp.diagnostics.receptive_fields`.
    importance : DataFrame, optional
        Result of `rnnbp.diagnostics.unit_importance`, which gives the order and the rise of the loss. Default: the sum
        of squared weights, in descending order.
    most : int, default 24
        Maximum number of units plotted.
    columns : int, default 8
        Number of units in a row.

    Returns
    -------
    matplotlib.figure.Figure
        With one colour scale for all units, symmetric about 0, up to the largest plotted weight.

    Raises
    ------
    ImportError
        Without the `plot` extra.
    ValueError
        If there is no unit, or `importance` does not have each unit once.

    Examples
    --------
    >>> fig = plot_hidden_units([[[1.0, -2.0]], [[3.0, 0.0]]])
    >>> [ax.get_title() for ax in fig.axes[:2]], fig.axes[0].images[0].get_clim()
    (['1: 9', '0: 5'], (-3.0, 3.0))
    """
    weights = _pictures("fields", fields)
    if importance is None:
        size = (weights**2).sum(axis=(1, 2))
        importance = pd.DataFrame({"unit": np.arange(len(size)), "rise": size}).sort_values("rise", ascending=False)
    if not isinstance(importance, pd.DataFrame):
        raise ValueError(f"importance must be a DataFrame, as unit_importance returns it, got {importance!r}")
    if sorted(importance["unit"]) != list(range(len(weights))):
        units = ", ".join(map(str, importance["unit"]))
        raise ValueError(f"importance must have a row for each of the {len(weights)} units, got {units}")
    plotted = importance.head(positive_int("most", most))
    images = weights[plotted["unit"]]
    titles = [f"{unit}: {rise:.2g}" for unit, rise in zip(plotted["unit"], plotted["rise"], strict=True)]
    largest = float(np.abs(images).max()) or 1.0
    fig, axes = _grid(images, titles, columns, cmap="RdBu_r", vmin=-largest, vmax=largest)
    fig.colorbar(axes[0].images[0], ax=axes, label="weight", fraction=0.03)
    return fig


@refuses_by_name
def plot_reading(
    pictures: ArrayLike, answers: Mapping[str, ArrayLike], classes: Sequence[str], targets: ArrayLike
) -> "Figure":
    """Plot images, and beside each of their rows the class probabilities of each model given the rows so far.

    Parameters
    ----------
    pictures : array_like (N, T, width)
    answers : mapping of str to array_like (T, N, K)
        Probabilities after each row, by the names of the models.
    classes : sequence of str (K,)
    targets : array_like (N,) of int
        Indices of the correct classes, which are framed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    ValueError
        If shapes do not match.

    See Also
    --------
    rnnbp.diagnostics.answers_by_step : the outputs, which `rnnbp.CrossEntropy.probabilities` converts to probabilities.

    Examples
    --------
    >>> fig = plot_reading(np.zeros((2, 8, 8)), {"GRU": np.full((8, 2, 10), 0.1)}, "0123456789", [3, 7])
    >>> [ax.get_title() for ax in fig.axes[:2]], fig.axes[1].images[0].get_clim()
    (['', 'GRU'], (0.0, 1.0))
    """
    grey, correct = _pictures("pictures", pictures), np.asarray(targets)
    probabilities = {name: np.asarray(a) for name, a in answers.items()}
    if not probabilities:
        raise ValueError("answers must be of one model or more, got none")
    expected = (grey.shape[1], len(grey), len(classes))
    for name, a in probabilities.items():
        if a.shape != expected:
            raise ValueError(f"answers must have shape (T, N, K) = {expected}, got {a.shape} of {name!r}")
    if correct.shape != (len(grey),):
        raise ValueError(f"targets must have shape (N,) = {(len(grey),)}, got {correct.shape}")
    size = (1.5 + 2.1 * len(probabilities), 1.55 * len(grey) + 0.5)
    fig, axes = figure(
        *size, len(grey), 1 + len(probabilities), squeeze=False, width_ratios=(1, *[1.4] * len(probabilities))
    )
    for i, (picture, *others) in enumerate(axes):
        _image(picture, grey[i], cmap="gray", vmin=0, vmax=1)
        for ax, (name, a) in zip(others, probabilities.items(), strict=True):
            _image(ax, a[:, i], cmap="Purples", vmin=0, vmax=1, aspect="auto")
            ax.axvspan(correct[i] - 0.5, correct[i] + 0.5, fill=False, edgecolor="#D55E00", linewidth=1.5)
            ax.set_title(name if i == 0 else "", fontsize=9)
            ax.set_axis_on()
            ax.set_xticks(range(len(classes)), classes if i == len(grey) - 1 else [""] * len(classes), fontsize=8)
            ax.set_yticks([])
    fig.colorbar(axes[0][1].images[0], ax=axes, label="probability", fraction=0.03, aspect=40)
    return fig


def _pictures(name: str, pictures: ArrayLike) -> np.ndarray:
    with naming(name):
        found = np.asarray(pictures, np.float64)
    if found.ndim != 3 or not found.size:
        raise ValueError(f"{name} must have shape (N, height, width), none of them 0, got {found.shape}")
    return found


def _grid(
    pictures: np.ndarray, titles: Sequence[str] | None, columns: int, **options: Any
) -> tuple["Figure", list[Any]]:
    """Plot small images in rows, and return the figure and their axes; unused axes are removed."""
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"titles must be one for each of the {len(pictures)} pictures, got {len(titles)}")
    columns = min(positive_int("columns", columns), len(pictures))
    rows = math.ceil(len(pictures) / columns)
    height = INCH * pictures.shape[1] / pictures.shape[2]
    fig, axes = figure(INCH * columns + 0.8, (height + 0.25) * rows, rows, columns, squeeze=False)
    used, unused = np.split(axes.ravel(), [len(pictures)])
    for ax in unused:
        ax.remove()
    for ax, picture in zip(used, pictures, strict=True):
        _image(ax, picture, **options)
    for ax, title in zip(used, titles or []):
        ax.set_title(title, fontsize=8, pad=2)
    return fig, list(used)


def _image(ax: Any, picture: np.ndarray, **options: Any) -> None:
    ax.grid(False)
    ax.imshow(picture, interpolation="nearest", **options)
    ax.set_axis_off()
