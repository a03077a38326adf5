"""What a layer is, and what it is told of the run it takes part in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.core import Parameters

Array = np.ndarray
Shape = tuple[str | int | None, ...]  # ("T", "B", 12); None where the number of features is not known
Residuals = Any
State = Any


@dataclass(frozen=True)
class Run:
    """One pass over a batch or a span of it.

    Parameters
    ----------
    lengths : ndarray (B,)
        How many steps each sequence has here, longest first; 0 for one that is already over.
    rng : numpy.random.Generator, optional
        Where dropout draws its masks. None: evaluation, nothing is dropped.

    Examples
    --------
    >>> Run(np.array([3, 1])).active(3)
    array([2, 1, 1])
    """

    lengths: Array
    rng: np.random.Generator | None = None

    def active(self, steps: int) -> Array:
        """(T,): how many sequences still run at each step; they are the first ones."""
        return (self.lengths > np.arange(steps)[:, None]).sum(axis=1)


class Layer:
    """A differentiable part of a model; this base class has no parameters and no state.

    A subclass that has parameters defines `shapes` and `initialize`; every subclass defines `out_shape`,
    `forward` and `backward`. A layer that carries something from step to step has a state and can go on from
    it, so that a sequence may be run span by span; a non-causal one sets ``causal = False``, and one whose features are
    [forward in time | backward in time], halves of one size, sets ``bidirectional = True``. What is
    computed or added up over several steps goes block by block (`rnnbp.kernels.blocks`), so that spans give the same
    bits; a layer of one's own that does otherwise is right up to rounding.

    Examples
    --------
    A layer of one's own, and whether its way back is right:

    >>> class Square(Layer):
    ...     def out_shape(self, shape):
    ...         return shape
    ...     def forward(self, params, x, run, state=None):
    ...         return x * x, x, None
    ...     def backward(self, params, residuals, dy, grad, d_state=None):
    ...         return 2 * residuals * dy, None
    >>> import rnnbp
    >>> rnnbp.check_gradient(Square()).ok
    True
    """

    causal: bool = True
    recurrent: bool = False
    bidirectional: bool = False

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' names and shapes."""
        return {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Fill `params` in place."""

    def out_shape(self, shape: Shape) -> Shape:
        """The shape that comes out where `shape` goes in.

        Raises
        ------
        ValueError
            If the layer does not take such a shape.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define out_shape")

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """-> y, what the way back needs, and the state at the end (None for a layer without).

        `state` None is the state a sequence begins with.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """-> dx and d_state before the first step; adds the parameters' gradient into `grad`."""
        raise NotImplementedError(f"{type(self).__name__} does not define backward")

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """`backward` without dx -> d_state: training asks a model's lowest layer with parameters for no more.

        A layer may define it where that saves work.
        """
        return self.backward(params, residuals, dy, grad, d_state)[1]


def in_time(layer: Layer, shape: Shape, features: int | None = None) -> None:
    """Raise unless `shape` is (T, B, F), with F = `features` where both are known."""
    name = type(layer).__name__
    if len(shape) != 3:
        raise ValueError(f"{name} takes sequences (T, B, F), got {show(shape)}")
    has_features(layer, shape, features)


def has_features(layer: Layer, shape: Shape, features: int | None) -> None:
    """Raise unless the last axis of `shape` is `features`, where both are known."""
    if features is not None and shape[-1] is not None and shape[-1] != features:
        raise ValueError(f"{type(layer).__name__} takes {features} features, got {shape[-1]} in {show(shape)}")


def show(shape: Shape) -> str:
    """A shape as it is written in messages.

    Examples
    --------
    >>> show(("T", "B", None)), show(("B", 9))
    ('(T, B, ?)', '(B, 9)')
    """
    return "(" + ", ".join("?" if n is None else str(n) for n in shape) + ")"


def over(run: Run, steps: int) -> Array:
    """(T, B): True where a sequence is over."""
    return np.arange(steps)[:, None] >= run.lengths
