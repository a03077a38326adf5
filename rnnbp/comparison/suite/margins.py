"""What recurrence, and its training, is worth on each task of a suite, beside the task's measured memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.comparison.lag_profile import memory_lag
from rnnbp.comparison.paired_scores import NO_PAIR, Paired
from rnnbp.comparison.report import Report
from rnnbp.comparison.suite.statistics import ALPHA
from rnnbp.metrics import less_is_better
from rnnbp.models.kind import KINDS


def margins(reports: Mapping[str, Report], memory: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each task, as `SuiteReport.margins` describes it.

    Parameters
    ----------
    reports : mapping of str to Report
    memory : mapping of str to DataFrame
        Lag profiles, `lag` and `share`.
    """
    return pd.DataFrame([_row(task, report, memory.get(task)) for task, report in reports.items()])


def _row(task: str, report: Report, profile: pd.DataFrame | None) -> dict[str, Any]:
    best = {kind: report.best(kind) for kind in KINDS}
    means = report.table.set_index("model")["test_mean"]
    row: dict[str, Any] = {"task": task, "metric": report.metric}
    for kind, model in best.items():
        row |= {kind: model, f"{kind}_mean": np.nan if model is None else means[model]}
    over_static = _improvement(report, best["recurrent"], best["static"])
    row |= _columns("margin", over_static) | {"margin_p": over_static.p, "effect": over_static.effect}
    over_reservoir = _improvement(report, best["recurrent"], best["reservoir"])
    row |= _columns("over_reservoir", over_reservoir)
    trained, frozen, _ = report.gain or (None, None, None)
    row |= _columns("bptt", _improvement(report, trained, frozen) if trained == f"{frozen}-bptt" else NO_PAIR)
    seeds = report.runs["seed"].nunique()
    return row | {
        "memory": np.nan if profile is None else memory_lag(profile),
        "outcome": outcome(over_static, seeds),
        "over_reservoir_outcome": outcome(over_reservoir, seeds, "reservoir"),
    }


def _improvement(report: Report, first: str | None, second: str | None) -> Paired:
    """Return how much better the first model is: positive, where the metric is an error rate too."""
    if first is None or second is None:
        return NO_PAIR
    if less_is_better(report.metric):
        first, second = second, first
    return report.paired(first, second)


def _columns(name: str, pair: Paired) -> dict[str, float]:
    return {name: pair.difference, f"{name}_low": pair.low, f"{name}_high": pair.high}


def outcome(pair: Paired, seeds: int, other: str = "static") -> str:
    """Return which kind is better on a task: 'recurrent', the other one, or 'undecided'.

    Decided is a difference whose p-value is below 0.05, so that its 95 % interval excludes 0, or which is the same for
    three seeds or more. An interval that is not shown, as it exceeds the largest possible difference, decides too.

    Parameters
    ----------
    pair : Paired
        The recurrent network's improvement on the other one.
    seeds : int
    other : str, default 'static'

    Examples
    --------
    >>> outcome(Paired(0.02, 0.01, 0.03, 0.001), 5), outcome(Paired(0.02, -0.01, 0.05, 0.2), 5)
    ('recurrent', 'undecided')
    >>> outcome(Paired(-0.5, np.nan, np.nan, np.nan), 3), outcome(Paired(-0.5, np.nan, np.nan, np.nan), 1)
    ('static', 'undecided')
    >>> outcome(Paired(0.94, np.nan, np.nan, 0.001), 3)
    'recurrent'
    """
    certain = seeds >= 3 if np.isnan(pair.p) else pair.p < ALPHA
    if not (certain and abs(pair.difference) > 1e-12):
        return "undecided"
    return "recurrent" if pair.difference > 0 else other
