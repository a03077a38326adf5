"""Small things that valid calls are made of, each made anew."""

import copy
import unittest.mock
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import rnnbp
from rnnbp.applications.nettalk.variants import recurrent
from rnnbp.datasets.varied import varied


def dataset(**options: Any) -> rnnbp.SequenceDataset:
    """Return four sequences of two features in two classes."""
    rng = np.random.default_rng(0)
    info = pd.DataFrame({"speaker": list("aabb")})
    return rnnbp.SequenceDataset(
        [rng.normal(k % 2, 1, (3 + k, 2)) for k in range(4)],
        targets=[0, 1, 0, 1],
        classes=["no", "yes"],
        **{"info": info} | options,
    )


def series() -> rnnbp.SequenceDataset:
    """Return two sequences whose targets are their next values."""
    rng = np.random.default_rng(0)
    return rnnbp.SequenceDataset([rng.normal(size=(6, 2)) for _ in range(2)]).shifted()


def model(**options: Any) -> rnnbp.Sequential:
    """Return a recurrent network with two classes."""
    return rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), **options)


def per_step() -> rnnbp.Sequential:
    """Return a recurrent network that predicts both features at every step."""
    return rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2))


def tokens() -> rnnbp.Sequential:
    """Return a network that reads and predicts three tokens."""
    return rnnbp.Sequential(rnnbp.Embedding(3, 2), rnnbp.Elman(2, 3), rnnbp.Dense(3, 3))


def vector_of_two() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.TimeStatistics(), rnnbp.Dense(4, 2))


def trainer() -> rnnbp.Trainer:
    return rnnbp.Trainer(model(), rnnbp.CrossEntropy())


def gradient_model() -> tuple[rnnbp.Sequential, rnnbp.SequenceBatch]:
    return model(), dataset().batch()


def trajectory() -> rnnbp.diagnostics.Trajectory:
    return rnnbp.diagnostics.trajectory(per_step(), series().batch())


def ngram() -> rnnbp.decoding.NGram:
    return rnnbp.decoding.NGram([[1, 2], [2, 1]], order=2)


def signal(samples: int = 800) -> np.ndarray:
    return np.sin(np.arange(samples) / 3.0)


def saved(name: str, write: Any) -> Path:
    """Return a file in the working folder, written once."""
    path = Path(name)
    if not path.exists():
        write(path)
    return path


def trained() -> rnnbp.Sequential:
    """Return a model that knows what its outputs mean."""
    made = trainer()
    made.fit(dataset(), epochs=1, progress=False)
    return made.model


def dense_hidden() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.TimeStatistics(), rnnbp.Dense(4, 3, "tanh"), rnnbp.Dense(3, 2))


@cache
def report() -> rnnbp.Report:
    """Return a report of two models."""
    makers = {"static": lambda seed: vector_of_two(), "elman": lambda seed: model(seed=seed)}
    return rnnbp.compare(makers, dataset(), dataset(), seeds=2, epochs=1, progress=False)


@cache
def suite_report() -> rnnbp.SuiteReport:
    return rnnbp.SuiteReport({"one": report()})


def force_run() -> Any:
    return rnnbp.reservoirs.force(rnnbp.echo_state_network(1, 8, 1), np.sin(np.arange(20.0)))


def decay() -> Any:
    return rnnbp.gradients.gradient_decay(per_step(), series().batch(), rnnbp.MeanSquaredError(), 2)


def mfcc() -> rnnbp.features.MFCC:
    return rnnbp.features.MFCC(sr=8000, n_fft=64, win_length=40, hop_length=20, n_mels=5, n_mfcc=4)


def resampled() -> rnnbp.data.ResampledDataset:
    return rnnbp.data.ResampledDataset(
        lambda place, epoch: np.ones((3, 2)),
        [0, 1, 0, 1],
        classes=["no", "yes"],
        info=pd.DataFrame({"speaker": list("aabb")}),
    )


def feature_reader() -> Any:
    network = rnnbp.applications.nettalk.window_network([4], 26)
    return rnnbp.applications.nettalk.FeatureReader(network, ["a", "b"])


# ---- estimators ----

ESTIMATORS = [getattr(rnnbp.estimators, name) for name in rnnbp.estimators.__all__ if name != "read_sequences"]


FITTED_ON_TARGETS = [kind for kind in ESTIMATORS if hasattr(kind, "epochs")]


def panel() -> list[np.ndarray]:
    """Return four sequences of three steps and two features."""
    return list(np.random.default_rng(0).normal(size=(4, 3, 2)))


def fitted(kind: type) -> Any:
    """Return an estimator after an epoch."""
    return copy.deepcopy(fitted_once(kind))


@cache
def fitted_once(kind: type) -> Any:
    if kind is rnnbp.estimators.SequenceFeatures:
        return kind(lambda x: 2 * x)
    if kind is rnnbp.estimators.SequenceStandardizer:
        return kind().fit(panel())
    return kind(epochs=1, random_state=0).fit(*example_of(kind))


def fitted_with(kind: type, /, **arguments: Any) -> Any:
    """Return an estimator with some arguments, fitted: `fit` checks them, as scikit-learn wants it."""
    examples = example_of(kind) if kind in FITTED_ON_TARGETS else (panel(),)
    return kind(**arguments).fit(*examples)


def example_of(kind: type) -> tuple[Any, ...]:
    """Return what an estimator is fitted on."""
    if kind.__name__.startswith("MLP"):
        return np.random.default_rng(0).normal(size=(4, 2)), np.array([0, 1, 0, 1])
    if kind is rnnbp.estimators.SequenceForecaster:
        return (panel(),)
    if kind is rnnbp.estimators.SequenceTranscriber:
        return panel(), [[0], [1], [0], [1]]
    if kind is rnnbp.estimators.SequenceTagger:
        return panel(), [np.array([0, 1, 0])] * 4
    return panel(), np.array([0, 1, 0, 1])


def gated() -> rnnbp.diagnostics.Trajectory:
    return rnnbp.diagnostics.trajectory(rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Dense(3, 2)), series().batch())


def forecast() -> rnnbp.Forecast:
    """Return a forecast of several sampled paths."""
    network = per_step()
    residuals = rnnbp.forecast_residuals(network, series())
    return network.forecast(np.ones((5, 2)), 2, samples=4, residuals=residuals)


def lexicon() -> rnnbp.applications.nettalk.Lexicon:
    return rnnbp.applications.nettalk.Lexicon.of_cmudict({"cat": [("K", "AE1", "T")]})


def recordings() -> rnnbp.data.ResampledDataset:
    """Return two recordings of a class, of which features are computed."""
    waveforms = rnnbp.data.LazySequences(lambda place: signal(400)[:, None], 2)
    return varied(rnnbp.SequenceDataset(waveforms, targets=[0, 0]), mfcc(), rnnbp.features.Variation(), sr=8000)


def stepped() -> rnnbp.optimizers.Optimizer:
    """Return an optimizer after a step."""
    made, params = rnnbp.SGD(), model().params
    made.step(params, np.ones_like(params.vector))
    return made


@cache
def sweep_report() -> rnnbp.SweepReport:
    space = {"hidden": [2, 3]}
    return rnnbp.sweep(lambda seed, hidden: vector_of_two(), space, dataset(), dataset(), epochs=1, progress=False)


def entered(function: Any, /, **arguments: Any) -> None:
    """Call what makes a context, and enter it."""
    with function(**arguments):
        pass


def undrawn(function: Any, /, **arguments: Any) -> None:
    """Call what draws figures into files, which takes seconds, and leave these empty."""
    with unittest.mock.patch("matplotlib.figure.Figure.savefig"):
        function(**arguments)


def quickly_read(function: Any, /, **arguments: Any) -> None:
    """Train a reader for an epoch."""
    with unittest.mock.patch("rnnbp.applications.nettalk.speaker.SPEAKING", recurrent(4, 1)):
        function(**arguments)
