"""Dataset whose sequences are resampled for every epoch of training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data.dataset import SequenceDataset
from rnnbp.data.lazy import MEMORY, LazySequences
from rnnbp.data.validation import checked_sequences
from rnnbp.runtime import function_of, got, natural_int, one_each, refuses_by_name

Array = np.ndarray
Draw = Callable[[int, int], ArrayLike]


@refuses_by_name
class ResampledDataset(SequenceDataset):
    """Dataset whose sequences are resampled for every epoch of training, as in data augmentation; targets are fixed.

    `rnnbp.Trainer` trains each epoch on ``at_epoch(number)``. Evaluation, statistics and all other access use the
    sequences of epoch 0, which are always the same. A sequence is a function of its index and the epoch alone, so a
    resumed training sees the sequences that the uninterrupted one would have seen.

    Parameters
    ----------
    draw : callable
        ``draw(i, epoch)`` returns sequence i, (T, F), of an epoch; the same one at every call.
    targets : array_like (N,) or (N, K), or LabelSequences
        One a sequence.
    classes, ids, info, feature_names, weights, dtype
        As `rnnbp.SequenceDataset` takes them.
    memory : int, default 2**28
        Bytes that the cache of epoch 0 may take.

    Raises
    ------
    ValueError
        If targets are one a step, or `rnnbp.SequenceDataset` would raise.

    Examples
    --------
    >>> def draw(place, epoch):
    ...     return np.full((3, 1), 10 * epoch + place)
    >>> data = ResampledDataset(draw, targets=[0, 1, 1]).subset([2, 0])
    >>> [float(s[0, 0]) for s, _ in data], [float(s[0, 0]) for s, _ in data.at_epoch(4)]
    ([2.0, 0.0], [42.0, 40.0])
    """

    def __init__(
        self,
        draw: Draw,
        targets: Any,
        *,
        classes: Sequence[str] | None = None,
        ids: Sequence[Any] | None = None,
        info: pd.DataFrame | None = None,
        feature_names: Sequence[str] | None = None,
        memory: int = MEMORY,
        weights: Any = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not hasattr(targets, "__len__"):
            raise ValueError(f"targets must be one for each sequence, {got(targets)}")
        if ids is not None:
            one_each("ids", ids, len(targets))
        self.draw, self.places, self.memory = function_of("draw", draw, 2), np.arange(len(targets)), memory
        lazy = LazySequences(_At(draw, self.places, 0), len(targets), memory, names=ids)
        rows = _rows(targets)
        given = {"ids": ids, "info": info, "feature_names": feature_names, "weights": weights}
        super().__init__(lazy, rows, classes=classes, dtype=dtype, **given)
        if self.per_step:
            raise ValueError("targets must be one a sequence where sequences are resampled, got one a step")

    def at_epoch(self, epoch: int) -> Self:
        """Return the dataset with the sequences of an epoch, which are sampled on access and not cached."""
        return self._resampled(self.draw, natural_int("epoch", epoch), memory=0)

    @refuses_by_name
    def resampled_by(self, draw: Draw) -> Self:
        """Return a dataset with the same targets and another function that samples the sequences.

        Examples
        --------
        >>> data = ResampledDataset(lambda place, epoch: np.zeros((3, 1)), targets=[0, 1])
        >>> data.resampled_by(lambda place, epoch: np.ones((4, 2)))
        ResampledDataset: 2 sequences, 2 features; classes a sequence
        """
        return self._resampled(function_of("draw", draw, 2), 0, self.memory)

    def map(self, function: Callable[[Array], ArrayLike]) -> Self:
        """Return a dataset in which `function` is applied to every sequence of every epoch."""
        return self.resampled_by(_Mapped(self.draw, function))

    def _resampled(self, draw: Draw, epoch: int, memory: int) -> Self:
        lazy = LazySequences(_At(draw, self.places, epoch), len(self), memory, names=list(map(str, self.ids)))
        part = self._with(checked_sequences(lazy, self.dtype), self.targets, self.ids, np.arange(len(self)))
        part.draw, part.feature_size = draw, part.sequences[0].shape[1]
        part._take_names(self)
        return part

    def _with(self, sequences: Any, targets: Any, ids: list[Any], places: Array) -> Self:
        part = super()._with(sequences, targets, ids, places)
        part.places = self.places[places]
        return part


def _rows(targets: Any) -> Any:
    """Return rows of K floats as one array (N, K), so that they are not taken for targets of steps."""
    if hasattr(targets, "__array__") or len({np.shape(t) for t in targets}) != 1:
        return targets
    array = np.asarray(targets)
    return array if array.ndim == 2 and array.dtype.kind == "f" else targets


@dataclass(frozen=True)
class _At:
    """Function that loads the sequences of an epoch by their index in a subset."""

    draw: Draw
    places: Array
    epoch: int

    def __call__(self, place: int) -> ArrayLike:
        return self.draw(int(self.places[place]), self.epoch)


@dataclass(frozen=True)
class _Mapped:
    """Composition of a sampling function and a function of sequences."""

    draw: Draw
    function: Callable[[Array], ArrayLike]

    def __call__(self, place: int, epoch: int) -> ArrayLike:
        return self.function(np.asarray(self.draw(place, epoch)))
