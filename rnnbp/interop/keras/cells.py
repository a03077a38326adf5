"""Keras's recurrent layers and the cells they run: which is which, and their weights."""

import importlib
from typing import Any

import numpy as np

from rnnbp.cells import (
    Cell,
    ElmanCell,
    GeneralElmanCell,
    GeneralGRUCell,
    GeneralLSTMCell,
    GRUCell,
    LSTMCell,
    OriginalGRUCell,
)
from rnnbp.core import Parameters
from rnnbp.core.activations import ACTIVATIONS
from rnnbp.interop.weight_layouts import reordered
from rnnbp.runtime import require

Array = np.ndarray
Choice = tuple[str | float, ...]

# Keras's activations as the cells take them, with the coefficients that they have in Keras 3.
CHOICES: dict[str, Choice] = {
    **{name: (name,) for name in ("tanh", "sigmoid", "relu", "linear", "softplus", "softsign")},
    "elu": ("elu", 1.0),
    "hard_sigmoid": ("hard_sigmoid", 1 / 6, 0.5),
    "leaky_relu": ("leaky_relu", 0.2),
}
CLASSES = {"SimpleRNN": "Elman", "LSTM": "LSTM", "GRU": "GRU"}


def import_keras() -> Any:
    """Import Keras, or raise an error that says whether it or its backend is missing.

    Examples
    --------
    >>> import keras
    >>> import_keras() is keras
    True
    """
    try:
        return importlib.import_module("keras")
    except ImportError as error:
        if error.name in (None, "keras"):
            return require("keras", extra="keras")
        raise ImportError(
            f"Keras computes with a backend, and {error.name} is not installed: set another one before Keras is "
            "imported, as by the environment variable KERAS_BACKEND=torch"
        ) from error


def cell_of(layer: Any, features: int) -> Cell:
    """Return the cell that a recurrent layer of Keras runs.

    Raises
    ------
    ValueError
        If it has an activation that no cell has.
    """
    units = layer.units
    new = activation_choice("activation", layer.activation)
    if type(layer).__name__ == "SimpleRNN":
        return ElmanCell(features, units, new[0]) if new[0] in ACTIVATIONS else GeneralElmanCell(features, units, new)
    gate = activation_choice("recurrent_activation", layer.recurrent_activation)
    usual = (gate, new) == (("sigmoid",), ("tanh",))
    if type(layer).__name__ == "LSTM":
        return LSTMCell(features, units) if usual else GeneralLSTMCell(features, units, (gate, new, new))
    if usual:
        return GRUCell(features, units) if layer.reset_after else OriginalGRUCell(features, units)
    return GeneralGRUCell(features, units, (gate, new), reset="after" if layer.reset_after else "before")


def activation_choice(argument: str, function: Any) -> Choice:
    """Return an activation of Keras with its coefficients.

    Raises
    ------
    ValueError
        If no cell has it.

    Examples
    --------
    >>> activation_choice("activation", np.tanh)
    ('tanh',)
    """
    name = getattr(function, "__name__", str(function))
    if name not in CHOICES or is_own(function):
        raise ValueError(f"{argument}={name!r} has no counterpart; taken are {', '.join(sorted(CHOICES))}")
    return CHOICES[name]


def is_own(function: Any) -> bool:
    """Return whether an activation is a user's function, of whatever name, and not Keras's.

    Examples
    --------
    >>> is_own(lambda x: 2 * x), is_own(np.tanh)
    (True, False)
    """
    module = getattr(function, "__module__", None) or "numpy"
    return module.partition(".")[0] not in ("keras", "numpy")


def keras_class(cell: Cell) -> tuple[str, dict[str, Any]]:
    """Return the name of Keras's layer that runs a cell, with the arguments that describe it.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> keras_class(OriginalGRUCell(3, 4))
    ('GRU', {'activation': 'tanh', 'recurrent_activation': 'sigmoid', 'reset_after': False})
    """
    match cell:
        case ElmanCell():
            return "SimpleRNN", {"activation": cell.activation}
        case LSTMCell():
            return "LSTM", {"activation": "tanh", "recurrent_activation": "sigmoid"}
        case GRUCell() | OriginalGRUCell():
            after = isinstance(cell, GRUCell)
            return "GRU", {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": after}
        case GeneralElmanCell(clip=None):
            return "SimpleRNN", {"activation": _keras_name(cell.activation)}
        case GeneralLSTMCell(clip=None, coupled=False) if cell.activations[1] == cell.activations[2]:
            return "LSTM", _pair(cell)
        case GeneralGRUCell(clip=None):
            return "GRU", {**_pair(cell), "reset_after": cell.reset == "after"}
        case _:
            raise ValueError(f"keras.layers has none that runs {cell!r}")


def _pair(cell: GeneralLSTMCell | GeneralGRUCell) -> dict[str, str]:
    gate, new = cell.activations[:2]
    return {"activation": _keras_name(new), "recurrent_activation": _keras_name(gate)}


def _keras_name(chosen: str | Choice) -> str:
    for name, same in CHOICES.items():
        if same == chosen:
            return name
    raise ValueError(f"keras.activations has no {chosen}")


def table_name(cell: Cell) -> str:
    """Return the name of a cell in the table of weight layouts.

    Examples
    --------
    >>> table_name(GeneralGRUCell(2, 3, reset="before"))
    'OriginalGRU'
    """
    name, options = keras_class(cell)
    return "OriginalGRU" if options.get("reset_after") is False else CLASSES[name]


def parameters_from_keras(cell: Cell, kernel: Array, recurrent: Array, bias: Array | None) -> list[Array | None]:
    """Return w_ih, w_hh, b_ih and b_hh of a cell from the weights of Keras's layer; None for a bias it does not have.

    Examples
    --------
    >>> w_ih, w_hh, b_ih, b_hh = parameters_from_keras(ElmanCell(3, 4), np.ones((3, 4)), np.ones((4, 4)), np.ones(4))
    >>> w_ih.shape, b_ih.shape, b_hh
    ((4, 3), (4,), None)
    """
    name = table_name(cell)
    both: list[Array | None] = [None, None]
    if bias is not None:
        rows = reordered(bias, name, "Keras", "rnnbp", axis=-1)
        both = list(rows) if rows.ndim == 2 else [rows, None]
    return [reordered(w, name, "Keras", "rnnbp", axis=1).T for w in (kernel, recurrent)] + both


def parameters_to_keras(cell: Cell, params: Parameters) -> list[Array]:
    """Return kernel, recurrent_kernel and bias of a layer of Keras from the parameters of a cell.

    The two biases of this package are one in Keras, their sum, but for a GRU with the reset gate after the product.

    Examples
    --------
    >>> cell = GRUCell(3, 4)
    >>> [array.shape for array in parameters_to_keras(cell, Parameters(cell.shapes()))]
    [(3, 12), (4, 12), (2, 12)]
    """
    name = table_name(cell)
    kernel, recurrent = (reordered(params[w], name, "rnnbp", "Keras").T for w in ("w_ih", "w_hh"))
    both = [reordered(params[b], name, "rnnbp", "Keras") for b in ("b_ih", "b_hh")]
    return [kernel, recurrent, np.stack(both) if name == "GRU" else both[0] + both[1]]
