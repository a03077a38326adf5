"""Self-contained HTML page of a comparison."""

import base64
import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1d2430 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
p.verdict { font-size: 1.1rem; border-left: 4px solid #2f6db5; padding-left: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #dde2ea; text-align: right }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
td { white-space: nowrap; vertical-align: top }
table.settings td { text-align: left } table.settings td:last-child { white-space: normal }
img { max-width: 100% } div.wide { overflow-x: auto }
"""


def page(
    verdict: str,
    plot: str,
    table: pd.DataFrame,
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    metric: str,
    settings: Mapping[str, str],
) -> str:
    """Return the report as a self-contained HTML page.

    Parameters
    ----------
    verdict : str
        Plain text.
    plot : str
        HTML.
    table, runs, curves : DataFrame
        Those of a `rnnbp.Report`.
    metric : str
    settings : mapping of str to str
        Plain text.
    """
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>rnnbp: static against recurrent</title>
<style>{STYLE}</style></head><body>
<h1>Static against recurrent</h1>
<p class="verdict">{html.escape(verdict)}</p>
{plot}
<h2>Every model, over {runs["seed"].nunique()} seeds</h2>
{_wide(columns_to_read(table))}
{_settings(settings)}
<h2>The columns</h2>
<p>Every model was trained for {int(curves["epoch"].max())} epochs on all of the training set, once for each seed,
and evaluated on the test set once. <b>validation</b> is the mean {metric} of a cross-validation within the training set
at the last epoch; the best of each kind is chosen by it. <b>test</b> and <b>train</b> are the {metric} on the test set
and on the training set, mean ± standard deviation over the seeds. <b>best epoch</b> is the one with the best validation
{metric}. <b>seconds</b> is the time of one training, <b>ms a sequence</b> that of one sequence's outputs in a batch,
<b>gradient norm</b> the mean over all steps of training.</p>
<h2>Every run</h2>
{_wide(runs.round(4))}
</body></html>
"""


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
            "validation": table["validation_mean"].map("{:.4f}".format),
            "test": _with_spread(table, "test"),
            "train": _with_spread(table, "train"),
            "best epoch": table["epochs_to_best"].map("{:d}".format),
            "seconds": table["seconds_mean"].map("{:.2f}".format),
            "ms a sequence": table["inference_ms"].map("{:.3f}".format),
            "gradient norm": table["gradient_norm"].map("{:.3f}".format),
        }
    )


def _with_spread(table: pd.DataFrame, score: str) -> list[str]:
    pairs = zip(table[f"{score}_mean"], table[f"{score}_std"], strict=True)
    return [f"{mean:.4f}" if np.isnan(std) else f"{mean:.4f} ± {std:.4f}" for mean, std in pairs]


def _wide(table: pd.DataFrame) -> str:
    return f'<div class="wide">{table.to_html(index=False, border=0)}</div>'


def _settings(settings: Mapping[str, str]) -> str:
    if not settings:
        return ""
    rows = "\n".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in settings.items())
    return f'<h2>Data and settings</h2>\n<table class="settings">\n{rows}\n</table>'


def embedded(figure: "Figure", description: str) -> str:
    """Return a figure as an inline HTML image with the alternative text `description`."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=130)
    code = base64.b64encode(memory.getvalue()).decode()
    return f'<img alt="{html.escape(description)}" src="data:image/png;base64,{code}">'
