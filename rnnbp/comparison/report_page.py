"""HTML page of a comparison."""

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from rnnbp.comparison.page import document, picture, settings_table, table
from rnnbp.runtime import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS_EXPLAINED = """<b>static</b>: no state is carried from step to step. <b>reservoir</b>: recurrent layers whose
random weights stay as they are; only the readout is trained. <b>recurrent</b>: all weights are trained by
backpropagation through time."""


class Compared(Protocol):
    """What a page reads of a `rnnbp.Report`."""

    @property
    def runs(self) -> pd.DataFrame: ...
    @property
    def curves(self) -> pd.DataFrame: ...
    @property
    def table(self) -> pd.DataFrame: ...
    @property
    def failures(self) -> pd.DataFrame: ...
    @property
    def metric(self) -> str: ...
    @property
    def settings(self) -> dict[str, str]: ...
    @property
    def verdict(self) -> str: ...
    def plot(self, width: float = ..., /) -> "Figure": ...


def page(report: Compared) -> str:
    """Return a comparison as a self-contained HTML page.

    Parameters
    ----------
    report : Report
    """
    name = report.settings.get("dataset")
    title = f"Static against recurrent: {name}" if name else "Static against recurrent"
    return document(
        f"rnnbp: {title}",
        f'<h1>{html.escape(title)}</h1>\n<p class="verdict">{html.escape(report.verdict)}</p>\n'
        f"{sections(report, report.settings, heading=2)}",
    )


def sections(report: Compared, settings: Mapping[str, str], heading: int) -> str:
    """Return a comparison's plot, tables and settings as HTML, without its title.

    Parameters
    ----------
    report : Report
    settings : mapping of str to str
        Those that the page names here.
    heading : int
        Level of the sections' headings.
    """
    seeds, metric = report.runs["seed"].nunique(), report.metric
    h, end = f"<h{heading}>", f"</h{heading}>"
    described = settings_table(settings, "Data, training and versions") if settings else ""
    return f"""{picture(report.plot, _description(report))}
{h}Every model{end}
{table(columns_to_read(report.table), f"Mean over {counted(seeds, 'seed')}, ± standard deviation", text=["kind"])}
<p class="note">{KINDS_EXPLAINED}</p>
<p class="note">Every model was trained for {int(report.curves["epoch"].max())} epochs on all of the training set, once
for each seed, and evaluated on the test set once. <b>validation</b> is the mean {metric} of a cross-validation within
the training set at the last epoch; the best of each kind is chosen by it. <b>test</b> and <b>train</b> are the {metric}
on the test set and on the training set. <b>best epoch</b> is the one with the best validation {metric}. <b>seconds</b>
is the time of one training, <b>ms a sequence</b> that of one sequence's outputs in a batch, <b>gradient norm</b> the
mean over all steps of training.</p>
{f"{h}Data and settings{end}{chr(10)}{described}" if described else ""}
{_failures(report.failures, f"{h}Failed runs{end}")}
{h}Every run{end}
<details><summary>{counted(len(report.runs), "run")}</summary>
{table(_runs_to_read(report.runs), "A row for each model and seed", text=["kind"])}
</details>"""


def _failures(failed: pd.DataFrame, heading: str) -> str:
    """Return the runs that failed as a table, with their tracebacks; '' if there are none."""
    if failed.empty:
        return ""
    tracebacks = "\n".join(
        f"<p>{html.escape(f'{row.model}, {row.run}')}</p>\n<pre>{html.escape(str(row.traceback))}</pre>"
        for row in failed.itertuples()
    )
    shown = table(failed[["model", "run", "error"]], "They are in none of the figures", text=["run", "error"])
    return f"{heading}\n{shown}\n<details><summary>Tracebacks</summary>\n{tracebacks}\n</details>"


def _description(report: Compared) -> str:
    means = (f"{row.model} ({row.kind}) {row.test_mean:.3f}" for row in report.table.itertuples())
    return f"Learning curves by kind of model, and mean test {report.metric}: {', '.join(means)}"


def columns_to_read(table: pd.DataFrame) -> pd.DataFrame:
    """Return the main columns of a report's table as text that fits a window of 1,200 pixels.

    Examples
    --------
    >>> row = {"model": "gru", "kind": "recurrent", "parameters": 15561, "validation_mean": 0.96, "test_mean": 0.97}
    >>> row |= {"test_std": 0.01, "train_mean": 1, "train_std": np.nan, "epochs_to_best": 3, "seconds_mean": 0.123}
    >>> columns_to_read(pd.DataFrame([row | {"inference_ms": 0.2, "gradient_norm": 0.5}])).iloc[0].tolist()
    ['gru', 'recurrent', '15,561', '0.9600', '0.9700 ± 0.0100', '1.0000', '3', '0.12', '0.200', '0.500']
    """
    return pd.DataFrame(
        {
            "model": table["model"],
            "kind": table["kind"],
            "parameters": table["parameters"].map("{:,}".format),
            "validation": table["validation_mean"].map(number),
            "test": with_spread(table, "test"),
            "train": with_spread(table, "train"),
            "best epoch": [number(epoch, 0) for epoch in table["epochs_to_best"]],
            "seconds": table["seconds_mean"].map("{:.2f}".format),
            "ms a sequence": table["inference_ms"].map("{:.3f}".format),
            "gradient norm": table["gradient_norm"].map("{:.3f}".format),
        }
    )


def with_spread(table: pd.DataFrame, score: str) -> list[str]:
    """Return the mean and, where there is one, the standard deviation of a score as text."""
    pairs = zip(table[f"{score}_mean"], table[f"{score}_std"], strict=True)
    return [f"{mean:.4f}" if np.isnan(std) else f"{mean:.4f} ± {std:.4f}" for mean, std in pairs]


def number(value: float, digits: int = 4, sign: str = "") -> str:
    """Return a number as text, and '' for NaN.

    Examples
    --------
    >>> number(0.25, 2), number(0.25, 2, "+"), number(np.nan)
    ('0.25', '+0.25', '')
    """
    return "" if np.isnan(value) else f"{value:{sign}.{digits}f}"


def _runs_to_read(runs: pd.DataFrame) -> pd.DataFrame:
    runs = runs.rename(columns=lambda name: name.replace("_", " "))
    return runs.apply(lambda column: column.map(_cell))


def _cell(value: object) -> str:
    return number(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
