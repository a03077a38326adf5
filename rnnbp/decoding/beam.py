"""CTC prefix beam search, optionally with an n-gram language model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.decoding.best_path import checked_outputs
from rnnbp.decoding.lattice import log_softmax
from rnnbp.decoding.ngram import NGram
from rnnbp.runtime import number, positive_int, refuses_by_name

Array = np.ndarray
Prefix = tuple[int, ...]


@dataclass(frozen=True)
class Hypothesis:
    """Label sequence found by beam search.

    Attributes
    ----------
    labels : ndarray (L,) of int64
    score : float
        ``log p(labels | outputs) + weight log p(labels | n-gram model) + bonus L``.
    log_probability : float
        The first term, summed over the paths in the beam: a lower bound of that over all paths.
    """

    labels: Array
    score: float
    log_probability: float


@refuses_by_name
def beam_search(
    outputs: ArrayLike,
    width: int = 16,
    blank: int = 0,
    *,
    ngram: NGram | None = None,
    weight: float = 1.0,
    bonus: float = 0.0,
) -> list[Hypothesis]:
    """Search for the most probable label sequences by CTC prefix beam search.

    At each step the `width` best prefixes are extended: a blank or a repetition of its last label leaves a prefix
    unchanged, another label is appended. The probabilities of paths that collapse to the same prefix are summed, which
    greedy decoding does not do. If `width` is at least the number of possible prefixes, the result is exact.

    Parameters
    ----------
    outputs : array_like (T, K)
        Outputs of one sequence, before the softmax.
    width : int, default 16
        Number of prefixes in the beam.
    blank : int, default 0
    ngram : NGram, optional
        Language model with the same K and blank: the probability of each label given those before it, and of the end.
    weight : float, default 1
        Factor of the language model's log-probabilities (alpha), 0 or more.
    bonus : float, default 0
        Added for each label (beta), to offset the language model's preference for short sequences.

    Returns
    -------
    list of Hypothesis
        At most `width`, best first.

    Raises
    ------
    ValueError
        If an argument is out of range, or `ngram` has another K or blank.

    References
    ----------
    A. Graves & N. Jaitly (2014), "Towards end-to-end speech recognition with recurrent neural networks", ICML 31,
    PMLR 32(2), 1764-1772, algorithm 1. A. Y. Hannun, A. L. Maas, D. Jurafsky & A. Y. Ng (2014), "First-pass large
    vocabulary continuous speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873, algorithm 1 (alpha
    and beta).

    Examples
    --------
    The most probable path is two blanks, but the label 1 has the larger sum over paths:

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
    """State of the search: the best P prefixes, and the log-probabilities of the paths that collapse to them.

    Parameters
    ----------
    blank, ngram, weight, bonus
        As in `beam_search`.
    """

    def __init__(self, blank: int, ngram: NGram | None, weight: float, bonus: float) -> None:
        self.blank, self.ngram, self.weight, self.bonus = blank, ngram, weight, bonus
        self.prefixes: list[Prefix] = [()]
        self.in_blank = np.zeros(1)  # log-probability of paths that end in the blank
        self.in_label = np.full(1, -np.inf)  # and of paths that end in the prefix's last label
        self.prior = np.zeros(1)  # language model and bonus

    def step(self, row: Array, width: int) -> None:
        """Update the beam to the best `width` prefixes after a step with log-probabilities `row` (K,)."""
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
        score = np.concatenate([np.logaddexp(stays_blank, stays_label) + self.prior, (grows + prior).ravel()])
        chosen = np.argsort(-score, kind="stable")[:width]
        chosen = chosen[score[chosen] > -np.inf]
        stays, grown = chosen[chosen < P], chosen[chosen >= P] - P
        parents, labels = grown // K, grown % K
        self.prefixes = [self.prefixes[i] for i in stays] + [
            (*self.prefixes[i], k) for i, k in zip(parents.tolist(), labels.tolist(), strict=True)
        ]
        self.in_blank = np.append(stays_blank[stays], np.full(len(grown), -np.inf))
        self.in_label = np.append(stays_label[stays], grows[parents, labels])
        self.prior = np.append(self.prior[stays], prior[parents, labels])

    def _merge(self, stays_label: Array, grows: Array) -> None:
        """Where a prefix extends to another prefix of the beam, add its paths to those of that prefix."""
        places = {prefix: i for i, prefix in enumerate(self.prefixes)}
        for i, prefix in enumerate(self.prefixes):
            parent = places.get(prefix[:-1]) if prefix else None
            if parent is not None:
                stays_label[i] = np.logaddexp(stays_label[i], grows[parent, prefix[-1]])
                grows[parent, prefix[-1]] = -np.inf

    def _priors(self, K: int) -> Array:
        """Return what each appended label adds to the prior of each prefix: (P, K), or (1, K) if it is the same."""
        if self.ngram is None:
            return np.full((1, K), self.bonus)
        return self.weight * np.stack([self.ngram.after(prefix) for prefix in self.prefixes]) + self.bonus

    def hypotheses(self) -> list[Hypothesis]:
        """Return the prefixes as complete label sequences, best first."""
        found = np.logaddexp(self.in_blank, self.in_label)
        ends = [0.0 if self.ngram is None else self.weight * self.ngram.end(prefix) for prefix in self.prefixes]
        unsorted = [
            Hypothesis(np.array(p, np.int64), float(f + q + e), float(f))
            for p, f, q, e in zip(self.prefixes, found, self.prior, ends, strict=True)
        ]
        return sorted(unsorted, key=lambda h: h.score, reverse=True)
