"""Layers with a shortcut past them: residual and highway networks."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, rows_of, total
from rnnbp.core import Parameters, sigmoid
from rnnbp.kernels.products import product
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, check_features, format_shape
from rnnbp.layers.chain import Chain
from rnnbp.layers.dense import affine
from rnnbp.runtime import number, positive_int


@dataclass(frozen=True, init=False, repr=False)
class Residual(Chain):
    """Layers with their input added to their output, y = x + f(x): (..., F) -> (..., F).

    Parameters
    ----------
    *layers : Layer
        In a row; their outputs have the shape of their inputs. A convolution pads with 'causal' or 'same'.

    Raises
    ------
    ValueError
        If they are no layers; when used, if they change the shape or the number of steps.

    References
    ----------
    K. He, X. Zhang, S. Ren & J. Sun (2016), "Deep residual learning for image recognition", CVPR,
    doi:10.1109/CVPR.2016.90

    Examples
    --------
    >>> from rnnbp.layers import GRU, LayerNorm
    >>> Residual(LayerNorm(8), GRU(8, 8)).out_shape(("T", "B", 8))
    ('T', 'B', 8)
    """

    def out_shape(self, shape: Shape) -> Shape:
        out = super().out_shape(shape)
        if shape[-1] is None and len(out) == len(shape):  # which is then the size of the outputs
            shape = (*shape[:-1], out[-1])
            out = super().out_shape(shape)
        return same_shape(self, shape, out)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        y, residuals, after = super().forward(params, x, run, state)
        return x + y, residuals, after

    def prepare(self, params: Parameters) -> Evaluate:
        evaluate = super().prepare(params)

        def evaluate_sum(x: Array, run: Run, state: State) -> tuple[Array, State]:
            y, after = evaluate(x, run, state)
            return x + y, after

        return evaluate_sum

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        dx, before = super().backward(params, residuals, dy, grad, d_state)
        return dy + dx, before


@dataclass(frozen=True, init=False, repr=False)
class Highway(Chain):
    """Layers with a gated shortcut, y = t f(x) + (1 - t) x with t = sigmoid(W x + b): (..., F) -> (..., F).

    The gate's parameters are `w` (F, F) and `b` (F,), those of the layers are named ``"0.w"``. The bias begins at -1,
    so that at first the input is mostly carried through.

    Parameters
    ----------
    size : int
        F, the number of features.
    *layers : Layer
        In a row: f, whose outputs have the shape of its inputs.
    bias : float, default -1
        Initial value of `b`.

    Raises
    ------
    ValueError
        If `size` is not a positive integer, they are no layers or `bias` is not a number; when used, if they change the
        shape or the number of steps.

    References
    ----------
    R. K. Srivastava, K. Greff & J. Schmidhuber (2015), "Training very deep networks", NeurIPS 28, arXiv:1507.06228

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> list(Highway(8, Dense(8, 8, "relu")).shapes().items())[:3]
    [('w', (8, 8)), ('b', (8,)), ('0.w', (8, 8))]
    """

    size: int
    bias: float

    def __init__(self, size: int, *layers: Layer, bias: float = -1.0) -> None:
        super().__init__(*layers)
        object.__setattr__(self, "size", positive_int("size", size))
        object.__setattr__(self, "bias", number("bias", bias))

    def __repr__(self) -> str:
        return f"Highway({self.size}, {', '.join(map(repr, self.layers))}, bias={self.bias})"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.size, self.size), "b": (self.size,)} | super().shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        bound = 1 / np.sqrt(self.size)
        params["w"], params["b"] = rng.uniform(-bound, bound, (self.size, self.size)), self.bias
        super().initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_features(self, shape, self.size)
        shape = (*shape[:-1], self.size)
        return same_shape(self, shape, super().out_shape(shape))

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        f, residuals, after = super().forward(params, x, run, state)
        t = sigmoid(affine(x, params["w"], params["b"]))
        return x + t * (f - x), (residuals, x, f, t), after

    def prepare(self, params: Parameters) -> Evaluate:
        evaluate, w, b = super().prepare(params), params["w"], params["b"]

        def evaluate_gated(x: Array, run: Run, state: State) -> tuple[Array, State]:
            f, after = evaluate(x, run, state)
            return x + sigmoid(affine(x, w, b)) * (f - x), after

        return evaluate_gated

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        inner, x, f, t = residuals
        dx, before = super().backward(params, inner, dy * t, grad, d_state)
        delta = dy * (f - x) * t * (1 - t)
        grad["w"] += product(rows_of(delta).T, rows_of(x))
        grad["b"] += total(delta)
        return dx + dy * (1 - t) + product(delta, params["w"]), before


def same_shape(layer: Chain, shape: Shape, out: Shape) -> Shape:
    """Return the shape of the outputs of layers with a shortcut, or raise unless it is that of their inputs.

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> same_shape(Residual(Dense(3, 4)), ("T", "B", 3), ("T", "B", 4))
    Traceback (most recent call last):
    ValueError: Residual takes layers that keep the shape of their inputs, got (T, B, 4) for (T, B, 3)
    """
    if shape[:-1] != out[:-1] or (None not in (shape[-1], out[-1]) and shape[-1] != out[-1]):
        raise ValueError(
            f"{type(layer).__name__} takes layers that keep the shape of their inputs, got {format_shape(out)} for "
            f"{format_shape(shape)}"
        )
    steps = int(layer.out_lengths(np.array([1000]))[0])
    if steps != 1000:
        raise ValueError(f"{type(layer).__name__} takes layers that keep the number of steps, got {steps} for 1000")
    return out
