"""Report of a suite of comparisons: one report a task, beside what each task's data needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from rnnbp.comparison.report import Report


@dataclass(frozen=True)
class SuiteReport:
    """Result of `rnnbp.compare_suite`.

    Attributes
    ----------
    reports : mapping of str to Report
        The comparison of each task, in the suite's order.
    memory : mapping of str to DataFrame
        Lag profile of the gradient of each task's best recurrent network, as `rnnbp.comparison.memory_profile` returns
        it: columns `lag` and `share`. Tasks without a recurrent network are left out.

    Examples
    --------
    >>> list(SuiteReport({}).reports)
    []
    """

    reports: Mapping[str, Report]
    memory: Mapping[str, pd.DataFrame] = field(default_factory=dict)
