"""Final outputs of both directions of a bidirectional layer, and a check of what `Last` and `Ends` are applied to."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.activation import Activation
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_sequences
from rnnbp.layers.dropout import Dropout, Noise
from rnnbp.layers.layer_norm import LayerNorm
from rnnbp.layers.normalize import Normalize
from rnnbp.layers.pooling import Last
from rnnbp.layers.variational_dropout import VariationalDropout

BETWEEN = Activation | Dropout | LayerNorm | Noise | Normalize | VariationalDropout


@dataclass(frozen=True)
class Ends(Layer):
    """Final outputs of both directions of a bidirectional layer: (T, B, 2 O) -> (B, 2 O).

    The features of a bidirectional layer are [forward in time | backward in time]. `Ends` returns the forward features
    at each sequence's own last step and the backward features at its first, so that both depend on the whole sequence.
    `Last` would return both at the last step, where the backward features depend on that step alone. In a multi-layer
    network these are the outputs of the top layer, in PyTorch ``torch.cat((h_n[-2], h_n[-1]), dim=1)``. `Dropout`,
    `VariationalDropout`, `Noise`, `Normalize`, `LayerNorm` and `Activation`, which leave each feature in its place, may
    be in between.

    Raises
    ------
    ValueError
        When a `Sequential` is constructed, if the layer below is not bidirectional.

    See Also
    --------
    Last : for layers that run only forward in time.

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
        check_sequences(self, shape)
        features = shape[-1]
        if isinstance(features, int) and features % 2:
            raise ValueError(f"Ends takes two directions of O features each, (T, B, 2 O), got {features} features")
        return shape[1:]

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        half, rows = x.shape[2] // 2, np.arange(x.shape[1])
        y = np.concatenate([x[run.lengths - 1, rows, :half], x[0, :, half:]], axis=1)
        return y, (len(x), run.lengths), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        steps, lengths = residuals
        half, rows = dy.shape[1] // 2, np.arange(len(dy))
        dx = np.zeros((steps, *dy.shape), dy.dtype)
        dx[lengths - 1, rows, :half] = dy[:, :half]
        dx[0, :, half:] = dy[:, half:]
        return dx, None


def check_directions(layers: Sequence[Layer]) -> None:
    """Warn where `Last` is applied to a bidirectional layer, raise where `Ends` is applied to any other layer.

    Raises
    ------
    ValueError
        If `Ends` is applied to a layer that is not bidirectional; the message names the layers.

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
                    "step, where those of the direction backward in time depend on that step alone: rnnbp.Ends() takes "
                    "the final outputs of both directions",
                    UserWarning,
                    stacklevel=3,
                )
        if isinstance(layer, Ends):
            read = next((one for one in reversed(layers[:i]) if not isinstance(one, BETWEEN)), None)
            if read is None or not read.bidirectional:
                got = "none" if read is None else type(read).__name__
                raise ValueError(
                    f"layer {i}: Ends takes the outputs of a bidirectional layer, [forward | backward], got {got} "
                    "below it: use rnnbp.Last() after a layer that runs forward only, or bidirectional=True"
                )
