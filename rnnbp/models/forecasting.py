"""Forecasts: values that a model continues, each fed back as its next input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.data import SequenceDataset, default_names
from rnnbp.data.shifted import columns_of
from rnnbp.layers import Embedding
from rnnbp.layers.base import Array
from rnnbp.losses import CrossEntropy, Loss
from rnnbp.models.bootstrap import BlockBootstrap
from rnnbp.models.feature_names import in_trained_order
from rnnbp.models.forecast_result import Forecast
from rnnbp.models.inference import Inference
from rnnbp.models.prompts import run_prompts
from rnnbp.models.states import take_rows
from rnnbp.runtime import did_you_mean, number, positive_int, seed_or_generator, some

Draw = Callable[[Array], Array]  # outputs (R, K) -> values (R, h D)


@dataclass(frozen=True)
class ForecastOptions:
    """How a forecast is made; see `rnnbp.Sequential.forecast`."""

    samples: int = 200
    residuals: Any = None
    block: int = 1
    quantiles: tuple[float, float] = (0.05, 0.95)
    future: ArrayLike | None = None
    features: str | int | Sequence[str | int] | None = None
    rng: int | np.random.Generator = 0

    def __post_init__(self) -> None:
        positive_int("samples", self.samples)
        if positive_int("block", self.block) > 1 and self.residuals is None:
            raise ValueError(f"block={self.block} has no effect without residuals")
        seed_or_generator("rng", self.rng)
        if np.shape(self.quantiles) != (2,):
            raise ValueError(f"quantiles must be two levels, as (0.05, 0.95), got {self.quantiles!r}")
        number("quantiles[1]", self.quantiles[1], number("quantiles[0]", self.quantiles[0], 0, 1), 1)


def forecast(
    model: Inference,
    history: Any,
    steps: int,
    options: ForecastOptions,
    loss: Loss | None,
    trained: tuple[str, ...] | None,
) -> Forecast | list[Forecast]:
    """Continue sequences of values; see `rnnbp.Sequential.forecast`."""
    positive_int("steps", steps)
    check_forecasts(model)
    data, several = histories_of(history, model.dtype)
    data = in_trained_order("history", data, trained)
    if data.sequences[0].ndim == 1:
        raise ValueError("history must be sequences of values (T, F), got tokens")
    histories, names = since_last_reset(data), names_of(data, trained)
    values = values_of(options.future, options.features, names, len(histories), steps)
    draw, random = drawn_by(loss, options.residuals, options.block, np.random.default_rng(options.rng))
    paths = sampled_paths(model, histories, steps, options.samples if random else 1, values, draw)
    low, high = map(float, options.quantiles)
    predicted = tuple(names[k] for k in values.predicted)
    found = [Forecast.of(samples, (low, high), predicted) for samples in paths]
    return found if several else found[0]


@dataclass(frozen=True)
class Values:
    """Which features of the inputs a model predicts, and the known future of the others.

    Attributes
    ----------
    predicted, known : list of int
        Columns of the D predicted features, and of the E others.
    future : ndarray (B, steps, E)
    """

    predicted: list[int]
    known: list[int]
    future: Array

    def inputs(self, values: Array, t: int, repeats: int) -> Array:
        """Return the inputs (R, F) of a step t of the future, for values (R, D)."""
        x = np.empty((len(values), len(self.predicted) + len(self.known)))
        x[:, self.predicted] = values
        x[:, self.known] = np.repeat(self.future[:, t], repeats, axis=0)
        return x


def histories_of(history: Any, dtype: np.dtype) -> tuple[SequenceDataset, bool]:
    """Return the sequences to be continued as a dataset, and whether they are several.

    Raises
    ------
    ValueError
        If one is not an array of two axes.

    Examples
    --------
    >>> histories_of([np.ones((3, 2)), np.ones((5, 2))], np.float32)
    (SequenceDataset: 2 sequences of 3 to 5 steps, 2 features; no targets, True)
    """
    if isinstance(history, SequenceDataset):
        return history, True
    several = isinstance(history, list | tuple) and len(history) > 0 and np.ndim(history[0]) == 2
    given = history if several else [history]
    for i, one in enumerate(given):
        x = np.asarray(one)
        if x.ndim != 2 or x.dtype.kind not in "fiub" or not len(x):
            name = f"history[{i}]" if several else "history"
            advice = ": give x[:, None] for one feature" if x.ndim == 1 else ""
            raise ValueError(f"{name} must have shape (T, F), at least one step, got {x.dtype} of {x.shape}{advice}")
    names = tuple(map(str, given[0].columns)) if isinstance(given[0], pd.DataFrame) else None
    return SequenceDataset([np.asarray(one) for one in given], feature_names=names, dtype=dtype), several


def by_name(future: Any, features: Any, names: Sequence[str]) -> tuple[Any, Any]:
    """Return the future in the order of the features, and the predicted ones: of frames, columns are found by name.

    Arrays, and frames of features that have no names, are returned unchanged. Columns of predicted features are left
    out; without `features`, those are predicted that the frame does not have.

    Raises
    ------
    ValueError
        If a column is missing or unknown, or nothing says what is predicted.

    Examples
    --------
    >>> weather = pd.DataFrame({"sun": [1.0], "rain": [2.0]})
    >>> by_name(weather, None, ("rain", "load", "sun"))
    (array([[2., 1.]]), [1])
    """
    frames = future if isinstance(future, list | tuple) else [future]
    named = tuple(names) != default_names(np.empty((1, len(names))))
    if not (named and frames and all(isinstance(frame, pd.DataFrame) for frame in frames)):
        return future, features
    frames = [frame.set_axis(list(map(str, frame.columns)), axis=1) for frame in frames]
    columns = list(frames[0].columns)
    unknown = [column for column in columns if column not in names]
    if features is None and unknown:
        raise ValueError(
            f"future has the column {unknown[0]!r}, which the history has not.{did_you_mean(unknown[0], names)} "
            f"It has {some(names)}"
        )
    others = [k for k, name in enumerate(names) if name not in columns]
    predicted = others if features is None else columns_of(names, features)
    if not predicted:
        raise ValueError("future has a column for every feature: say which ones are predicted by features=")
    known = [name for k, name in enumerate(names) if k not in predicted]
    for name in known:
        if any(name not in frame for frame in frames):
            raise ValueError(f"future has no column {name!r}, a feature that is not predicted. It has {some(columns)}")
    found = [frame[known].to_numpy(np.float64) for frame in frames]
    return found if isinstance(future, list | tuple) else found[0], predicted


def values_of(future: ArrayLike | None, features: Any, names: Sequence[str], sequences: int, steps: int) -> Values:
    """Return which of the features are predicted, and the future of the others, checked.

    Raises
    ------
    ValueError
        If there is no such feature, or not a future for each of the others.
    """
    F = len(names)
    future, features = by_name(future, features, names)
    predicted = columns_of(names, features)
    shapes = [np.shape(one) for one in future] if isinstance(future, list | tuple) else []
    if len(set(shapes)) > 1:
        raise ValueError(f"future must have one shape for all sequences, got {shapes}")
    given = np.zeros((sequences, steps, 0)) if future is None else np.asarray(future, np.float64)
    if given.ndim == 2:
        given = np.repeat(given[None], sequences, axis=0)
    E = given.shape[-1] if features is None else F - len(predicted)
    if given.ndim != 3 or len(given) != sequences or given.shape[1] < steps or given.shape[2] != E or E >= F:
        what = f"(steps, E) = ({steps}, {E})" if features is not None else f"(steps, E) with {steps} steps and E < {F}"
        raise ValueError(
            f"future must be the features that are not predicted, {what}, or one such array for each "
            f"of the {sequences} sequences, got {'none' if future is None else f'shape {np.shape(future)}'}"
        )
    if not np.isfinite(given).all():
        raise ValueError("future must be finite")
    predicted = predicted[: F - E] if features is None else predicted
    return Values(predicted, [k for k in range(F) if k not in predicted], given)


def sampled_paths(
    model: Inference, histories: Sequence[Array], steps: int, repeats: int, values: Values, draw: Draw
) -> Array:
    """Return paths (B, n, steps, D) that continue sequences, n = `repeats` of each.

    Parameters
    ----------
    model : Inference
    histories : sequence of ndarray (T_i, F)
    steps, repeats : int
    values : Values
    draw : callable
        Returns values (R, h D), the next h steps, for outputs (R, K).

    Raises
    ------
    ValueError
        If the model's outputs are not the next values of the predicted features.
    """
    D, B = len(values.predicted), len(histories)
    outputs, state = run_prompts(model, histories)
    rows = np.repeat(np.arange(B), repeats)
    outputs, state = outputs[rows], take_rows(state, rows)
    found, t = np.empty((len(rows), steps, D)), 0
    while t < steps:
        drawn = draw(outputs)
        if drawn.shape[1] % D:
            raise ValueError(
                f"forecast takes a model whose outputs are the next values of its {D} predicted features, for one step "
                f"or several, got {drawn.shape[1]} values: train it on data.shifted(steps), and name what is predicted "
                "by features="
            )
        if not np.isfinite(drawn).all():
            raise ValueError(f"the model's outputs are not finite at step {t + 1} of the forecast: it has diverged")
        ahead = drawn.reshape(len(rows), -1, D)[:, : steps - t]
        found[:, t : t + ahead.shape[1]] = ahead
        for k in range(ahead.shape[1] if t + ahead.shape[1] < steps else 0):
            outputs, state = model.step(values.inputs(ahead[:, k], t + k, repeats), state)
        t += ahead.shape[1]
    return found.reshape(B, repeats, steps, D)


def drawn_by(loss: Loss | None, residuals: Any, block: int, rng: np.random.Generator) -> tuple[Draw, bool]:
    """Return what draws values from outputs, and whether it is random: by residuals, by the loss, or not at all."""

    def predict(outputs: Array) -> Array:
        predicted = outputs if loss is None else np.asarray(loss.predict(outputs))
        if predicted.dtype.kind != "f":
            raise ValueError(f"forecast takes a model of values, got one trained by {loss!r}, which predicts classes")
        if predicted.ndim > 2:
            raise ValueError(
                f"forecast takes one value of a feature, {loss!r} predicts several: 0.5 must be among them"
            )
        return predicted.reshape(len(outputs), -1)

    if residuals is not None:
        bootstrap = BlockBootstrap(residuals, block, rng)

        def with_residuals(outputs: Array) -> Array:
            values, added = predict(outputs), bootstrap.next(len(outputs))
            if added.shape != values.shape:
                raise ValueError(
                    f"residuals must be (N, {values.shape[1]}), as the model predicts, got (N, {added.shape[1]}): "
                    "rnnbp.forecast_residuals(model, validation) computes them"
                )
            return values + added

        return with_residuals, True
    if loss is not None and type(loss).sample is not Loss.sample and not isinstance(loss, CrossEntropy):
        return lambda outputs: np.reshape(loss.sample(outputs, rng), (len(outputs), -1)), True
    return predict, False


def check_forecasts(model: Inference) -> None:
    """Raise unless a model takes values.

    Raises
    ------
    ValueError
        If it takes tokens.
    """
    if isinstance(model.layers[0], Embedding):
        raise ValueError("forecast takes a model of values, got one of tokens: generate(start, steps) continues them")


def since_last_reset(data: SequenceDataset) -> list[Array]:
    """Return the sequences of a dataset, each from its last reset: what its state depends on.

    Examples
    --------
    >>> data = SequenceDataset([np.arange(4.0)[:, None]], resets=[[0, 1, 1, 0]])
    >>> since_last_reset(data)[0].ravel()
    array([2., 3.], dtype=float32)
    """
    if data.resets is None:
        return list(data.sequences)
    return [
        s[np.flatnonzero(flags)[-1] if flags.any() else 0 :]
        for s, flags in zip(data.sequences, data.resets, strict=True)
    ]


def names_of(data: SequenceDataset, trained: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the names of the features of a history: its own, or those that the model was trained on.

    Examples
    --------
    >>> data = SequenceDataset([np.ones((1, 2))])
    >>> names_of(data, ("load", "sun")), names_of(data, None)
    (('load', 'sun'), ('x0', 'x1'))
    """
    own = data.feature_names == default_names(data.sequences[0])
    return trained if own and trained is not None and len(trained) == len(data.feature_names) else data.feature_names
