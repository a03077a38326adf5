"""DrawnDataset: sequences that are drawn anew for every epoch of training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data.dataset import SequenceDataset
from rnnbp.data.lazy import MEMORY, LazySequences
from rnnbp.data.validation import checked_sequences

Array = np.ndarray
Draw = Callable[[int, int], ArrayLike]


class DrawnDataset(SequenceDataset):
    """Sequences that are drawn anew for every epoch of training, with targets that stay.

    `rnnbp.Trainer` trains each epoch on ``at_epoch(number)``. Evaluation, statistics, and whoever else asks for
    sequences, get those of epoch 0, which are always the same. As a sequence follows from its place and the epoch
    alone, a training that is resumed meets what it would have met.

    Parameters
    ----------
    draw : callable
        ``draw(place, epoch)`` gives the sequence (T, F) of a place from 0, the same one each time.
    targets : array_like (N,) or (N, K), or LabelSequences
        One a sequence.
    classes, ids, info, feature_names, dtype
        As `rnnbp.SequenceDataset`.
    memory : int, default 2**28
        The most bytes of epoch 0 to hold.

    Raises
    ------
    ValueError
        If targets are one a step, or as `rnnbp.SequenceDataset`.

    Examples
    --------
    >>> def draw(place, epoch):
    ...     return np.full((3, 1), 10 * epoch + place)
    >>> data = DrawnDataset(draw, targets=[0, 1, 1]).subset([2, 0])
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
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.draw, self.places, self.memory = draw, np.arange(len(targets)), memory
        lazy = LazySequences(_At(draw, self.places, 0), len(targets), memory, names=ids)
        rows = _rows(targets)
        super().__init__(lazy, rows, classes=classes, ids=ids, info=info, feature_names=feature_names, dtype=dtype)
        if self.per_step:
            raise ValueError("targets must be one a sequence where sequences are drawn, got one a step")

    def at_epoch(self, epoch: int) -> Self:
        """The sequences of an epoch, drawn when they are asked for and not held."""
        return self._drawing(self.draw, epoch, memory=0)

    def drawn_by(self, draw: Draw) -> Self:
        """The same targets, with sequences that are drawn otherwise.

        Examples
        --------
        >>> data = DrawnDataset(lambda place, epoch: np.zeros((3, 1)), targets=[0, 1])
        >>> data.drawn_by(lambda place, epoch: np.ones((4, 2)))
        DrawnDataset: 2 sequences, 2 features; classes a sequence
        """
        return self._drawing(draw, 0, self.memory)

    def map(self, function: Callable[[Array], ArrayLike]) -> Self:
        """`function` applied to every sequence of every epoch."""
        return self.drawn_by(_Mapped(self.draw, function))

    def _drawing(self, draw: Draw, epoch: int, memory: int) -> Self:
        lazy = LazySequences(_At(draw, self.places, epoch), len(self), memory, names=list(map(str, self.ids)))
        part = self._holding(checked_sequences(lazy, self.dtype), self.targets, self.ids, np.arange(len(self)))
        part.draw, part.feature_size = draw, part.sequences[0].shape[1]
        part._named_as(self)
        return part

    def _holding(self, sequences: Any, targets: Any, ids: list[Any], places: Array) -> Self:
        part = super()._holding(sequences, targets, ids, places)
        part.places = self.places[places]
        return part


def _rows(targets: Any) -> Any:
    """Rows of as many values in one array, which is one a sequence: here they cannot be one a step."""
    if hasattr(targets, "__array__") or len({np.shape(t) for t in targets}) != 1:
        return targets
    array = np.asarray(targets)
    return array if array.ndim == 2 and array.dtype.kind == "f" else targets


@dataclass(frozen=True)
class _At:
    """The sequences of an epoch by their place among those chosen."""

    draw: Draw
    places: Array
    epoch: int

    def __call__(self, place: int) -> ArrayLike:
        return self.draw(int(self.places[place]), self.epoch)


@dataclass(frozen=True)
class _Mapped:
    """What a function makes of the sequences of every epoch."""

    draw: Draw
    function: Callable[[Array], ArrayLike]

    def __call__(self, place: int, epoch: int) -> ArrayLike:
        return self.function(np.asarray(self.draw(place, epoch)))
