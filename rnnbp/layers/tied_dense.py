"""Fully connected layer with the weights of another layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.core import Parameters
from rnnbp.layers.base import Layer
from rnnbp.layers.dense import Dense
from rnnbp.runtime import natural_int, refuses_by_name


@refuses_by_name
@dataclass(frozen=True)
class TiedDense(Dense):
    """Fully connected layer whose weights are those of another layer of the model, y = act(x W^T + b).

    Most often W is the matrix of the `Embedding`, (tokens, D): a token is likely where the features are like its
    vector. It is one parameter, under the name it has in the other layer; both layers add to its gradient. Its own
    parameter is `b` (K,).

    Parameters
    ----------
    input_size, output_size : int
        F and K. The other layer's `w` has shape (K, F).
    activation : {'linear', 'tanh', 'sigmoid', 'relu'}, default 'linear'
    tied_to : int, default 0
        Index of the other layer in the model.

    Raises
    ------
    ValueError
        As `Dense`, and if `tied_to` is negative; when a `Sequential` is constructed, if that layer has no `w` of this
        shape.

    References
    ----------
    O. Press & L. Wolf (2017), "Using the output embedding to improve language models", EACL, arXiv:1608.05859.
    H. Inan, K. Khosravi & R. Socher (2017), "Tying word vectors and word classifiers", ICLR, arXiv:1611.01462

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Embedding(26, 8), rnnbp.LSTM(8, 8), rnnbp.TiedDense(8, 26, tied_to=0))
    >>> [name for name in model.params if name.startswith("2.")]
    ['2.b']
    """

    tied_to: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        natural_int("tied_to", self.tied_to)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"b": (self.output_size,)}

    def shared(self) -> dict[str, str]:
        return {"w": f"{self.tied_to}.w"}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        bound = 1 / np.sqrt(self.input_size)
        params["b"] = rng.uniform(-bound, bound, self.output_size)


def check_tied(layers: Sequence[Layer]) -> None:
    """Raise unless every layer that is tied to another one finds there a `w` of its shape.

    Raises
    ------
    ValueError
        Naming the layers.

    Examples
    --------
    >>> from rnnbp.layers import Embedding
    >>> check_tied([Embedding(26, 8), TiedDense(9, 26)])
    Traceback (most recent call last):
    ValueError: layer 1: TiedDense is tied to layer 0, Embedding, of which it needs w (26, 9), got w (26, 8)
    """
    for i, layer in enumerate(layers):
        if not isinstance(layer, TiedDense):
            continue
        if layer.tied_to >= len(layers) or layer.tied_to == i:
            raise ValueError(f"layer {i}: tied_to must be the index of another layer, got {layer.tied_to}")
        other, needed = layers[layer.tied_to], (layer.output_size, layer.input_size)
        if other.shapes().get("w") != needed:
            got = ", ".join(f"{name} {shape}" for name, shape in other.shapes().items()) or "no parameters"
            raise ValueError(
                f"layer {i}: TiedDense is tied to layer {layer.tied_to}, {type(other).__name__}, of which it needs "
                f"w {needed}, got {got}"
            )
