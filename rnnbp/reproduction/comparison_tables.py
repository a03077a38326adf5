"""Tables of comparisons of networks, computed again."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp import datasets
from rnnbp.applications import spoken_digits
from rnnbp.comparison import (
    Baseline,
    Report,
    SuiteReport,
    baseline_names,
    baselines_for,
    compare,
    compare_suite,
    factories_of,
    loss_for,
)
from rnnbp.comparison.suite.models import linear
from rnnbp.comparison.suite.tasks import SUITES, SuiteTask
from rnnbp.data import SequenceDataset
from rnnbp.models.kind import KINDS
from rnnbp.reproduction.side_by_side import Measured, Settings

PARAMETERS = 190_000  # of the networks on spoken digits
SCORES = {"validation_mean": "cross-validation", "test_mean": "test", "test_std": "std"}


def of_report(table: str, report: Report) -> Iterator[Measured]:
    """Yield the figures of a comparison's table.

    Parameters
    ----------
    table : str
    report : Report
        Of accuracies.
    """
    for row in report.table.to_dict("records"):
        model = str(row["model"])
        yield Measured(table, model, "kind", str(row["kind"]))
        yield Measured(table, model, "parameters", row["parameters"], "")
        for name, column in SCORES.items():
            if np.isfinite(row[name]):
                yield Measured(table, model, column, 100 * row[name])
        yield Measured(table, model, "seconds", row["seconds_mean"], "s")


def _compared(
    table: str,
    train: SequenceDataset,
    test: SequenceDataset,
    names: Sequence[str],
    settings: Settings,
    parameters: int | None = None,
) -> Iterator[Measured]:
    """Train baselines as `rnnbp compare` does."""
    baselines = baselines_for(train)
    factories, optimizers = factories_of({name: baselines[name] for name in names}, train, parameters)
    report = compare(
        factories,
        train,
        test,
        seeds=settings.seeds,
        epochs=25,
        loss=loss_for(train),
        optimizers=optimizers,
        n_jobs=settings.n_jobs,
        checkpoints=settings.checkpoints,
        progress=settings.progress,
    )
    return of_report(table, report)


def japanese_vowels(settings: Settings) -> Iterator[Measured]:
    """Compare the static and recurrent baselines on Japanese Vowels."""
    train, test = datasets.load_japanese_vowels()
    return _compared("japanese-vowels", train, test, baseline_names(["static", "recurrent"]), settings)


def one_spoken_digit(settings: Settings) -> Iterator[Measured]:
    """Compare a static and a recurrent network of one size on single spoken digits."""
    train, test = datasets.load("spoken-digits", **_path(settings))
    return _compared("spoken-digits", train, test, ["resampled-mlp", "bigru"], settings, PARAMETERS)


SPEAKER_NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {  # features normalised over what, and training
    "bigru": ("utterance", {"epochs": 50, "parameters": PARAMETERS}),
    "conv-gru": ("speaker", {"epochs": 25, "batch_size": 32}),
}


def speakers(settings: Settings) -> Iterator[Measured]:
    """Leave out each speaker in turn, and test on that one, as recorded and by the average of seven views."""
    train, _ = datasets.load("spoken-digits", **_path(settings))
    names = sorted(set(train.info["speaker"]))  # type: ignore[index]  # a dataset of recordings has it
    views = ((1, ""), (7, ", seven views"))
    with tempfile.TemporaryDirectory() as temporary:  # the tables of seven views are of the networks of the others
        for (network, (normalize, training)), (number, suffix) in product(SPEAKER_NETWORKS.items(), views):
            runs = spoken_digits.leave_one_speaker_out(
                partial(spoken_digits.without_speaker, path=settings.data, views=number, normalize=normalize),
                names,
                [network],
                seeds=settings.seeds,
                n_jobs=settings.n_jobs,
                checkpoints=settings.checkpoints or Path(temporary),
                progress=settings.progress,
                **training,
            )
            for model, row in spoken_digits.by_speaker(runs).iterrows():
                name = str(model).replace(network, f"{network}{suffix}", 1)
                for speaker, score in row.items():
                    yield Measured("speakers", name, str(speaker), 100 * score)


def _path(settings: Settings) -> dict[str, Path]:
    return {} if settings.data is None else {"path": settings.data}


MNIST_1D = {"mnist1d": "MNIST-1D", "mnist1d-shuffled": "shuffled"}
NETWORKS = {"mlp": "MLP", "conv": "CNN", "gru": "GRU"}


def mnist_1d(settings: Settings) -> Iterator[Measured]:
    """Train the suite's networks, and logistic regression, on MNIST-1D and its shuffled twin."""
    logistic = {"logistic regression": Baseline(partial(linear, 40), 1, "static", 0.01)}
    tasks = {name: SUITES["quick"][name] for name in MNIST_1D}
    tasks = {name: replace(task, models={**logistic, **task.models}) for name, task in tasks.items()}
    for task, report in _suite(tasks, settings).reports.items():
        for row in report.table.to_dict("records"):
            name, column = NETWORKS.get(row["model"], row["model"]), MNIST_1D[task]
            yield Measured("mnist-1d", name, column, 100 * row["test_mean"])
            if np.isfinite(row["test_std"]):
                yield Measured("mnist-1d", name, f"{column}, std", 100 * row["test_std"])


MARGINS = {"margin": "recurrent - static", "margin_low": "from", "margin_high": "to", "bptt": "BPTT - reservoir"}


def suite(settings: Settings) -> Iterator[Measured]:
    """Run the quick suite: the best network of each kind on each task, what recurrence and its training are worth."""
    columns = {f"{kind}_mean": kind for kind in KINDS} | MARGINS
    for row in _suite(SUITES["quick"], settings).margins.to_dict("records"):
        task, (factor, unit) = row["task"], (100, "%") if row["metric"] == "accuracy" else (1, "")
        for name, column in columns.items():
            if pd.notna(row[name]):
                yield Measured("suite", task, column, factor * row[name], unit)
        if pd.notna(row["memory"]):
            yield Measured("suite", task, "memory, steps", row["memory"], "")


def _suite(tasks: Mapping[str, SuiteTask], settings: Settings) -> SuiteReport:
    return compare_suite(
        None,
        tasks,
        settings.seeds,
        n_jobs=settings.n_jobs,
        checkpoints=settings.checkpoints,
        progress=settings.progress,
    )
