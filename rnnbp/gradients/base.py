"""The protocol of gradient algorithms, the gradients that they yield, and functions that they share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch, check_batch
from rnnbp.kernels import Kernel
from rnnbp.layers import Run
from rnnbp.layers.base import Array, Residuals, State
from rnnbp.losses import Loss, check_loss
from rnnbp.models import Sequential
from rnnbp.runtime import named_axes


@dataclass(frozen=True)
class Cost:
    """The cost of computing a gradient.

    Attributes
    ----------
    steps : int
        Forward steps, summed over sequences, recomputed ones included.
    peak_bytes : int
        Peak of the bytes stored for the backward pass, or by an online algorithm.
    """

    steps: int
    peak_bytes: int


@dataclass(frozen=True, repr=False)
class Gradient:
    """The gradient of the mean loss of a batch, or of a span of its time steps.

    Attributes
    ----------
    loss : float
        The part of the batch's mean loss that belongs to this span: the parts add up to it.
    vector : ndarray (P,)
        The gradient of `loss` with respect to the parameters.
    outputs : ndarray (T, B, K) of the span, or (B, K)
        With (B, K), only the rows of sequences that end within the span are meaningful.
    state : list
        Each layer's state after the span.
    cost : Cost
    span : (int, int)
        First step, and one past the last.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1), dtype=np.float64)
    >>> model.params.vector[:] = 0
    >>> batch = rnnbp.SequenceDataset([np.zeros((7, 2))], targets=[1.0]).batch()
    >>> next(rnnbp.BPTT().gradients(model, batch, rnnbp.MeanSquaredError()))
    Gradient: loss 1, vector (P,) = (25,) float64, outputs (B, K) = (1, 1) float64, steps 0 to 7
    """

    loss: float
    vector: Array
    outputs: Array
    state: list[State]
    cost: Cost
    span: tuple[int, int]

    def __repr__(self) -> str:
        axes = ("T", "B", "K")[-self.outputs.ndim :]
        vector = f"vector {named_axes(self.vector.shape, ('P',))} {self.vector.dtype}"
        outputs = f"outputs {named_axes(self.outputs.shape, axes)} {self.outputs.dtype}"
        start, stop = self.span
        return f"{type(self).__name__}: loss {self.loss:.6g}, {vector}, {outputs}, steps {start} to {stop}"


class GradientAlgorithm(Protocol):
    """An algorithm that computes the gradient of the mean loss of a batch."""

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """Yield the gradient of the batch's mean loss, or gradients of spans of time that add up to it.

        The parameters may be changed between two gradients.

        Parameters
        ----------
        model : Sequential
        batch : SequenceBatch
            With targets.
        loss : Loss
        state : list, one per layer, optional
            The initial states. Default: the layers' own, zeros.
        rng : numpy.random.Generator, optional
            The generator of dropout and noise. Default: no dropout and no noise.

        Yields
        ------
        Gradient

        Raises
        ------
        ValueError
            If the batch has no targets, or the algorithm does not take the model.
        """
        ...


def is_random(algorithm: GradientAlgorithm) -> bool:
    """Return whether an algorithm is stochastic: its gradient depends on random numbers of its own.

    An algorithm declares it by an attribute ``random = True``.

    Examples
    --------
    >>> from rnnbp.gradients import BPTT, UORO
    >>> is_random(BPTT()), is_random(UORO())
    (False, True)
    """
    return bool(getattr(algorithm, "random", False))


def check_targets(batch: SequenceBatch) -> Any:
    """Return the batch's targets.

    Raises
    ------
    ValueError
        If there are none, or `batch` is not a batch.
    """
    check_batch(batch)
    if batch.targets is None:
        raise ValueError("batch has no targets, and a gradient needs some: give the SequenceDataset targets")
    return batch.targets


def _targets(loss: Loss, batch: SequenceBatch, per_step: bool) -> Any:
    """Return the targets of a model with an output a step, or one a sequence, which (T, B) classes never fit."""
    check_loss(loss)
    targets = check_targets(batch)
    if batch.per_step and not per_step and targets.ndim == 2 and batch.steps == batch.size:
        raise ValueError(
            f"targets (T, B) = {targets.shape} are one a step, and the model has one output a sequence: leave out the "
            "layer that pools over time, or give K values a sequence as floats, (B, K)"
        )
    return targets


def whole_loss(model: Sequential, loss: Loss, outputs: Array, batch: SequenceBatch) -> tuple[Any, Array]:
    """Return the mean loss of a batch, and its gradient with respect to the outputs of all its steps.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    outputs : ndarray (T, B, K) or (B, K)
    batch : SequenceBatch
        With targets. Where it has weights, the mean is weighted by them.

    Raises
    ------
    ValueError
        If the targets do not fit the outputs.
    """
    targets, lengths = _targets(loss, batch, model.per_step), model.out_lengths(batch.lengths)
    if model.per_step and batch.per_step and not np.array_equal(lengths, batch.lengths):
        raise ValueError(
            f"targets are one a step, and the model has {lengths[0]} outputs for {batch.lengths[0]} steps: give Conv1D "
            "stride=1 and padding='causal' or 'same', or targets for whole sequences"
        )
    if batch.weights is None:
        return loss(outputs, targets, lengths)
    return loss(outputs, targets, lengths, batch.weights)


def total_weight(loss: Loss, batch: SequenceBatch, per_step: bool) -> float:
    """Return the sum of the weights of a batch's items, by which its mean loss is divided.

    Parameters
    ----------
    loss : Loss
    batch : SequenceBatch
        With targets.
    per_step : bool
        Whether the model has an output for each step.
    """
    targets, lengths = _targets(loss, batch, per_step), batch.lengths if per_step else None
    return loss.total(targets, lengths) if batch.weights is None else loss.total(targets, lengths, batch.weights)


def span_loss(
    loss: Loss, outputs: Array, batch: SequenceBatch, start: int, stop: int, total: float
) -> tuple[Any, Array]:
    """Return the contribution of the steps `start` to `stop` - 1 to the loss of a batch, and its gradient.

    Parameters
    ----------
    loss : Loss
    outputs : ndarray (stop - start, B, K) or (B, K)
        Of a model for these steps.
    batch : SequenceBatch
        With targets, which `check_targets` has checked.
    start, stop : int
    total : float
        The sum of the weights of the whole batch, from `total_weight`.

    Examples
    --------
    >>> from rnnbp.losses import MeanSquaredError
    >>> batch = SequenceBatch.from_array(np.ones((3, 2, 1)), targets=np.ones((3, 2)))
    >>> span_loss(MeanSquaredError(), np.zeros((1, 2, 1)), batch, 2, 3, total=6.0)[0]
    0.3333333333333333
    """
    per_step = outputs.ndim == 3
    targets: Any = batch.targets
    targets = targets[start:stop] if per_step else targets
    due, weights = batch.due(start, stop, per_step), batch.weights_of(start, stop)
    if weights is None:
        return loss.masked(outputs, targets, due, total)
    return loss.masked(outputs, targets, due, total, weights)


def require_causal(model: Sequential, algorithm: str) -> None:
    """Raise ValueError if a layer of the model is not causal.

    Raises
    ------
    ValueError
        Naming the layer.
    """
    for i, layer in enumerate(model.layers):
        if not layer.causal:
            raise ValueError(
                f"{algorithm} takes causal layers, but layer {i} ({type(layer).__name__}) sees a sequence as "
                "a whole: use BPTT()"
            )


def whole_gradient(
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss,
    state: Sequence[State] | None,
    rng: np.random.Generator | None,
) -> Gradient:
    """Return the gradient of the whole batch: forward pass, loss, backward pass."""
    check_batch(batch)
    params = model.params
    outputs, residuals, after = model.unroll(params, model.cast(batch.x), Run.of(batch, rng), state)
    value, d_outputs = whole_loss(model, loss, outputs, batch)
    grad = params.zeros()
    model.backward_params(params, residuals, d_outputs, grad)
    repeated = repeated_steps(residuals)  # cell steps beyond one per time step
    cost = Cost(int(batch.lengths.sum()) + repeated, residual_bytes(residuals))
    return Gradient(value, params.trainable(grad.vector), outputs, after, cost, (0, len(batch.x)))


def repeated_steps(residuals: Any) -> int:
    """Return the cell steps beyond one per time step that residuals of a model's layers count."""
    own = getattr(residuals, "repeated", None)
    return sum(getattr(layer, "repeated", 0) for layer in residuals) if own is None else own


def require_no_resets(batch: SequenceBatch, algorithm: str) -> None:
    """Raise ValueError if a batch has reset flags, for an algorithm that looks at several steps together."""
    check_batch(batch)
    if batch.reset is not None and batch.reset.any():
        raise ValueError(
            f"{algorithm} takes no reset flags: make a sequence of every part between two resets, or use BPTT() or "
            "TruncatedBPTT()"
        )


def loss_at(
    model: Sequential,
    params: Parameters,
    batch: SequenceBatch,
    loss: Loss,
    run: Run,
    state: Sequence[State] | None = None,
) -> Any:
    """Return the loss at given parameters, in their dtype: complex for complex parameters."""
    outputs, _, _ = model.unroll(params, batch.x, run, state)
    return whole_loss(model, loss, outputs, batch)[0]


def map_state(function: Callable[[Array], Array], state: State) -> State:
    """Apply a function to each array of a layer's state, or of a list of states.

    Examples
    --------
    >>> map_state(np.real, [np.array([1 + 2j]), None])
    [array([1.]), None]
    """
    if isinstance(state, list | tuple):
        return type(state)(map_state(function, part) for part in state)
    return state if state is None else function(state)


def residual_bytes(*residuals: Residuals, given: Array | None = None) -> int:
    """Return the bytes of all arrays within residuals; shared memory counts once, that of `given` does not.

    Examples
    --------
    >>> a, b = np.zeros(4), np.zeros(3)
    >>> residual_bytes([a, (a, a[1:])], None), residual_bytes([a, b[1:]], given=b)
    (32, 32)
    """
    found: dict[int, int] = {}
    _collect(residuals, found)
    shared: dict[int, int] = {}
    _collect(given, shared)
    return sum(size for memory, size in found.items() if memory not in shared)


def _collect(item: Any, found: dict[int, int]) -> None:
    waiting = [item]
    while waiting:
        item = waiting.pop()
        if isinstance(item, np.ndarray):
            while type(item.base) is np.ndarray:  # but not the block of a memory pool, which may be larger
                item = item.base
            found[id(item)] = item.nbytes
        elif isinstance(item, (list, tuple)):
            waiting += item
        elif hasattr(item, "__dict__") and not isinstance(item, Kernel):  # which saves nothing of a pass
            waiting += vars(item).values()
