"""Naive forecasts as networks of frozen weights: the value of an earlier step, repeated."""

from dataclasses import dataclass

import numpy as np

from rnnbp.layers import Dense, Window
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class NaiveForecast:
    """Model factory of a forecast of the next step that repeats the values of one season before.

    ``y[t] = x[t + 1 - season]``, where the target of step t is x[t + 1], and 0 within the first season. A season of 1
    is persistence: the last value is repeated.

    Parameters
    ----------
    features : int
        F, the number of values at each step, of which there are as many to forecast.
    season : int, default 1
        In steps.

    References
    ----------
    R. J. Hyndman & G. Athanasopoulos (2021), "Forecasting: principles and practice", 3rd edition, section 5.2

    Examples
    --------
    >>> x = np.array([3.0, 5.0, 4.0]).reshape(3, 1, 1)
    >>> NaiveForecast(1)(0).forward(x).ravel().tolist()
    [3.0, 5.0, 4.0]
    >>> NaiveForecast(1, season=2)(0).forward(x).ravel().tolist()
    [0.0, 3.0, 5.0]
    """

    features: int
    season: int = 1
    kind = "static"
    grouped = True

    def __post_init__(self) -> None:
        positive_int("features", self.features)
        positive_int("season", self.season)

    def __call__(self, seed: int = 0) -> Sequential:
        """Return the network, which has nothing to train: the seed changes nothing."""
        F, steps = self.features, self.season
        model = Sequential(Window(steps - 1, 0), Dense(steps * F, F), seed=seed)
        weights = np.zeros_like(model.params["1.w"])
        weights[:, :F] = np.eye(F)
        model.params["1.w"], model.params["1.b"] = weights, 0
        model.freeze("*")
        return model
