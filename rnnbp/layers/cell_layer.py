"""The base classes of the layers that are named after their cell: `LSTM`, `GRU`, `Elman`, ..."""

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array
from rnnbp.core import Initializer, Parameters, Uniform
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, in_time
from rnnbp.layers.multi_layer import MultiLayer, dropout_between
from rnnbp.layers.recurrent import Recurrent
from rnnbp.runtime import flag, positive_int

MOST_LAYERS = 1000  # a model's file says how many; more would take memory before anything else is looked at


PARAMETERS = """
    input_size, hidden_size : int
        F and H: how many features a step of the input has, and how many units a cell.
    num_layers : int, default 1
        How many layers lie on top of each other, each with cells of its own; at most 1000.
    bidirectional : bool, default False
        Whether every layer has a second cell that runs backward in time from each sequence's own last step (Schuster &
        Paliwal 1997, doi:10.1109/78.650093). Its outputs are [forward | backward], 2 H features.
    dropout : float, default 0
        The probability with which, in training, each output of a layer is dropped before the next layer, in [0, 1).
    init : Initializer, default Uniform()
        How the parameters begin.
""".strip()


class CellLayer(Layer, ABC):
    """Base class of the layers that are named after their cell: `LSTM`, `GRU`, `Elman`, `Jordan`, ...

    A subclass is a frozen dataclass of its arguments, one of which is `input_size`, and says by `unrolled` which layer
    of cells they stand for. Parameters and states are that layer's.

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
        self.unrolled  # noqa: B018 - wrong arguments raise where they are given

    @property
    @abstractmethod
    def unrolled(self) -> Recurrent | MultiLayer:
        """The layer of cells that this one stands for."""

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether no output depends on later inputs: not where it is bidirectional."""
        return self.unrolled.causal

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The cell's names; with ``_l0``, ``_l1``, ... behind them where there are several, as PyTorch's."""
        return self.unrolled.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Fill `params` by the cells' initializer."""
        self.unrolled.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, O)."""
        in_time(self, shape, self.input_size)
        return self.unrolled.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """The state is (B, S), or a list of such, one a layer, where there are several."""
        return self.unrolled.forward(params, x, run, state)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Backpropagate through time."""
        return self.unrolled.backward(params, residuals, dy, grad, d_state)

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """The same without dx."""
        return self.unrolled.backward_params(params, residuals, dy, grad, d_state)


def unrolled(layer: Layer) -> Layer:
    """The layer of cells that a `CellLayer` stands for; any other layer itself.

    Examples
    --------
    >>> from rnnbp.layers import GRU
    >>> unrolled(GRU(3, 4))
    Recurrent(cell=GRUCell(input_size=3, hidden_size=4, init=Uniform()))
    """
    return layer.unrolled if isinstance(layer, CellLayer) else layer


@dataclass(frozen=True)
class StackedLayer(CellLayer):
    """Base class of the layers whose arguments give one cell, or several of that kind on top of each other.

    A subclass adds its cell's own arguments, by keyword, and defines `make_cell`. The arguments that all have in common
    are described in `PARAMETERS`, which takes the place of ``{parameters}`` in a subclass's docstring.

    See Also
    --------
    LSTM : a subclass with no more arguments than these.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> @dataclass(frozen=True)
    ... class RectifiedElman(StackedLayer):
    ...     def make_cell(self, input_size):
    ...         return ElmanCell(input_size, self.hidden_size, "relu", self.init)
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
        cls.__doc__ = (cls.__doc__ or "").replace("{parameters}", PARAMETERS)

    @abstractmethod
    def make_cell(self, input_size: int) -> Cell:
        """A cell by this layer's arguments, for inputs of `input_size` features."""

    @cached_property
    def unrolled(self) -> Recurrent | MultiLayer:
        """`Recurrent` for one cell in one direction, `MultiLayer` else."""
        if positive_int("num_layers", self.num_layers) > MOST_LAYERS:
            raise ValueError(f"num_layers must be at most {MOST_LAYERS}, got {self.num_layers}")
        flag("bidirectional", self.bidirectional)
        dropout_between(self.dropout, self.num_layers)
        cells = [self.make_cell(self.input_size)]
        if self.num_layers == 1 and not self.bidirectional:
            return Recurrent(cells[0])
        directions = 2 if self.bidirectional else 1
        cells += [self.make_cell(directions * cells[0].output_size)] * (self.num_layers - 1)
        return MultiLayer(tuple(cells), self.bidirectional, self.dropout)
