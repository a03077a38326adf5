"""Pooling over time by attention."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, rows_of, total
from rnnbp.core import Parameters
from rnnbp.kernels.products import product
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_sequences, padding_mask
from rnnbp.layers.dense import affine, initialize_affine
from rnnbp.runtime import positive_int, refuses_by_name


@dataclass(frozen=True)
class AttentionPooling(Layer):
    """Mean over the steps of each sequence, weighted by learned attention: (T, B, F) -> (B, F).

    The score of a step is additive, ``s[t] = v . tanh(W x[t] + b)``, the weights ``a`` are the softmax of the scores
    over the steps of its sequence, and ``y = sum over t of a[t] x[t]``. Parameters are `w` (A, F), `b` and `v` (A,).

    Parameters
    ----------
    input_size, hidden_size : int
        F and A: the number of features, and of units of the score.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    D. Bahdanau, K. Cho & Y. Bengio (2015), "Neural machine translation by jointly learning to align and translate",
    ICLR, arXiv:1409.0473. Z. Yang, D. Yang, C. Dyer, X. He, A. Smola & E. Hovy (2016), "Hierarchical attention networks
    for document classification", NAACL, doi:10.18653/v1/N16-1174: for pooling, equations 5 to 7.

    Examples
    --------
    Equal scores give the mean:

    >>> layer = AttentionPooling(1, 2)
    >>> x = np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1)
    >>> y, _, _ = layer.forward(Parameters(layer.shapes()), x, Run(np.array([3])))
    >>> y
    array([[3.]])
    """

    input_size: int
    hidden_size: int

    causal = False

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        A = self.hidden_size
        return {"w": (A, self.input_size), "b": (A,), "v": (A,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        initialize_affine(params, "tanh", rng)
        params["v"] = rng.uniform(-1, 1, self.hidden_size) / np.sqrt(self.hidden_size)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape, self.input_size)
        return (shape[1], self.input_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        h = np.tanh(affine(x, params["w"], params["b"]))
        a = _softmax(h @ params["v"], padding_mask(run, len(x)))[:, :, None]
        return (a * x).sum(axis=0), (x, h, a), None

    @refuses_by_name
    def attention(self, params: Parameters, x: Array, run: Run) -> Array:
        """Return the weights of the steps, (T, B): zero past a sequence's end, else with the sum 1.

        Parameters
        ----------
        params : Parameters
            Of this layer: ``model.scopes(model.params)[2]`` for layer 2 of a model.
        x : ndarray (T, B, F)
            What the layer is applied to, as ``model.transform(data, layer=1)`` returns it of each sequence.
        run : Run

        Examples
        --------
        >>> layer = AttentionPooling(1, 2)
        >>> params = Parameters(layer.shapes(), np.array([1.0, 0, 0, 0, 1, 0]))
        >>> layer.attention(params, np.array([0.0, 1.0, 5.0]).reshape(3, 1, 1), Run(np.array([2]))).round(2).ravel()
        array([0.32, 0.68, 0.  ])
        """
        h = np.tanh(affine(x, params["w"], params["b"]))
        return _softmax(h @ params["v"], padding_mask(run, len(x)))

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        x, h, a = residuals
        d_a = (x * dy).sum(axis=-1, keepdims=True)
        d_scores = a * (d_a - (a * d_a).sum(axis=0))  # the softmax's derivative
        delta = d_scores * params["v"] * (1 - h * h)
        grad["w"] += product(rows_of(delta).T, rows_of(x))
        grad["b"] += total(delta)
        grad["v"] += total(d_scores * h)
        return a * dy + product(delta, params["w"]), None


def _softmax(scores: Array, padding: Array) -> Array:
    """Return the softmax of scores (T, B) over the steps without padding."""
    greatest = np.where(padding, -np.inf, scores.real).max(axis=0)
    e = np.exp(np.where(padding, 0, scores - greatest))  # no overflow, in the padding neither
    e[padding] = 0
    return e / e.sum(axis=0)
