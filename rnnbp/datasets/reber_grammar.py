"""Reber grammar and embedded Reber grammar: prediction of the possible next symbols."""

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.runtime import positive_int, seed_or_generator

Array = np.ndarray
Seed = int | np.random.Generator
SYMBOLS = "BTSXPVE"
# state -> (symbol, next state); the walk begins in state 0 after B and ends with E.
GRAMMAR = {
    0: (("T", 1), ("P", 2)),
    1: (("S", 1), ("X", 3)),
    2: (("T", 2), ("V", 4)),
    3: (("X", 2), ("S", 5)),
    4: (("P", 3), ("V", 5)),
    5: (("E", None),),
}


def _word(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Generate a word and, for each of its symbols, the symbols that may follow."""
    word, legal, state = "B", [], 0
    while True:
        arcs = GRAMMAR[state]
        legal.append("".join(symbol for symbol, _ in arcs))
        symbol, following = arcs[rng.integers(len(arcs))]
        word += symbol
        if following is None:
            return word, legal
        state = following


def _embedded(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Generate a word of the embedded grammar: B, T or P, a Reber word, the same T or P, E."""
    outer = "TP"[rng.integers(2)]
    word, legal = _word(rng)
    return f"B{outer}{word}{outer}E", ["TP", "B", *legal, outer, "E"]


def _dataset(strings: list[tuple[str, list[str]]]) -> SequenceDataset:
    def hot(symbols: str) -> Array:
        return np.array([symbol in symbols for symbol in SYMBOLS], float)

    inputs = [np.stack([hot(symbol) for symbol in word[:-1]]) for word, _ in strings]
    targets = [np.stack([hot(symbols) for symbols in legal]) for _, legal in strings]
    return SequenceDataset(inputs, targets, ids=[word for word, _ in strings])


def reber(sequences: int, seed: Seed = 0) -> SequenceDataset:
    """Generate words of the Reber grammar; targets are the symbols that may come next.

    Parameters
    ----------
    sequences : int
        Number of sequences N.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T_i, 7) a sequence, one-hot in the order B T S X P V E; targets (T_i, 7) a sequence, 1 for each symbol that may
        follow (for `rnnbp.BinaryCrossEntropy`). `ids` are the words.

    References
    ----------
    A. S. Reber (1967), "Implicit learning of artificial grammars", J. Verbal Learning and Verbal Behavior 6, 855-863,
    doi:10.1016/S0022-5371(67)80149-X; A. Cleeremans, D. Servan-Schreiber & J. McClelland (1989), "Finite state automata
    and simple recurrent networks", Neural Computation 1, 372-381

    Examples
    --------
    >>> data = reber(2)
    >>> data.ids[0][0], data.ids[0][-1], len(data.ids[0]) == data.lengths[0] + 1
    ('B', 'E', np.True_)
    """
    rng = seed_or_generator("seed", seed)
    return _dataset([_word(rng) for _ in range(positive_int("sequences", sequences))])


def embedded_reber(sequences: int, seed: Seed = 0) -> SequenceDataset:
    """Generate words of the embedded Reber grammar, where the second symbol must be remembered as the last but one.

    Parameters
    ----------
    sequences : int
        Number of sequences N.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        See `reber`.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997), "Long short-term memory", section 5.1; S. Fahlman (1991)

    Examples
    --------
    >>> word = embedded_reber(1).ids[0]
    >>> word[1] == word[-2]
    True
    """
    rng = seed_or_generator("seed", seed)
    return _dataset([_embedded(rng) for _ in range(positive_int("sequences", sequences))])
