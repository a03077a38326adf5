"""Variants of reading models that are compared: each a network, its training settings, and the decoding of outputs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rnnbp.applications.nettalk.features import FEATURES, STRESS
from rnnbp.applications.nettalk.lexicon import Lexicon
from rnnbp.applications.nettalk.nets import recurrent_net, wide_window_net, window_net
from rnnbp.applications.nettalk.readers import CTCReader, FeatureReader, Reader, Reads
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, Backprop
from rnnbp.losses import CTC, BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam, ClipNorm, Cosine
from rnnbp.runtime import choice
from rnnbp.training import Callback, Trainer


@dataclass(frozen=True)
class Kind:
    """Variant of a reading model: network, dataset, decoder and training settings.

    Parameters
    ----------
    about : str
    net : callable
        ``net(outputs, seed)`` returns a newly initialised network.
    data : callable
        ``data(lexicon)`` returns the training set.
    reader : callable
        ``reader(models, data, lexicon)`` returns a reader that uses trained networks.
    loss : Loss
    epochs, batch_size : int
    learning_rate : float
        Initial learning rate of Adam, annealed to 0 by half a cosine.

    Examples
    --------
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),), "as": (("AE1", "Z"),)}).aligned()
    >>> kind = KINDS["window"]
    >>> trainer = kind.trained(lexicon, epochs=300)
    >>> kind.reader([trainer.model], kind.data(lexicon), lexicon).read(["as"])
    [('AE1', 'Z')]
    """

    about: str
    net: Callable[[int, int], Sequential]
    data: Callable[[Lexicon], SequenceDataset]
    reader: Callable[[Sequence[Sequential], SequenceDataset, Lexicon], Reads]
    loss: Loss
    epochs: int
    batch_size: int
    learning_rate: float

    @property
    def averages(self) -> bool:
        """Whether its reader can average several networks."""
        return self.reader in (_by_letter, _by_word)

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
        model = self.net(_outputs(data), seed) if model is None else model
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


def _outputs(data: SequenceDataset) -> int:
    """Return the number of outputs K: the number of classes, else that of NETtalk's output units."""
    return len(FEATURES) + len(STRESS) if data.classes is None else len(data.classes)


def _by_letter(models: Sequence[Sequential], data: SequenceDataset, lexicon: Lexicon) -> Reader:
    return Reader(models, data.classes or ())


def _by_word(models: Sequence[Sequential], data: SequenceDataset, lexicon: Lexicon) -> CTCReader:
    return CTCReader(models, data.classes or ())


def _by_unit(models: Sequence[Sequential], data: SequenceDataset, lexicon: Lexicon) -> FeatureReader:
    return FeatureReader(models[0], _phonemes(lexicon))


def _by_sum(models: Sequence[Sequential], data: SequenceDataset, lexicon: Lexicon) -> FeatureReader:
    return FeatureReader(models[0], _phonemes(lexicon), BinaryCrossEntropy().probabilities)


def _phonemes(lexicon: Lexicon) -> list[str]:
    """Return the phonemes that occur in the words of NETtalk's corpus."""
    return sorted({label[0] for label in lexicon.classes})


def as_in_1987(hidden: Sequence[int], error: str = "cross entropy") -> Kind:
    """Return NETtalk's variant: window of seven letters, 26 output units, best guess; 55 epochs, batches of four words.

    Parameters
    ----------
    hidden : sequence of int
    error : {'cross entropy', 'squared error'}
        The loss that is minimised; in 1987 it was the squared error.

    Examples
    --------
    >>> as_in_1987((80, 80)).net(26, 0).params.size
    24906
    """
    about = f"window of 7 letters, {'+'.join(map(str, hidden)) or 'no'} hidden units, phoneme features"
    if choice("error", error, ERRORS) == "squared error":
        net = partial(_window, hidden, "sigmoid")
        return Kind(about, net, Lexicon.by_feature, _by_unit, MeanSquaredError(), 55, 4, 0.02)
    net = partial(_window, hidden, "linear")
    return Kind(about, net, Lexicon.by_feature, _by_sum, BinaryCrossEntropy(), 55, 4, 0.01)


ERRORS = ("squared error", "cross entropy")


def _window(hidden: Sequence[int], activation: str, outputs: int, seed: int) -> Sequential:
    return window_net(hidden, outputs, seed, activation)


def recurrent(hidden: int, epochs: int) -> Kind:
    """Return the variant with two layers of bidirectional LSTM and one label a letter.

    Parameters
    ----------
    hidden, epochs : int

    Examples
    --------
    >>> recurrent(128, 20).about
    'bidirectional LSTM, 2 layers of 128 units each way'
    """
    return Kind(
        f"bidirectional LSTM, 2 layers of {hidden} units each way",
        partial(recurrent_net, hidden),
        Lexicon.by_letter,
        _by_letter,
        CrossEntropy(label_smoothing=0.1),
        epochs,
        32,
        0.003,
    )


KINDS = {
    "window-features": replace(as_in_1987((120,)), epochs=10),
    "window": Kind(
        "window of 7 letters, 120 hidden units, a label a letter",
        partial(_window, (120,), "linear"),
        Lexicon.by_letter,
        _by_letter,
        CrossEntropy(),
        16,
        16,
        0.003,
    ),
    "window-wide": Kind(
        "window of 7 letters, 400 rectified hidden units with dropout, a label a letter",
        wide_window_net,
        Lexicon.by_letter,
        _by_letter,
        CrossEntropy(label_smoothing=0.1),
        12,
        32,
        0.003,
    ),
    "bilstm": recurrent(128, 16),
    "bilstm-ctc": Kind(
        "bidirectional LSTM, 2 layers of 128 units each way, CTC",
        partial(recurrent_net, 128),
        Lexicon.by_word,
        _by_word,
        CTC(),
        12,
        32,
        0.003,
    ),
}
