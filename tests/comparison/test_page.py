"""Parts of the HTML pages: tables that sort and fit, and pictures for wide and narrow windows, light and dark."""

import base64
import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from rnnbp.comparison.page import ALWAYS, CARD_WIDTHS, SCRIPT, document, picture, table
from rnnbp.plotting import COOL, GREEN, WARM, figure


def a_plot(width: float):
    fig, ax = figure(width, 1)
    ax.set_title("a title")
    ax.plot([0, 1], color=COOL[0])
    return fig


def test_a_picture_has_one_image_for_wide_and_one_for_narrow_windows() -> None:
    html = picture(a_plot, 'a "line"', "one <line>")
    assert 'alt="a &quot;line&quot;"' in html
    assert "<figcaption>one &lt;line&gt;</figcaption>" in html
    images = [base64.b64decode(code).decode() for code in re.findall(r'base64,([^"]*)"', html)]
    narrow, wide = (float(ElementTree.fromstring(image).attrib["viewBox"].split()[2]) for image in images)
    assert (narrow, wide) == pytest.approx((5.2 * 72, 11 * 72))


def test_the_text_of_a_picture_follows_the_colours_of_the_page() -> None:
    html = picture(a_plot, "a line")
    (svg, _) = (base64.b64decode(code).decode() for code in re.findall(r'base64,([^"]*)"', html))
    assert "prefers-color-scheme: dark" in svg
    assert "currentColor" in svg
    assert COOL[0].lower() in svg
    style, *rest = svg.split("</style>", 1)
    assert "#1d2430" in style
    assert "#1d2430" not in rest[0]
    assert "fill: #ffffff" not in svg  # no background


def test_the_same_picture_is_the_same_text() -> None:
    assert picture(a_plot, "a line") == picture(a_plot, "a line")


@pytest.mark.parametrize(
    ("columns", "letters", "width"), [(3, 8, CARD_WIDTHS[0]), (8, 8, CARD_WIDTHS[1]), (9, 14, 1199), (30, 9, ALWAYS)]
)
def test_a_table_is_shown_as_cards_where_its_columns_do_not_fit(columns: int, letters: int, width: int) -> None:
    frame = pd.DataFrame({f"c{n}": ["x" * letters] for n in range(columns)})
    assert f'class="cards{width}"' in table(frame, "")


def test_each_value_of_a_card_has_its_columns_name() -> None:
    html = table(pd.DataFrame({"a": ["1", "2"], "b & c": ["3", "<4"]}), "", text=["b & c"])
    assert html.count('data-label="b &amp; c"') == 2
    assert '<td class="text" data-label="b &amp; c">&lt;4</td>' in html


def test_a_deviation_stays_on_the_line_of_its_mean() -> None:
    assert '<td data-label="b">0.5&nbsp;±&nbsp;0.1</td>' in table(pd.DataFrame({"a": ["1"], "b": ["0.5 ± 0.1"]}), "")


SORT = """
const cell = text => ({textContent: text});
const rows = %s.map(([a, b]) => ({cells: [cell(a), cell(b)], name: a}));
const body = {rows, append(...all) { this.rows = all; }};
const heads = ["name", "score"].map(text => ({textContent: text, attributes: {},
  getAttribute(n) { return this.attributes[n] ?? null; }, setAttribute(n, v) { this.attributes[n] = v; },
  removeAttribute(n) { delete this.attributes[n]; }, replaceChildren(button) { this.button = button; }}));
const table = {classList: {add() {}}, tBodies: [body], tHead: {rows: [{cells: heads}]}};
const document = {querySelectorAll: () => [table], createElement: () => ({addEventListener(_, f) { this.click = f; }})};
%s
const order = [];
for (const column of [1, 1, 0]) { heads[column].button.click(); order.push(body.rows.map(row => row.name).join("")); }
console.log(order.join(" "), JSON.stringify(heads.map(head => head.attributes)));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_click_sorts_by_numbers_and_a_second_one_the_other_way() -> None:
    """Numbers with signs, thousands, deviations and names before them; empty cells stay last."""
    cells = [["c", "gru 0.9\u00a0±\u00a00.1"], ["a", ""], ["b", "-1,234"], ["e", "+2e3"], ["d", "\u22120.5"]]
    code = SORT % (repr(cells), SCRIPT)
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == 'bdcea ecdba abcde [{"aria-sort":"ascending"},{}]'


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = document("a", "<p>b</p>")
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)


# Machado, Oliveira & Fernandes (2009), doi:10.1109/TVCG.2009.113: linear RGB as seen without one kind of cone.
SEEN = {
    "all": np.eye(3),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, seen: np.ndarray) -> np.ndarray:
    """Return a colour's CIE L*a*b* coordinates as seen with some cones."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.clip(seen @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    ratio = XYZ @ linear / XYZ.sum(axis=1)
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_colours_are_told_apart_with_any_cones(seen: np.ndarray) -> None:
    """The first of each kind, and those of one kind among themselves, are 20 apart: 2.3 is just noticeable."""
    for colours in ((WARM[0], GREEN[0], COOL[0]), WARM, GREEN, COOL):
        for n, first in enumerate(colours):
            for second in colours[:n]:
                assert np.linalg.norm(lab(first, seen) - lab(second, seen)) > 20
