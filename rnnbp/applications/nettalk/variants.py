"""Variants of reading models that are compared: each a network, what it is trained on, and how its outputs are read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from rnnbp.applications.nettalk.lexicon import Lexicon
from rnnbp.applications.nettalk.networks import recurrent_network, wide_window_network, window_network
from rnnbp.applications.nettalk.readers import CTCReader, FeatureReader, Reader, Reads
from rnnbp.comparison import output_size
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, Backprop
from rnnbp.losses import CTC, BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam, ClipNorm, Cosine
from rnnbp.runtime import choice
from rnnbp.training import Callback, Trainer

Array = np.ndarray


@dataclass(frozen=True)
class Variant(ABC):
    """Variant of a reading model: network and training settings; a subclass for each form of targets.

    Parameters
    ----------
    network : callable
        ``network(outputs, seed)`` returns a newly initialised network.
    loss : Loss
    epochs, batch_size : int
    learning_rate : float
        Initial learning rate of Adam, annealed to 0 by half a cosine.

    Attributes
    ----------
    averages : bool
        Whether its reader can average several networks.

    Examples
    --------
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),), "as": (("AE1", "Z"),)}).aligned()
    >>> variant = VARIANTS["window"]
    >>> trainer = variant.trained(lexicon, epochs=300)
    >>> variant.reader([trainer.model], lexicon).read(["as"])
    [('AE1', 'Z')]
    """

    averages: ClassVar[bool] = True

    network: Callable[[int, int], Sequential]
    loss: Loss
    epochs: int
    batch_size: int
    learning_rate: float

    @abstractmethod
    def data(self, lexicon: Lexicon) -> SequenceDataset:
        """Return the training set of a lexicon."""

    @abstractmethod
    def reader(self, models: Sequence[Sequential], lexicon: Lexicon) -> Reads:
        """Return a reader that uses networks trained on a lexicon."""

    def trained(
        self,
        lexicon: Lexicon,
        seed: int = 0,
        *,
        model: Sequential | None = None,
        epochs: int | None = None,
        callbacks: Iterable[Callback] = (),
        progress: bool = False,
        checkpoint: str | Path | None = None,
    ) -> Trainer:
        """Train a network on a lexicon.

        Parameters
        ----------
        lexicon : Lexicon
        seed : int, default 0
        model : Sequential, optional
            The model to continue training. Default: a new one.
        epochs : int, optional
            Default: the variant's.
        callbacks, progress
            See `rnnbp.Trainer`.
        checkpoint : str or Path, optional
            File written after each epoch; if it exists, training resumes from it.

        Returns
        -------
        Trainer
            Its `model` is the trained network.
        """
        data = self.data(lexicon)
        model = self.network(output_size(data), seed) if model is None else model
        epochs = self.epochs if epochs is None else epochs
        trainer = Trainer(
            model,
            self.loss,
            BPTT() if model.recurrent else Backprop(),
            Adam(self.learning_rate),
            seed=seed,
            clip=ClipNorm(1.0) if model.recurrent else None,
            schedule=Cosine(epochs),
            callbacks=callbacks,
        )
        trainer.fit_up_to(epochs, data, batch_size=self.batch_size, progress=progress, checkpoint=checkpoint)
        return trainer


class LetterVariant(Variant):
    """Variant with one label a letter."""

    def data(self, lexicon: Lexicon) -> SequenceDataset:
        return lexicon.by_letter()

    def reader(self, models: Sequence[Sequential], lexicon: Lexicon) -> Reader:
        return Reader(models, lexicon.classes)


class CTCVariant(Variant):
    """Variant with a word's phonemes as its label sequence, not aligned with the letters."""

    def data(self, lexicon: Lexicon) -> SequenceDataset:
        return lexicon.by_word()

    def reader(self, models: Sequence[Sequential], lexicon: Lexicon) -> CTCReader:
        return CTCReader(models, lexicon.ctc_classes)


@dataclass(frozen=True)
class FeatureVariant(Variant):
    """Variant with NETtalk's 26 output units, read by the best guess of a single network.

    Parameters
    ----------
    units : callable
        Maps the network's outputs to the units' activities.
    """

    averages: ClassVar[bool] = False

    units: Callable[[Array], Array]

    def data(self, lexicon: Lexicon) -> SequenceDataset:
        return lexicon.by_feature()

    def reader(self, models: Sequence[Sequential], lexicon: Lexicon) -> FeatureReader:
        (model,) = models
        return FeatureReader(model, sorted({label[0] for label in lexicon.classes}), self.units)


# activation of the output units, loss, units' activities from the outputs, learning rate
ERRORS: dict[str, tuple[str, Loss, Callable[[Array], Array], float]] = {
    "squared error": ("sigmoid", MeanSquaredError(), np.asarray, 0.02),
    "cross entropy": ("linear", BinaryCrossEntropy(), BinaryCrossEntropy().probabilities, 0.01),
}


def as_in_1987(hidden: Sequence[int], error: str = "cross entropy") -> FeatureVariant:
    """Return NETtalk's variant: window of seven letters, 26 output units, best guess; 55 epochs, batches of four words.

    Parameters
    ----------
    hidden : sequence of int
    error : {'cross entropy', 'squared error'}
        The loss that is minimised; in 1987 it was the squared error.

    Examples
    --------
    >>> as_in_1987((80, 80)).network(26, 0).params.size
    24906
    """
    activation, loss, units, learning_rate = ERRORS[choice("error", error, ERRORS)]
    network = partial(window_network, hidden, activation=activation)
    return FeatureVariant(network, loss, 55, 4, learning_rate, units)


def recurrent(hidden: int, epochs: int) -> LetterVariant:
    """Return the variant with two layers of bidirectional LSTM and one label a letter.

    Parameters
    ----------
    hidden, epochs : int

    Examples
    --------
    >>> recurrent(128, 20).network(162, 0)
    Sequential(LSTM, Dropout, Dense; 599714 parameters, float32)
    """
    return LetterVariant(partial(recurrent_network, hidden), CrossEntropy(label_smoothing=0.1), epochs, 32, 0.003)


VARIANTS: dict[str, Variant] = {
    "window-features": replace(as_in_1987((120,)), epochs=10),
    "window": LetterVariant(partial(window_network, (120,)), CrossEntropy(), 16, 16, 0.003),
    "window-wide": LetterVariant(wide_window_network, CrossEntropy(label_smoothing=0.1), 12, 32, 0.003),
    "bilstm": recurrent(128, 16),
    "bilstm-ctc": CTCVariant(partial(recurrent_network, 128), CTC(), 12, 32, 0.003),
}
