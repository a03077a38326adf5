"""Prefix beam search: the most probable labels, all paths that say them added up, with or without n-grams."""

import math
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


@dataclass
class _Paths:
    """What the paths that say a prefix add up to: those that end in the blank, and those that end in its last label."""

    in_blank: float = -math.inf
    in_label: float = -math.inf

    @property
    def total(self) -> float:
        return _add(self.in_blank, self.in_label)


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
    search = _Search(blank, ngram if weight else None, weight, bonus)
    beam: dict[Prefix, _Paths] = {(): _Paths(in_blank=0.0)}
    for row in y:
        grown = search.step(beam, row, width)
        worth = {prefix: paths.total + search.prior(prefix) for prefix, paths in grown.items()}
        ranked = sorted((prefix for prefix in worth if worth[prefix] > -math.inf), key=worth.__getitem__, reverse=True)
        beam = {prefix: grown[prefix] for prefix in ranked[:width]}
    found = [search.hypothesis(prefix, paths.total) for prefix, paths in beam.items()]
    return sorted(found, key=lambda h: h.score, reverse=True)


class _Search:
    """How prefixes grow, and what they are worth before anything is heard."""

    def __init__(self, blank: int, ngram: NGram | None, weight: float, bonus: float) -> None:
        self.blank, self.ngram, self.weight, self.bonus = blank, ngram, weight, bonus
        self._priors: dict[Prefix, float] = {(): 0.0}

    def prior(self, prefix: Prefix) -> float:
        """What the n-grams and the bonus say of a prefix, whose beginning was asked for before."""
        if prefix not in self._priors:
            said = 0.0 if self.ngram is None else self.weight * float(self.ngram.after(prefix[:-1])[prefix[-1]])
            self._priors[prefix] = self.prior(prefix[:-1]) + said + self.bonus
        return self._priors[prefix]

    def step(self, beam: dict[Prefix, _Paths], row: Array, width: int) -> dict[Prefix, _Paths]:
        """All prefixes that may be among the best `width` after a step with these log-probabilities (K,)."""
        grown: dict[Prefix, _Paths] = {}
        plain: list[float] = row.tolist()
        children: dict[Prefix, list[int]] = {}
        for prefix in beam:
            if prefix:
                children.setdefault(prefix[:-1], []).append(prefix[-1])
        for prefix, paths in beam.items():
            total = paths.total
            stays = grown.setdefault(prefix, _Paths())
            stays.in_blank = _add(stays.in_blank, total + plain[self.blank])
            last = prefix[-1] if prefix else None
            if last is not None:
                stays.in_label = _add(stays.in_label, paths.in_label + plain[last])
            for k in {*self._likely(prefix, row, width), *children.get(prefix, ())}:
                longer = grown.setdefault((*prefix, k), _Paths())
                before = paths.in_blank if k == last else total
                longer.in_label = _add(longer.in_label, before + plain[k])
        return grown

    def _likely(self, prefix: Prefix, row: Array, width: int) -> list[int]:
        """The labels that a prefix may go on with and be among the best `width`, if no other path says the same."""
        value = row if self.ngram is None else row + self.weight * self.ngram.after(prefix)
        count = min(len(row), width + 2)  # the blank is no label, and the last one once more counts for less
        best = np.argpartition(-value, count - 1)[:count].tolist()
        return [k for k in best if k != self.blank and row[k] > -math.inf]

    def hypothesis(self, prefix: Prefix, log_probability: float) -> Hypothesis:
        ends = 0.0 if self.ngram is None else self.weight * self.ngram.end(prefix)
        return Hypothesis(np.array(prefix, np.int64), log_probability + self.prior(prefix) + ends, log_probability)


def _add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))
