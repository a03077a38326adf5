"""Tasks of the suite: how each loads its data, and which models are compared on it with which settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rnnbp.comparison.models import baselines_for
from rnnbp.comparison.naive_forecasts import forecasts_for
from rnnbp.comparison.suite.models import (
    ADDING,
    DIGITS,
    FORECASTS,
    LETTERS,
    RECALL,
    SERIES,
    STEPS,
    SUNSPOTS,
    VOWELS,
    WORDS,
    Model,
)
from rnnbp.comparison.tasks import loss_for
from rnnbp.data import SequenceDataset
from rnnbp.datasets import data_folder, load, load_archive, load_nettalk
from rnnbp.losses import BinaryCrossEntropy, Loss
from rnnbp.runtime import check_fields, positive_int, refuses_by_name

Pair = tuple[SequenceDataset, SequenceDataset]


@dataclass(frozen=True)
class SuiteTask:
    """Task of `rnnbp.compare_suite`.

    Parameters
    ----------
    load : callable
        Returns the training and the test set.
    models : mapping of str to Baseline or callable, optional
        A `Baseline`, which is made for the data, or a model factory as `rnnbp.compare` takes them. Default: the models
        of `rnnbp compare` that fit the targets, and persistence and autoregression where they are the next values.
    loss : Loss, optional
        Default: `rnnbp.comparison.loss_for` the training set.
    epochs, batch_size : int, default 25 and 16
    folds : int, default 1
        Of the cross-validation within the training set that chooses the best model of each kind; 1 holds out a fifth.
    about : str, default ''
        Half a sentence for reports.
    published : tuple of str, optional
        Name of a table of `rnnbp.reproduction.figures_of`, and the row or column in it that is of this task.
    elsewhere : bool, default False
        Whether the data may be missing: the task is then skipped, with a message.

    Examples
    --------
    >>> task = SuiteTask(partial(load, "parity", steps=8), epochs=5)
    >>> train, test = task.load()
    >>> list(task.models_for(train))
    ['window-mlp', 'elman', 'lstm', 'gru', 'esn']
    """

    load: Callable[[], Pair]
    models: Mapping[str, Model] = field(default_factory=dict)
    loss: Loss | None = None
    epochs: int = 25
    batch_size: int = 16
    folds: int = 1
    about: str = ""
    published: tuple[str, str] | None = None
    elsewhere: bool = False

    def __post_init__(self) -> None:
        if not callable(self.load):
            raise ValueError(
                "load must be a function that returns the training and the test set, as "
                f"functools.partial(rnnbp.datasets.load, 'sunspots'), got {self.load!r}"
            )
        if not isinstance(self.models, Mapping):
            raise ValueError(
                f"models must be a dict of names and models, {{'gru': rnnbp.comparison.BASELINES['gru']}}; names alone "
                f"go to rnnbp.compare_suite, got {self.models!r}"
            )
        for name in ("epochs", "batch_size", "folds"):
            positive_int(name, getattr(self, name))
        check_fields(self)

    @refuses_by_name
    def models_for(self, train: SequenceDataset) -> Mapping[str, Model]:
        """Return the task's models, or the baselines that fit the targets."""
        if self.models:
            return self.models
        return {name: one for name, one in (forecasts_for(train) | baselines_for(train)).items() if one.grouped}

    @refuses_by_name
    def loss_for(self, train: SequenceDataset) -> Loss:
        """Return the task's loss, or the one that suits the targets."""
        return loss_for(train) if self.loss is None else self.loss


QUICK = {
    "japanese-vowels": SuiteTask(
        partial(load, "japanese-vowels"), VOWELS, about="which of nine speakers?", published=("japanese-vowels", "test")
    ),
    "mnist1d": SuiteTask(
        partial(load, "mnist1d"),
        DIGITS,
        epochs=8,
        batch_size=50,
        about="which digit?",
        published=("mnist-1d", "MNIST-1D"),
    ),
    "mnist1d-shuffled": SuiteTask(
        partial(load, "mnist1d-shuffled"),
        DIGITS,
        epochs=5,
        batch_size=50,
        about="the same, its steps in one random order",
        published=("mnist-1d", "shuffled"),
    ),
    "embedded-reber": SuiteTask(
        partial(load, "embedded-reber", train=1000, test=500),
        WORDS,
        BinaryCrossEntropy(),
        epochs=12,
        batch_size=8,
        about="which symbols may follow?",
    ),
    "adding": SuiteTask(
        partial(load, "adding", train=2000, test=500, steps=50),
        ADDING,
        epochs=9,
        batch_size=32,
        about="add the two marked of 50 numbers",
    ),
    "recall": SuiteTask(
        partial(load, "recall", train=300, test=500), RECALL, epochs=20, about="name the first symbol after 20 steps"
    ),
    "sunspots": SuiteTask(
        partial(load, "sunspots"), SUNSPOTS, epochs=150, folds=3, about="forecast next year's number"
    ),
}


def spelled_words(words: int = 2000, seed: int = 0) -> Pair:
    """Load words of NETtalk's corpus, one letter a step, with the phoneme of each letter as its class.

    Parameters
    ----------
    words : int, default 2000
        Number of words, chosen at random, of each part.
    seed : int, default 0
    """
    table = load_nettalk()
    chosen = np.random.default_rng(seed).permutation(len(table))[: 2 * words]
    phonemes = sorted(set("".join(table["phonemes"])))

    def part(rows: np.ndarray) -> SequenceDataset:
        spelled = table.iloc[rows]
        letters = [np.eye(128)[[min(ord(c), 127) for c in word]][:, 97:123] for word in spelled["word"]]
        sounds = [np.array([phonemes.index(c) for c in one]) for one in spelled["phonemes"]]
        return SequenceDataset(letters, sounds, classes=phonemes)

    return part(chosen[: len(chosen) // 2]), part(chosen[len(chosen) // 2 :])


def _downloaded(name: str, loader: Callable[[], Pair]) -> Pair:
    """Load a dataset unless it would have to be downloaded first."""
    folder = data_folder() / name
    if not folder.is_dir():
        raise FileNotFoundError(f"it is not in {str(folder)!r}; rnnbp.datasets.fetch({name!r}) downloads it")
    return loader()


def _archive(name: str, about: str) -> SuiteTask:
    """Return the task of a dataset of the UCR or UEA archive."""
    return SuiteTask(
        partial(load_archive, name),
        SERIES,
        epochs=60,
        folds=3,
        about=about,
        published=("archives", name),
        elsewhere=True,
    )


FULL = {
    **QUICK,
    "parity": SuiteTask(
        partial(load, "parity", train=1000, test=500, steps=20), STEPS, about="odd number of ones so far?"
    ),
    "temporal-xor": SuiteTask(
        partial(load, "temporal-xor", train=500, test=500), STEPS, about="every third bit is XOR of two"
    ),
    "copy": SuiteTask(
        partial(load, "copy", train=2000, test=500), STEPS, epochs=30, about="repeat 10 symbols after 20 steps"
    ),
    "mackey-glass": SuiteTask(partial(load, "mackey-glass"), FORECASTS, epochs=50, about="forecast a chaotic series"),
    "ArrowHead": _archive("ArrowHead", "outlines of arrowheads, 3 classes"),
    "GunPoint": _archive("GunPoint", "hand movements, 2 classes"),
    "ItalyPowerDemand": _archive("ItalyPowerDemand", "daily power demand, 2 classes"),
    "OSULeaf": _archive("OSULeaf", "outlines of leaves, 6 classes"),
    "PickupGestureWiimoteZ": _archive("PickupGestureWiimoteZ", "gestures of different lengths, 10 classes"),
    "BasicMotions": _archive("BasicMotions", "motion sensors, 4 classes"),
    "ACSF1": _archive("ACSF1", "power consumption of appliances, 10 classes"),
    "Trace": _archive("Trace", "instruments of a nuclear plant, synthetic, 4 classes"),
    "spoken-digits": SuiteTask(
        partial(_downloaded, "spoken-digits", partial(load, "spoken-digits")),
        about="which digit? recordings of six speakers",
        elsewhere=True,
    ),
    "nettalk": SuiteTask(
        partial(_downloaded, "nettalk", spelled_words),
        LETTERS,
        epochs=20,
        about="phonemes of English words",
        elsewhere=True,
    ),
}
SUITES: dict[str, Mapping[str, SuiteTask]] = {"quick": QUICK, "full": FULL}
