"""Models of the suite's tasks, with their settings.

Widths, learning rates, batch sizes and epochs were chosen on training sets alone, on a held-out fifth, static and
recurrent networks with the same care. A model has one name on all tasks: "mlp" is a multilayer perceptron on all steps
side by side or on a window, "conv" a convolutional network.
"""

from functools import partial

from rnnbp.comparison.models import BASELINES, LABEL_BASELINES, Baseline
from rnnbp.comparison.naive_forecasts import NaiveForecast, SolvedBaseline, autoregression
from rnnbp.comparison.networks import (
    Build,
    averaged_recurrent,
    bidirectional,
    causal_convolutional,
    causal_window_mlp,
    convolutional,
    flat_mlp,
    framewise_convolutional,
    last_recurrent,
    last_window_mlp,
    pooled_reservoir,
    recurrent_per_step,
    reservoir_per_step,
    two_layer_mlp,
    window_mlp,
    windowed_mean_recurrent,
    windowed_recurrent,
)
from rnnbp.comparison.training_run import MakeModel
from rnnbp.core import EchoState
from rnnbp.layers import GRU, LSTM, Dense, Elman, Last, Layer, MeanOverTime, Parallel, Resample
from rnnbp.reservoirs import reservoir_layers

Model = Baseline | MakeModel


def linear(steps: int, features: int, width: int, outputs: int) -> list[Layer]:
    """Return a linear classifier of all steps side by side; it has no width."""
    return [Resample(steps), Dense(steps * features, outputs)]


def plain_reservoir(leak: float, features: int, width: int, outputs: int) -> list[Layer]:
    """Return a reservoir, read by its mean over time and its last state."""
    init = EchoState(0.9, 10 / max(width, 10), input_scaling=0.5, bias_scaling=0.2)
    return reservoir_layers(features, width, outputs, init, leak, pooling=Parallel(MeanOverTime(), Last()))


def _reservoirs(build: Build, width: int, learning_rate: float) -> dict[str, Model]:
    """Return a reservoir, and the same network with all its parameters trained."""
    return {
        "esn": Baseline(build, width, "reservoir"),
        "esn-bptt": Baseline(build, width, "recurrent", learning_rate),
    }


def _forecasts(season: int, lags: int) -> dict[str, Model]:
    """Return the forecasts with nothing to train, or solved for, of one value."""
    return {
        "persistence": NaiveForecast(1),
        "seasonal": NaiveForecast(1, season),
        "autoregression": SolvedBaseline(autoregression, lags, "static"),
    }


VOWELS: dict[str, Model] = {
    "mlp": Baseline(window_mlp, 100, "static"),
    "statistics-mlp": BASELINES["statistics-mlp"],
    "conv": Baseline(convolutional, 32, "static", 0.005),
    "lstm": Baseline(partial(averaged_recurrent, LSTM), 32, "recurrent"),
    "gru": Baseline(partial(bidirectional, GRU), 32, "recurrent", 0.005),
    **_reservoirs(pooled_reservoir, 60, 0.005),
}

DIGITS: dict[str, Model] = {  # MNIST-1D and its shuffled twin
    "linear": SolvedBaseline(partial(linear, 40), 1, "static"),
    "mlp": Baseline(partial(two_layer_mlp, 40), 128, "static", 0.01),
    "conv": Baseline(convolutional, 32, "static", 0.01),
    "lstm": Baseline(partial(windowed_mean_recurrent, LSTM), 24, "recurrent", 0.02),
    "gru": Baseline(partial(windowed_recurrent, GRU), 48, "recurrent", 0.02),
    **_reservoirs(partial(plain_reservoir, 1.0), 48, 0.02),
}

WORDS: dict[str, Model] = {
    "mlp": Baseline(causal_window_mlp, 32, "static", 0.01),
    "conv": Baseline(causal_convolutional, 16, "static", 0.01),
    "lstm": Baseline(partial(recurrent_per_step, LSTM), 32, "recurrent", 0.015),
    "gru": Baseline(partial(recurrent_per_step, GRU), 32, "recurrent", 0.015),
    **_reservoirs(reservoir_per_step, 64, 0.01),
}

ADDING: dict[str, Model] = {
    "mlp": Baseline(partial(flat_mlp, 50), 64, "static", 0.01),
    "conv": Baseline(convolutional, 16, "static", 0.01),
    "lstm": Baseline(partial(last_recurrent, LSTM), 24, "recurrent", 0.02),
    "gru": Baseline(partial(last_recurrent, GRU), 24, "recurrent", 0.02),
    **_reservoirs(partial(plain_reservoir, 0.3), 40, 0.01),
}

RECALL: dict[str, Model] = {
    "window-mlp": Baseline(last_window_mlp, 32, "static", 0.01),
    "mlp": Baseline(partial(flat_mlp, 21), 32, "static", 0.01),
    "conv": Baseline(convolutional, 8, "static", 0.01),
    "lstm": Baseline(partial(averaged_recurrent, LSTM), 16, "recurrent", 0.02),
    "gru": Baseline(partial(last_recurrent, GRU), 16, "recurrent", 0.01),
    **_reservoirs(partial(plain_reservoir, 0.3), 40, 0.01),
}

SUNSPOTS: dict[str, Model] = {
    **_forecasts(season=11, lags=12),  # the mean length of the solar cycle is 11 years
    "mlp": Baseline(causal_window_mlp, 16, "static", 0.003),
    "conv": Baseline(causal_convolutional, 8, "static", 0.01),
    "lstm": Baseline(partial(recurrent_per_step, LSTM), 16, "recurrent", 0.01),
    "gru": Baseline(partial(recurrent_per_step, GRU), 16, "recurrent", 0.01),
    **_reservoirs(reservoir_per_step, 50, 0.003),
}

SERIES: dict[str, Model] = {  # a class for a whole series, of the archives
    "mlp": Baseline(partial(flat_mlp, 64), 100, "static", 0.003),
    "conv": Baseline(convolutional, 32, "static", 0.005),
    "gru": Baseline(partial(windowed_mean_recurrent, GRU), 32, "recurrent", 0.01),
    "lstm": Baseline(partial(windowed_mean_recurrent, LSTM), 32, "recurrent", 0.01),
    "lstm-fcn": BASELINES["lstm-fcn"],
    **_reservoirs(pooled_reservoir, 100, 0.003),
}

STEPS: dict[str, Model] = {  # a class for each step
    "mlp": Baseline(causal_window_mlp, 64, "static"),
    "conv": Baseline(causal_convolutional, 32, "static"),
    "elman": Baseline(partial(recurrent_per_step, Elman), 32, "recurrent"),
    "lstm": Baseline(partial(recurrent_per_step, LSTM), 32, "recurrent"),
    "gru": Baseline(partial(recurrent_per_step, GRU), 32, "recurrent"),
    **_reservoirs(reservoir_per_step, 100, 0.003),
}

FORECASTS: dict[str, Model] = {  # of a series with a quasi-period of some 50 steps
    **_forecasts(season=51, lags=60),
    "mlp": Baseline(causal_window_mlp, 64, "static", 0.003),
    "conv": Baseline(causal_convolutional, 32, "static", 0.003),
    "lstm": Baseline(partial(recurrent_per_step, LSTM), 32, "recurrent"),
    "gru": Baseline(partial(recurrent_per_step, GRU), 32, "recurrent"),
    **_reservoirs(reservoir_per_step, 200, 0.001),
}

LETTERS: dict[str, Model] = {  # a class for each letter, of which the letters after it tell too
    "mlp": LABEL_BASELINES["window-mlp"],
    "conv": Baseline(framewise_convolutional, 64, "static", 0.005),
    "gru": Baseline(partial(recurrent_per_step, GRU), 64, "recurrent"),
    "lstm": Baseline(partial(recurrent_per_step, LSTM), 64, "recurrent"),
    "bilstm": LABEL_BASELINES["bilstm"],
    **_reservoirs(reservoir_per_step, 200, 0.001),
}
