"""Simple forecasts: the value of an earlier step, repeated, as a network of frozen weights; linear autoregression."""

from dataclasses import dataclass

import numpy as np

from rnnbp.comparison.models import Baseline
from rnnbp.data import LabelSequences, SequenceDataset
from rnnbp.layers import Dense, Layer, Window
from rnnbp.models import Sequential
from rnnbp.optimizers import Ridge
from rnnbp.runtime import positive_int, refuses_by_name


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


@dataclass(frozen=True)
class SolvedBaseline(Baseline):
    """Baseline whose only parameters are those of its last layer, for which `Ridge` solves."""

    def optimizer(self) -> Ridge:
        """Return a new Ridge: its penalty is chosen by generalized cross-validation."""
        return Ridge()


def autoregression(features: int, lags: int, outputs: int) -> list[Layer]:
    """Return a linear autoregression on the last `lags` values."""
    return [Window(lags - 1, 0), Dense(lags * features, outputs)]


def is_forecast(data: SequenceDataset) -> bool:
    """Return whether the target of each step is the input of the next one.

    Examples
    --------
    >>> x = np.arange(4.0)[:, None]
    >>> is_forecast(SequenceDataset([x[:-1]], [x[1:]])), is_forecast(SequenceDataset([x], [x]))
    (True, False)
    """
    targets = data.targets
    if targets is None or isinstance(targets, LabelSequences) or not data.per_step:
        return False
    pairs = [(x, np.asarray(y).reshape(len(y), -1)) for x, y in zip(data.sequences, targets, strict=True)]
    return any(len(x) > 1 for x, _ in pairs) and all(
        y.dtype.kind == "f" and x.shape == y.shape and np.allclose(x[1:], y[:-1], equal_nan=True) for x, y in pairs
    )


@refuses_by_name
def forecasts_for(
    data: SequenceDataset, season: int | None = None, lags: int = 12
) -> dict[str, Baseline | NaiveForecast]:
    """Return the forecasts with nothing to train, or solved for, where the targets are the next values; else none.

    Parameters
    ----------
    data : SequenceDataset
        The training set.
    season : int, optional
        Number of steps after which the series repeats itself. Default: no seasonal forecast.
    lags : int, default 12
        Number of values that the autoregression sees.

    Raises
    ------
    ValueError
        If `season` or `lags` is no positive integer.

    Examples
    --------
    >>> x = np.arange(40.0)[:, None]
    >>> list(forecasts_for(SequenceDataset([x[:-1]], [x[1:]]), season=12))
    ['persistence', 'seasonal', 'autoregression']
    """
    if not is_forecast(data):
        return {}
    features = data.feature_size
    seasonal = {} if season is None else {"seasonal": NaiveForecast(features, season)}
    solved = SolvedBaseline(autoregression, positive_int("lags", lags), "static")
    return {"persistence": NaiveForecast(features), **seasonal, "autoregression": solved}
