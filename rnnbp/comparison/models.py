"""Baselines of `rnnbp compare`, with their settings, and the model factories made from them for a dataset.

The widths and learning rates in `BASELINES` were found by cross-validation on the training set of Japanese Vowels
alone, static and recurrent networks with the same care.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rnnbp.comparison.networks import (
    Build,
    averaged_recurrent,
    bidirectional,
    causal_window_mlp,
    conv_gru,
    framewise_bidirectional,
    framewise_mlp,
    lstm_fcn,
    pooled_reservoir,
    recurrent_per_step,
    resampled_mlp,
    reservoir_per_step,
    statistics_mlp,
    window_mlp,
)
from rnnbp.comparison.tasks import output_size
from rnnbp.comparison.training_run import MakeModel, MakeOptimizer
from rnnbp.comparison.width_search import matching_width
from rnnbp.core import Orthogonal
from rnnbp.data import LabelSequences, SequenceDataset
from rnnbp.layers import GRU, LSTM, Elman, Normalize
from rnnbp.models import Sequential
from rnnbp.models.kind import KINDS
from rnnbp.optimizers import Adam, Optimizer, Ridge
from rnnbp.runtime import choice, flag, number, of_type, positive_int, refuses_by_name, unknown


@dataclass(frozen=True)
class Baseline:
    """Model to compare with, and the width and learning rate that suit it.

    Parameters
    ----------
    build : callable
        ``build(features, width, outputs)`` returns the layers.
    width : int
        Hidden size H.
    kind : {'static', 'reservoir', 'recurrent'}
        A reservoir is frozen, all but its last layer, for which `Ridge` solves.
    learning_rate : float, default 0.01
        Learning rate of Adam.
    grouped : bool, default True
        Whether 'all' and its kind stand for it too, or its name alone.

    Examples
    --------
    >>> from rnnbp.layers import Dense, Flatten
    >>> baseline = Baseline(lambda features, width, outputs: [Dense(features, outputs)], 10, "static")
    >>> baseline.optimizer().learning_rate
    0.01
    """

    build: Build
    width: int
    kind: str
    learning_rate: float = 0.01
    grouped: bool = True

    def __post_init__(self) -> None:
        if not callable(self.build):
            raise ValueError(f"build must be a function (features, width, outputs) -> layers, got {self.build!r}")
        positive_int("width", self.width)
        choice("kind", self.kind, KINDS)
        number("learning_rate", self.learning_rate, 0, open_low=True)
        flag("grouped", self.grouped)

    def optimizer(self) -> Optimizer:
        """Return a new optimizer: Ridge for a reservoir, else Adam with this model's learning rate."""
        return Ridge() if self.kind == "reservoir" else Adam(self.learning_rate)

    @refuses_by_name
    def factory(
        self, train: SequenceDataset, parameters: int | None = None, outputs: int | None = None
    ) -> "ModelFactory":
        """Return a model factory ``make(seed)``; `train`, `parameters` and `outputs` as `model_factory` takes them."""
        size = output_size(train) if outputs is None else positive_int("outputs", outputs)
        normalize, reservoir = Normalize(*map(tuple, train.statistics())), self.kind == "reservoir"
        factory = ModelFactory(self.build, normalize, self.width, size, reservoir)
        if parameters is None:
            return factory
        return replace(factory, width=matching_width(lambda width: replace(factory, width=width)(0), parameters))


BASELINES = {  # for one target per sequence
    "window-mlp": Baseline(window_mlp, 300, "static"),
    "statistics-mlp": Baseline(statistics_mlp, 200, "static"),
    "resampled-mlp": Baseline(resampled_mlp, 200, "static"),
    "elman": Baseline(partial(averaged_recurrent, partial(Elman, init=Orthogonal())), 64, "recurrent"),
    "lstm": Baseline(partial(averaged_recurrent, LSTM), 64, "recurrent"),
    "gru": Baseline(partial(averaged_recurrent, GRU), 64, "recurrent"),
    "bielman": Baseline(partial(bidirectional, Elman), 128, "recurrent", 0.003),
    "bilstm": Baseline(partial(bidirectional, LSTM), 48, "recurrent", 0.005),
    "bigru": Baseline(partial(bidirectional, GRU), 48, "recurrent", 0.005),
    "esn": Baseline(pooled_reservoir, 200, "reservoir"),
    "esn-bptt": Baseline(pooled_reservoir, 200, "recurrent", 0.003, grouped=False),
    "conv-gru": Baseline(conv_gru, 48, "recurrent", 0.005, grouped=False),  # found on spoken digits of new speakers
    "lstm-fcn": Baseline(lstm_fcn, 16, "recurrent", 0.005, grouped=False),  # found on a held-out third
}

STEP_BASELINES = {  # for one target per step
    "window-mlp": Baseline(causal_window_mlp, 64, "static"),
    "elman": Baseline(partial(recurrent_per_step, Elman), 32, "recurrent"),
    "lstm": Baseline(partial(recurrent_per_step, LSTM), 32, "recurrent"),
    "gru": Baseline(partial(recurrent_per_step, GRU), 32, "recurrent"),
    "esn": Baseline(reservoir_per_step, 200, "reservoir"),
    "esn-bptt": Baseline(reservoir_per_step, 200, "recurrent", 0.003, grouped=False),
}

LABEL_BASELINES = {  # for a label sequence per sequence
    "window-mlp": Baseline(framewise_mlp, 256, "static", 0.003),
    "bielman": Baseline(partial(framewise_bidirectional, Elman), 128, "recurrent", 0.002),
    "bilstm": Baseline(partial(framewise_bidirectional, LSTM), 96, "recurrent", 0.004),
    "bigru": Baseline(partial(framewise_bidirectional, GRU), 96, "recurrent", 0.004),
}


@refuses_by_name
def baselines_for(data: SequenceDataset) -> dict[str, Baseline]:
    """Return the models that fit a dataset's targets.

    Parameters
    ----------
    data : SequenceDataset
        With targets.

    Examples
    --------
    >>> import numpy as np
    >>> list(baselines_for(SequenceDataset([np.eye(3)], [np.arange(3)])))
    ['window-mlp', 'elman', 'lstm', 'gru', 'esn', 'esn-bptt']
    """
    if isinstance(data.targets, LabelSequences):
        return LABEL_BASELINES
    return STEP_BASELINES if data.per_step else BASELINES


@refuses_by_name
def baseline_names(wanted: Sequence[str], among: Mapping[str, Any] = BASELINES) -> list[str]:
    """Return model names, with 'static', 'reservoir', 'recurrent' and 'all' expanded.

    'conv-gru', 'lstm-fcn' and 'esn-bptt' are in none of these.

    Parameters
    ----------
    wanted : sequence of str
    among : mapping of str to Baseline or NaiveForecast, default BASELINES

    Raises
    ------
    ValueError
        If there is no model of a name.

    Examples
    --------
    >>> baseline_names(["static", "lstm"])
    ['window-mlp', 'statistics-mlp', 'resampled-mlp', 'lstm']
    """
    found: dict[str, None] = {}
    for name in of_type("wanted", wanted, Sequence[str]):
        group = [key for key, one in among.items() if name == key or (one.grouped and name in (one.kind, "all"))]
        if not group:
            raise unknown("wanted models", name, [*among, *KINDS, "all"])
        found |= dict.fromkeys(group)
    return list(found)


@dataclass(frozen=True)
class ModelFactory:
    """Model factory ``make(seed)`` for a dataset, which can be sent to another process.

    Parameters
    ----------
    build : callable
        As in `Baseline`.
    normalize : Normalize
        Normalization by the statistics of the training set.
    width, outputs : int
        Hidden size H and number of outputs K.
    reservoir : bool, default False
        Whether all parameters but those of the last layer are frozen.
    """

    build: Build
    normalize: Normalize
    width: int
    outputs: int
    reservoir: bool = False

    def __call__(self, seed: int) -> Sequential:
        """Return a new network, initialized with `seed`."""
        layers = self.build(len(self.normalize.mean), self.width, self.outputs)
        model = Sequential(self.normalize, *layers, seed=seed)
        if self.reservoir:
            readout = f"{len(layers)}."
            model.freeze(*(name for name in model.params if not name.startswith(readout)))
        return model


@refuses_by_name
def model_factory(
    name: str, train: SequenceDataset, parameters: int | None = None, outputs: int | None = None
) -> ModelFactory:
    """Return a model factory ``make(seed)`` with inputs normalized by the statistics of the training set.

    Parameters
    ----------
    name : str
        One of `baselines_for` the dataset.
    train : SequenceDataset
        Its targets, one per sequence, one per step or label sequences, determine which models there are and their
        number of outputs.
    parameters : int, optional
        Choose the width so that the number of parameters is as close as possible to this.
    outputs : int, optional
        Number of outputs, where the loss takes another one (`Loss.outputs`).

    Raises
    ------
    ValueError
        If there is no such model for such targets, or there are no targets.

    Examples
    --------
    >>> import numpy as np
    >>> data = SequenceDataset([np.eye(3), np.eye(3)], targets=[0, 1])
    >>> model_factory("elman", data)(0)
    Sequential(Normalize, Dropout, Elman, Dropout, MeanOverTime, Dense; 4546 parameters, float32)
    >>> model_factory("elman", data, parameters=1000)(0).params.size
    982
    """
    baselines = baselines_for(train)
    if of_type("name", name, str) not in baselines:
        raise unknown("name of a model", name, baselines)
    return baselines[name].factory(train, parameters, outputs)


@refuses_by_name
def factories_of(
    models: Mapping[str, Baseline | MakeModel], train: SequenceDataset, parameters: int | None = None
) -> tuple[dict[str, MakeModel], dict[str, MakeOptimizer]]:
    """Return model factories for a dataset, and the optimizers of models that have their own, as `compare` takes them.

    Parameters
    ----------
    models : mapping of str to Baseline or callable
        Model factories stay as they are.
    train : SequenceDataset
    parameters : int, optional
        Approximate number of parameters of every baseline.

    Examples
    --------
    >>> import numpy as np
    >>> data = SequenceDataset([np.eye(3), np.eye(3)], targets=[0, 1])
    >>> makes, optimizers = factories_of({"lstm": BASELINES["lstm"], "own": Sequential}, data)
    >>> list(makes), list(optimizers)
    (['lstm', 'own'], ['lstm'])
    """
    of_type("train", train, SequenceDataset)
    makes = {name: one.factory(train, parameters) if isinstance(one, Baseline) else one for name, one in models.items()}
    return makes, {name: one.optimizer for name, one in models.items() if isinstance(one, Baseline)}
