"""How probable a label is after others: n-grams counted in label sequences."""

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp._checks import positive_int
from rnnbp.label_sequences import label_sequences

Array = np.ndarray
Context = tuple[int, ...]
START, END = -2, -1


class NGram:
    """The probability of a label, or of the end, after the `order` - 1 labels before it.

    Counts are smoothed by interpolation as Witten & Bell do it: after a context h that was seen c(h) times with t(h)
    different followers, ``p(k | h) = (c(h k) + t(h) p(k | h')) / (c(h) + t(h))``, h' being h without its first label.
    The beginning counts as a label of contexts. Below the empty context lies the uniform distribution over labels and
    the end. So nothing has a probability of 0, and a context with many followers trusts its own counts less.

    Parameters
    ----------
    sequences : LabelSequences, or iterable of array_like (L_i,) of int
        What to count.
    order : int, default 3
        n: 1 looks at no label before, 2 at one.
    size : int, optional
        K, the blank counted in: labels are below it. Default: one above the greatest label that occurs.
    blank : int, default 0
        Is no label, and has a probability of 0.

    Raises
    ------
    ValueError
        If `order` is not a positive integer, or a label is the blank or not below `size`.

    References
    ----------
    I. H. Witten & T. C. Bell (1991), "The zero-frequency problem: estimating the probabilities of novel events in
    adaptive text compression", IEEE Trans. Inf. Theory 37(4), 1085-1094, doi:10.1109/18.87000, method C; in the
    interpolated form of S. F. Chen & J. Goodman (1999), "An empirical study of smoothing techniques for language
    modeling", Computer Speech & Language 13(4), 359-394, section 2.5, doi:10.1006/csla.1999.0128

    Examples
    --------
    >>> model = NGram([[1, 2], [1, 2], [1, 3]], order=2)
    >>> np.exp(model.after([1])).round(3)
    array([0.   , 0.123, 0.492, 0.262])
    >>> bool(np.isclose(np.exp(model.after([1])).sum() + np.exp(model.end([1])), 1))
    True
    """

    def __init__(self, sequences: Any, order: int = 3, *, size: int | None = None, blank: int = 0) -> None:
        counted = label_sequences(sequences)
        self.order, self.blank = positive_int("order", order), blank
        top = max((int(one.max(initial=0)) for one in counted), default=0)
        self.size = top + 1 if size is None else positive_int("size", size)
        for i, one in enumerate(counted):
            wrong = (one >= self.size) | (one == blank)
            if wrong.any():
                raise ValueError(
                    f"label {one[wrong][0]} of sequence {i} must be below size = {self.size} and not the blank, {blank}"
                )
        self._followers: dict[Context, Counter[int]] = {}
        for one in counted:
            self._count([START, *one.tolist(), END])
        self._known: dict[Context, Array] = {}

    def _count(self, labels: list[int]) -> None:
        for i in range(1, len(labels)):
            for length in range(min(i, self.order - 1) + 1):
                self._followers.setdefault(tuple(labels[i - length : i]), Counter())[labels[i]] += 1

    def after(self, context: ArrayLike) -> Array:
        """The log-probability of each label after these, (K,); -inf for the blank.

        Parameters
        ----------
        context : array_like of int
            All labels before; as many as count are looked at.
        """
        return self._logs(context)[:-1]

    def end(self, context: ArrayLike) -> float:
        """The log-probability that nothing comes after these labels."""
        return float(self._logs(context)[-1])

    def _logs(self, context: ArrayLike) -> Array:
        labels = [START, *np.asarray(context, np.int64).tolist()]
        key: Context = tuple(labels[max(0, len(labels) - self.order + 1) :])
        if key not in self._known:
            with np.errstate(divide="ignore"):
                self._known[key] = np.log(self._probabilities(key))
        return self._known[key]

    def _probabilities(self, context: Context) -> Array:
        """Of each label and, last, of the end: (K + 1,)."""
        below = self._probabilities(context[1:]) if context else self._uniform
        followers = self._followers.get(context)
        if followers is None:
            return below
        counts = np.zeros(self.size + 1)
        counts[list(followers)] = list(followers.values())  # END = -1 is the last place
        return (counts + len(followers) * below) / (counts.sum() + len(followers))

    @cached_property
    def _uniform(self) -> Array:
        p = np.full(self.size + 1, 1 / self.size)
        p[self.blank] = 0
        return p

    def perplexity(self, sequences: Any) -> float:
        """The geometric mean of one over the probability of each label and end.

        Parameters
        ----------
        sequences : LabelSequences, or iterable of array_like (L_i,) of int

        Examples
        --------
        >>> NGram([[1, 1, 1]] * 100, order=4).perplexity([[1, 1, 1]]) < 1.05
        True
        """
        total, count = 0.0, 0
        for one in label_sequences(sequences):
            total += sum(self.after(one[:i])[label] for i, label in enumerate(one)) + self.end(one)
            count += len(one) + 1
        return float(np.exp(-total / count))

    def __repr__(self) -> str:
        contexts = len(self._followers)
        return f"{type(self).__name__}(order={self.order}, size={self.size}; {contexts} contexts)"
