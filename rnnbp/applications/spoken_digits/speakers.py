"""Leave-one-speaker-out cross-validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.comparison import Recipe, TrainingRun, baselines_for, checkpoint_folder, loss_for, model_factory
from rnnbp.data import ResampledDataset, SequenceDataset
from rnnbp.datasets import load
from rnnbp.datasets.digit_tasks import TEST_TIME_VARIATION
from rnnbp.datasets.varied import with_evaluation_variation, with_warp
from rnnbp.gradients import BPTT
from rnnbp.metrics import accuracy
from rnnbp.models import Sequential
from rnnbp.optimizers import Cosine
from rnnbp.runtime import Outcome, flag, function_of, of_type, positive_int, refuses_by_name, run_all

Array = np.ndarray
WARPS = tuple(float(warp) for warp in np.exp(0.03 * np.arange(-6, 7)))  # 0.84 to 1.20
Load = Callable[[str], tuple[SequenceDataset, Sequence[SequenceDataset]]]


@refuses_by_name
def without_speaker(
    speaker: str, path: str | Path | None = None, views: int = 1, normalize: str = "speaker"
) -> tuple[SequenceDataset, list[SequenceDataset]]:
    """Load the spoken digits without a speaker, and test sets of that speaker, as recorded and varied.

    Parameters
    ----------
    speaker : str
    path : str or Path, optional
        See `rnnbp.datasets.load_spoken_digits`.
    views : int, default 1
        Number of test sets: the recordings unchanged, and copies that differ in speed and vocal tract length.
    normalize : {'speaker', 'utterance'}, default 'speaker'
        What features are normalised over; see `rnnbp.datasets.digit_tasks.spoken_digits`.

    Returns
    -------
    train : SequenceDataset
    tests : list of SequenceDataset

    Examples
    --------
    >>> train, (test,) = without_speaker("theo")  # doctest: +SKIP
    """
    positive_int("views", views)
    of_type("normalize", normalize, str)
    where = {} if path is None else {"path": path}
    train, test = load("spoken-digits", split="speaker", speaker=speaker, normalize=normalize, **where)
    varied = [with_evaluation_variation(test, TEST_TIME_VARIATION, 2 * view + 1) for view in range(1, views)]
    return train, [test, *varied]


@refuses_by_name
def leave_one_speaker_out(
    load: Load,
    speakers: Sequence[str],
    models: Sequence[str],
    *,
    seeds: int = 3,
    epochs: int = 25,
    batch_size: int = 16,
    parameters: int | None = None,
    warps: Sequence[float] = (),
    n_jobs: int | None = None,
    checkpoints: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Train on all speakers but one and test on that one, for each speaker in turn.

    Parameters
    ----------
    load : callable
        ``load(speaker)`` returns the training set without a speaker, and test sets of that speaker: the sequences
        unchanged and, optionally, varied copies, over which a network's probabilities are averaged. Targets are
        classes, one a sequence.
    speakers : sequence of str
    models : sequence of str
        Names in `rnnbp.comparison.BASELINES`.
    seeds : int, default 3
    epochs, batch_size : int, default 25 and 16
    parameters : int, optional
        Approximate number of parameters of every model.
    warps : sequence of float, optional
        Vocal tract length normalisation: of these warps of the test speaker's mel filters, such as `WARPS`, the one for
        which a network is most certain of its answers, without labels (Lee & Rose 1996,
        doi:10.1109/ICASSP.1996.541105, take the likelihood). Needs features normalised by speaker. Default: none.
    n_jobs : int, optional
        Number of runs that train at the same time, as in `rnnbp.compare`.
    checkpoints : str or Path, optional
        A folder in which each run is saved after each epoch, and from which a second call with the same arguments
        resumes.
    progress : bool, default True

    Returns
    -------
    DataFrame
        A row for each model, speaker and seed: `model`, `kind`, `speaker`, `seed`, `test`, `seconds`; and, of several
        seeds, one for their ensemble, whose probabilities are averaged. Where runs failed, a column `error` has their
        tracebacks; their scores are NaN, and they are in no ensemble.

    Examples
    --------
    >>> runs = leave_one_speaker_out(without_speaker, ["ann", "bob"], ["gru"], seeds=1)  # doctest: +SKIP
    >>> by_speaker(runs)  # doctest: +SKIP
    """
    function_of("load", load, 1)
    for name, strings in {"speakers": speakers, "models": models}.items():
        of_type(name, strings, Sequence[str])
    of_type("warps", warps, Sequence[float])
    positive_int("seeds", seeds)
    flag("progress", progress)
    folder, trials = checkpoint_folder(checkpoints), []
    for speaker in speakers:
        train, tests = load(speaker)
        recipe = Recipe(epochs, batch_size, loss_for(train), BPTT(), Cosine, folder)
        for name in models:
            factories = model_factory(name, train, parameters), baselines_for(train)[name].optimizer
            runs = ((f"{speaker}, seed {seed}", *factories, seed) for seed in range(seeds))
            trials += [Trial(TrainingRun(recipe, name, *run, train), tests, tuple(warps)) for run in runs]
    outcomes = run_all(Trial.tested, trials, n_jobs, name=str, progress=progress, shown=_shown)
    both = list(zip(trials, outcomes, strict=True))
    rows = [row for first in range(0, len(both), seeds) for row in _with_ensemble(both[first : first + seeds])]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


@dataclass(frozen=True)
class Tested:
    """Result of a training run: its row, the speaker's classes (N,), and the predicted probabilities (N, K)."""

    row: dict[str, Any]
    targets: Array
    probabilities: Array


@dataclass(frozen=True)
class Trial:
    """Training run without a speaker, the test sets of that speaker, and warps to choose from for them."""

    training: TrainingRun
    tests: Sequence[SequenceDataset]
    warps: Sequence[float] = ()

    def __str__(self) -> str:
        return str(self.training)

    def failed(self, error: str) -> dict[str, Any]:
        """Return the row of a run that failed."""
        speaker = self.training.run.partition(",")[0]
        return {"model": self.training.name, "speaker": speaker, "seed": self.training.seed, "error": error}

    def tested(self) -> Tested:
        """Train and test."""
        training, trainer = self.training, self.training.trained()
        model = trainer.model
        tests = self.tests if not self.warps else normalized_tract(model, self.tests, self.warps)
        probabilities = np.mean([model.predict_proba(test) for test in tests], axis=0)
        targets = np.asarray(model.as_trained("tests", self.tests[0]).targets)
        row = {
            "model": training.name,
            "kind": model.kind,
            "speaker": training.run.partition(",")[0],
            "seed": training.seed,
            "test": accuracy(targets, probabilities.argmax(axis=1)),
            "seconds": trainer.history["seconds"].sum(),
        }
        return Tested(row, targets, probabilities)


def normalized_tract(
    model: Sequential, tests: Sequence[SequenceDataset], warps: Sequence[float]
) -> list[ResampledDataset]:
    """Return a speaker's test sets, warped so that a model is most certain of the first one; labels are not used.

    Parameters
    ----------
    model : Sequential
        Of logits.
    tests : sequence of ResampledDataset
        Of one speaker, with features normalised by speaker.
    warps : sequence of float

    References
    ----------
    L. Lee & R. C. Rose (1996), "Speaker normalization using efficient frequency warping procedures", ICASSP, 353-356,
    doi:10.1109/ICASSP.1996.541105
    """

    def certainty(warp: float) -> float:
        return float(np.log(model.predict_proba(with_warp(tests[0], warp)).max(axis=1)).mean())

    best = max(warps, key=certainty)
    return [with_warp(test, best) for test in tests]


def _with_ensemble(trials: Sequence[tuple[Trial, Outcome]]) -> list[dict[str, Any]]:
    """Return the rows of a model's networks for one speaker and, where there are several, one for their ensemble."""
    rows = [trial.failed(outcome.error) if outcome.error else outcome.result.row for trial, outcome in trials]
    finished: list[Tested] = [outcome.result for _, outcome in trials if outcome.error is None]
    if len(finished) < 2:
        return rows
    first, mean = finished[0], np.mean([one.probabilities for one in finished], axis=0)
    name, test = f"{first.row['model']}, {len(finished)} averaged", accuracy(first.targets, mean.argmax(axis=1))
    return [*rows, first.row | {"model": name, "seed": None, "seconds": None, "test": test}]


def _shown(trial: Trial, tested: Tested) -> dict[str, float]:
    row = tested.row
    return {f"{row['model']} without {row['speaker']} accuracy": row["test"]}


@refuses_by_name
def by_speaker(runs: pd.DataFrame) -> pd.DataFrame:
    """Tabulate means over seeds: a row for each model, a column for each speaker, and their `average`.

    Parameters
    ----------
    runs : DataFrame
        A row for each model, speaker and seed, as `leave_one_speaker_out` returns them.

    Examples
    --------
    >>> by_speaker(pd.DataFrame({"model": ["gru"] * 2, "speaker": ["ann", "bob"], "test": [0.5, 1.0]}))
    speaker  ann  bob  average
    model
    gru      0.5  1.0     0.75
    """
    table = runs.pivot_table(index="model", columns="speaker", values="test", sort=False)
    return table.assign(average=table.mean(axis=1))
