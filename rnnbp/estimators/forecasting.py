"""Forecaster: the next steps of series, one or several at a time."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.data.standardizer import Standardizer
from rnnbp.estimators.architecture import MODEL, RECURRENT, Recurrent
from rnnbp.estimators.base import FITTED, TRAINING, SequenceEstimator
from rnnbp.estimators.nested import Names
from rnnbp.estimators.parameters import fits
from rnnbp.estimators.scikit import check_is_fitted, r2_score
from rnnbp.losses import LOSSES, MeanSquaredError
from rnnbp.runtime import naming, positive_int

Array = np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceForecaster(SequenceEstimator, Recurrent):
    __doc__ = f"""Recurrent network that forecasts series: at each step it predicts the next ones.

    A longer horizon is reached by feeding predictions back as inputs. Series are standardized before training, and
    forecasts are in the units of the series.

    Parameters
    ----------
    steps_ahead : int, default 1
        h: the number of steps that the network predicts at once, trained as h targets a step. 1 is the recursive
        strategy of multi-step forecasting; the horizon of `predict` the direct one.
    window : int, default 50
        Longest piece of a series in training; longer ones are cut.
    {RECURRENT}
    {MODEL}
    {TRAINING.format(loss="Default: MeanSquaredError().")}

    Attributes
    ----------
    series_ : list of ndarray (T_i, F)
        The series that it was fitted on, which `predict` continues.
    form_ : {{'t', 'tf', 'ntf'}}
        Axes of the forecasts that continue them.
    standardizer_ : rnnbp.data.standardizer.Standardizer
    {FITTED}

    Notes
    -----
    An X of one axis is one series of one feature, of two axes one series (T, F), so that
    `sklearn.model_selection.TimeSeriesSplit` can cut it. Several series are given in a list, or in any other container
    that `rnnbp.estimators.containers` lists.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(400) / 3)
    >>> forecaster = SequenceForecaster(cell="elman", epochs=100, random_state=0).fit(x[:390])
    >>> bool(np.abs(forecaster.predict(10) - x[390:]).max() < 0.2)
    True
    """

    steps_ahead: int = 1
    window: int = 50

    per_step = True
    names: ClassVar[Names] = {**SequenceEstimator.names, "loss": {None: MeanSquaredError, **LOSSES}}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # it is one series, whose rows are no samples
        tags.input_tags.one_d_array = True
        tags.target_tags.required = False
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on series.

        Parameters
        ----------
        X : array_like (T,) or (T, F), or several series
        y : optional
            Not used.

        Returns
        -------
        self
        """
        return self._fit(X, self._fresh(), self.epochs)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one more epoch, on other series too, which `predict` then continues.

        Parameters
        ----------
        X, y
            As `fit` takes them.

        Returns
        -------
        self
        """
        return self._fit(X, not hasattr(self, "model_"), self._one_epoch())

    @fits
    def _fit(self, X: Any, reset: bool, epochs: int) -> Self:
        data, form = self._series(X, reset=reset)
        h = positive_int("steps_ahead", self.steps_ahead)
        if data.resets is not None or data.weights is not None:
            what = "reset flags: make a series of every part between two" if data.resets is not None else "weights"
            raise ValueError(f"SequenceForecaster takes no {what}")
        short = np.flatnonzero(data.lengths < 2)
        if short.size:
            raise ValueError(f"series {short[0]} has 1 step: a forecast is learned from series of two steps or more")
        if reset:
            self.standardizer_ = Standardizer.fit(data)
        self.form_ = form
        self.series_ = [np.asarray(s) for s in data.sequences]
        scaled = [self.standardizer_(s) for s in self.series_]
        train = SequenceDataset(
            [s[:-1] for s in scaled], [targets_ahead(s, h) for s in scaled], per_step=True, dtype=self.dtype_
        ).cut(positive_int("window", self.window))
        loss, outputs = self.component("loss"), self.component("loss").outputs(h * data.feature_size)
        if np.ndim(loss.predict(np.zeros((1, outputs)))) != 2:
            raise ValueError(
                f"predictions are fed back as inputs, but {loss!r} has no single one: add 0.5 to quantiles"
            )
        self._train(train, outputs, reset=reset, epochs=epochs)
        if not self.model_.causal:
            raise ValueError("SequenceForecaster takes causal layers: bidirectional ones would see what they predict")
        return self

    def _series(self, X: Any, *, reset: bool) -> tuple[SequenceDataset, str]:
        """Return series as a dataset, and what axes a forecast has: 't', 'tf', or 'ntf' for several series."""
        single = one_series(X, self._container.is_table(X))
        if single is not None:
            return self._read([single], reset=reset)[0], "t" if np.ndim(X) == 1 else "tf"
        if isinstance(X, list | tuple) and len(X):
            X = [np.asarray(x)[:, None] if np.ndim(x) == 1 else x for x in X]
        return self._read(X, reset=reset)[0], "ntf"

    def _held_out(self, data: SequenceDataset, fraction: float) -> tuple[SequenceDataset, SequenceDataset]:
        """Return the pieces to train on, and, of one series, those at its end to say when to stop."""
        held = round(fraction * len(data))
        if len(self.series_) > 1 or not 1 <= held < len(data):
            return super()._held_out(data, fraction)
        return data[:-held], data[-held:]

    def predict(self, horizon: int = 1, X: Any = None) -> Array:
        """Forecast the steps after the end of the series.

        Parameters
        ----------
        horizon : int, default 1
            Number of steps.
        X : optional
            Series to continue, as `fit` takes them. Default: those of the last `fit`.

        Returns
        -------
        ndarray (horizon,) for one series of one axis, (horizon, F) for one, (N, horizon, F) for several
        """
        check_is_fitted(self)
        positive_int("horizon", horizon)
        series, form = self.series_, self.form_
        if X is not None:
            data, form = self._series(X, reset=False)
            series = list(data.sequences)
        found = self.standardizer_.inverse(self._forecast([self.standardizer_(s) for s in series], horizon))
        return {"t": found[0, :, 0], "tf": found[0], "ntf": found}[form]

    def _forecast(self, series: list[Array], horizon: int) -> Array:
        """Return the forecast (N, horizon, F) of standardized series."""
        batch = SequenceDataset(series, dtype=self.dtype_).batch()
        outputs, state = self.model_.forward_from(batch)
        last, found = outputs[batch.lengths - 1, np.arange(batch.size)], np.empty((horizon, *batch.x.shape[1:]))
        for start in range(0, horizon, self.steps_ahead):
            ahead = self.trainer_.loss.predict(last).reshape(batch.size, self.steps_ahead, -1)
            for k in range(start, min(start + self.steps_ahead, horizon)):
                found[k] = ahead[:, k - start]
                last, state = self.model_.step(found[k], state)
        return batch.restore(found.swapaxes(0, 1))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the coefficient of determination R2 of the prediction of each step from those before it.

        Parameters
        ----------
        X, y
            As `fit` takes them.
        """
        check_is_fitted(self)
        data, _ = self._series(X, reset=False)
        if data.lengths.sum() - len(data) < 2:
            raise ValueError("X must hold two steps or more after the first ones, of which R2 is computed")
        scaled = [self.standardizer_(s) for s in data.sequences]
        outputs = self._outputs([s[:-1] for s in scaled])
        predicted = np.concatenate([self.trainer_.loss.predict(o)[:, : data.feature_size] for o in outputs])
        return float(r2_score(np.concatenate([s[1:] for s in scaled]), predicted))


def targets_ahead(series: Array, steps_ahead: int) -> Array:
    """Return the next steps at each step of a series (T, F) but the last: (T - 1, steps_ahead F), NaN past the end.

    Examples
    --------
    >>> targets_ahead(np.arange(4.0)[:, None], 2)
    array([[ 1.,  2.],
           [ 2.,  3.],
           [ 3., nan]])
    """
    T, F = series.shape
    padded = np.concatenate([series, np.full((steps_ahead, F), np.nan)])
    return np.concatenate([padded[k : k + T - 1] for k in range(1, steps_ahead + 1)], axis=1)


def one_series(X: Any, table: bool) -> Array | None:
    """Return X (T, F) if it is one series, of one or two axes, and not several.

    Examples
    --------
    >>> one_series([1.0, 2.0], True).shape, one_series([np.ones(2), np.ones(3)], False)
    ((2, 1), None)
    """
    if isinstance(X, list | tuple) and not (len(X) and np.isscalar(X[0])):
        return None
    if not table and not isinstance(X, pd.Series):
        return None
    if np.iscomplexobj(X):
        raise ValueError("X must be real, got complex numbers")
    with naming("X"):
        series = np.asarray(X, np.float64)
    return series[:, None] if series.ndim == 1 else series
