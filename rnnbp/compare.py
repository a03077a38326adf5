"""Static against recurrent: the same data, the same budget, several seeds, one report."""

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnbp._checks import choice, positive_int
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam, Optimizer
from rnnbp.progress import Progress
from rnnbp.report import Report
from rnnbp.schedules import Cosine, Schedule
from rnnbp.training import Trainer

Make = Callable[..., Sequential]
MakeOptimizer = Callable[[], Optimizer]


@dataclass(frozen=True)
class Recipe:
    """How every model of a comparison is trained.

    Parameters
    ----------
    epochs, batch_size : int
    loss : Loss
    gradient : GradientAlgorithm
    optimizers : mapping of str to callable
        ``optimizers[model]()`` makes a new one for each run.
    schedule : callable
        ``schedule(epochs)`` makes a new one for each run.
    """

    epochs: int
    batch_size: int
    loss: Loss
    gradient: GradientAlgorithm
    optimizers: Mapping[str, MakeOptimizer]
    schedule: Callable[[int], Schedule]

    def train(
        self, name: str, model: Sequential, seed: int, data: SequenceDataset, validation: SequenceDataset | None = None
    ) -> Trainer:
        """A trainer that has run its epochs."""
        trainer = Trainer(
            model, self.loss, self.gradient, self.optimizers[name](), seed=seed, schedule=self.schedule(self.epochs)
        )
        trainer.fit(data, validation, self.epochs, self.batch_size, progress=False)
        return trainer


def compare(
    models: Mapping[str, Make],
    train: SequenceDataset,
    test: SequenceDataset,
    *,
    seeds: int | Iterable[int] = 5,
    epochs: int = 30,
    batch_size: int = 16,
    loss: Loss | None = None,
    gradient: GradientAlgorithm | None = None,
    optimizer: MakeOptimizer = lambda: Adam(0.01),
    optimizers: Mapping[str, MakeOptimizer] | None = None,
    schedule: Callable[[int], Schedule] = Cosine,
    folds: int = 3,
    progress: bool = True,
) -> Report:
    """Train every model under the same budget and report.

    Each model is trained once for each seed on all of the training set, for the same number of epochs, and then meets
    the test set, once. Which model is the best of its kind is decided before, by cross-validation within the training
    set; the test set has no part in it.

    Parameters
    ----------
    models : mapping of str to callable
        ``make(seed)``, or ``make()``, returns a new Sequential.
    train, test : SequenceDataset
    seeds : int or iterable of int, default 5
        How many (0, 1, ...), or which; of first parameters, order and dropout.
    epochs, batch_size : int, default 30 and 16
    loss : Loss, optional
        Default: CrossEntropy() where targets are integers, else MeanSquaredError().
    gradient : GradientAlgorithm, default BPTT()
    optimizer : callable, optional
        Makes a new optimizer for each run. Default: Adam(0.01).
    optimizers : mapping of str to callable, optional
        The same for single models that were tuned to another.
    schedule : callable, default Cosine
        ``schedule(epochs)`` makes the learning rate's course for each run.
    folds : int, default 3
        Of the cross-validation; at least 2.
    progress : bool, default True

    Returns
    -------
    Report
        `.table`, `.curves`, `.runs`, `.verdict`, `.plot()`, `.to_html(path)`, `.to_csv(folder)`.

    Raises
    ------
    ValueError
        If there is no model or no seed, or a model does not fit the data.

    Examples
    --------
    >>> import rnnbp
    >>> rng = np.random.default_rng(0)
    >>> data = rnnbp.SequenceDataset([rng.normal(k, 1, (6, 2)) for k in (0, 2) * 12], targets=[0, 1] * 12)
    >>> def static(seed):
    ...     return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 2), seed=seed)
    >>> def recurrent(seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=seed)
    >>> report = compare({"a": static, "b": recurrent}, data, data, seeds=2, epochs=3, progress=False)
    >>> report.table[["model", "kind", "parameters"]].values.tolist()
    [['a', 'static', 6], ['b', 'recurrent', 42]]
    """
    if not models:
        raise ValueError("models must hold at least one, got none")
    chosen = list(range(positive_int("seeds", seeds))) if isinstance(seeds, int) else list(seeds)
    if not chosen:
        raise ValueError("seeds must hold at least one, got none")
    if positive_int("folds", folds) < 2:
        raise ValueError("folds must be at least 2, got 1")
    for name in optimizers or {}:
        choice("optimizers", name, models)
    recipe = Recipe(
        positive_int("epochs", epochs),
        batch_size,
        _natural_loss(train) if loss is None else loss,
        BPTT() if gradient is None else gradient,
        dict.fromkeys(models, optimizer) | dict(optimizers or {}),
        schedule,
    )
    runs: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    with Progress(len(models) * (len(chosen) + folds), show=progress, label="run") as bar:
        for name, make in models.items():
            for fold, (part, held) in enumerate(_folds(train, folds)):
                trainer = recipe.train(name, _made(make, chosen[0]), chosen[0], part, held)
                curves.append(trainer.history.assign(model=name, run=f"fold {fold}"))
                bar.update({})
        for seed in chosen:
            for name, make in models.items():
                trainer = recipe.train(name, _made(make, seed), seed, train)
                runs.append(_run(name, seed, trainer, train, test))
                curves.append(trainer.history.assign(model=name, run=f"seed {seed}"))
                bar.update({f"{name} {recipe.loss.metric}": runs[-1]["test"]})
    return Report(pd.DataFrame(runs), pd.concat(curves, ignore_index=True), recipe.loss.metric)


def _natural_loss(data: SequenceDataset) -> Loss:
    first = data.targets[0] if data.targets is not None else 0
    return CrossEntropy() if np.issubdtype(np.asarray(first).dtype, np.integer) else MeanSquaredError()


def _made(make: Make, seed: int) -> Sequential:
    """``make(seed)``, or ``make()`` given the seed's first parameters."""
    if inspect.signature(make).parameters:
        return make(seed)
    model = make()
    model.initialize(np.random.default_rng(seed))
    return model


def _folds(data: SequenceDataset, folds: int) -> list[tuple[SequenceDataset, SequenceDataset]]:
    """The dataset parted into as many (rest, fold), the classes spread evenly over the folds; where there are fewer
    sequences than folds, the sequences are cut.
    """
    if len(data) < folds:
        if not data.per_step:
            raise ValueError(f"train must hold at least one sequence for each of the {folds} folds, got {len(data)}")
        data = data.cut(-(-int(data.lengths.sum()) // folds))
    order = np.random.default_rng(0).permutation(len(data))
    if isinstance(data.targets, np.ndarray) and data.targets.ndim == 1:
        order = order[np.argsort(data.targets[order], kind="stable")]
    fold_of = np.empty(len(data), int)
    fold_of[order] = np.arange(len(data)) % folds
    return [
        (data.subset(np.flatnonzero(fold_of != k)), data.subset(np.flatnonzero(fold_of == k))) for k in range(folds)
    ]


def _run(name: str, seed: int, trainer: Trainer, train: SequenceDataset, test: SequenceDataset) -> dict[str, Any]:
    """One run's row."""
    history, metric = trainer.history, trainer.loss.metric
    began = time.perf_counter()
    result = trainer.evaluate(test)
    return {
        "model": name,
        "kind": trainer.model.kind,
        "seed": seed,
        "parameters": trainer.model.params.size,
        "train": trainer.evaluate(train)[metric],
        "test": result[metric],
        "test_loss": result["loss"],
        "seconds": history["seconds"].sum(),
        "gradient_norm": history["gradient_norm"].mean(),
        "inference_ms": 1000 * (time.perf_counter() - began) / len(test),
    }
