"""Base classes of the layers named after their cell: `LSTM`, `GRU`, `Elman`, ..."""

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array
from rnnbp.core import Initializer, Parameters, Uniform
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, check_sequences
from rnnbp.layers.multi_layer import MultiLayer, check_dropout_between
from rnnbp.layers.recurrent import Recurrent
from rnnbp.runtime import flag, positive_int
from rnnbp.runtime.docstrings import filled

MOST_LAYERS = 1000  # a model file contains the number; a greater one would exhaust memory before any other check


PARAMETERS = """
    input_size, hidden_size : int
        F and H: the number of features of the input, and of units of the cell.
    num_layers : int, default 1
        Number of stacked layers, each with cells of its own; at most 1000.
    bidirectional : bool, default False
        Whether every layer has a second cell that runs backward in time from each sequence's own last step (Schuster &
        Paliwal 1997, doi:10.1109/78.650093). The outputs are then [forward | backward], 2 H features.
    dropout : float, default 0
        Probability of dropout, in training, on the outputs of every layer but the last, in [0, 1).
    init : Initializer, default Uniform()
        The initialization of the parameters.
""".strip("\n")


class CellLayer(Layer, ABC):
    """Base class of the layers named after their cell: `LSTM`, `GRU`, `Elman`, `Jordan`, ...

    A subclass is a frozen dataclass of its arguments, one of which is `input_size`; its property `unrolled` is the
    layer of cells that these arguments describe, to which everything is delegated. Parameters are named as in PyTorch:
    by the cell's names, with ``_l0``, ``_l1``, ... appended for several layers. The state is (B, S), or a list of such,
    one for each layer.

    See Also
    --------
    Recurrent, Bidirectional, MultiLayer : layers of any cell.

    Examples
    --------
    >>> from rnnbp.layers import LSTM, Dense
    >>> isinstance(LSTM(12, 64), CellLayer), isinstance(Dense(12, 64), CellLayer)
    (True, False)
    """

    input_size: int

    recurrent = True

    def __post_init__(self) -> None:
        self.unrolled  # noqa: B018 - invalid arguments raise at construction

    @property
    @abstractmethod
    def unrolled(self) -> Recurrent | MultiLayer:
        """The layer of cells that the arguments describe."""

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether no output depends on later inputs: unless bidirectional."""
        return self.unrolled.causal

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.unrolled.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.unrolled.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape, self.input_size)
        return self.unrolled.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        return self.unrolled.forward(params, x, run, state)

    def prepare(self, params: Parameters) -> Evaluate:
        return self.unrolled.prepare(params)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return self.unrolled.backward(params, residuals, dy, grad, d_state)

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        return self.unrolled.backward_params(params, residuals, dy, grad, d_state)


def unrolled(layer: Layer) -> Layer:
    """Return the layer of cells that a `CellLayer` describes; any other layer unchanged.

    Examples
    --------
    >>> from rnnbp.layers import GRU
    >>> unrolled(GRU(3, 4))
    Recurrent(cell=GRUCell(input_size=3, hidden_size=4, init=Uniform()))
    """
    return layer.unrolled if isinstance(layer, CellLayer) else layer


@dataclass(frozen=True)
class StackedLayer(CellLayer):
    """Base class of the layers of one cell, or of several cells of the same type in a stack.

    A subclass adds the arguments of its cell, by keyword, and defines `make_cell`. `PARAMETERS` documents the arguments
    of all subclasses, and replaces ``{parameters}`` in their docstrings.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bidirectional, dropout, init
        As the subclasses document them.

    See Also
    --------
    LSTM : a subclass without further arguments.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> @dataclass(frozen=True)
    ... class RectifiedElman(StackedLayer):
    ...     def make_cell(self, input_size):
    ...         return ElmanCell(input_size, self.hidden_size, "relu", init=self.init)
    >>> list(RectifiedElman(3, 4, num_layers=2).shapes())[3:5]
    ['b_hh_l0', 'w_ih_l1']
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    _: KW_ONLY
    bidirectional: bool = False
    dropout: float = 0.0
    init: Initializer = Uniform()  # noqa: RUF009 - frozen

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__doc__ = filled(cls.__doc__, parameters=PARAMETERS)

    @abstractmethod
    def make_cell(self, input_size: int) -> Cell:
        """Return a cell with the arguments of this layer, for inputs of `input_size` features."""

    @cached_property
    def unrolled(self) -> Recurrent | MultiLayer:
        if positive_int("num_layers", self.num_layers) > MOST_LAYERS:
            raise ValueError(f"num_layers must be at most {MOST_LAYERS}, got {self.num_layers}")
        flag("bidirectional", self.bidirectional)
        check_dropout_between(self.dropout, self.num_layers)
        cells = [self.make_cell(self.input_size)]
        if self.num_layers == 1 and not self.bidirectional:
            return Recurrent(cells[0])
        directions = 2 if self.bidirectional else 1
        cells += [self.make_cell(directions * cells[0].output_size)] * (self.num_layers - 1)
        return MultiLayer(tuple(cells), self.bidirectional, self.dropout)
