"""Label sequences not aligned with the input: the phonemes of a word, the digits of a recording."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data.categories import ordered_names
from rnnbp.runtime import as_array, counted, got, integer, of_type, refuses_by_name

Array = np.ndarray
BLANK = "<blank>"


@refuses_by_name
class LabelSequences:
    """Targets of `rnnbp.CTC`: one sequence of labels for each input sequence, not aligned with its steps.

    Parameters
    ----------
    labels : iterable of sequences of int or of str
        N of them, of any lengths, also empty: integers of 0 or more, or names. A string is read by characters.
    classes : sequence of str, optional
        The names in order, the blank's among them, as there is one output for it as well. Default, where labels are
        names: those that occur, sorted, after ``"<blank>"``, which has index 0; of ordered pandas Categoricals, all
        their categories in order. Where they are integers: none.

    Attributes
    ----------
    labels : list of ndarray (L_i,) of int64
    lengths : ndarray (N,)
        L_i.
    classes : tuple of str, or None

    Raises
    ------
    ValueError
        If labels are neither integers nor names, or not among `classes`; the message names the sequence.

    Examples
    --------
    >>> words = LabelSequences(["s ih k s".split(), "ey t".split()])
    >>> words
    LabelSequences: 2 sequences of 2 to 4 labels, 6 classes
    >>> words[1], words.classes
    (array([1, 5]), ('<blank>', 'ey', 'ih', 'k', 's', 't'))
    >>> LabelSequences([[3, 1], []])[[1, 0]].lengths
    array([0, 2])
    """

    def __init__(self, labels: Iterable[Sequence[Any] | Array], classes: Sequence[str] | None = None) -> None:
        if isinstance(labels, str | bytes):
            raise ValueError(f"labels must be sequences of labels, one for each sequence, {got(labels)}")
        if classes is not None:
            of_type("classes", classes, Sequence[Any])
        labels = list(labels)
        given = [np.asarray(list(one) if isinstance(one, str) else one) for one in labels]
        named = any(one.dtype.kind in "UO" for one in given)
        if named and classes is None:
            names = ordered_names(labels) or sorted({str(name) for one in given for name in one.flat})
            classes = (BLANK, *names)
        self.classes = None if classes is None else tuple(map(str, classes))
        numbers = None if self.classes is None or not named else {name: k for k, name in enumerate(self.classes)}
        self.labels = [_checked(i, one, numbers, self.classes) for i, one in enumerate(given)]
        self.lengths = np.array([len(one) for one in self.labels], np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: Any) -> Any:
        """Return one sequence (L_i,) for an integer, `LabelSequences` for several indices or a slice."""
        if isinstance(place, int | np.integer):
            return self.labels[place]
        if not isinstance(place, slice):
            place = as_array("place", place)
            if place.ndim != 1 or place.dtype.kind not in "iub":
                raise ValueError(f"place must be an integer, several or a slice, got {place.dtype} of {place.shape}")
        places = np.arange(len(self))[place]
        part = object.__new__(type(self))
        part.labels, part.lengths = [self.labels[i] for i in places], self.lengths[places]
        part.classes = self.classes
        return part

    def __iter__(self) -> Iterator[Array]:
        return iter(self.labels)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise ValueError(
            "targets are label sequences of lengths of their own, which are no array: a loss that takes them is "
            "rnnbp.CTC()"
        )

    @refuses_by_name
    def padded(self, value: int) -> Array:
        """Return all sequences as one array (N, L), padded with `value`.

        Examples
        --------
        >>> LabelSequences([[3, 1], [2]]).padded(-1)
        array([[ 3,  1],
               [ 2, -1]])
        """
        array = np.full((len(self), self.lengths.max(initial=0)), integer("value", value), np.int64)
        array[np.arange(array.shape[1]) < self.lengths[:, None]] = np.concatenate([*self.labels, np.empty(0, np.int64)])
        return array

    def __repr__(self) -> str:
        low, high = min(self.lengths, default=0), max(self.lengths, default=0)
        classes = "" if self.classes is None else f", {len(self.classes)} classes"
        labels = counted(low, "label") if low == high else f"{low} to {high} labels"
        return f"{type(self).__name__}: {counted(len(self), 'sequence')} of {labels}{classes}"


def label_sequences(targets: "LabelSequences | Iterable[ArrayLike]") -> LabelSequences:
    """Return `targets` as `LabelSequences`; those that are so already are returned unchanged.

    Parameters
    ----------
    targets : LabelSequences, or iterable of array_like (L_i,)
        The labels of each sequence.

    Examples
    --------
    >>> label_sequences([[1, 2], [1]])
    LabelSequences: 2 sequences of 1 to 2 labels
    """
    return targets if isinstance(targets, LabelSequences) else LabelSequences(map(np.asarray, targets))


def _checked(i: int, labels: Array, numbers: dict[str, int] | None, classes: tuple[str, ...] | None) -> Array:
    """Return one validated sequence in int64; `numbers` maps names to labels."""
    if not labels.size and labels.ndim == 1:
        return np.empty(0, np.int64)
    if labels.ndim != 1 or labels.dtype.kind not in "iuUO" or (labels.dtype.kind in "iu" and numbers is not None):
        raise ValueError(
            f"labels of sequence {i} must be of shape (L,), all integers or all names, got {labels.dtype} of "
            f"{labels.shape}"
        )
    if numbers is not None:
        unknown = [name for name in labels if str(name) not in numbers]
        if unknown:
            raise ValueError(f"label {str(unknown[0])!r} of sequence {i} is not among {', '.join(numbers)}")
        return np.array([numbers[str(name)] for name in labels], np.int64)
    top = np.inf if classes is None else len(classes) - 1
    wrong = (labels < 0) | (labels > top)
    if wrong.any():
        taken = "integers of 0 or more" if classes is None else f"from 0 to {top}"
        raise ValueError(f"labels of sequence {i} must be {taken}, got {labels[wrong][0]}")
    return labels.astype(np.int64)
