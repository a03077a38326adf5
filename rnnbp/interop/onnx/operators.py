"""Cells as ONNX's operators RNN, LSTM and GRU: their attributes and arrays, in the operators' gate order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.cells import (
    CoupledLSTMCell,
    ElmanCell,
    GeneralCoupledPeepholeLSTMCell,
    GeneralElmanCell,
    GeneralGRUCell,
    GeneralLSTMCell,
    GeneralPeepholeLSTMCell,
    GRUCell,
    LSTMCell,
    OriginalGRUCell,
    PeepholeLSTMCell,
)
from rnnbp.cells.activation_choice import Choice
from rnnbp.cells.base import Array
from rnnbp.interop.weight_layouts import PEEPHOLES, layout_of

ONNX_NAMES = {
    "affine": "Affine",
    "elu": "Elu",
    "hard_sigmoid": "HardSigmoid",
    "leaky_relu": "LeakyRelu",
    "relu": "Relu",
    "scaled_tanh": "ScaledTanh",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
    "thresholded_relu": "ThresholdedRelu",
}
SIGMOID_TANH: tuple[Choice, ...] = (("sigmoid",), ("tanh",))
LSTM_DEFAULT: tuple[Choice, ...] = (("sigmoid",), ("tanh",), ("tanh",))
Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Operator:
    """One direction of a recurrent operator.

    Attributes
    ----------
    op : {'RNN', 'LSTM', 'GRU'}
    activations : tuple
        As `rnnbp.cells.activation_choice` has them: the name with the coefficients.
    w, r, b : ndarray (G H, F), (G H, H), (2 G H,)
        The weights and biases.
    p : ndarray (3 H,), optional
        The peepholes.
    attributes : dict
        The other attributes: ``clip``, ``input_forget``, ``linear_before_reset``.
    """

    op: str
    activations: tuple[Choice, ...]
    w: Array
    r: Array
    b: Array
    p: Array | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


def operator_of(cell: Any, params: Weights) -> Operator | None:
    """Return a cell with its parameters as an operator; None for a cell that no operator has.

    Examples
    --------
    >>> from rnnbp.cells import JordanCell
    >>> from rnnbp.core import Parameters
    >>> cell = GRUCell(3, 4)
    >>> found = operator_of(cell, Parameters(cell.shapes()))
    >>> found.op, found.attributes, found.b.shape
    ('GRU', {'linear_before_reset': 1}, (24,))
    >>> operator_of(JordanCell(3, 4, 2), {}) is None
    True
    """
    make = _OPERATORS.get(type(cell))
    return None if make is None else make(cell, params)


def _options(cell: Any, **attributes: Any) -> dict[str, Any]:
    clip = getattr(cell, "clip", None)
    return attributes if clip is None else {**attributes, "clip": clip}


def _elman(cell: Any, params: Weights) -> Operator:
    chosen: Any = cell.activation
    activation: Choice = (chosen,) if isinstance(chosen, str) else chosen
    if activation == ("linear",):
        activation = ("affine", 1.0, 0.0)
    bias = np.concatenate([params["b_ih"], params["b_hh"]])
    return Operator("RNN", (activation,), params["w_ih"], params["w_hh"], bias, None, _options(cell))


def _lstm(cell: Any, params: Weights) -> Operator:
    coupled = "forget" not in cell.gates
    arrays = _arrays(cell, params, "LSTM", {"forget": (0.0, "input")} if coupled else {})
    return _gated_lstm(cell, params, arrays, coupled)


def _coupled_lstm(cell: Any, params: Weights) -> Operator:
    """Return the operator of a cell whose input gate is 1 - f = sigmoid(-a): the operator's forget gate is 1 - i."""
    arrays = _arrays(cell, params, "LSTM", {"input": (-1.0, "forget"), "forget": (0.0, "forget")})
    return _gated_lstm(cell, params, arrays, True)


def _gated_lstm(cell: Any, params: Weights, arrays: tuple[Array, Array, Array], coupled: bool) -> Operator:
    p = None
    if "p_i" in params:
        peepholes = [f"p_{gate[0]}" for gate in PEEPHOLES["ONNX"]]  # p_i, p_o, p_f
        p = np.concatenate([params[name] if name in params else np.zeros_like(params["p_i"]) for name in peepholes])
    options = _options(cell, input_forget=1) if coupled else _options(cell)
    return Operator("LSTM", _linear_as_affine(getattr(cell, "activations", LSTM_DEFAULT)), *arrays, p, options)


def _gru(cell: Any, params: Weights) -> Operator:
    after = isinstance(cell, GRUCell) or getattr(cell, "reset", "before") == "after"
    activations = _linear_as_affine(getattr(cell, "activations", SIGMOID_TANH))
    arrays = _arrays(cell, params, "GRU", {})
    return Operator("GRU", activations, *arrays, None, _options(cell, linear_before_reset=int(after)))


def _linear_as_affine(activations: tuple[Choice, ...]) -> tuple[Choice, ...]:
    return tuple(("affine", 1.0, 0.0) if one == ("linear",) else one for one in activations)


def _arrays(
    cell: Any, params: Weights, name: str, others: Mapping[str, tuple[float, str]]
) -> tuple[Array, Array, Array]:
    """Return W, R and B in ONNX's order of gates; `others` are gates that are multiples of another gate's rows."""

    def ordered(array: Array) -> Array:
        blocks = dict(zip(cell.gates, np.split(array, len(cell.gates)), strict=True))
        made = {gate: factor * blocks[of] for gate, (factor, of) in others.items()}
        return np.concatenate([(blocks | made)[gate] for gate in layout_of("ONNX", name).gates])

    biases = np.concatenate([ordered(params["b_ih"]), ordered(params["b_hh"])])
    return ordered(params["w_ih"]), ordered(params["w_hh"]), biases


_OPERATORS: dict[type, Callable[[Any, Weights], Operator]] = {
    ElmanCell: _elman,
    GeneralElmanCell: _elman,
    LSTMCell: _lstm,
    PeepholeLSTMCell: _lstm,
    GeneralLSTMCell: _lstm,
    GeneralPeepholeLSTMCell: _lstm,
    GeneralCoupledPeepholeLSTMCell: _lstm,
    CoupledLSTMCell: _coupled_lstm,
    GRUCell: _gru,
    OriginalGRUCell: _gru,
    GeneralGRUCell: _gru,
}


def activation_attributes(operators: Sequence[Operator]) -> dict[str, Any]:
    """Return the attributes ``activations``, ``activation_alpha`` and ``activation_beta`` of a node's directions.

    Examples
    --------
    >>> one = Operator("RNN", (("elu", 0.5),), *[np.zeros(1)] * 3)
    >>> activation_attributes([one])
    {'activations': ['Elu'], 'activation_alpha': [0.5]}
    """
    chosen = [activation for operator in operators for activation in operator.activations]
    found: dict[str, Any] = {"activations": [ONNX_NAMES[str(name)] for name, *_ in chosen]}
    for k, coefficient in enumerate(("activation_alpha", "activation_beta"), start=1):
        if values := [float(activation[k]) for activation in chosen if len(activation) > k]:
            found[coefficient] = values
    return found
