"""Cells for ONNX's operators RNN, LSTM and GRU, with the parameters of each direction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnbp.cells import (
    Cell,
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
from rnnbp.cells.activation_choice import FUNCTIONS, Choice
from rnnbp.cells.base import Array
from rnnbp.cells.elman import ACTIVATIONS
from rnnbp.interop.onnx.operators import LSTM_DEFAULT, ONNX_NAMES, SIGMOID_TANH, Operator
from rnnbp.interop.weight_layouts import PEEPHOLES, layout_of

OUR_NAMES = {onnx.casefold(): ours for ours, onnx in ONNX_NAMES.items()}
WITHOUT_DEFAULT = ("affine", "scaled_tanh")  # of which ONNX does not say what the coefficients are


def cell_of(operator: Operator) -> Cell:
    """Return the cell that computes what an operator does: one without options where its equation is the same.

    Examples
    --------
    >>> zeros = np.zeros((4, 3)), np.zeros((4, 4)), np.zeros(8)
    >>> cell_of(Operator("RNN", (("relu",),), *zeros)).activation
    'relu'
    """
    F, H = operator.w.shape[1], operator.r.shape[1]
    clip = operator.attributes.get("clip")
    if operator.op == "RNN":
        (activation,) = operator.activations
        plain = "linear" if activation == ("affine", 1.0, 0.0) else activation[0]
        if clip is None and plain in ACTIVATIONS:
            return ElmanCell(F, H, str(plain))
        return GeneralElmanCell(F, H, activation, clip)
    if operator.op == "GRU":
        after = operator.attributes.get("linear_before_reset", 0) == 1
        if clip is None and operator.activations == SIGMOID_TANH:
            return (GRUCell if after else OriginalGRUCell)(F, H)
        return GeneralGRUCell(F, H, operator.activations, "after" if after else "before", clip)
    return _lstm_cell(operator, F, H, clip)


def _lstm_cell(operator: Operator, F: int, H: int, clip: float | None) -> Cell:
    coupled = operator.attributes.get("input_forget", 0) == 1
    peepholes, usual = operator.p is not None, clip is None and operator.activations == LSTM_DEFAULT
    if usual and not (coupled and peepholes):
        return (CoupledLSTMCell if coupled else PeepholeLSTMCell if peepholes else LSTMCell)(F, H)
    if not peepholes:
        return GeneralLSTMCell(F, H, operator.activations, coupled, clip)
    return (GeneralCoupledPeepholeLSTMCell if coupled else GeneralPeepholeLSTMCell)(F, H, operator.activations, clip)


def params_of(cell: Any, operator: Operator) -> dict[str, Array]:
    """Return the parameters of a cell that `cell_of` made for an operator."""
    w_bias, r_bias = np.split(operator.b, 2)
    if operator.op == "RNN":
        return {"w_ih": operator.w, "w_hh": operator.r, "b_ih": w_bias, "b_hh": r_bias}
    gates = layout_of("ONNX", operator.op).gates

    def ordered(array: Array) -> Array:
        blocks = dict(zip(gates, np.split(array, len(gates)), strict=True))
        if isinstance(cell, CoupledLSTMCell):
            blocks["forget"] = -blocks["input"]  # whose input gate is 1 - f = sigmoid(-a)
        return np.concatenate([blocks[gate] for gate in cell.gates])

    found = {"w_ih": operator.w, "w_hh": operator.r, "b_ih": w_bias, "b_hh": r_bias}
    found = {name: ordered(array) for name, array in found.items()}
    if operator.p is not None:
        peepholes = dict(zip(PEEPHOLES["ONNX"], np.split(operator.p, 3), strict=True))
        found |= {f"p_{gate[0]}": array for gate, array in peepholes.items() if f"p_{gate[0]}" in cell.shapes()}
    return found


def activations_of(attributes: Mapping[str, Any], op: str, directions: int) -> list[tuple[Choice, ...]]:
    """Return the activations of each direction of a node, with their coefficients.

    Raises
    ------
    ValueError
        If there is an activation that ONNX does not have, or too few or too many coefficients.

    Examples
    --------
    >>> activations_of({"activations": ["HardSigmoid", "Elu"], "activation_alpha": [0.3]}, "GRU", 1)
    [(('hard_sigmoid', 0.3, 0.5), ('elu', 1.0))]
    """
    default = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}[op]
    names = attributes.get("activations", list(default * directions))
    if len(names) != len(default) * directions:
        raise ValueError(f"attribute 'activations' must be {len(default) * directions} names, got {names}")
    queues = [list(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta")]
    chosen = [_chosen(name, queues) for name in names]
    for name, queue in zip(("alpha", "beta"), queues, strict=True):
        if queue:
            raise ValueError(f"attribute 'activation_{name}' has {len(queue)} values more than {names} take")
    return [tuple(chosen[k : k + len(default)]) for k in range(0, len(chosen), len(default))]


def _chosen(name: str, queues: Sequence[list[float]]) -> Choice:
    ours = OUR_NAMES.get(name.casefold())
    if ours is None:
        raise ValueError(f"attribute 'activations': {name!r} is not supported; {', '.join(ONNX_NAMES.values())} are")
    found: list[float] = []
    for queue, coefficient, default in zip(queues, ("alpha", "beta"), FUNCTIONS[ours][1], strict=False):
        if not queue and ours in WITHOUT_DEFAULT:
            raise ValueError(f"attribute 'activation_{coefficient}' has no value for {name}, and ONNX has no default")
        found.append(float(queue.pop(0)) if queue else default)
    return (ours, *found)
