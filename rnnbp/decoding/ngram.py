"""N-gram language model of label sequences, with Witten-Bell smoothing."""

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data import label_sequences
from rnnbp.runtime import natural_int, positive_int, refuses_by_name

Array = np.ndarray
Context = tuple[int, ...]
START, END = -2, -1


@refuses_by_name
class NGram:
    """N-gram language model: the probability of a label, or of the end, given the `order` - 1 labels before it.

    Interpolated Witten-Bell smoothing: for a context h that occurs c(h) times with t(h) distinct successors,
    ``p(k | h) = (c(h k) + t(h) p(k | h')) / (c(h) + t(h))``, where h' is h without its first label. Contexts include a
    symbol for the start of a sequence. The empty context is interpolated with the uniform distribution over labels and
    the end. So no label but the blank has probability 0, and a context with many successors gives its own counts less
    weight.

    Parameters
    ----------
    sequences : LabelSequences, or iterable of array_like (L_i,) of int
        The training data.
    order : int, default 3
        n: 1 for unigrams, 2 for bigrams.
    size : int, optional
        K, the number of labels including the blank. Default: one above the greatest label that occurs.
    blank : int, default 0
        The blank, which is not a label and has probability 0.

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
        self.order, self.blank = positive_int("order", order), natural_int("blank", blank)
        top = max((int(one.max(initial=0)) for one in counted), default=0)
        self.size = top + 1 if size is None else positive_int("size", size)
        for i, one in enumerate(counted):
            wrong = (one >= self.size) | (one == blank)
            if wrong.any():
                raise ValueError(
                    f"label {one[wrong][0]} of sequence {i} must be below size = {self.size} and not the blank, {blank}"
                )
        self._successors: dict[Context, Counter[int]] = {}
        for one in counted:
            self._count([START, *one.tolist(), END])
        self._cache: dict[Context, Array] = {}

    def _count(self, labels: list[int]) -> None:
        for i in range(1, len(labels)):
            for length in range(min(i, self.order - 1) + 1):
                self._successors.setdefault(tuple(labels[i - length : i]), Counter())[labels[i]] += 1

    @refuses_by_name
    def after(self, context: ArrayLike) -> Array:
        """Return the log-probability of each label after a context, (K,); -inf for the blank.

        Parameters
        ----------
        context : array_like of int
            All labels before it; the model uses the last `order` - 1.
        """
        return self._log_probabilities(context)[:-1]

    @refuses_by_name
    def end(self, context: ArrayLike) -> float:
        """Return the log-probability that the sequence ends after a context."""
        return float(self._log_probabilities(context)[-1])

    def _log_probabilities(self, context: ArrayLike) -> Array:
        labels = [START, *np.asarray(context, np.int64).tolist()]
        key: Context = tuple(labels[max(0, len(labels) - self.order + 1) :])
        if key not in self._cache:
            with np.errstate(divide="ignore"):
                self._cache[key] = np.log(self._probabilities(key))
        return self._cache[key]

    def _probabilities(self, context: Context) -> Array:
        """Return the probability of each label and, last, of the end: (K + 1,)."""
        shorter = self._probabilities(context[1:]) if context else self._uniform
        successors = self._successors.get(context)
        if successors is None:
            return shorter
        counts = np.zeros(self.size + 1)
        counts[list(successors)] = list(successors.values())  # END = -1 is the last entry
        return (counts + len(successors) * shorter) / (counts.sum() + len(successors))

    @cached_property
    def _uniform(self) -> Array:
        p = np.full(self.size + 1, 1 / self.size)
        p[self.blank] = 0
        return p

    @refuses_by_name
    def perplexity(self, sequences: Any) -> float:
        """Return the perplexity: the geometric mean of the inverse probability of each label and end.

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
        contexts = len(self._successors)
        return f"{type(self).__name__}(order={self.order}, size={self.size}; {contexts} contexts)"
