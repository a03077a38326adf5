"""Forecasts of several models together, and residuals that a model leaves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.layers.base import Array
from rnnbp.models.forecast_result import Forecast
from rnnbp.models.prediction import batch_outputs, in_order
from rnnbp.models.uses import Uses
from rnnbp.runtime import refuses_by_name


@refuses_by_name
def forecast_ensemble(models: Sequence[Uses], history: Any, steps: int, **options: Any) -> Forecast | list[Forecast]:
    """Forecast by several models: their paths together are the samples, so that the band shows where they disagree.

    Parameters
    ----------
    models : sequence of Sequential
        Trained alike, from several seeds or on several samples of the data.
    history, steps
        As `rnnbp.Sequential.forecast` takes them.
    **options
        Its other arguments. With residuals, or a loss with a distribution, the samples of all models are pooled: the
        band is then that of what they disagree on and of what they leave open.

    Returns
    -------
    Forecast, or list of Forecast

    Raises
    ------
    ValueError
        If there is no model; or as `rnnbp.Sequential.forecast`.

    References
    ----------
    B. Lakshminarayanan, A. Pritzel & C. Blundell (2017), "Simple and scalable predictive uncertainty estimation using
    deep ensembles", NeurIPS 30, arXiv:1612.01474

    Examples
    --------
    >>> import rnnbp
    >>> models = [rnnbp.Sequential(rnnbp.GRU(1, 4), rnnbp.Dense(4, 1), seed=seed) for seed in range(5)]
    >>> rnnbp.forecast_ensemble(models, np.ones((10, 1)), steps=3)
    Forecast: 3 steps of x0, 5 samples, band from 0.05 to 0.95
    """
    if not len(models):
        raise ValueError("models must be at least one model, got none")
    seeds = np.random.default_rng(options.pop("rng", 0)).spawn(len(models))
    found = [model.forecast(history, steps, rng=rng, **options) for model, rng in zip(models, seeds, strict=True)]
    if isinstance(found[0], Forecast):
        return _pooled(found)
    return [_pooled(parts) for parts in zip(*found, strict=True)]


def _pooled(forecasts: Sequence[Any]) -> Forecast:
    first = forecasts[0]
    return Forecast.of(np.concatenate([one.samples for one in forecasts]), first.quantiles, first.names)


@refuses_by_name
def forecast_residuals(model: Uses, data: SequenceDataset) -> list[Array]:
    """Compute what a model's predictions of the next values leave: the targets minus the predictions.

    Parameters
    ----------
    model : Sequential
    data : SequenceDataset
        Not trained on: a validation set, ``data.shifted(steps)`` as the training set was.

    Returns
    -------
    list of ndarray (T_i, K)
        Of each sequence, without the steps that have no target; for `residuals` of `rnnbp.Sequential.forecast`.

    Raises
    ------
    ValueError
        If the targets are no values, or not those that the model predicts.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.GRU(1, 4), rnnbp.Dense(4, 1))
    >>> data = rnnbp.SequenceDataset([np.ones((5, 1)), np.ones((8, 1))]).shifted()
    >>> [residuals.shape for residuals in rnnbp.forecast_residuals(model, data)]
    [(4, 1), (7, 1)]
    """
    if data.targets is None or data.labelled:
        raise ValueError("data must have values as targets, the next steps: data.shifted(steps) makes them")
    loss = model.loss
    batches = batch_outputs(model, data, stateful=model.stateful)
    predicted = in_order(batches, lambda outputs: outputs if loss is None else loss.predict(outputs), model)
    found = []
    for values, wanted in zip(predicted, data.targets, strict=True):
        target, own = np.atleast_2d(wanted), np.reshape(values, (len(np.atleast_2d(wanted)), -1))
        if target.shape != own.shape:
            raise ValueError(
                f"data must have targets that the model predicts, {own.shape[1]} values, got {target.shape[1]}"
            )
        left = target - own
        found.append(left[np.isfinite(left).all(axis=1)])
    return found
