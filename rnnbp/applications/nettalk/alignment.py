"""Alignment of letters with phonemes, learned from whole words by expectation-maximisation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.runtime import positive_int, refuses_by_name

Array = np.ndarray
Chunk = tuple[str, ...]

LONGEST = 2  # phonemes of a letter: the x of "fox", the u of "use"


@refuses_by_name
def align(
    words: Sequence[str], pronunciations: Sequence[Sequence[str]], iterations: int = 10
) -> list[tuple[Chunk, ...] | None]:
    """Align the letters of each word with its phonemes: none, one or two a letter, in order, most probable first.

    A letter l emits the phonemes q with probability P(q | l), which is initialised uniformly over all possible q and
    then re-estimated: each alignment of a word is weighted by its probability under the last estimate (forward and
    backward recursions over letters and phonemes, as in Baum-Welch over time), and
    ``P(q | l) = count(l, q) / count(l)``. Finally the most probable alignment of each word is found (Viterbi).

    Stress is ignored during alignment, so that the statistics of all stresses of a vowel are pooled.

    Parameters
    ----------
    words : sequence of str
    pronunciations : sequence of sequences of str
        The phonemes of each word; a digit at the end of a phoneme is its stress.
    iterations : int, default 10

    Returns
    -------
    list of tuple of tuple of str
        For each word, a tuple of phonemes for each letter; None for a word that cannot be aligned, because it has more
        than two phonemes a letter.

    Raises
    ------
    ValueError
        If there are not as many words as pronunciations, or none that can be aligned.

    References
    ----------
    R. I. Damper, Y. Marchand, J.-D. S. Marsters & A. I. Bazin (2005), "Aligning text and phonemes for speech technology
    applications using an EM-like algorithm", Int. J. Speech Technology 8, 149-162, doi:10.1007/s10772-005-5843-y;
    S. Jiampojamarn, G. Kondrak & T. Sherif (2007), "Applying many-to-many alignments and hidden Markov models to
    letter-to-phoneme conversion", NAACL-HLT, 372-379.

    Examples
    --------
    >>> from rnnbp.datasets import load_cmudict
    >>> short = {word: ways[0] for word, ways in load_cmudict().items() if len(word) < 6}
    >>> found = dict(zip(short, align(list(short), list(short.values()))))
    >>> found["fox"], found["write"]
    ((('F',), ('AA1',), ('K', 'S')), ((), ('R',), ('AY1',), ('T',), ()))
    """
    positive_int("iterations", iterations)
    if len(words) != len(pronunciations):
        raise ValueError(f"pronunciations must be one a word, {len(words)}, got {len(pronunciations)}")
    possible = [i for i, w in enumerate(words) if 0 < len(pronunciations[i]) <= LONGEST * len(w)]
    if not possible:
        raise ValueError(f"words must be some that have at most {LONGEST} phonemes a letter, got none")
    groups = list(_grouped(words, pronunciations, possible))
    table = np.ones(_sizes(groups))
    for _ in range(iterations):
        counts = np.zeros_like(table)
        for group in groups:
            group.count(table, counts)
        table = counts / np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    found: list[tuple[Chunk, ...] | None] = [None] * len(words)
    for group in groups:
        for place, ends in zip(group.places, group.best(table), strict=True):
            phonemes = tuple(pronunciations[place])
            found[place] = tuple(phonemes[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))
    return found


@dataclass
class _Group:
    """N words with T letters and P phonemes each; a chunk is the phonemes from ``p`` to before ``p + size``.

    Attributes
    ----------
    places : list of int
        Indices of the words in the caller's sequence.
    letters : ndarray (N, T) of int
    chunks : list of ndarray (N, P + 1 - size) of int
        For each size, the index of the chunk that begins at each phoneme.
    """

    places: list[int]
    letters: Array
    chunks: list[Array] = field(default_factory=list)

    def ways(self, table: Array) -> list[list[Array]]:
        """Return the chunks' probabilities (N, P + 1 - size) for each letter and size."""
        return [[table[self.letters[:, t, None], c] for c in self.chunks] for t in range(self.letters.shape[1])]

    def count(self, table: Array, counts: Array) -> None:
        """Add to `counts` how often each letter is expected to emit each chunk."""
        ways = self.ways(table)
        N, P = len(self.letters), self.chunks[0].shape[1] - 1
        forward = [np.zeros((N, P + 1))]
        forward[0][:, 0] = 1
        for way in ways:
            forward.append(sum(_moved(forward[-1][:, : P + 1 - k] * w, k) for k, w in enumerate(way)))  # type: ignore[arg-type]
        total = forward[-1][:, -1:]
        backward = np.zeros((N, P + 1))
        backward[:, -1:] = 1 / total
        for t in reversed(range(len(ways))):
            before = np.zeros((N, P + 1))
            for k, (w, chunk) in enumerate(zip(ways[t], self.chunks, strict=True)):
                through = w * backward[:, k:]
                before[:, : P + 1 - k] += through
                np.add.at(counts, (self.letters[:, t, None], chunk), forward[t][:, : P + 1 - k] * through)
            backward = before

    def best(self, table: Array) -> Array:
        """Return where each letter's phonemes end in the most probable alignment, (N, T)."""
        with np.errstate(divide="ignore"):
            ways = self.ways(np.log(table))
        N, P = len(self.letters), self.chunks[0].shape[1] - 1
        score = np.full((N, P + 1), -np.inf)
        score[:, 0] = 0
        sizes = []
        for way in ways:
            options = np.stack([_moved(score[:, : P + 1 - k] + w, k, -np.inf) for k, w in enumerate(way)])
            sizes.append(options.argmax(axis=0))
            score = options.max(axis=0)
        ends = np.empty((N, len(ways)), np.int64)
        at = np.full(N, P)
        for t in reversed(range(len(ways))):
            ends[:, t] = at
            at = at - sizes[t][np.arange(N), at]
        return ends


def _moved(array: Array, k: int, fill: float = 0.0) -> Array:
    """Return an array (N, P) with `k` columns of `fill` put before it."""
    return np.pad(array, ((0, 0), (k, 0)), constant_values=fill) if k else array


def _grouped(
    words: Sequence[str], pronunciations: Sequence[Sequence[str]], possible: Sequence[int]
) -> Iterator[_Group]:
    letter_numbers: dict[str, int] = {}
    chunk_numbers: dict[Chunk, int] = {(): 0}
    together: dict[tuple[int, int], list[int]] = {}
    for i in possible:
        together.setdefault((len(words[i]), len(pronunciations[i])), []).append(i)
    for places in together.values():
        letters = [_numbers(words[i], letter_numbers) for i in places]
        plain = [[p.rstrip("0123456789") for p in pronunciations[i]] for i in places]
        chunks = [
            np.array([_numbers(_chunks(phonemes, size), chunk_numbers) for phonemes in plain])
            for size in range(min(LONGEST, len(plain[0])) + 1)
        ]
        yield _Group(places, np.array(letters), chunks)


def _chunks(phonemes: Sequence[str], size: int) -> list[Chunk]:
    return [tuple(phonemes[p : p + size]) for p in range(len(phonemes) + 1 - size)]


def _numbers(things: Iterable, numbers: dict) -> list[int]:
    """Return the index of each item, adding unseen items to `numbers`."""
    return [numbers.setdefault(thing, len(numbers)) for thing in things]


def _sizes(groups: Sequence[_Group]) -> tuple[int, int]:
    """Return the numbers of distinct letters and chunks."""
    return 1 + max(g.letters.max() for g in groups), 1 + max(c.max() for g in groups for c in g.chunks)
