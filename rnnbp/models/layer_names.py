"""Names of layers in the description of a model."""

from typing import Any

from rnnbp.layers import Chain, LearnedStart, Parallel


def layer_name(layer: Any) -> str:
    """Return the class name of a layer with that of its cell, or those of its layers.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> from rnnbp.layers import Dense, Last, Recurrent
    >>> layer_name(Chain(Recurrent(GRUCell(3, 4)), Last(), Dense(4, 2)))
    'Chain(Recurrent(GRUCell) > Last > Dense)'
    """
    name = type(layer).__name__
    if hasattr(layer, "cell"):
        return f"{name}({type(layer.cell).__name__})"
    if hasattr(layer, "cells"):
        return f"{name}({' > '.join(type(cell).__name__ for cell in layer.cells)})"
    if isinstance(layer, Chain):
        return f"{name}({' > '.join(map(layer_name, layer.layers))})"
    if isinstance(layer, Parallel):
        return f"{name}({' | '.join(map(layer_name, layer.branches))})"
    return f"{name}({layer_name(layer.layer)})" if isinstance(layer, LearnedStart) else name
