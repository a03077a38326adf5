"""Bidirectional recurrent layer."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, check_cell
from rnnbp.core import Parameters
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, check_sequences
from rnnbp.layers.recurrent import Recurrent


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Bidirectional recurrent layer: (T, B, F) -> (T, B, 2 O), features [forward in time | backward in time].

    A second cell of the same type runs backward in time, from each sequence's own last step; the names of its
    parameters end in ``_reverse``. The layer is non-causal: it has no state, and takes whole sequences.

    Parameters
    ----------
    cell : Cell

    Raises
    ------
    ValueError
        If `cell` is not a cell; when run, if a state is given.

    References
    ----------
    M. Schuster & K. K. Paliwal (1997), "Bidirectional recurrent neural networks", IEEE Transactions on Signal
    Processing 45(11), 2673-2681, doi:10.1109/78.650093

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
        shapes = self.cell.shapes()
        return shapes | {f"{name}_reverse": shape for name, shape in shapes.items()}

    def halves(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """Return the parameters of the cell forward in time, and of the one backward in time."""
        shapes = self.cell.shapes()
        return params.renamed(shapes), params.renamed(shapes, params.size // 2)

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for half in self.halves(params):
            self.cell.initialize(half, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape, self.cell.input_size)
        return (*shape[:2], 2 * self.cell.output_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        _check_no_state(state)
        layer, order = Recurrent(self.cell), reversed_steps(run.lengths, len(x))
        forward, reverse = self.halves(params)
        y, own, _ = layer.forward(forward, x, run)
        y_reverse, own_reverse, _ = layer.forward(reverse, take_steps(x, order), run)
        return np.concatenate([y, take_steps(y_reverse, order)], axis=-1), (own, own_reverse, order), None

    def prepare(self, params: Parameters) -> Evaluate:
        forward, reverse = (Recurrent(self.cell).prepare(half) for half in self.halves(params))

        def evaluate(x: Array, run: Run, state: State) -> tuple[Array, State]:
            _check_no_state(state)
            order = reversed_steps(run.lengths, len(x))
            (y, _), (y_reverse, _) = forward(x, run, None), reverse(take_steps(x, order), run, None)
            return np.concatenate([y, take_steps(y_reverse, order)], axis=-1), None

        return evaluate

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        layer, (forward, reverse) = Recurrent(self.cell), self._backward_arguments(params, residuals, dy, grad)
        (dx, _), (dx_reverse, _) = layer.backward(*forward), layer.backward(*reverse)
        return dx + take_steps(dx_reverse, residuals[2]), None

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        for half in self._backward_arguments(params, residuals, dy, grad):
            Recurrent(self.cell).backward_params(*half)

    def _backward_arguments(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters
    ) -> Iterator[tuple]:
        """Return the arguments of the backward pass of each half."""
        *own, order = residuals
        d_forward, d_reverse = np.split(dy, 2, axis=-1)
        cotangents = d_forward, take_steps(d_reverse, order)
        return zip(self.halves(params), own, cotangents, self.halves(grad), strict=True)


def _check_no_state(state: State) -> None:
    if state is not None:
        raise ValueError("Bidirectional takes whole sequences, without an initial state")


def reversed_steps(lengths: Array, steps: int) -> Array:
    """Return the indices (T, B) of the steps that reverse each sequence within its length; padding stays in place."""
    t = np.arange(steps)[:, None]
    return np.where(t < lengths, lengths - 1 - t, t)


def take_steps(x: Array, order: Array) -> Array:
    """Return x (T, B, F) with the steps of each sequence in the given order (T, B)."""
    return x[order, np.arange(order.shape[1])]
