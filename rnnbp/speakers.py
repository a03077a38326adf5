"""Speakers a net has never heard: each left out of the training in turn."""

from collections.abc import Callable, Sequence

import pandas as pd

from rnnbp.compare import Recipe, Training
from rnnbp.contestants import contestants_for, loss_for, maker
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT
from rnnbp.progress import Progress
from rnnbp.schedules import Cosine
from rnnbp.workers import completed

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
    rows = {}
    with Progress(len(trainings), show=progress, label="run") as bar:
        for place, (row, _) in completed(Training.perform, trainings, workers):
            assert row is not None
            speaker = trainings[place].run.partition(",")[0]
            rows[place] = {key: row[key] for key in ("model", "kind", "seed", "test", "seconds")} | {"speaker": speaker}
            bar.update({f"{row['model']} without {speaker} accuracy": row["test"]})
    return pd.DataFrame([rows[place] for place in range(len(trainings))])


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
