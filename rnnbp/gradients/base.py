"""What a gradient algorithm is, and what it yields."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.layers import Run
from rnnbp.layers.base import Array, Residuals, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import named_axes


@dataclass(frozen=True)
class Cost:
    """What a gradient took.

    Attributes
    ----------
    steps : int
        Steps of sequences that were run forwards, repeated ones included.
    peak_bytes : int
        Bytes held for the way back, at the most.
    """

    steps: int
    peak_bytes: int


@dataclass(frozen=True, repr=False)
class Gradient:
    """One gradient, of a batch or of a span of its time.

    Attributes
    ----------
    loss : float
        This gradient's share of the batch's mean loss: the shares of a batch add up to it.
    vector : ndarray (P,)
        The derivative of `loss` by the parameters.
    outputs : ndarray (T, B, K) of the span, or (B, K)
        With (B, K), a row counts where its sequence ends within the span.
    state : list
        Each layer's state after the span, to go on from.
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
    """Yields one gradient a batch, or several, between which the parameters may be changed."""

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """The gradient of the batch's mean loss, whole or in parts that add up to it.

        Parameters
        ----------
        model : Sequential
        batch : SequenceBatch
            With targets.
        loss : Loss
        state : list, one a layer, optional
            The states to begin from. Default: the layers' own beginning, zeros.
        rng : numpy.random.Generator, optional
            Where dropout draws its masks. Default: nothing is dropped.
        """
        ...


def is_random(algorithm: GradientAlgorithm) -> bool:
    """Whether an algorithm draws its gradient: two calls with the same arguments then differ.

    An algorithm of one's own says so by an attribute ``random = True``.

    Examples
    --------
    >>> from rnnbp.gradients import BPTT, UORO
    >>> is_random(BPTT()), is_random(UORO())
    (False, True)
    """
    return bool(getattr(algorithm, "random", False))


def check_targets(batch: SequenceBatch) -> Any:
    """The batch's targets.

    Raises
    ------
    ValueError
        If there are none.
    """
    if batch.targets is None:
        raise ValueError("batch has no targets, and a gradient needs some: give the SequenceDataset targets")
    return batch.targets


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
    return loss.total(check_targets(batch), batch.lengths if per_step else None)


def require_causal(model: Sequential, algorithm: str) -> None:
    """Raise where a layer looks ahead in time.

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
    """Forward over the whole batch, the loss, and all the way back."""
    targets, params = check_targets(batch), model.params
    outputs, residuals, after = model.unroll(params, model.cast(batch.x), Run(batch.lengths, rng), state)
    value, d_outputs = loss(outputs, targets, batch.lengths)
    grad = params.zeros()
    model.backward_params(params, residuals, d_outputs, grad)
    repeated = sum(getattr(own, "repeated", 0) for own in residuals)  # what a layer ran beyond once a step
    cost = Cost(int(batch.lengths.sum()) + repeated, residual_bytes(residuals))
    return Gradient(value, params.masked(grad.vector), outputs, after, cost, (0, len(batch.x)))


def loss_at(
    model: Sequential,
    params: Parameters,
    batch: SequenceBatch,
    loss: Loss,
    run: Run,
    state: Sequence[State] | None = None,
) -> Any:
    """The loss alone, at any parameters and in their dtype: complex where they are."""
    outputs, _, _ = model.unroll(params, batch.x, run, state)
    return loss(outputs, check_targets(batch), batch.lengths)[0]


def map_state(function: Callable[[Array], Array], state: State) -> State:
    """Apply `function` to the arrays of a layer's state, or of a list of such.

    Examples
    --------
    >>> map_state(np.real, [np.array([1 + 2j]), None])
    [array([1.]), None]
    """
    if isinstance(state, list | tuple):
        return type(state)(map_state(function, part) for part in state)
    return state if state is None else function(state)


def residual_bytes(*residuals: Residuals, given: Array | None = None) -> int:
    """Bytes of all arrays within residuals, memory that several share counted once, and that of `given` not at all.

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
    if isinstance(item, np.ndarray):
        while type(item.base) is np.ndarray:  # not to the block of a workspace, which may be larger
            item = item.base
        found[id(item)] = item.nbytes
    elif isinstance(item, list | tuple):
        for part in item:
            _collect(part, found)
    elif hasattr(item, "__dict__"):
        _collect(list(vars(item).values()), found)
