"""Encoding of words as network inputs: letters one-hot, as in 1987."""

from collections.abc import Sequence

import numpy as np

from rnnbp.runtime import generator, number, of_type, refuses_by_name

Array = np.ndarray

LETTERS = "abcdefghijklmnopqrstuvwxyz'-."
"""The 29 characters of a word: 26 letters and three others, as many as in 1987, where those stood between words."""


@refuses_by_name
def tokens(word: str) -> Array:
    """Encode a word's letters as indices into `LETTERS`, (T,).

    Parameters
    ----------
    word : str
        Characters of `LETTERS`.

    Raises
    ------
    ValueError
        If it is empty or has another character.

    Examples
    --------
    >>> tokens("knob")
    array([10, 13, 14,  1])
    """
    numbers = np.array([LETTERS.find(letter) for letter in word], np.int64)
    if not len(word) or numbers.min() < 0:
        raise ValueError(f"a word must be of the letters {LETTERS}, got {word!r}")
    return numbers


@refuses_by_name
def one_hot(word: str) -> Array:
    """Encode a word's letters as one-hot vectors, (T, 29) float32.

    Parameters
    ----------
    word : str

    Raises
    ------
    ValueError
        As `tokens`.

    Examples
    --------
    >>> one_hot("knob").shape, one_hot("knob").sum()
    ((4, 29), np.float32(4.0))
    """
    return np.eye(len(LETTERS), dtype=np.float32)[tokens(word)]


@refuses_by_name
def split_words(words: Sequence[str], fraction: float, rng: np.random.Generator) -> Array:
    """Draw a mask (N,) of held-out words: about `fraction` of them, homographs together.

    Parameters
    ----------
    words : sequence of str
    fraction : float
        Between 0 and 1.
    rng : numpy.random.Generator

    Examples
    --------
    >>> split_words(["read", "knob", "read", "the"], 0.5, np.random.default_rng(1))
    array([ True,  True,  True, False])
    """
    of_type("words", words, Sequence[str])
    fraction, rng = number("fraction", fraction, 0, 1), generator("rng", rng)
    different = sorted(set(words))
    held_out = {different[i] for i in rng.permutation(len(different))[: round(fraction * len(different))]}
    return np.array([word in held_out for word in words])
