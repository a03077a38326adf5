"""The networks that `rnnbp compare` sets against each other: static views of a sequence, and recurrent nets.

Each is one function of the data's size and a width; the widths and learning rates in `CONTESTANTS` were found by
cross-validation on the training set of Japanese Vowels alone, static and recurrent nets with the same care.
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
    """Each frame with five neighbours on either side, one hidden layer, averaged over time.

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
    """Mean and standard deviation over time, one hidden layer.

    Examples
    --------
    >>> len(statistics_mlp(12, 100, 9))
    4
    """
    return [TimeStatistics(), Dense(2 * features, width, "relu"), Dropout(0.5), Dense(width, outputs)]


def resampled_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """The sequence brought to ten frames, one hidden layer.

    Examples
    --------
    >>> len(resampled_mlp(12, 100, 9))
    5
    """
    return [Resample(10), Dropout(0.2), Dense(10 * features, width, "relu"), Dropout(0.5), Dense(width, outputs)]


def elman(features: int, width: int, outputs: int) -> list[Layer]:
    """Elman's simple recurrent network, its hidden state averaged over time.

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
    """An LSTM, its output averaged over time.

    Examples
    --------
    >>> len(lstm(12, 64, 9))
    5
    """
    return [Dropout(0.2), LSTM(features, width), Dropout(0.5), MeanOverTime(), Dense(width, outputs)]


def gru(features: int, width: int, outputs: int) -> list[Layer]:
    """A GRU, its output averaged over time.

    Examples
    --------
    >>> len(gru(12, 64, 9))
    5
    """
    return [Dropout(0.2), GRU(features, width), Dropout(0.5), MeanOverTime(), Dense(width, outputs)]


def both_ways(layer: Callable[..., Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a bidirectional layer over each frame with its two neighbours, read at four places from first to last.

    The two outermost are where `Ends` reads: the final states of both directions are among what is read.

    Examples
    --------
    >>> len(both_ways(LSTM, 12, 64, 9))
    6
    """
    both = layer(3 * features, width, bidirectional=True, init=Orthogonal())
    return [Dropout(0.2), Window(1, 1), both, Dropout(0.5), Resample(4), Dense(8 * width, outputs)]


def causal_window_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Each frame with the ten before it, one hidden layer: for a target a step, which must not see what comes.

    Examples
    --------
    >>> len(causal_window_mlp(1, 50, 1))
    3
    """
    return [Window(10, 0), Dense(11 * features, width, "tanh"), Dense(width, outputs)]


def stepwise(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """A recurrent layer with an output at every step.

    Examples
    --------
    >>> len(stepwise(Elman, 1, 50, 1))
    2
    """
    return [layer(features, width), Dense(width, outputs)]


def spotting_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Each frame with eight neighbours on either side, one hidden layer, and an output at every step: for label
    sequences.

    Examples
    --------
    >>> len(spotting_mlp(39, 200, 11))
    5
    """
    layers: list[Layer] = [Window(8, 8), Dropout(0.2), Dense(17 * features, width, "relu")]
    return [*layers, Dropout(0.3), Dense(width, outputs)]


def transcriber(layer: Callable[..., Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """A recurrent layer both ways over time, on each frame with its two neighbours, and an output at every step.

    Examples
    --------
    >>> len(transcriber(LSTM, 39, 64, 11))
    5
    """
    both = layer(3 * features, width, bidirectional=True)
    return [Dropout(0.1), Window(1, 1), both, Dropout(0.2), Dense(2 * width, outputs)]


@dataclass(frozen=True)
class Contestant:
    """A network of the comparison.

    Parameters
    ----------
    build : callable
        ``build(features, width, outputs)`` returns the layers.
    width : int
        H.
    kind : {'static', 'recurrent'}
    learning_rate : float, default 0.01
        Of Adam.
    """

    build: Build
    width: int
    kind: str
    learning_rate: float = 0.01

    def optimizer(self) -> Adam:
        """A new optimizer, with the learning rate that suits this network."""
        return Adam(self.learning_rate)


CONTESTANTS = {  # for one target a sequence
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


STEP_CONTESTANTS = {  # for one target a step
    "window-mlp": Contestant(causal_window_mlp, 64, "static"),
    "elman": Contestant(partial(stepwise, Elman), 32, "recurrent"),
    "lstm": Contestant(partial(stepwise, LSTM), 32, "recurrent"),
    "gru": Contestant(partial(stepwise, GRU), 32, "recurrent"),
}


LABEL_CONTESTANTS = {  # for a sequence of labels each
    "window-mlp": Contestant(spotting_mlp, 256, "static", 0.003),
    "bielman": Contestant(partial(transcriber, Elman), 128, "recurrent", 0.002),
    "bilstm": Contestant(partial(transcriber, LSTM), 96, "recurrent", 0.004),
    "bigru": Contestant(partial(transcriber, GRU), 96, "recurrent", 0.004),
}


def contestants_for(data: SequenceDataset) -> dict[str, Contestant]:
    """Those that fit a dataset's targets.

    Examples
    --------
    >>> list(contestants_for(SequenceDataset([np.eye(3)], [np.arange(3)])))
    ['window-mlp', 'elman', 'lstm', 'gru']
    """
    if isinstance(data.targets, LabelSequences):
        return LABEL_CONTESTANTS
    return STEP_CONTESTANTS if data.per_step else CONTESTANTS


def loss_for(data: SequenceDataset) -> Loss:
    """What the contestants are trained by: for classes, cross entropy with some label smoothing, which cross-validation
    on the training set of Japanese Vowels found better for most of them, static and recurrent.

    Examples
    --------
    >>> loss_for(SequenceDataset([np.eye(3)], [1])).label_smoothing
    0.1
    """
    natural = natural_loss(data.targets)
    return CrossEntropy(label_smoothing=0.1) if isinstance(natural, CrossEntropy) else natural


def names(wanted: Sequence[str], among: Mapping[str, Contestant] = CONTESTANTS) -> list[str]:
    """Names of contestants, with 'static', 'recurrent' and 'all' standing for several.

    Parameters
    ----------
    wanted : sequence of str
    among : mapping of str to Contestant, default CONTESTANTS

    Raises
    ------
    ValueError
        If there is none of a name.

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
    """``make(seed)`` for a contestant that fits a dataset; what another process can be sent.

    Parameters
    ----------
    build : callable
        The contestant's.
    normalize : Normalize
        By the training set's statistics.
    width, outputs : int
        H and K.
    """

    build: Build
    normalize: Normalize
    width: int
    outputs: int

    def __call__(self, seed: int) -> Sequential:
        """A new network."""
        return Sequential(self.normalize, *self.build(len(self.normalize.mean), self.width, self.outputs), seed=seed)


def maker(name: str, train: SequenceDataset, parameters: int | None = None) -> Maker:
    """``make(seed)`` for a contestant that fits a dataset, its inputs normalised by the training set's statistics.

    Parameters
    ----------
    name : str
        Of `CONTESTANTS`.
    train : SequenceDataset
        Its targets, one a sequence, one a step or sequences of labels, say which contestants there are.
    parameters : int, optional
        Choose the width so that the network has as nearly as possible so many parameters.

    Raises
    ------
    ValueError
        If there is no such contestant for such targets, or there are no targets.

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
    """K: how many classes, or values, a target has.

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
    """The width whose network has as nearly as possible so many parameters.

    Parameters
    ----------
    make : callable
        ``make(width)`` returns a network; more width, more parameters.
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
