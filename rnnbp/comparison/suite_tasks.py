"""Tasks of the suite: how each loads its data, and which models are compared on it with which settings.

Widths, learning rates, batch sizes and epochs were chosen on training sets alone, on a held-out fifth, static and
recurrent networks with the same care.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from rnnbp.comparison import models as baselines
from rnnbp.comparison.models import Baseline, baselines_for
from rnnbp.comparison.naive_forecasts import NaiveForecast
from rnnbp.comparison.tasks import loss_for
from rnnbp.comparison.training_run import MakeModel
from rnnbp.data import SequenceDataset
from rnnbp.datasets import load
from rnnbp.layers import GRU, LSTM, Elman
from rnnbp.losses import BinaryCrossEntropy, Loss

Pair = tuple[SequenceDataset, SequenceDataset]
Model = Baseline | MakeModel


@dataclass(frozen=True)
class SuiteTask:
    """Task of `rnnbp.compare_suite`.

    Parameters
    ----------
    load : callable
        Returns the training and the test set.
    models : mapping of str to Baseline or callable, optional
        A `Baseline`, which is made for the data, or a model factory as `rnnbp.compare` takes them. Default: the models
        of `rnnbp compare` that fit the targets.
    loss : Loss, optional
        Default: `rnnbp.comparison.loss_for` the training set.
    epochs, batch_size : int, default 25 and 16
    folds : int, default 1
        Of the cross-validation within the training set that chooses the best model of each kind; 1 holds out a fifth.
    about : str, default ''
        Half a sentence for reports.
    published : str, optional
        Name of the published figures, as `rnnbp.reproduction.table` takes it.
    elsewhere : bool, default False
        Whether the data may be missing: the task is then skipped, with a message.

    Examples
    --------
    >>> task = SuiteTask(partial(load, "parity", steps=8), epochs=5)
    >>> train, test = task.load()
    >>> list(task.models_for(train))
    ['window-mlp', 'elman', 'lstm', 'gru']
    """

    load: Callable[[], Pair]
    models: Mapping[str, Model] = field(default_factory=dict)
    loss: Loss | None = None
    epochs: int = 25
    batch_size: int = 16
    folds: int = 1
    about: str = ""
    published: str | None = None
    elsewhere: bool = False

    def models_for(self, train: SequenceDataset) -> Mapping[str, Model]:
        """Return the task's models, or the baselines that fit the targets."""
        if self.models:
            return self.models
        return {name: one for name, one in baselines_for(train).items() if one.grouped}

    def loss_for(self, train: SequenceDataset) -> Loss:
        """Return the task's loss, or the one that suits the targets."""
        return loss_for(train) if self.loss is None else self.loss


VOWELS = {name: baselines.BASELINES[name] for name in ("window-mlp", "statistics-mlp", "elman", "bigru")}
VOWELS |= {"conv": Baseline(baselines.convolutional, 32, "static", 0.005)}

DIGITS = {  # MNIST-1D and its shuffled twin
    "mlp": Baseline(partial(baselines.flat_mlp, 40), 100, "static", 0.003),
    "conv": Baseline(baselines.convolutional, 25, "static", 0.01),
    "gru": Baseline(partial(baselines.windowed_recurrent, GRU), 40, "recurrent", 0.01),
}

WORDS = {
    "window-mlp": Baseline(baselines.causal_window_mlp, 32, "static", 0.01),
    "conv": Baseline(baselines.causal_convolutional, 24, "static", 0.01),
    "elman": Baseline(partial(baselines.recurrent_per_step, Elman), 24, "recurrent", 0.01),
    "lstm": Baseline(partial(baselines.recurrent_per_step, LSTM), 24, "recurrent", 0.02),
    "gru": Baseline(partial(baselines.recurrent_per_step, GRU), 24, "recurrent", 0.02),
}

ADDING = {
    "window-mlp": Baseline(baselines.last_window_mlp, 64, "static", 0.003),
    "mlp": Baseline(partial(baselines.flat_mlp, 50), 128, "static", 0.003),
    "conv": Baseline(baselines.convolutional, 32, "static", 0.003),
    "lstm": Baseline(partial(baselines.last_recurrent, LSTM), 32, "recurrent", 0.01),
    "gru": Baseline(partial(baselines.last_recurrent, GRU), 32, "recurrent", 0.01),
}

RECALL = {
    "window-mlp": Baseline(baselines.last_window_mlp, 32, "static", 0.01),
    "mlp": Baseline(partial(baselines.flat_mlp, 21), 32, "static", 0.01),
    "elman": Baseline(partial(baselines.last_recurrent, Elman), 16, "recurrent", 0.01),
    "gru": Baseline(partial(baselines.last_recurrent, GRU), 16, "recurrent", 0.01),
}

SUNSPOTS: dict[str, Model] = {
    "persistence": NaiveForecast(1),
    "seasonal": NaiveForecast(1, 11),  # the mean length of the solar cycle in years
    "window-mlp": Baseline(baselines.causal_window_mlp, 16, "static", 0.003),
    "conv": Baseline(baselines.causal_convolutional, 8, "static", 0.01),
    "elman": Baseline(partial(baselines.recurrent_per_step, Elman), 16, "recurrent", 0.01),
    "gru": Baseline(partial(baselines.recurrent_per_step, GRU), 16, "recurrent", 0.01),
}

QUICK = {
    "japanese-vowels": SuiteTask(partial(load, "japanese-vowels"), VOWELS, epochs=25, about="who speaks?"),
    "embedded-reber": SuiteTask(
        partial(load, "embedded-reber", train=400, test=400), WORDS, BinaryCrossEntropy(), about="grammar"
    ),
    "adding": SuiteTask(partial(load, "adding", train=2000, steps=50), ADDING, about="add two marked numbers"),
    "recall": SuiteTask(partial(load, "recall", train=400, test=400), RECALL, about="name the first symbol"),
    "sunspots": SuiteTask(partial(load, "sunspots"), SUNSPOTS, epochs=200, folds=3, about="next year's number"),
}

FULL: dict[str, SuiteTask] = QUICK
SUITES: dict[str, Mapping[str, SuiteTask]] = {"quick": QUICK, "full": FULL}
