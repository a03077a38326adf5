"""Networks of `rnnbp compare`: static networks on views of a sequence, and recurrent networks.

Each is a function of the number of features, a width and the number of outputs. The widths and learning rates in
`CONTESTANTS` were found by cross-validation on the training set of Japanese Vowels alone, static and recurrent networks
with the same care.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from rnnbp.core import Orthogonal
from rnnbp.data import LabelSequences, SequenceDataset
from rnnbp.layers import (
    GRU,
    LSTM,
    Dense,
    Dropout,
    Elman,
    Layer,
    MeanOverTime,
    Normalize,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.losses import CrossEntropy, Loss, natural_loss
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam
from rnnbp.runtime import positive_int, unknown

Build = Callable[[int, int, int], list[Layer]]
"""(features, width, outputs) -> layers."""


def window_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP on windows of eleven frames, five on either side, its hidden layer averaged over time.

    Examples
    --------
    >>> len(window_mlp(12, 100, 9))
    6
    """
    return [
        Window(5, 5),
        Dropout(0.2),
        Dense(11 * features, width, "relu"),
        Dropout(0.5),
        MeanOverTime(),
        Dense(width, outputs),
    ]


def statistics_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP with one hidden layer on the mean and standard deviation over time.

    Examples
    --------
    >>> len(statistics_mlp(12, 100, 9))
    4
    """
    return [TimeStatistics(), Dense(2 * features, width, "relu"), Dropout(0.5), Dense(width, outputs)]


def resampled_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP with one hidden layer on the sequence resampled to ten frames.

    Examples
    --------
    >>> len(resampled_mlp(12, 100, 9))
    5
    """
    return [Resample(10), Dropout(0.2), Dense(10 * features, width, "relu"), Dropout(0.5), Dense(width, outputs)]


def elman(features: int, width: int, outputs: int) -> list[Layer]:
    """Return Elman's simple recurrent network, its hidden state averaged over time.

    Examples
    --------
    >>> len(elman(12, 64, 9))
    5
    """
    return [
        Dropout(0.2),
        Elman(features, width, init=Orthogonal()),
        Dropout(0.5),
        MeanOverTime(),
        Dense(width, outputs),
    ]


def lstm(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an LSTM network, its output averaged over time.

    Examples
    --------
    >>> len(lstm(12, 64, 9))
    5
    """
    return [Dropout(0.2), LSTM(features, width), Dropout(0.5), MeanOverTime(), Dense(width, outputs)]


def gru(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a GRU network, its output averaged over time.

    Examples
    --------
    >>> len(gru(12, 64, 9))
    5
    """
    return [Dropout(0.2), GRU(features, width), Dropout(0.5), MeanOverTime(), Dense(width, outputs)]


def both_ways(layer: Callable[..., Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a bidirectional network on windows of three frames, its output read at four evenly spaced steps.

    The first and the last step are those that `Ends` reads: the final states of both directions are included.

    Examples
    --------
    >>> len(both_ways(LSTM, 12, 64, 9))
    6
    """
    both = layer(3 * features, width, bidirectional=True, init=Orthogonal())
    return [Dropout(0.2), Window(1, 1), both, Dropout(0.5), Resample(4), Dense(8 * width, outputs)]


def causal_window_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a causal MLP on each frame and the ten before it, with an output at every step.

    Examples
    --------
    >>> len(causal_window_mlp(1, 50, 1))
    3
    """
    return [Window(10, 0), Dense(11 * features, width, "tanh"), Dense(width, outputs)]


def stepwise(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a recurrent network with an output at every step.

    Examples
    --------
    >>> len(stepwise(Elman, 1, 50, 1))
    2
    """
    return [layer(features, width), Dense(width, outputs)]


def spotting_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP on windows of 17 frames with an output at every step, for label sequences.

    Examples
    --------
    >>> len(spotting_mlp(39, 200, 11))
    5
    """
    layers: list[Layer] = [Window(8, 8), Dropout(0.2), Dense(17 * features, width, "relu")]
    return [*layers, Dropout(0.3), Dense(width, outputs)]


def transcriber(layer: Callable[..., Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a bidirectional network on windows of three frames with an output at every step, for label sequences.

    Examples
    --------
    >>> len(transcriber(LSTM, 39, 64, 11))
    5
    """
    both = layer(3 * features, width, bidirectional=True)
    return [Dropout(0.1), Window(1, 1), both, Dropout(0.2), Dense(2 * width, outputs)]


@dataclass(frozen=True)
class Contestant:
    """Model of the comparison, with its width and learning rate.

    Parameters
    ----------
    build : callable
        ``build(features, width, outputs)`` returns the layers.
    width : int
        Hidden size H.
    kind : {'static', 'recurrent'}
    learning_rate : float, default 0.01
        Learning rate of Adam.
    """

    build: Build
    width: int
    kind: str
    learning_rate: float = 0.01

    def optimizer(self) -> Adam:
        """Return a new Adam optimizer with this model's learning rate."""
        return Adam(self.learning_rate)


CONTESTANTS = {  # for one target per sequence
    "window-mlp": Contestant(window_mlp, 300, "static"),
    "statistics-mlp": Contestant(statistics_mlp, 200, "static"),
    "resampled-mlp": Contestant(resampled_mlp, 200, "static"),
    "elman": Contestant(elman, 64, "recurrent"),
    "lstm": Contestant(lstm, 64, "recurrent"),
    "gru": Contestant(gru, 64, "recurrent"),
    "bielman": Contestant(partial(both_ways, Elman), 128, "recurrent", 0.003),
    "bilstm": Contestant(partial(both_ways, LSTM), 48, "recurrent", 0.005),
    "bigru": Contestant(partial(both_ways, GRU), 48, "recurrent", 0.005),
}


STEP_CONTESTANTS = {  # for one target per step
    "window-mlp": Contestant(causal_window_mlp, 64, "static"),
    "elman": Contestant(partial(stepwise, Elman), 32, "recurrent"),
    "lstm": Contestant(partial(stepwise, LSTM), 32, "recurrent"),
    "gru": Contestant(partial(stepwise, GRU), 32, "recurrent"),
}


LABEL_CONTESTANTS = {  # for a label sequence per sequence
    "window-mlp": Contestant(spotting_mlp, 256, "static", 0.003),
    "bielman": Contestant(partial(transcriber, Elman), 128, "recurrent", 0.002),
    "bilstm": Contestant(partial(transcriber, LSTM), 96, "recurrent", 0.004),
    "bigru": Contestant(partial(transcriber, GRU), 96, "recurrent", 0.004),
}


def contestants_for(data: SequenceDataset) -> dict[str, Contestant]:
    """Return the models that fit a dataset's targets.

    Examples
    --------
    >>> list(contestants_for(SequenceDataset([np.eye(3)], [np.arange(3)])))
    ['window-mlp', 'elman', 'lstm', 'gru']
    """
    if isinstance(data.targets, LabelSequences):
        return LABEL_CONTESTANTS
    return STEP_CONTESTANTS if data.per_step else CONTESTANTS


def loss_for(data: SequenceDataset) -> Loss:
    """Return the loss that the models are trained with.

    For classes it is cross entropy with label smoothing, which cross-validation on the training set of Japanese Vowels
    found better for most models, static and recurrent.

    Examples
    --------
    >>> loss_for(SequenceDataset([np.eye(3)], [1])).label_smoothing
    0.1
    """
    natural = natural_loss(data.targets)
    return CrossEntropy(label_smoothing=0.1) if isinstance(natural, CrossEntropy) else natural


def names(wanted: Sequence[str], among: Mapping[str, Contestant] = CONTESTANTS) -> list[str]:
    """Return model names, with 'static', 'recurrent' and 'all' expanded.

    Parameters
    ----------
    wanted : sequence of str
    among : mapping of str to Contestant, default CONTESTANTS

    Raises
    ------
    ValueError
        If there is no model of a name.

    Examples
    --------
    >>> names(["static", "lstm"])
    ['window-mlp', 'statistics-mlp', 'resampled-mlp', 'lstm']
    """
    found: dict[str, None] = {}
    for name in wanted:
        group = [n for n, c in among.items() if name in (n, c.kind, "all")]
        if not group:
            raise unknown("models", name, [*among, "static", "recurrent", "all"])
        found |= dict.fromkeys(group)
    return list(found)


@dataclass(frozen=True)
class Maker:
    """Model factory ``make(seed)`` for a dataset, which can be sent to another process.

    Parameters
    ----------
    build : callable
        As in `Contestant`.
    normalize : Normalize
        Normalization by the statistics of the training set.
    width, outputs : int
        Hidden size H and number of outputs K.
    """

    build: Build
    normalize: Normalize
    width: int
    outputs: int

    def __call__(self, seed: int) -> Sequential:
        """Return a new network, initialized with `seed`."""
        return Sequential(self.normalize, *self.build(len(self.normalize.mean), self.width, self.outputs), seed=seed)


def maker(name: str, train: SequenceDataset, parameters: int | None = None) -> Maker:
    """Return a model factory ``make(seed)`` with inputs normalized by the statistics of the training set.

    Parameters
    ----------
    name : str
        A name in `CONTESTANTS`, or in the table for such targets.
    train : SequenceDataset
        Its targets, one per sequence, one per step or label sequences, determine which models there are.
    parameters : int, optional
        Choose the width so that the number of parameters is as close as possible to this.

    Raises
    ------
    ValueError
        If there is no such model for such targets, or there are no targets.

    Examples
    --------
    >>> data = SequenceDataset([np.eye(3), np.eye(3)], targets=[0, 1])
    >>> maker("elman", data)(0)
    Sequential(Normalize, Dropout, Elman, Dropout, MeanOverTime, Dense; 4546 parameters, float32)
    >>> maker("elman", data, parameters=1000)(0).params.size
    982
    """
    if name.endswith((".ts", ".ts.gz")):
        raise ValueError(f"model must be of {', '.join(CONTESTANTS)}; got {name!r}, a dataset, which comes after it")
    among = contestants_for(train)
    (name,) = names([name], among)
    contestant = among[name]
    made = Maker(contestant.build, Normalize(*map(tuple, train.statistics())), contestant.width, output_size(train))
    if parameters is None:
        return made
    return replace(made, width=matching_width(lambda width: replace(made, width=width)(0), parameters))


def output_size(data: SequenceDataset) -> int:
    """Return the number of outputs K: the number of classes, or of values per target.

    Raises
    ------
    ValueError
        If there are no targets.

    Examples
    --------
    >>> output_size(SequenceDataset([np.eye(3)], [np.array([0, 4, -1])]))
    5
    """
    if data.targets is None:
        raise ValueError("train must have targets, got none")
    if isinstance(data.targets, LabelSequences):
        return len(data.classes or ()) or 1 + max(int(one.max(initial=0)) for one in data.targets)
    targets = data.targets if isinstance(data.targets, np.ndarray) else np.concatenate(data.targets)
    if np.issubdtype(targets.dtype, np.integer):
        return max(int(targets.max()) + 1, len(data.classes or ()))
    return 1 if targets.ndim == 1 else targets.shape[1]


def matching_width(make: Callable[[int], Sequential], parameters: int) -> int:
    """Return the width whose network comes closest to a number of parameters.

    Parameters
    ----------
    make : callable
        ``make(width)`` returns a network whose number of parameters increases with the width.
    parameters : int

    Examples
    --------
    >>> matching_width(lambda width: Sequential(Dense(10, width), Dense(width, 1)), 120)
    10
    """
    positive_int("parameters", parameters)
    high = 1
    while make(high).params.size < parameters:
        high *= 2
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if make(middle).params.size < parameters else (low, middle)
    return min((low, high), key=lambda width: abs(make(width).params.size - parameters))
