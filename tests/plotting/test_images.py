"""Plots of images: values, order, titles and scales."""

import numpy as np
import pandas as pd
import pytest

from rnnbp.plotting import images as plotting

pytest.importorskip("matplotlib")


def image_in(ax):
    return ax.images[0].get_array()


def test_grey_pictures_are_black_at_0_and_white_at_1(rng):
    pictures = rng.random((5, 4, 6)) / 2
    fig = plotting.plot_pictures(pictures, titles="abcde", columns=3)
    assert [ax.get_title() for ax in fig.axes] == list("abcde")  # the sixth axes are removed
    for ax, picture in zip(fig.axes, pictures, strict=True):
        np.testing.assert_array_equal(image_in(ax), picture)
        assert (ax.images[0].get_clim(), ax.images[0].get_cmap().name) == ((0, 1), "gray")
        assert not ax.axison
    rows, columns = fig.axes[0].get_subplotspec().get_gridspec().get_geometry()
    assert (rows, columns) == (2, 3)
    assert not any(ax.get_title() for ax in plotting.plot_pictures(pictures).axes)
    assert len(fig._repr_png_()) > 1000


def test_hidden_units_have_one_scale_symmetric_about_0(rng):
    fields = rng.standard_normal((5, 3, 4))
    fields[3, 1, 2] = -9
    fig = plotting.plot_hidden_units(fields, most=4, columns=2)
    *units, bar = fig.axes
    order = np.argsort(-(fields**2).sum(axis=(1, 2)))[:4]
    assert order[0] == 3
    for ax, unit in zip(units, order, strict=True):
        np.testing.assert_array_equal(image_in(ax), fields[unit])
        assert (ax.images[0].get_clim(), ax.images[0].get_cmap().name) == ((-9, 9), "RdBu_r")
        assert ax.get_title() == f"{unit}: {(fields[unit] ** 2).sum():.2g}"
    assert bar.get_ylabel() == "weight"


def test_hidden_units_are_plotted_in_order_of_importance(rng):
    fields = rng.standard_normal((3, 2, 2))
    fields[0] *= 100  # not plotted, so not in the scale
    importance = pd.DataFrame({"unit": [2, 1, 0], "rise": [0.51234, 0.2, -0.001]})
    units = plotting.plot_hidden_units(fields, importance, most=2).axes[:2]
    assert [ax.get_title() for ax in units] == ["2: 0.51", "1: 0.2"]
    np.testing.assert_array_equal(image_in(units[0]), fields[2])
    assert units[0].images[0].get_clim()[1] == np.abs(fields[1:]).max()
    assert plotting.plot_hidden_units(np.zeros((1, 2, 2))).axes[0].images[0].get_clim() == (-1, 1)


def test_reading_plots_the_image_and_the_probabilities_after_each_row(rng):
    pictures = rng.random((2, 4, 5))
    answers = {name: rng.dirichlet(np.ones(3), (4, 2)) for name in ("static", "GRU")}
    fig = plotting.plot_reading(pictures, answers, ["a", "b", "c"], [2, 0])
    grid = np.array(fig.axes[:6]).reshape(2, 3)
    for i, (picture, *others) in enumerate(grid):
        np.testing.assert_array_equal(image_in(picture), pictures[i])
        for ax, (name, a) in zip(others, answers.items(), strict=True):
            np.testing.assert_array_equal(image_in(ax), a[:, i])
            assert ax.images[0].get_clim() == (0, 1)
            assert ax.get_title() == (name if i == 0 else "")
            assert [t.get_text() for t in ax.get_xticklabels()] == (["a", "b", "c"] if i == 1 else [""] * 3)
            (frame,) = ax.patches
            x = frame.get_patch_transform().transform_path(frame.get_path()).vertices[:, 0]
            assert (x.min(), x.max()) == ([2, 0][i] - 0.5, [2, 0][i] + 0.5)
    assert fig.axes[6].get_ylabel() == "probability"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plotting.plot_pictures(np.zeros((2, 8))),
            r"pictures must have shape \(N, height, width\), .* \(2, 8\)",
        ),
        (lambda: plotting.plot_pictures(np.zeros((0, 8, 8))), r"none of them 0, got \(0, 8, 8\)"),
        (
            lambda: plotting.plot_pictures(np.zeros((2, 8, 8)), ["a"]),
            "titles must be one for each of the 2 pictures, got 1",
        ),
        (lambda: plotting.plot_pictures(np.zeros((2, 8, 8)), columns=0), "columns must be a positive integer, got 0"),
        (lambda: plotting.plot_hidden_units(np.zeros((2, 8, 8)), most=0), "most must be a positive integer, got 0"),
        (
            lambda: plotting.plot_hidden_units(np.zeros((2, 8, 8)), pd.DataFrame({"unit": [0, 2], "rise": [1, 0]})),
            "importance must have a row for each of the 2 units, got 0, 2",
        ),
        (
            lambda: plotting.plot_reading(np.zeros((2, 8, 8)), {"GRU": np.zeros((2, 8, 3))}, "abc", [0, 1]),
            r"answers must have shape \(T, N, K\) = \(8, 2, 3\), got \(2, 8, 3\) of 'GRU'",
        ),
        (lambda: plotting.plot_reading(np.zeros((2, 8, 8)), {}, "abc", [0, 1]), "answers must be of one model or more"),
        (
            lambda: plotting.plot_reading(np.zeros((2, 8, 8)), {"GRU": np.zeros((8, 2, 3))}, "abc", [0]),
            r"targets must have shape \(N,\) = \(2,\), got \(1,\)",
        ),
    ],
)
def test_wrong_shapes_and_numbers_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
