"""Speakers a net has never heard: each left out of the training in turn."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from rnnbp.compare import Recipe, Training
from rnnbp.contestants import contestants_for, loss_for, maker
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT
from rnnbp.schedules import Cosine
from rnnbp.workers import in_order

Load = Callable[[str], tuple[SequenceDataset, SequenceDataset]]


def leave_one_speaker_out(
    load: Load,
    speakers: Sequence[str],
    models: Sequence[str],
    *,
    seeds: int = 3,
    epochs: int = 25,
    batch_size: int = 16,
    parameters: int | None = None,
    workers: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Train on all speakers but one, test on that one; for each speaker in turn.

    Parameters
    ----------
    load : callable
        ``load(speaker)`` gives the training set without a speaker, and the speaker as the test set.
    speakers : sequence of str
    models : sequence of str
        Of `rnnbp.contestants`.
    seeds : int, default 3
    epochs, batch_size : int, default 25 and 16
    parameters : int, optional
        Give every model about so many.
    workers : int, default 1
        How many processes train at once.
    progress : bool, default True

    Returns
    -------
    DataFrame
        A row for each model, speaker and seed: `model`, `kind`, `speaker`, `seed`, `test`, `seconds`.
    """
    trainings = [
        training
        for speaker in speakers
        for training in _trainings(speaker, *load(speaker), models, seeds, (epochs, batch_size, parameters))
    ]
    rows = in_order(_row, trainings, workers, progress=progress, shown=_shown)
    return pd.DataFrame(rows)


def _row(training: Training) -> dict[str, Any]:
    row, _ = training.perform()
    assert row is not None
    speaker = training.run.partition(",")[0]
    return {key: row[key] for key in ("model", "kind", "seed", "test", "seconds")} | {"speaker": speaker}


def _shown(training: Training, row: dict[str, Any]) -> dict[str, float]:
    return {f"{row['model']} without {row['speaker']} accuracy": row["test"]}


def _trainings(
    speaker: str,
    train: SequenceDataset,
    test: SequenceDataset,
    models: Sequence[str],
    seeds: int,
    sizes: tuple[int, int, int | None],
) -> list[Training]:
    epochs, batch_size, parameters = sizes
    recipe = Recipe(epochs, batch_size, loss_for(train), BPTT(), Cosine)
    among = contestants_for(train)
    return [
        Training(recipe, name, f"{speaker}, seed {seed}", make, among[name].optimizer, seed, train, test=test)
        for name, make in ((name, maker(name, train, parameters)) for name in models)
        for seed in range(seeds)
    ]


def by_speaker(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: a row a model, a column a speaker, and `average` over them.

    Examples
    --------
    >>> by_speaker(pd.DataFrame({"model": ["gru"] * 2, "speaker": ["ann", "bob"], "test": [0.5, 1.0]}))
    speaker  ann  bob  average
    model
    gru      0.5  1.0     0.75
    """
    table = runs.pivot_table(index="model", columns="speaker", values="test", sort=False)
    return table.assign(average=table.mean(axis=1))
