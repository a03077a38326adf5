"""Ends: the final states of a bidirectional layer; and a check of the layers that `Last` and `Ends` read."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, in_time
from rnnbp.layers.pooling import Last
from rnnbp.layers.simple import Dropout, Noise, Normalize


@dataclass(frozen=True)
class Ends(Layer):
    """Final outputs of both directions of a bidirectional layer: (T, B, 2 O) -> (B, 2 O).

    A bidirectional layer's features are [forward in time | backward in time]. The forward direction ends at each
    sequence's own last step, the backward one at its first, and these two outputs are what `Ends` returns: each has
    seen the whole sequence. `Last` would take both at the last step, where the backward direction has seen that one
    step alone. Of several layers on top of each other these are the uppermost one's, what PyTorch's users write as
    ``torch.cat((h_n[-2], h_n[-1]), dim=1)``. `Dropout`, `Noise` and `Normalize` may lie in between.

    Raises
    ------
    ValueError
        When a `Sequential` is made, if the layer below is not bidirectional.

    See Also
    --------
    Last : for layers that run forward in time only.

    References
    ----------
    A. Graves & J. Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM and other neural
    network architectures", Neural Networks 18(5-6), 602-610, doi:10.1016/j.neunet.2005.06.042

    Examples
    --------
    >>> x = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]).reshape(3, 1, 2)  # [forward | backward] at three steps
    >>> y, _, _ = Ends().forward(Parameters({}), x, Run(np.array([3])))
    >>> y
    array([[ 3., 10.]])

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.GRU(12, 8, bidirectional=True), rnnbp.Ends(), rnnbp.Dense(16, 9))
    >>> model.forward(np.zeros((20, 3, 12))).shape
    (3, 9)
    """

    causal = False

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, 2 O) -> (B, 2 O)."""
        in_time(self, shape)
        features = shape[-1]
        if isinstance(features, int) and features % 2:
            raise ValueError(f"Ends takes two directions of O features each, (T, B, 2 O), got {features} features")
        return shape[1:]

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """One half of the features at each sequence's last step, the other at its first."""
        half, rows = x.shape[2] // 2, np.arange(x.shape[1])
        y = np.concatenate([x[run.lengths - 1, rows, :half], x[0, :, half:]], axis=1)
        return y, (len(x), run.lengths), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Zero but at these two steps."""
        steps, lengths = residuals
        half, rows = dy.shape[1] // 2, np.arange(len(dy))
        dx = np.zeros((steps, *dy.shape), dy.dtype)
        dx[lengths - 1, rows, :half] = dy[:, :half]
        dx[0, :, half:] = dy[:, half:]
        return dx, None


def check_directions(layers: Sequence[Layer]) -> None:
    """Warn where `Last` reads a bidirectional layer, raise where `Ends` reads one that is not.

    Raises
    ------
    ValueError
        See above; the message names the layers.

    Examples
    --------
    >>> check_directions([Dropout(0.5), Ends()])
    Traceback (most recent call last):
    ValueError: layer 1: Ends takes the outputs of a bidirectional layer, ...
    """
    for i, layer in enumerate(layers):
        if isinstance(layer, Last):
            below = next((k for k in reversed(range(i)) if layers[k].recurrent), None)
            if below is not None and layers[below].bidirectional:
                name = type(layers[below]).__name__
                warnings.warn(
                    f"layer {i}: Last() after the bidirectional layer {below} ({name}) takes its outputs at the last "
                    "step, of which the direction backward in time has seen that step alone: rnnbp.Ends() takes the "
                    "final outputs of both directions",
                    UserWarning,
                    stacklevel=3,
                )
        if isinstance(layer, Ends):
            read = next((one for one in reversed(layers[:i]) if not isinstance(one, Dropout | Noise | Normalize)), None)
            if read is None or not read.bidirectional:
                got = "none" if read is None else type(read).__name__
                raise ValueError(
                    f"layer {i}: Ends takes the outputs of a bidirectional layer, [forward | backward], got {got} "
                    "below it: use rnnbp.Last() after a layer that runs forward only, or bidirectional=True"
                )
