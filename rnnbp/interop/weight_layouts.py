"""The table of gate orders and weight layouts of PyTorch, Keras, ONNX, cuDNN and this package."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnbp.runtime import choice

Array = np.ndarray


@dataclass(frozen=True)
class WeightLayout:
    """How a library stores the weights of one layer, in one direction, of a recurrent cell.

    Parameters
    ----------
    gates : tuple of str
        The names that `rnnbp.cells` gives the gates, in the order of the library's blocks of H rows or columns.
    symbols : str
        The letters that the library's documentation gives them, in the same order.
    w_ih, w_hh : str
        Name and shape of the weights of the input and of the recurrent weights; G is the number of gates.
    biases : str
        Names and shapes of the biases.
    reset : {'', 'after', 'before'}
        Whether the reset gate multiplies the recurrent product W_hn h, or h before the product; '' without such a gate.
    transposed : bool
        Whether a weight is (F, G H), a column for each unit: x W, where the others compute W x.

    Examples
    --------
    >>> layout_of("Keras", "GRU").gates
    ('update', 'reset', 'new')
    """

    gates: tuple[str, ...]
    symbols: str
    w_ih: str
    w_hh: str
    biases: str
    reset: str = ""
    transposed: bool = False


ELMAN, LSTM, GRU = (), ("input", "forget", "cell", "output"), ("reset", "update", "new")
ONNX_LSTM, UPDATE_FIRST = ("input", "output", "forget", "cell"), ("update", "reset", "new")
OURS = "w_ih (G H, F)", "w_hh (G H, H)", "b_ih (G H,), b_hh (G H,)"
TORCH = "weight_ih_l0 (G H, F)", "weight_hh_l0 (G H, H)", "bias_ih_l0 (G H,), bias_hh_l0 (G H,)"
KERAS = "kernel (F, G H)", "recurrent_kernel (H, G H)"
ONNX = "W (directions, G H, F)", "R (directions, G H, H)", "B (directions, 2 G H) = [Wb | Rb]"
CUDNN = "W (H, F) for each gate", "R (H, H) for each gate", "b_W (H,), b_R (H,) for each gate"

LAYOUTS = {
    "Elman": {
        "rnnbp": WeightLayout(ELMAN, "", *OURS),
        "PyTorch": WeightLayout(ELMAN, "", *TORCH),
        "Keras": WeightLayout(ELMAN, "", *KERAS, "bias (H,)", transposed=True),
        "ONNX": WeightLayout(ELMAN, "", *ONNX),
        "cuDNN": WeightLayout(ELMAN, "", *CUDNN),
    },
    "LSTM": {
        "rnnbp": WeightLayout(LSTM, "i f g o", *OURS),
        "PyTorch": WeightLayout(LSTM, "i f g o", *TORCH),
        "Keras": WeightLayout(LSTM, "i f c o", *KERAS, "bias (4 H,)", transposed=True),
        "ONNX": WeightLayout(ONNX_LSTM, "i o f c", *ONNX),
        "cuDNN": WeightLayout(LSTM, "i f c' o", *CUDNN),
    },
    "GRU": {
        "rnnbp": WeightLayout(GRU, "r z n", *OURS, "after"),
        "PyTorch": WeightLayout(GRU, "r z n", *TORCH, "after"),
        "Keras": WeightLayout(
            UPDATE_FIRST, "z r h", *KERAS, "bias (2, 3 H) = [of x, of h], reset_after=True", "after", transposed=True
        ),
        "ONNX": WeightLayout(UPDATE_FIRST, "z r h", *ONNX[:2], f"{ONNX[2]}, linear_before_reset=1", "after"),
        "cuDNN": WeightLayout(GRU, "r i h'", *CUDNN, "after"),
    },
    "OriginalGRU": {
        "rnnbp": WeightLayout(GRU, "r z n", *OURS, "before"),
        "Keras": WeightLayout(
            UPDATE_FIRST, "z r h", *KERAS, "bias (3 H,), reset_after=False", "before", transposed=True
        ),
        "ONNX": WeightLayout(UPDATE_FIRST, "z r h", *ONNX[:2], f"{ONNX[2]}, linear_before_reset=0", "before"),
    },
}
PEEPHOLES = {"rnnbp": ("input", "forget", "output"), "ONNX": ("input", "output", "forget")}  # p_i, p_f, p_o; P


def gate_orders() -> pd.DataFrame:
    """Return the gate orders and weight layouts of PyTorch, Keras, ONNX, cuDNN and this package as a table.

    One row for each cell and library: the gates by the names of `rnnbp.cells`, the letters of the library's own
    documentation, names and shapes of the arrays (F features, H units, G gates), the place of the reset gate, and
    whether the weights are transposed. In every one of them z = 1 keeps a GRU's state, h[t] = (1 - z) n + z h[t-1].
    All arrays that the conversions of this package move are reordered by this table.

    Returns
    -------
    pandas.DataFrame
        Indexed by cell and library; a GRU with the reset gate before the product is `rnnbp.OriginalGRU`, which PyTorch
        and cuDNN do not have.

    References
    ----------
    The documentation of ``torch.nn.LSTM`` and ``torch.nn.GRU``; ``keras.layers``; the ONNX operators RNN, LSTM and
    GRU, version 14; ``cudnnGetRNNWeightParams`` of cuDNN

    Examples
    --------
    >>> gate_orders().loc["LSTM", "gates"]
    library
    rnnbp      input forget cell output
    PyTorch    input forget cell output
    Keras      input forget cell output
    ONNX       input output forget cell
    cuDNN      input forget cell output
    Name: gates, dtype: ...
    >>> gate_orders().loc[("GRU", "Keras"), "reset gate"]
    'after'
    """
    rows = {
        (cell, library): {
            "gates": " ".join(layout.gates),
            "symbols": layout.symbols,
            "input weights": layout.w_ih,
            "recurrent weights": layout.w_hh,
            "biases": layout.biases,
            "reset gate": layout.reset,
            "transposed": layout.transposed,
        }
        for cell, libraries in LAYOUTS.items()
        for library, layout in libraries.items()
    }
    index = pd.MultiIndex.from_tuples(rows, names=["cell", "library"])
    return pd.DataFrame(list(rows.values()), index=index)


def layout_of(library: str, cell: str) -> WeightLayout:
    """Return the weight layout of a cell in a library.

    Parameters
    ----------
    library : {'rnnbp', 'PyTorch', 'Keras', 'ONNX', 'cuDNN'}
    cell : {'Elman', 'LSTM', 'GRU', 'OriginalGRU'}

    Raises
    ------
    ValueError
        If the cell is unknown, or the library does not have it.

    Examples
    --------
    >>> layout_of("ONNX", "LSTM").symbols
    'i o f c'
    """
    libraries = LAYOUTS[choice("cell", cell, LAYOUTS)]
    return libraries[choice("library", library, libraries)]


def reordered(array: Array, cell: str, source: str, target: str, axis: int = 0) -> Array:
    """Return an array with its blocks, one for each gate, in the order of another library.

    Parameters
    ----------
    array : ndarray
        Of G H entries along `axis`; an array of a cell without gates is returned unchanged.
    cell : {'Elman', 'LSTM', 'GRU', 'OriginalGRU'}
    source, target : {'rnnbp', 'PyTorch', 'Keras', 'ONNX', 'cuDNN'}
        Libraries: the order that it has, and the order that it is to have.
    axis : int, default 0
        The axis of the blocks.

    Raises
    ------
    ValueError
        If a name is unknown, or the axis cannot be divided into the gates.

    Examples
    --------
    >>> reordered(np.array(["i", "f", "g", "o"]), "LSTM", "rnnbp", "ONNX")
    array(['i', 'o', 'f', 'g'], dtype='<U1')
    >>> reordered(np.array([["z1", "z2", "r1", "r2", "n1", "n2"]]), "GRU", "Keras", "rnnbp", axis=1)
    array([['r1', 'r2', 'z1', 'z2', 'n1', 'n2']], dtype='<U2')
    """
    return in_order(array, layout_of(source, cell).gates, layout_of(target, cell).gates, axis)


def in_order(array: Array, source: tuple[str, ...], target: tuple[str, ...], axis: int = 0) -> Array:
    """Return an array with its blocks, which are in the order `source`, in the order `target`.

    Raises
    ------
    ValueError
        If the axis cannot be divided into the blocks.

    Examples
    --------
    >>> in_order(np.array(["p_i", "p_f", "p_o"]), PEEPHOLES["rnnbp"], PEEPHOLES["ONNX"])
    array(['p_i', 'p_o', 'p_f'], dtype='<U3')
    """
    if source == target:
        return array
    if array.shape[axis] % len(source):
        raise ValueError(f"axis {axis} of shape {array.shape} must be blocks of the {len(source)} gates {source}")
    blocks = dict(zip(source, np.split(array, len(source), axis), strict=True))
    return np.concatenate([blocks[gate] for gate in target], axis)
