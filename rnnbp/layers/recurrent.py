"""A cell over time as a layer; both ways over time; and several of them on top of each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Cell, as_cells, check_cell, zero_state
from rnnbp.kernels import kernel_of
from rnnbp.layers.base import Layer, Run, Shape, State, Tape, in_time
from rnnbp.layers.simple import Dropout, drop_rate
from rnnbp.params import Parameters


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell unrolled over time: (T, B, F) -> (T, B, O). Parameters are named as the cell names them.

    Parameters
    ----------
    cell : Cell

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> Recurrent(LSTMCell(12, 64)).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    cell: Cell

    recurrent = True

    def __post_init__(self) -> None:
        check_cell("cell", self.cell)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The cell's."""
        return self.cell.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """The cell's way."""
        self.cell.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, O)."""
        in_time(self, shape, self.cell.input_size)
        return (*shape[:2], self.cell.output_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Tape, State]:
        """The state is (B, S). The tape keeps the kernel, for the way back is through the same."""
        dtype = np.result_type(params.vector, x)
        start = zero_state(self.cell, x.shape[1], dtype) if state is None else np.asarray(state, dtype)
        wanted = (x.shape[1], self.cell.state_size)
        if start.shape != wanted:
            raise ValueError(f"the state of {self.cell!r} must have shape (B, S) = {wanted}, got {start.shape}")
        kernel = kernel_of(self.cell, dtype)
        y, trace, last = kernel.forward(dict(params.items()), x, run.active(len(x)), start)
        return y, (kernel, trace), last

    def backward(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Backpropagation through time."""
        kernel, trace = tape
        return kernel.backward(dict(params.items()), trace, dy, grad, self._d_last(dy, d_state))

    def backward_params(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """The same without the product that gives dx."""
        kernel, trace = tape
        return kernel.backward_params(dict(params.items()), trace, dy, grad, self._d_last(dy, d_state))

    def _d_last(self, dy: Array, d_state: State) -> Array:
        return zero_state(self.cell, dy.shape[1], dy.dtype) if d_state is None else d_state


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

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Tape, State]:
        """The backward half sees each sequence turned round within its own length; there is no state to begin from."""
        if state is not None:
            raise ValueError("Bidirectional sees each sequence as a whole and takes no state to begin from")
        layer, turn = Recurrent(self.cell), _turned(run.lengths, len(x))
        ahead, back = self._halves(params)
        y, tape, _ = layer.forward(ahead, x, run)
        y_back, tape_back, _ = layer.forward(back, _take(x, turn), run)
        return np.concatenate([y, _take(y_back, turn)], axis=-1), (tape, tape_back, turn), None

    def backward(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Both halves; their input gradients add up."""
        ahead, back = self._ways_back(params, tape, dy, grad)
        (dx, _), (dx_back, _) = Recurrent(self.cell).backward(*ahead), Recurrent(self.cell).backward(*back)
        return dx + _take(dx_back, tape[2]), None

    def backward_params(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """Both halves."""
        for half in self._ways_back(params, tape, dy, grad):
            Recurrent(self.cell).backward_params(*half)

    def _ways_back(self, params: Parameters, tape: Tape, dy: Array, grad: Parameters) -> Iterator[tuple]:
        """What the way back of each half is given."""
        tape_ahead, tape_back, turn = tape
        d_ahead, d_back = np.split(dy, 2, axis=-1)
        errors = (d_ahead, _take(d_back, turn))
        return zip(self._halves(params), (tape_ahead, tape_back), errors, self._halves(grad), strict=True)


def _turned(lengths: Array, steps: int) -> Array:
    """(T, B): which step stands at t when each sequence is turned round within its length; padding stays."""
    t = np.arange(steps)[:, None]
    return np.where(t < lengths, lengths - 1 - t, t)


def _take(x: Array, turn: Array) -> Array:
    return x[turn, np.arange(turn.shape[1])]


@dataclass(frozen=True)
class MultiLayer(Layer):
    """Recurrent layers on top of each other, with parameters named as PyTorch names them: ``w_ih_l0``,
    ``w_ih_l0_reverse``, ``w_ih_l1``, ...

    Each layer runs over all of time before the next begins (a `Stack` of cells runs all of them within a
    step; both compute the same).

    Parameters
    ----------
    cells : tuple of Cell
        One a layer, from the input upwards.
    bidirectional : bool, default False
        Every layer runs both ways.
    dropout : float, default 0
        The probability with which each output of a layer is dropped, in training, before the next layer.

    Raises
    ------
    ValueError
        If the cells do not fit on each other, `dropout` is not in [0, 1), or there is dropout but no second layer.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> layer = MultiLayer((ElmanCell(3, 4), ElmanCell(4, 4)))
    >>> list(layer.shapes())[:2], list(layer.shapes())[-1]
    (['w_ih_l0', 'w_hh_l0'], 'b_hh_l1')
    """

    cells: tuple[Cell, ...]
    bidirectional: bool = False
    dropout: float = 0.0
    layers: tuple[Layer, ...] = field(init=False, repr=False)

    recurrent = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", as_cells(self.cells, "layer"))
        dropout_between(self.dropout, len(self.cells))
        make = Bidirectional if self.bidirectional else Recurrent
        object.__setattr__(self, "layers", tuple(make(cell) for cell in self.cells))
        self.out_shape(("T", "B", self.cells[0].input_size))

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Not where it is bidirectional."""
        return not self.bidirectional

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Each layer's, with ``_l0``, ``_l1``, ... behind the name and before ``_reverse``."""
        return {
            _numbered(name, k): shape for k, layer in enumerate(self.layers) for name, shape in layer.shapes().items()
        }

    def scopes(self, params: Parameters) -> list[Parameters]:
        """Each layer's own parameters under its own names."""
        scopes, start = [], 0
        for layer in self.layers:
            scopes.append(params.renamed(layer.shapes(), start))
            start += scopes[-1].size
        return scopes

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Each cell's way."""
        for layer, scope in zip(self.layers, self.scopes(params), strict=True):
            layer.initialize(scope, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, what the last layer shows)."""
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Tape, State]:
        """The state is a list, one a layer."""
        tapes, states, dropout = [], [], Dropout(self.dropout)
        for k, (layer, scope) in enumerate(zip(self.layers, self.scopes(params), strict=True)):
            mask = None
            if k > 0:
                x, mask, _ = dropout.forward(scope, x, run)
            x, tape, last = layer.forward(scope, x, run, None if state is None else state[k])
            tapes.append((mask, tape))
            states.append(last)
        return x, tapes, states

    def backward(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """From the last layer down."""
        lowest, d_states = self._upper_back(params, tape, dy, grad, d_state)
        dx, d_first = self.layers[0].backward(*lowest)
        return dx, [d_first, *d_states]

    def backward_params(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """Without the lowest layer's dx."""
        lowest, d_states = self._upper_back(params, tape, dy, grad, d_state)
        return [self.layers[0].backward_params(*lowest), *d_states]

    def _upper_back(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State
    ) -> tuple[tuple, list[State]]:
        """Back through all layers but the lowest: what its own way back is given, and the others' d_state."""
        scopes, grads = self.scopes(params), self.scopes(grad)
        d_last = [None] * len(self.layers) if d_state is None else d_state
        d_states: list[State] = []
        for k in reversed(range(1, len(self.layers))):
            mask, inner = tape[k]
            dy, before = self.layers[k].backward(scopes[k], inner, dy, grads[k], d_last[k])
            dy, _ = Dropout(self.dropout).backward(scopes[k], mask, dy, grads[k])
            d_states.insert(0, before)
        return (scopes[0], tape[0][1], dy, grads[0], d_last[0]), d_states


def dropout_between(rate: float, num_layers: int) -> None:
    """Raise unless `rate` may be the dropout between that many layers.

    Examples
    --------
    >>> dropout_between(0.5, 1)
    Traceback (most recent call last):
    ValueError: dropout is applied between layers, and here is one layer, got dropout=0.5: ...
    """
    if drop_rate("dropout", rate) and num_layers == 1:
        raise ValueError(
            f"dropout is applied between layers, and here is one layer, got dropout={rate}: use two or more layers, or "
            f"put rnnbp.Dropout({rate}) before or after this one"
        )


def _numbered(name: str, k: int) -> str:
    stem, reverse = (name[: -len("_reverse")], "_reverse") if name.endswith("_reverse") else (name, "")
    return f"{stem}_l{k}{reverse}"
