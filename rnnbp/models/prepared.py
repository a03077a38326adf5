"""Layers prepared for evaluation: what depends on the parameters alone is computed once for each value of theirs."""

from collections.abc import Sequence

import numpy as np

from rnnbp.core import Parameters
from rnnbp.kernels.selection import fastest_allowed
from rnnbp.layers import Layer, Run
from rnnbp.layers.base import Array, State, in_a_row
from rnnbp.layers.chain import scopes_of


class PreparedLayers:
    """The forward pass of layers in a row in evaluation mode, for the present values of the parameters.

    It works on a copy of the parameters, so that it stays what it is when they are changed, and `is_for` tells whether
    they were. Several threads may use it at the same time.

    Parameters
    ----------
    layers : sequence of Layer
    params : Parameters
        Of all layers, named ``"0.w_hh"`` for layer 0's `w_hh`.

    Attributes
    ----------
    taken : set of tuple
        Sizes of the features (F,), or () for tokens, that are known to fit the layers: empty at first.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), seed=0)
    >>> prepared = PreparedLayers(model.layers, model.params)
    >>> y, states = prepared(np.ones((5, 1, 2), np.float32), Run(np.array([5])))
    >>> bool((y == model.forward(np.ones((5, 1, 2)))).all()), prepared.is_for(model.layers, model.params)
    (True, True)
    >>> model.params["0.b_ih"][0] += 1
    >>> prepared.is_for(model.layers, model.params)
    False
    """

    def __init__(self, layers: Sequence[Layer], params: Parameters) -> None:
        self._layers, self._bits, self._dtype = layers, params.vector.tobytes(), params.dtype
        self._backend, self.taken = fastest_allowed(), set[tuple[int, ...]]()
        own = params.like(np.frombuffer(self._bits, self._dtype))
        self._evaluate = in_a_row(layers, scopes_of(layers, own))

    def is_for(self, layers: Sequence[Layer], params: Parameters) -> bool:
        """Return whether these are the layers, the kernels allowed and, to the last bit, the parameters."""
        return (
            layers is self._layers
            and fastest_allowed() == self._backend
            and params.dtype == self._dtype
            and params.vector.tobytes() == self._bits  # by far the fastest comparison of bits
        )

    def __call__(self, x: Array, run: Run, states: Sequence[State] | None = None) -> tuple[Array, list[State]]:
        """Return the outputs and the states after the last step, one a layer.

        Parameters
        ----------
        x : ndarray (T, B, F), or integers (T, B)
        run : Run
            Without `rng`.
        states : list, one a layer, optional
            Default: each layer's own initial state.

        Raises
        ------
        ValueError
            If `states` do not fit.
        """
        if states is not None and len(states) != len(self._layers):
            raise ValueError(f"states must be one for each of the {len(self._layers)} layers, got {len(states)}")
        outputs, after = self._evaluate(x, run, states)
        if np.may_share_memory(outputs, x):  # layers that are the identity
            outputs = outputs.copy()
        return outputs, after
