"""A cell forward and another one backward in time, as one layer."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, check_cell
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, in_time
from rnnbp.layers.recurrent import Recurrent


@dataclass(frozen=True)
class Bidirectional(Layer):
    """A cell over time and a second one against it: (T, B, F) -> (T, B, 2 O), forwards first (Schuster &
    Paliwal 1997, doi:10.1109/78.650093).

    The second begins at each sequence's own last step. Its parameters bear the suffix ``_reverse``. As it
    looks ahead, the layer carries no state from span to span.

    Parameters
    ----------
    cell : Cell

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> layer = Bidirectional(GRUCell(12, 64))
    >>> layer.out_shape(("T", "B", 12)), list(layer.shapes())[4]
    (('T', 'B', 128), 'w_ih_reverse')
    """

    cell: Cell

    causal = False
    recurrent = True
    bidirectional = True

    def __post_init__(self) -> None:
        check_cell("cell", self.cell)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The cell's twice."""
        shapes = self.cell.shapes()
        return shapes | {f"{name}_reverse": shape for name, shape in shapes.items()}

    def _halves(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters of the cell forwards and of the one backwards."""
        shapes = self.cell.shapes()
        return params.renamed(shapes), params.renamed(shapes, params.size // 2)

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Both the cell's way."""
        for half in self._halves(params):
            self.cell.initialize(half, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, 2 O)."""
        in_time(self, shape, self.cell.input_size)
        return (*shape[:2], 2 * self.cell.output_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """The backward half sees each sequence turned round within its own length; there is no state to begin from."""
        if state is not None:
            raise ValueError("Bidirectional sees each sequence as a whole and takes no state to begin from")
        layer, turn = Recurrent(self.cell), _turned(run.lengths, len(x))
        ahead, back = self._halves(params)
        y, residuals, _ = layer.forward(ahead, x, run)
        y_back, residuals_back, _ = layer.forward(back, _take(x, turn), run)
        return np.concatenate([y, _take(y_back, turn)], axis=-1), (residuals, residuals_back, turn), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Both halves; their input gradients add up."""
        ahead, back = self._ways_back(params, residuals, dy, grad)
        (dx, _), (dx_back, _) = Recurrent(self.cell).backward(*ahead), Recurrent(self.cell).backward(*back)
        return dx + _take(dx_back, residuals[2]), None

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """Both halves."""
        for half in self._ways_back(params, residuals, dy, grad):
            Recurrent(self.cell).backward_params(*half)

    def _ways_back(self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters) -> Iterator[tuple]:
        """What the way back of each half is given."""
        residuals_ahead, residuals_back, turn = residuals
        d_ahead, d_back = np.split(dy, 2, axis=-1)
        errors = (d_ahead, _take(d_back, turn))
        return zip(self._halves(params), (residuals_ahead, residuals_back), errors, self._halves(grad), strict=True)


def _turned(lengths: Array, steps: int) -> Array:
    """(T, B): which step stands at t when each sequence is turned round within its length; padding stays."""
    t = np.arange(steps)[:, None]
    return np.where(t < lengths, lengths - 1 - t, t)


def _take(x: Array, turn: Array) -> Array:
    return x[turn, np.arange(turn.shape[1])]
