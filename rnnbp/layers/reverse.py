"""Reversal of sequences in time."""

from dataclasses import dataclass

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_sequences
from rnnbp.layers.bidirectional import reversed_steps, take_steps


@dataclass(frozen=True)
class Reverse(Layer):
    """Reversal of each sequence in time, within its own length: (T, B, F) -> (T, B, F).

    Between two of them a recurrent layer runs backward in time, from each sequence's own last step; with one, below it,
    its outputs are in the order in which it computed them, as Keras's ``go_backwards=True`` returns them. Padding stays
    in place.

    See Also
    --------
    Bidirectional : a cell forward and another one backward in time.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0).reshape(3, 2, 1)
    >>> y, _, _ = Reverse().forward(Parameters({}), x, Run(np.array([3, 2])))
    >>> y[:, :, 0]
    array([[4., 3.],
           [2., 1.],
           [0., 5.]])
    """

    causal = False

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape)
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        order = reversed_steps(run.lengths, len(x))
        return take_steps(x, order), order, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return take_steps(dy, residuals), None
