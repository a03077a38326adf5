"""History of a training: a table with one row per epoch, and the meaning of its columns."""

from collections.abc import Iterable

import pandas as pd

from rnnbp.runtime import did_you_mean

Row = dict[str, float]

ROWS = 8  # printed: the first and the last ones


class History(pd.DataFrame):
    """DataFrame with one row per epoch, of which only the first and last rows are printed, to four digits.

    Its columns, slices and copies are plain pandas objects.

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


def history_columns(metric: str, validated: bool) -> list[str]:
    """Return the columns of a history, with the score `metric` of the loss, and those of a validation set.

    Parameters
    ----------
    metric : str
        The name of the score: ``"accuracy"``.
    validated : bool
        Whether there is a validation set.

    Examples
    --------
    >>> history_columns("accuracy", validated=False)
    ['epoch', 'loss', 'accuracy', 'gradient_norm', 'learning_rate', 'seconds', 'steps']
    """
    validation = ["validation_loss", f"validation_{metric}"] if validated else []
    return ["epoch", "loss", metric, *validation, "gradient_norm", "learning_rate", "seconds", "steps"]


def less_is_better(column: str) -> bool:
    """Return whether smaller is better in a column of a history: losses, error rates, norms and seconds.

    Parameters
    ----------
    column : str
        The name of a column.

    Examples
    --------
    >>> less_is_better("validation_token_error_rate"), less_is_better("validation_accuracy")
    (True, False)
    """
    return column.endswith(("loss", "norm", "seconds", "error_rate"))


def check_monitor(monitor: str, columns: Iterable[str]) -> None:
    """Raise unless `monitor` is one of a history's columns.

    Parameters
    ----------
    monitor : str
        What the caller gave.
    columns : iterable of str
        The names of the columns.

    Raises
    ------
    ValueError
        If it is not; the message lists the columns.

    Examples
    --------
    >>> check_monitor("loss", ["epoch", "loss"])
    """
    taken = list(columns)
    if monitor in taken:
        return
    without = monitor.startswith("validation_") and not any(name.startswith("validation_") for name in taken)
    advice = " Give fit(validation=...)." if without else did_you_mean(monitor, taken)
    raise ValueError(f"monitor must be a column of the history, got {monitor!r}; there are {', '.join(taken)}.{advice}")
