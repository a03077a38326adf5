"""The result of a forecast: sampled paths, their mean and a band."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnbp.layers.base import Array
from rnnbp.runtime import number


@dataclass(frozen=True, repr=False)
class Forecast:
    """The next steps of a sequence.

    Attributes
    ----------
    mean : ndarray (steps, D)
        Of the samples; the path itself where there is one.
    low, high : ndarray (steps, D), or None
        Quantiles of the samples; None where there is a single one.
    samples : ndarray (n, steps, D)
        Paths, each a possible future.
    quantiles : (float, float)
        The levels of `low` and `high`.
    names : tuple of str
        Of the D features.

    Examples
    --------
    >>> import rnnbp
    >>> samples = np.arange(5.0)[:, None, None] + np.zeros((5, 2, 1))
    >>> forecast = Forecast.of(samples, (0.25, 0.75), ("load",))
    >>> forecast
    Forecast: 2 steps of load, 5 samples, band from 0.25 to 0.75
    >>> forecast.to_frame()
          mean  low  high
    step
    1      2.0  1.0   3.0
    2      2.0  1.0   3.0
    """

    mean: Array
    low: Array | None
    high: Array | None
    samples: Array
    quantiles: tuple[float, float]
    names: tuple[str, ...]

    @classmethod
    def of(cls, samples: Array, quantiles: tuple[float, float], names: tuple[str, ...]) -> "Forecast":
        """Return the forecast of sampled paths (n, steps, D)."""
        low, high = np.quantile(samples, quantiles, axis=0) if len(samples) > 1 else (None, None)
        return cls(samples.mean(axis=0), low, high, samples, quantiles, names)

    def quantile(self, q: float) -> Array:
        """Return a quantile of the samples at every step, (steps, D).

        Raises
        ------
        ValueError
            If `q` is not between 0 and 1, or there is a single path.
        """
        if len(self.samples) == 1:
            raise ValueError("quantile takes a forecast of several samples: give forecast residuals=, or an ensemble")
        found: Array = np.quantile(self.samples, number("q", q, 0, 1), axis=0)
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each step, 1, 2, ...: mean, low and high, of each feature if several."""
        values = {"mean": self.mean} | ({} if self.low is None else {"low": self.low, "high": self.high})
        tables = [
            pd.DataFrame({what: value[:, k] for what, value in values.items() if value is not None})
            for k in range(len(self.names))
        ]
        table = tables[0] if len(tables) == 1 else pd.concat(dict(zip(self.names, tables, strict=True)), axis=1)
        return table.set_axis(pd.RangeIndex(1, len(self.mean) + 1, name="step"), axis=0)

    def __repr__(self) -> str:
        low, high = self.quantiles
        band = f", {len(self.samples)} samples, band from {low:g} to {high:g}" if len(self.samples) > 1 else ""
        return f"Forecast: {len(self.mean)} steps of {', '.join(self.names)}{band}"
