"""Self-contained HTML pages: tables that fit any window and sort by a click, and plots for light and dark."""

import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from rnnbp.plotting import INK, LIGHT_INK, drawn_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, PHONE = 11.0, 5.2  # widths of a plot [inches]

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --line: #d5dbe5; --soft: #f3f5f9; --faint: #596579;
  --accent: #0072b2 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ef; --paper: #14181f; --line: #39414e; --soft: #1e242e;
  --faint: #a3adbd; --accent: #56b4e9 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper); overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25 } h2 { font-size: 1.25rem; margin-top: 2.5rem }
h3 { font-size: 1.05rem; margin-top: 1.5rem }
p.verdict { font-size: 1.1rem; border-left: 4px solid var(--accent); padding-left: 1rem }
pre { font-size: .8rem; overflow-x: auto }
figure { margin: 1rem 0 } figcaption, p.note { color: var(--faint); font-size: .9rem; max-width: 60rem }
img { width: 100%; height: auto; display: block }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums }
caption { text-align: left; color: var(--faint); padding: .3rem 0 }
th, td { padding: .35rem .4rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
  overflow-wrap: normal }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--line) }
.text, tbody th { text-align: left } tbody th { font-weight: 600; white-space: nowrap }
table.settings th { font-weight: normal; white-space: normal; color: var(--faint); width: 12rem }
table.settings td { text-align: left; overflow-wrap: anywhere }
thead button { all: unset; cursor: pointer; font-weight: 600; text-decoration: underline dotted var(--faint) }
thead button:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
thead button::after { content: "\\00a0\\2195"; color: var(--faint) }
[aria-sort=ascending] button::after { content: "\\00a0\\2191" }
[aria-sort=descending] button::after { content: "\\00a0\\2193" }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; margin: .7rem 0 }
summary { cursor: pointer; font-weight: 600 } summary span { font-weight: normal; color: var(--faint) }
"""

# A table that is too wide for the window: a card for each row, with the column's name beside each value.
CARDS = """
@media (max-width: %(width)dpx) {
  .cards%(width)d, .cards%(width)d caption { display: block }
  .cards%(width)d thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%%) }
  .cards%(width)d.sortable thead { position: static; width: auto; height: auto; clip-path: none; display: block }
  .cards%(width)d.sortable thead tr { display: flex; flex-wrap: wrap; gap: .2rem .9rem }
  .cards%(width)d.sortable thead th { border: 0; padding: 0 }
  .cards%(width)d.sortable thead tr::before { content: "sort by"; color: var(--faint) }
  .cards%(width)d tbody { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%%, 21rem), 1fr));
    gap: .6rem }
  .cards%(width)d tbody tr { display: block; background: var(--soft); border-radius: .4rem; padding: .4rem .7rem }
  .cards%(width)d tbody th, .cards%(width)d tbody td { display: flex; justify-content: space-between; gap: 1rem;
    border: 0; padding: .1rem 0; text-align: right; overflow-wrap: anywhere }
  .cards%(width)d tbody th { font-size: 1rem; white-space: normal } .cards%(width)d tbody td:empty { display: none }
  .cards%(width)d tbody td::before { content: attr(data-label); color: var(--faint); text-align: left;
    overflow-wrap: normal }
}
"""
CARD_WIDTHS = (500, 760, 980, 1199)  # of the window [px], up to which a table is shown as cards
ALWAYS = 10_000  # a table with more columns than fit any page

# Cells sort by their first number; without a number in every cell, by their text. Empty cells stay last.
SCRIPT = r"""
for (const table of document.querySelectorAll("table[data-sortable]")) {
  table.classList.add("sortable");
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = head.textContent; head.replaceChildren(button);
    button.addEventListener("click", () => {
      const text = row => row.cells[column].textContent.replace(/\u2212/g, "-").trim();
      const number = row => parseFloat((/(?:^|\s)([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)/.exec(text(row)) || [])[1]
        ?.replace(/,/g, ""));
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows], full = rows.filter(row => text(row)), empty = rows.filter(row => !text(row));
      const numeric = full.every(row => !isNaN(number(row)));
      full.sort((a, b) => (down ? -1 : 1) * (numeric ? number(a) - number(b) : text(a).localeCompare(text(b))));
      body.append(...full, ...empty);
    });
  });
}
"""


def document(title: str, body: str) -> str:
    """Return a self-contained HTML page.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML.

    Examples
    --------
    >>> document("One & all", "<h1>One</h1>").splitlines()[3]
    '<title>One &amp; all</title>'
    """
    cards = "".join(CARDS % {"width": width} for width in (*CARD_WIDTHS, ALWAYS))
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{STYLE}{cards}</style></head>
<body>
<main>
{body}
</main>
<script>{SCRIPT}</script>
</body>
</html>
"""


def table(frame: pd.DataFrame, caption: str, text: Sequence[str] = ()) -> str:
    """Return a table whose rows are sorted by a click on a column's name, and are cards in a window too narrow for it.

    Parameters
    ----------
    frame : DataFrame
        Of strings; the first column names the row.
    caption : str
        Plain text.
    text : sequence of str
        Columns that are aligned left, beside the first.

    Examples
    --------
    >>> print(table(pd.DataFrame({"model": ["gru"], "score": ["0.9"]}), "Scores"))
    <table data-sortable class="cards500">
    <caption>Scores</caption>
    <thead><tr><th scope="col" class="text">model</th><th scope="col">score</th></tr></thead>
    <tbody>
    <tr><th scope="row">gru</th><td data-label="score">0.9</td></tr>
    </tbody>
    </table>
    """
    left = {frame.columns[0], *text}
    heads = "".join(f'<th scope="col"{_left(name in left)}>{html.escape(str(name))}</th>' for name in frame.columns)
    rows = "\n".join(f"<tr>{_row(row, frame.columns, left)}</tr>" for row in frame.itertuples(index=False, name=None))
    return f"""<table data-sortable class="cards{_card_width(frame)}">
<caption>{html.escape(caption)}</caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _row(row: Sequence[str], columns: pd.Index, left: set[str]) -> str:
    first, *rest = (html.escape(cell).replace(" ± ", "&nbsp;±&nbsp;") for cell in row)
    cells = zip(columns[1:], rest, strict=True)
    return f'<th scope="row">{first}</th>' + "".join(
        f'<td{_left(name in left)} data-label="{html.escape(str(name))}">{cell}</td>' for name, cell in cells
    )


def _left(text: bool) -> str:
    return ' class="text"' if text else ""


def _card_width(frame: pd.DataFrame) -> int:
    """Return the width of the window up to which the table is shown as cards.

    Of the window 32 px are margin, and of a column 13; a letter takes 7.4 px, 8 in a header, which wraps.
    """
    cells = [7.4 * frame[name].map(len).max() for name in frame]
    heads = [8 * max(map(len, re.split(r"[ -]", str(name)))) + 20 for name in frame]
    needed = 32 + sum(max(pair) + 13 for pair in zip(cells, heads, strict=True))
    return next((width for width in CARD_WIDTHS if needed <= width), ALWAYS)


def settings_table(settings: Mapping[str, str], caption: str) -> str:
    """Return names and texts as a table of two columns.

    Examples
    --------
    >>> settings_table({"epochs": "30"}, "Settings").splitlines()[2]
    '<tr><th scope="row">epochs</th><td>30</td></tr>'
    """
    rows = (
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
        for name, text in settings.items()
    )
    return "\n".join(('<table class="settings">', f"<caption>{html.escape(caption)}</caption>", *rows, "</table>"))


def picture(plot: "Callable[[float], Figure]", description: str, caption: str = "") -> str:
    """Return a plot for wide and narrow windows, on light and dark pages, or a note where matplotlib is not installed.

    Parameters
    ----------
    plot : callable
        ``plot(width)`` returns the figure of that width [inches].
    description : str
        What the plot says, for those who do not see it.
    caption : str
        Plain text below the plot.
    """
    try:
        wide, narrow = (_svg(plot, width) for width in (PAGE, PHONE))
    except ImportError as error:
        return f"<p>No plot here: {html.escape(str(error))}</p>"
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><picture><source media="(max-width: 700px)" srcset="{narrow}">'
        f'<img alt="{html.escape(description)}" src="{wide}"></picture>{below}</figure>'
    )


def _svg(plot: "Callable[[float], Figure]", width: float) -> str:
    """Return the figure as a data URL of an SVG image whose text is dark on light pages, and light on dark ones."""
    memory = io.BytesIO()
    with drawn_in(INK):
        plot(width).savefig(memory, format="svg", transparent=True, metadata={"Date": None})
    text = memory.getvalue().decode().replace(INK, "currentColor")
    dark = f"@media (prefers-color-scheme: dark) {{ svg {{ color: {LIGHT_INK} }} }}"
    text = re.sub(r"(<svg [^>]*>)", rf"\1<style>svg {{ color: {INK} }} {dark}</style>", text, count=1)
    return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}"
