"""History: the learning curve of a training, as a table that prints briefly, and what its columns mean."""

from collections.abc import Iterable

import pandas as pd

from rnnbp.runtime import did_you_mean

Row = dict[str, float]

ROWS = 8  # that are printed: the first and the last ones


class History(pd.DataFrame):
    """A row an epoch, as a DataFrame of which only the first and last rows are printed, to four digits.

    Everything made of it (a column, a slice, a copy) is plain pandas.

    Examples
    --------
    >>> history = History({"epoch": range(1, 101), "loss": [1 / n for n in range(1, 101)]})
    >>> history
        epoch    loss
    0       1  1.0000
    1       2  0.5000
    2       3  0.3333
    3       4  0.2500
    ..    ...     ...
    96     97  0.0103
    97     98  0.0102
    98     99  0.0101
    99    100  0.0100
    <BLANKLINE>
    [100 rows x 2 columns]
    """

    def __repr__(self) -> str:
        with _brief():
            return super().__repr__()

    def _repr_html_(self) -> str | None:
        with _brief():
            return pd.DataFrame(self)._repr_html_()  # type: ignore[operator]


def _brief() -> pd.option_context:
    rows = ("display.max_rows", ROWS, "display.min_rows", ROWS)
    return pd.option_context(*rows, "display.precision", 4, "display.width", 160)  # all columns of a validated epoch


def less_is_better(column: str) -> bool:
    """Whether a column of the history is of what should fall: losses, error rates, norms and seconds.

    Examples
    --------
    >>> less_is_better("validation_token_error_rate"), less_is_better("validation_accuracy")
    (True, False)
    """
    return column.endswith(("loss", "norm", "seconds", "error_rate"))


def check_monitor(monitor: str, columns: Iterable[str]) -> None:
    """Raise unless `monitor` is one of a history's columns.

    Raises
    ------
    ValueError
        Naming the columns that there are.
    """
    taken = list(columns)
    if monitor in taken:
        return
    without = monitor.startswith("validation_") and not any(name.startswith("validation_") for name in taken)
    advice = " Give fit(validation=...)." if without else did_you_mean(monitor, taken)
    raise ValueError(f"monitor must be a column of the history, got {monitor!r}; there are {', '.join(taken)}.{advice}")
