"""Learned initial state of recurrent layers."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State
from rnnbp.layers.cell_layer import unrolled
from rnnbp.layers.multi_layer import MultiLayer
from rnnbp.layers.recurrent import Recurrent

START = "start"  # the name of the parameter


@dataclass(frozen=True)
class StartedRecurrent(Layer):
    """Cell unrolled over time from a learned initial state: a layer of `LearnedStart`.

    Parameters
    ----------
    cell : Cell

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> list(StartedRecurrent(LSTMCell(3, 4)).shapes().items())[-1]
    ('start', (8,))
    """

    cell: Cell

    recurrent = True

    @property
    def _layer(self) -> Recurrent:
        return Recurrent(self.cell)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes() | {START: (self.cell.state_size,)}

    def _inner(self, params: Parameters) -> Parameters:
        return params.renamed(self.cell.shapes())

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.cell.initialize(self._inner(params), rng)
        params[START] = 0

    def out_shape(self, shape: Shape) -> Shape:
        return self._layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        begin = _repeated(params[START], x.shape[1]) if state is None else state
        y, own, after = self._layer.forward(self._inner(params), x, run, begin)
        return y, (own, state is None), after

    def prepare(self, params: Parameters) -> Evaluate:
        evaluate, start = self._layer.prepare(self._inner(params)), params[START]
        return lambda x, run, state: evaluate(x, run, _repeated(start, x.shape[1]) if state is None else state)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        own, learned = residuals
        dx, before = self._layer.backward(self._inner(params), own, dy, self._inner(grad), d_state)
        if learned:
            grad[START] += before.sum(axis=0)
        return dx, before


@dataclass(frozen=True)
class LearnedStart(Layer):
    """Recurrent layer that starts in a learned state: (T, B, F) -> (T, B, O).

    The state before the first step of a sequence is a parameter, `start` (S,), the same for all sequences; it is
    initially zero, as without this layer. The LSTM's is [h | c]. Of several layers each has its own, ``start_l0``,
    ``start_l1``, ... Where a state is given, as that of the span before, it is taken instead.

    Parameters
    ----------
    layer : Layer
        A recurrent layer forward in time: `LSTM`, `GRU`, `Recurrent`, `MultiLayer`, ...

    Raises
    ------
    ValueError
        If it is another layer, or bidirectional.

    References
    ----------
    F. A. Gers, N. N. Schraudolph & J. Schmidhuber (2002), "Learning precise timing with LSTM recurrent networks",
    Journal of Machine Learning Research 3, 115-143. For the learned state of a recurrent network: M. L. Forcada & R. C.
    Carrasco (1995), "Learning the initial state of a second-order recurrent neural network during regular-language
    inference", Neural Computation 7(5), 923-930, doi:10.1162/neco.1995.7.5.923

    Examples
    --------
    >>> from rnnbp.layers import GRU
    >>> layer = LearnedStart(GRU(3, 4))
    >>> layer.shapes()["start"], layer.out_shape(("T", "B", 3))
    ((4,), ('T', 'B', 4))
    """

    layer: Layer

    recurrent = True

    def __post_init__(self) -> None:
        self.unrolled_from_start  # noqa: B018 - raises for another layer

    @cached_property
    def unrolled_from_start(self) -> StartedRecurrent | MultiLayer:
        """The layer of cells, each of which starts in its learned state."""
        inner: Any = unrolled(self.layer) if isinstance(self.layer, Layer) else None
        if isinstance(inner, Recurrent):
            return StartedRecurrent(inner.cell)
        if isinstance(inner, MultiLayer) and inner.causal:
            several = replace(inner)
            object.__setattr__(several, "layers", tuple(StartedRecurrent(cell) for cell in inner.cells))
            return several
        raise ValueError(
            f"LearnedStart takes a recurrent layer that runs forward in time, as LSTM, GRU or Recurrent(cell), got "
            f"{self.layer!r}"
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.unrolled_from_start.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.unrolled_from_start.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        return self.unrolled_from_start.forward(params, x, run, state)

    def prepare(self, params: Parameters) -> Evaluate:
        return self.unrolled_from_start.prepare(params)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return self.unrolled_from_start.backward(params, residuals, dy, grad, d_state)


def _repeated(start: Array, batch_size: int) -> Array:
    """Return the state (S,) of every sequence, (B, S)."""
    return np.repeat(start[None], batch_size, axis=0)
