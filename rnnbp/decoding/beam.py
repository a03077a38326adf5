"""Prefix beam search: the most probable labels, all paths that say them added up, with or without n-grams."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnbp._checks import number, positive_int
from rnnbp.decoding.greedy import checked_outputs
from rnnbp.decoding.lattice import log_softmax
from rnnbp.decoding.ngram import NGram

Array = np.ndarray
Prefix = tuple[int, ...]


@dataclass(frozen=True)
class Hypothesis:
    """Labels that a beam found.

    Attributes
    ----------
    labels : ndarray (L,) of int64
    score : float
        ``log p(labels | outputs) + weight log p(labels by n-grams) + bonus L``.
    log_probability : float
        The first term: that of the paths the beam has seen, at most that of all.
    """

    labels: Array
    score: float
    log_probability: float


def beam_search(
    outputs: ArrayLike,
    width: int = 16,
    blank: int = 0,
    *,
    ngram: NGram | None = None,
    weight: float = 1.0,
    bonus: float = 0.0,
) -> list[Hypothesis]:
    """The most probable label sequences, best first.

    From step to step the `width` best prefixes go on: each stays as it is, by the blank or by its last label once more,
    or gets a label more. Paths that say the same prefix are added up, which greedy decoding does not do. With a width
    of at least the number of prefixes there are the result is exact.

    Parameters
    ----------
    outputs : array_like (T, K)
        Of one sequence, before the softmax.
    width : int, default 16
    blank : int, default 0
    ngram : NGram, optional
        Of the same K and blank. Each label's probability after those before it, and at last that of the end, come in.
    weight : float, default 1
        0 or more: what the n-grams' log-probabilities are multiplied by: alpha.
    bonus : float, default 0
        Added for each label, against n-grams' liking for few of them: beta.

    Returns
    -------
    list of Hypothesis
        At most `width`.

    Raises
    ------
    ValueError
        If shapes or sizes do not fit.

    References
    ----------
    A. Graves & N. Jaitly (2014), "Towards end-to-end speech recognition with recurrent neural networks", ICML 31,
    PMLR 32(2), 1764-1772, algorithm 1. A. Y. Hannun, A. L. Maas, D. Jurafsky & A. Y. Ng (2014), "First-pass large
    vocabulary continuous speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873, algorithm 1 (alpha
    and beta).

    Examples
    --------
    The best path is two blanks, but more paths say 1:

    >>> outputs = np.log([[0.6, 0.4], [0.6, 0.4]])
    >>> best, second = beam_search(outputs)
    >>> best.labels, round(float(np.exp(best.log_probability)), 4), second.labels
    (array([1]), 0.64, array([], dtype=int64))
    """
    y = log_softmax(checked_outputs(outputs, blank))
    positive_int("width", width)
    number("weight", weight, 0)
    number("bonus", bonus)
    if ngram is not None and (ngram.size, ngram.blank) != (y.shape[1], blank):
        raise ValueError(
            f"ngram must be made with size = {y.shape[1]} and blank = {blank}, got {ngram.size} and {ngram.blank}"
        )
    beam = _Beam(blank, ngram if weight else None, weight, bonus)
    for row in y:
        beam.step(row, width)
    return beam.hypotheses()


class _Beam:
    """The best P prefixes, and the log-probabilities of the paths that say them.

    Parameters
    ----------
    blank, ngram, weight, bonus
        As `beam_search` takes them.
    """

    def __init__(self, blank: int, ngram: NGram | None, weight: float, bonus: float) -> None:
        self.blank, self.ngram, self.weight, self.bonus = blank, ngram, weight, bonus
        self.prefixes: list[Prefix] = [()]
        self.in_blank = np.zeros(1)  # of paths that end in the blank
        self.in_label = np.full(1, -np.inf)  # of those that end in the prefix's last label
        self.prior = np.zeros(1)  # what n-grams and bonus say

    def step(self, row: Array, width: int) -> None:
        """The best `width` prefixes after a step with the log-probabilities `row` (K,)."""
        P, K = len(self.prefixes), len(row)
        total = np.logaddexp(self.in_blank, self.in_label)
        last = np.array([prefix[-1] if prefix else self.blank for prefix in self.prefixes])
        stays_blank = total + row[self.blank]
        stays_label = np.where(last != self.blank, self.in_label + row[last], -np.inf)
        grows = total[:, None] + row  # (P, K)
        grows[np.arange(P), last] = self.in_blank + row[last]  # the same label again needs a blank between
        grows[:, self.blank] = -np.inf
        self._merge(stays_label, grows)
        prior = self.prior[:, None] + self._priors(K)
        worth = np.concatenate([np.logaddexp(stays_blank, stays_label) + self.prior, (grows + prior).ravel()])
        chosen = np.argsort(-worth, kind="stable")[:width]
        chosen = chosen[worth[chosen] > -np.inf]
        stays, grown = chosen[chosen < P], chosen[chosen >= P] - P
        parents, labels = grown // K, grown % K
        self.prefixes = [self.prefixes[i] for i in stays] + [
            (*self.prefixes[i], k) for i, k in zip(parents.tolist(), labels.tolist(), strict=True)
        ]
        self.in_blank = np.append(stays_blank[stays], np.full(len(grown), -np.inf))
        self.in_label = np.append(stays_label[stays], grows[parents, labels])
        self.prior = np.append(self.prior[stays], prior[parents, labels])

    def _merge(self, stays_label: Array, grows: Array) -> None:
        """Where a prefix grows into another one of the beam, its paths are that one's."""
        places = {prefix: i for i, prefix in enumerate(self.prefixes)}
        for i, prefix in enumerate(self.prefixes):
            parent = places.get(prefix[:-1]) if prefix else None
            if parent is not None:
                stays_label[i] = np.logaddexp(stays_label[i], grows[parent, prefix[-1]])
                grows[parent, prefix[-1]] = -np.inf

    def _priors(self, K: int) -> Array:
        """What a label more adds to each prefix's prior: (P, K)."""
        if self.ngram is None:
            return np.full((1, K), self.bonus)
        return self.weight * np.stack([self.ngram.after(prefix) for prefix in self.prefixes]) + self.bonus

    def hypotheses(self) -> list[Hypothesis]:
        """The prefixes as whole label sequences, best first."""
        found = np.logaddexp(self.in_blank, self.in_label)
        ends = [0.0 if self.ngram is None else self.weight * self.ngram.end(prefix) for prefix in self.prefixes]
        said = [
            Hypothesis(np.array(p, np.int64), float(f + q + e), float(f))
            for p, f, q, e in zip(self.prefixes, found, self.prior, ends, strict=True)
        ]
        return sorted(said, key=lambda h: h.score, reverse=True)
