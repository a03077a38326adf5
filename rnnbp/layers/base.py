"""The base class of all layers, the description of a run, and checks of shapes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch

Array = np.ndarray
Shape = tuple[str | int | None, ...]  # ("T", "B", 12); None where the number of features is not known
Residuals = Any  # what a layer's backward pass needs of its forward pass
State = Any  # None, an array (B, ...) or a list of such: a sequence is a row of every array
Evaluate = Callable[[Array, "Run", State], tuple[Array, State]]  # inputs, run and state -> outputs and state


@dataclass(frozen=True)
class Run:
    """A forward pass over a batch, or over a span of its steps.

    Parameters
    ----------
    lengths : ndarray (B,)
        Number of steps of each sequence within the span, in descending order; 0 past a sequence's end.
    rng : numpy.random.Generator, optional
        Source of dropout masks and noise. None: evaluation, without dropout and noise.
    reset : ndarray (T, B) of bool, optional
        Where the state of a sequence is set back to the initial state before the step. It is for a model, which runs
        its layers from reset to reset (`rnnbp.models.resets`): layers are never given it.

    Examples
    --------
    >>> Run(np.array([3, 1])).active(3)
    array([2, 1, 1])
    """

    lengths: Array
    rng: np.random.Generator | None = None
    reset: Array | None = None

    @classmethod
    def of(
        cls, batch: SequenceBatch, rng: np.random.Generator | None = None, start: int = 0, stop: int | None = None
    ) -> "Run":
        """Return the run over the steps of a batch from `start` to before `stop`; by default all of them."""
        stop = batch.steps if stop is None else stop
        lengths = (
            np.clip(batch.lengths - start, 0, stop - start) if (start, stop) != (0, batch.steps) else batch.lengths
        )
        return cls(lengths, rng, None if batch.reset is None else batch.reset[start:stop])

    def active(self, steps: int) -> Array:
        """Return the number of active sequences at each step (T,): the active ones are the first in the batch."""
        if len(self.lengths) and self.lengths[-1] >= steps:
            return _all_active(steps, len(self.lengths))
        return (self.lengths > np.arange(steps)[:, None]).sum(axis=1)


@lru_cache(maxsize=64)
def _all_active(steps: int, batch_size: int) -> Array:
    active = np.full(steps, batch_size)
    active.flags.writeable = False
    return active


class Layer:
    """Base class of layers: a differentiable part of a model, here without parameters and without state.

    Every subclass defines `out_shape`, `forward` and `backward`; one with parameters also `shapes` and `initialize`. A
    layer whose outputs depend on earlier steps has a state, from which `forward` continues, so that a sequence may be
    run span by span. Sums over several steps are taken block by block (`rnnbp.kernels.blocks`), so that a sequence run
    in spans gives bitwise the same result; a user's layer that sums otherwise agrees to rounding.

    Attributes
    ----------
    causal : bool
        Whether no output depends on later inputs.
    recurrent : bool
        Whether the layer runs a cell.
    bidirectional : bool
        Whether the features are [forward in time | backward in time], halves of equal size.

    Examples
    --------
    A user's layer, and a check of its backward pass:

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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "forward" in vars(cls) and "prepare" not in vars(cls):
            cls.prepare = Layer.prepare  # type: ignore[method-assign]  # that of a base class computes another forward

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""
        return {}

    def shared(self) -> dict[str, str]:
        """Return the names of parameters that belong to other layers of the model, and what the model calls them."""
        return {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place."""

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape of the outputs for inputs of this shape.

        Parameters
        ----------
        shape : tuple
            Axes by name, features by number: ``("T", "B", 12)``; None for an unknown number of features.

        Raises
        ------
        ValueError
            If the layer does not take such inputs.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define out_shape")

    def out_lengths(self, lengths: Array) -> Array:
        """Return the number of steps of each sequence's outputs: that of its inputs, unless a subclass defines it.

        Layers above, losses and predictions take each sequence to its own last output by it. A layer that changes the
        number of steps is non-causal.

        Parameters
        ----------
        lengths : ndarray (B,)
            Number of steps of each sequence's inputs, in descending order.

        Examples
        --------
        >>> from rnnbp.layers import Conv1D
        >>> Conv1D(3, 4, kernel_size=5, padding="valid").out_lengths(np.array([9, 6]))
        array([5, 2])
        """
        return lengths

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """Compute the outputs.

        Parameters
        ----------
        params : Parameters
        x : ndarray (T, B, F), or (B, F) above a layer that reduces time
        run : Run
        state : optional
            The state to continue from, as returned for the span before. Default: the initial state.

        Returns
        -------
        y : ndarray
        residuals
            What `backward` needs.
        state
            The state after the last step; None for a layer without state.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def prepare(self, params: Parameters) -> Evaluate:
        """Return the forward pass in evaluation mode for these parameters, which must not change while it is used.

        A subclass may define it where something depends on the parameters alone and can be computed once; the outputs
        and states must be those of `forward`. Several threads may use what is returned.

        Examples
        --------
        >>> from rnnbp.layers import Last
        >>> evaluate = Last().prepare(Parameters({}))
        >>> y, state = evaluate(np.ones((3, 1, 2)), Run(np.array([3])), None)
        >>> y
        array([[1., 1.]])
        """

        def evaluate(x: Array, run: Run, state: State) -> tuple[Array, State]:
            y, _, after = self.forward(params, x, run, state)
            return y, after

        return evaluate

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Compute the vector-Jacobian product of `forward`.

        Parameters
        ----------
        params : Parameters
        residuals
            As returned by `forward`.
        dy : ndarray
            The cotangent of the outputs.
        grad : Parameters
            The gradient with respect to the parameters is added to it.
        d_state : optional
            The cotangent of the state after the last step. Default: zero.

        Returns
        -------
        dx : ndarray
            The cotangent of the inputs.
        d_state
            The cotangent of the state before the first step; None for a layer without state.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define backward")

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """Compute `backward` without the cotangent of the inputs, and return d_state alone.

        Training calls it on the lowest layer with parameters. A subclass may define it where that saves work.
        """
        return self.backward(params, residuals, dy, grad, d_state)[1]


def in_a_row(layers: Sequence[Layer], scopes: Sequence[Parameters]) -> Evaluate:
    """Return the evaluation of layers in a row, each prepared for its parameters; its state is a list of theirs."""
    passes = [(layer.prepare(scope), layer) for layer, scope in zip(layers, scopes, strict=True)]

    def evaluate(x: Array, run: Run, states: State) -> tuple[Array, State]:
        after = []
        for (one, layer), state in zip(passes, [None] * len(passes) if states is None else states, strict=True):
            x, last = one(x, run, state)
            run = run_above(layer, run)
            after.append(last)
        return x, after

    return evaluate


def run_above(layer: Layer, run: Run) -> Run:
    """Return the run of the layer above: `run` with the lengths of the outputs of `layer`.

    Examples
    --------
    >>> from rnnbp.layers import Conv1D
    >>> run_above(Conv1D(3, 4, kernel_size=2, stride=2, padding=0), Run(np.array([9, 6]))).lengths
    array([4, 3])
    """
    lengths = layer.out_lengths(run.lengths)
    return run if lengths is run.lengths else Run(lengths, run.rng)


def check_sequences(layer: Layer, shape: Shape, features: int | None = None) -> None:
    """Raise unless `shape` is (T, B, F), with F = `features` where both are known."""
    if len(shape) != 3:
        raise ValueError(f"{type(layer).__name__} takes sequences (T, B, F), got {format_shape(shape)}")
    check_features(layer, shape, features)


def check_features(layer: Layer, shape: Shape, features: int | None) -> None:
    """Raise unless the last axis of `shape` is `features`, where both are known."""
    if features is not None and shape[-1] is not None and shape[-1] != features:
        raise ValueError(f"{type(layer).__name__} takes {features} features, got {shape[-1]} in {format_shape(shape)}")


def format_shape(shape: Shape) -> str:
    """Return a shape as text for messages.

    Examples
    --------
    >>> format_shape(("T", "B", None)), format_shape(("B", 9))
    ('(T, B, ?)', '(B, 9)')
    """
    return "(" + ", ".join("?" if n is None else str(n) for n in shape) + ")"


def padding_mask(run: Run, steps: int) -> Array:
    """Return a mask (T, B): True past a sequence's end."""
    return np.arange(steps)[:, None] >= run.lengths
