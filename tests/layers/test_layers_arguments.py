"""Every argument of every layer, cell and initializer changes what is computed, or is refused."""

import inspect
from typing import Any

import numpy as np
import pytest
from helpers import made

from rnnbp import cells, kernels, layers
from rnnbp.cells import ElmanCell, GRUCell, IndRNNCell, JordanCell, LRUCell, LSTMCell
from rnnbp.core import Orthogonal, initializers
from rnnbp.layers import GRU, LSTM, Activation, Layer, MultiLayer, Recurrent, Run
from rnnbp.solvers import Accept, ConvergenceError, Damped, Raise, Tolerance

T, B = 7, 3
SIZES = {"input_size": 3, "hidden_size": 4}
OTHER_SIZES = {"input_size": 2, "hidden_size": 5}
SEVERAL = {"num_layers": 2, "bidirectional": True, "dropout": 0.4, "init": Orthogonal()}
GATED = {"activations": (("hard_sigmoid", 0.3, 0.4), ("softsign",), ("tanh",)), "clip": 2.0}
SPIKING = {"tau": 3.0, "threshold": 0.4, "dampening": 0.9}
ADAPTING = {"tau_adaptation": 3.0, "beta": 1.5}

# Of each class: arguments to begin with, and for every argument of the constructor another value.
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ElmanCell": (SIZES, OTHER_SIZES | {"activation": "relu", "init": Orthogonal()}),
    "LeakyElmanCell": (SIZES, OTHER_SIZES | {"tau": 3.0, "activation": "relu", "init": Orthogonal()}),
    "JordanCell": (
        SIZES | {"output_size": 2},
        OTHER_SIZES | {"output_size": 3, "decay": 0.5, "activation": "sigmoid", "init": Orthogonal()},
    ),
    "LSTMCell": (SIZES, OTHER_SIZES | {"init": Orthogonal()}),
    "GRUCell": (SIZES, OTHER_SIZES | {"init": Orthogonal()}),
    "OriginalGRUCell": (SIZES, OTHER_SIZES | {"init": Orthogonal()}),
    "LIFCell": (SIZES, OTHER_SIZES | SPIKING | {"init": Orthogonal()}),
    "ALIFCell": (SIZES, OTHER_SIZES | SPIKING | ADAPTING | {"init": Orthogonal()}),
    **{
        f"{name}Cell": (SIZES, OTHER_SIZES | others | {"init": Orthogonal()})
        for name, others in {
            "AntisymmetricRNN": {"dt": 0.3, "gamma": 0.1},
            "CTRNN": {"tau": 3.0, "dt": 0.5, "activation": "relu"},
            "ClockworkRNN": {"hidden_size": 8, "periods": (1, 2)},
            "CoRNN": {"dt": 0.1, "gamma": 2.0, "epsilon": 3.0},
            "CoupledLSTM": {},
            "GeneralElman": {"activation": ("elu", 0.5), "clip": 2.0},
            "GeneralGRU": {"activations": (("sigmoid",), ("leaky_relu", 0.1)), "reset": "before", "clip": 2.0},
            "GeneralLSTM": {**GATED, "coupled": True},
            "GeneralPeepholeLSTM": GATED,
            "GeneralCoupledPeepholeLSTM": GATED,
            "DiagonalLinear": {},
            "Hopfield": {"tau": 3.0},
            "IndRNN": {"activation": "tanh"},
            "IrregularCTRNN": {"tau": 3.0, "activation": "relu"},
            "JANET": {"beta": 0.5},
            "LEM": {"dt": 0.5},
            "LRU": {},
            "LayerNormGRU": {},
            "LayerNormLSTM": {},
            "MGU": {},
            "MinGRU": {},
            "MinLSTM": {},
            "OriginalLSTM": {},
            "OrthogonalRNN": {"negative": 2},
            "PeepholeLSTM": {},
            "QRNN": {},
            "RHN": {"depth": 3},
            "SLSTM": {},
            "SRU": {},
            "UGRNN": {},
        }.items()
    },
    "ProjectionLSTMCell": (
        SIZES | {"projection_size": 2},
        OTHER_SIZES | {"projection_size": 3, "init": Orthogonal()},
    ),
    "Ring": ({}, {"low": 0.5, "high": 0.6, "phase": 1.0}),
    "RecurrentRange": ({}, {"low": -1.0, "high": 0.5, "base": Orthogonal()}),
    "Stack": ({"cells": (ElmanCell(3, 2), ElmanCell(2, 2))}, {"cells": (ElmanCell(3, 2), GRUCell(2, 2))}),
    "Elman": (SIZES, OTHER_SIZES | SEVERAL | {"activation": "relu"}),
    "LeakyElman": (SIZES, OTHER_SIZES | SEVERAL | {"tau": 3.0, "activation": "relu"}),
    "Jordan": (
        SIZES | {"output_size": 2},
        OTHER_SIZES | {"output_size": 3, "decay": 0.5, "activation": "sigmoid", "init": Orthogonal()},
    ),
    "LSTM": (SIZES, OTHER_SIZES | SEVERAL),
    "GRU": (SIZES, OTHER_SIZES | SEVERAL),
    "OriginalGRU": (SIZES, OTHER_SIZES | SEVERAL),
    "LIF": (SIZES, OTHER_SIZES | SEVERAL | SPIKING),
    "ALIF": (SIZES, OTHER_SIZES | SEVERAL | SPIKING | ADAPTING),
    "Recurrent": ({"cell": GRUCell(3, 2)}, {"cell": LSTMCell(3, 2)}),
    "Bidirectional": ({"cell": GRUCell(3, 2)}, {"cell": LSTMCell(3, 2)}),
    "MultiLayer": (
        {"cells": (ElmanCell(3, 2), GRUCell(2, 2))},
        {"cells": (ElmanCell(3, 2), LSTMCell(2, 2)), "bidirectional": True, "dropout": 0.4},
    ),
    "FixedPoint": (
        {"cell": ElmanCell(3, 2)},
        {
            "cell": JordanCell(3, 2, 2),
            "solver": Damped(0.6),
            "tolerance": Tolerance(1e-2),
            "warm_start": True,
            "on_failure": Accept(),
        },
    ),
    "Dense": ({"input_size": 3, "output_size": 2}, {"input_size": 4, "output_size": 3, "activation": "tanh"}),
    "Conv1D": (
        {"input_size": 4, "output_size": 6, "kernel_size": 2},
        {
            "input_size": 2,
            "output_size": 4,
            "kernel_size": 3,
            "stride": 2,
            "dilation": 2,
            "groups": 2,
            "padding": "same",
            "activation": "tanh",
        },
    ),
    "AttentionPooling": ({"input_size": 4, "hidden_size": 3}, {"input_size": 2, "hidden_size": 5}),
    "LearnedStart": ({"layer": LSTM(4, 3)}, {"layer": GRU(4, 3, num_layers=2)}),
    "VariationalDropout": ({}, {"rate": 0.2}),
    "RecurrentDropout": ({"cell": LSTMCell(3, 2)}, {"cell": GRUCell(3, 2), "rate": 0.5}),
    "Zoneout": ({"cell": LSTMCell(3, 2)}, {"cell": GRUCell(3, 2), "rate": (0.1, 0.5)}),
    "Activation": ({"name": "tanh"}, {"name": "relu"}),
    **{
        name: ({argument: (LSTM(4, 4),)}, {argument: (GRU(4, 4),)})
        for name, argument in {"Chain": "layers", "Residual": "layers", "Parallel": "branches"}.items()
    },
    "Highway": ({"size": 4, "layers": (LSTM(4, 4),)}, {"size": 2, "layers": (GRU(4, 4),), "bias": 0.5}),
    "LayerNorm": ({"size": 4}, {"size": 3, "eps": 0.1}),
    "Normalize": ({"mean": (0.0, 1.0, 2.0), "scale": (1.0, 2.0, 3.0)}, {"mean": (1.0,) * 3, "scale": (1.0,) * 3}),
    "Embedding": ({"tokens": 4, "output_size": 2}, {"tokens": 5, "output_size": 3}),
    "Dropout": ({}, {"rate": 0.2}),
    "Noise": ({}, {"scale": 0.2}),
    "Window": ({"left": 1, "right": 1}, {"left": 2, "right": 0}),
    "Flatten": ({"steps": 8}, {"steps": 9}),
    "Resample": ({"steps": 3}, {"steps": 4}),
    **{name: ({}, {}) for name in ("Ends", "Last", "MeanOverTime", "Reverse", "TimeStatistics")},
    "Uniform": ({}, {}),
    "Glorot": ({}, {}),
    "Orthogonal": ({}, {"gain": 2.0}),
    "Identity": ({}, {"scale": 2.0}),
    "ForgetBias": ({}, {"value": 2.0, "base": Orthogonal()}),
    "Sparse": ({"density": 0.5}, {"density": 0.25, "base": Orthogonal()}),
    "Chrono": ({"longest": 9}, {"longest": 99, "base": Orthogonal()}),
    "SpectralRadius": ({}, {"radius": 0.5, "base": Orthogonal()}),
    "EchoState": (
        {"density": 1.0},
        {"spectral_radius": 0.5, "density": 0.8, "input_scaling": 2.0, "bias_scaling": 0.2},
    ),
}
BEGIN_WITH = {
    ("Highway", "size"): {"layers": (Activation("tanh"),)},
    ("MultiLayer", "bidirectional"): {"cells": (ElmanCell(3, 2),)},
    ("FixedPoint", "on_failure"): {"tolerance": Tolerance(1e-12, iterations=2), "on_failure": Raise()},
    **{(name, "dropout"): {"num_layers": 2} for name, (_, others) in TABLE.items() if "num_layers" in others},
}
INITIALIZED = {"Ring": LRUCell, "RecurrentRange": IndRNNCell}  # by initializers of a cell's own
INITIALIZERS = {initializer.__name__: initializer for initializer in initializers.INITIALIZERS.values()}
NO_CASES = [
    "Cell",
    "CellLayer",
    "FixedPointSolution",
    "Layer",
    "Outer",
    "Run",
    "StackedLayer",
    "TiedDense",  # which needs the layer it is tied to: tests/layers/test_tied_dense.py
    "declared",
    "state_jacobian",
]
CLASSES = {
    name: getattr(module, name) for module in (cells, layers) for name in module.__all__ if name not in NO_CASES
} | INITIALIZERS
CASES = [(name, argument) for name, (_, others) in TABLE.items() for argument in others]


def results(thing: Any) -> list[np.ndarray]:
    """Return parameters, outputs and gradients, in evaluation and in training."""
    name = type(thing).__name__
    if name in INITIALIZERS | INITIALIZED:
        thing = INITIALIZED.get(name, LSTMCell)(3, 4, init=thing)
    layer = thing if isinstance(thing, Layer) else Recurrent(thing)
    params, lengths, rng = made(layer), np.array([7, 5, 2]), np.random.default_rng(1)
    x = rng.integers(0, thing.tokens, (T, B)) if name == "Embedding" else 2 * rng.standard_normal((T, B, width(layer)))
    found = []
    for run in (Run(lengths), Run(lengths, np.random.default_rng(2))):
        try:
            with kernels.using("numpy"):  # which, unlike compiled ones, take no time to make
                y, residuals, _ = layer.forward(params, x, run)
        except ConvergenceError as error:
            return [np.array(str(error))]
        grad = params.zeros()
        dx, _ = layer.backward(params, residuals, np.cos(np.arange(y.size)).reshape(y.shape), grad)
        found += [params.vector, y, grad.vector, dx]
    return found


def constructed(cls: type, options: dict[str, Any]) -> Any:
    """Return an object of its arguments by name, of which one may be a ``*layers``."""
    from_names, positional = dict(options), []
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional = [*positional, *from_names.pop(parameter.name)]
            return cls(*positional, **from_names)
        if parameter.name in from_names:
            positional.append(from_names.pop(parameter.name))
        else:
            break
    return cls(**options)


def width(layer: Any) -> int:
    """Return the number of features that a layer takes; 4 if it takes any."""
    if isinstance(layer, MultiLayer):
        return layer.cells[0].input_size
    if hasattr(layer, "mean"):
        return len(layer.mean)
    if hasattr(layer, "size"):
        return layer.size
    return getattr(getattr(layer, "cell", layer), "input_size", 4)


def differ(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) != len(other) or any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_table_has_every_class_and_every_argument():
    assert TABLE.keys() == CLASSES.keys()
    for name, (_, others) in TABLE.items():
        assert list(inspect.signature(CLASSES[name]).parameters.keys() ^ others.keys()) == [], name


@pytest.mark.parametrize(("name", "argument"), CASES, ids=[f"{name}-{argument}" for name, argument in CASES])
def test_every_argument_has_an_effect(name, argument):
    begin = TABLE[name][0] | BEGIN_WITH.get((name, argument), {})
    other = begin | {argument: TABLE[name][1][argument]}
    one = results(constructed(CLASSES[name], begin))
    assert not differ(one, results(constructed(CLASSES[name], begin)))
    assert differ(one, results(constructed(CLASSES[name], other)))


@pytest.mark.parametrize("name", [name for name, (_, others) in TABLE.items() if "dropout" in others])
def test_dropout_without_a_second_layer_is_refused(name):
    begin = TABLE[name][0] if name != "MultiLayer" else {"cells": (ElmanCell(3, 2),)}
    with pytest.raises(ValueError, match=r"between layers, and here is one layer, got dropout=0.5: .*rnnbp\.Dropout"):
        CLASSES[name](**begin, dropout=0.5)
    with pytest.raises(ValueError, match="between layers, and here is one layer"):
        CLASSES[name](**begin, dropout=0.5, bidirectional=True)
