"""NETtalk's output code: 21 articulatory features of a phoneme and 5 units for stress; encoding and decoding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import as_numbers, refuses_by_name

Array = np.ndarray

FEATURES = (
    *("labial", "dental", "alveolar", "palatal", "velar", "glottal"),
    *("stop", "nasal", "fricative", "affricative", "glide", "liquid", "voiced", "tensed"),
    *("high", "medium", "low", "silent", "elide", "pause", "full_stop"),
)
STRESS = "<>012"

# Vowels share the place features of consonants: front 1 and 2, central 1 and 2, back 1 and 2 are the first six.
_TABLE = {
    "a": "low tensed palatal",
    "b": "voiced labial stop",
    "c": "medium velar",
    "d": "voiced alveolar stop",
    "e": "medium tensed dental",
    "f": "labial fricative",
    "g": "voiced velar stop",
    "h": "glottal glide",
    "i": "high tensed labial",
    "k": "velar stop",
    "l": "voiced dental liquid",
    "m": "voiced labial nasal",
    "n": "voiced alveolar nasal",
    "o": "medium tensed glottal",
    "p": "labial stop",
    "r": "voiced palatal liquid",
    "s": "alveolar fricative",
    "t": "alveolar stop",
    "u": "high tensed glottal",
    "v": "voiced labial fricative",
    "w": "voiced labial glide",
    "x": "medium palatal",
    "y": "voiced palatal glide",
    "z": "voiced alveolar fricative",
    "A": "medium tensed dental alveolar",
    "C": "palatal affricative",
    "D": "voiced dental fricative",
    "E": "medium labial dental",
    "G": "voiced velar nasal",
    "I": "high labial",
    "J": "voiced palatal affricative",
    "K": "palatal fricative velar affricative",
    "L": "voiced alveolar liquid",
    "M": "voiced dental nasal",
    "N": "voiced palatal nasal",
    "O": "medium tensed alveolar palatal",
    "Q": "voiced labial velar affricative stop",
    "R": "voiced velar liquid",
    "S": "palatal fricative",
    "T": "dental fricative",
    "U": "high velar",
    "W": "high medium tensed palatal velar",
    "X": "affricative dental alveolar",
    "Y": "high tensed labial dental alveolar",
    "Z": "voiced palatal fricative",
    "@": "low dental",
    "!": "labial dental affricative",
    "#": "voiced palatal velar affricative",
    "*": "voiced glide labial low alveolar",
    ":": "high labial dental",
    "^": "low alveolar",
    "+": "voiced glide labial low tensed palatal",
    "-": "silent elide",
    "_": "pause elide",
    ".": "pause full_stop",
}
PHONEMES = "".join(_TABLE)
_CODES = np.array([[name in names.split() for name in FEATURES] for names in _TABLE.values()], np.float64)


def phoneme_features() -> Array:
    """Return the features of every phoneme, (55, 21): a row for each of `PHONEMES`, a column for each of `FEATURES`.

    The 54 symbols of 1987, and '+' (the French "oi" of "abattoir"), which is in the corpus but not in the paper's
    table: it is coded like '*', as a glide and a vowel together.

    References
    ----------
    T. J. Sejnowski & C. R. Rosenberg (1987), "Parallel networks that learn to pronounce English text", Complex Systems
    1, 145-168, appendix.

    Examples
    --------
    >>> row = phoneme_features()[PHONEMES.index("b")]
    >>> [name for name, there in zip(FEATURES, row) if there]
    ['labial', 'stop', 'voiced']
    """
    return _CODES.copy()


@refuses_by_name
def encode(phonemes: str, stress: str) -> Array:
    """Encode a word as targets of the output units: (T, 26) of 0 and 1, 21 features and 5 of stress.

    Parameters
    ----------
    phonemes, stress : str
        One symbol a letter, as `rnnbp.datasets.load_nettalk` returns them.

    Raises
    ------
    ValueError
        If a symbol is unknown, or the two strings differ in length.

    Examples
    --------
    >>> encode("-nab", ">>1<").sum(axis=1)
    array([3., 4., 4., 4.])
    """
    if len(phonemes) != len(stress):
        raise ValueError(f"phonemes and stress must be of one length, got {len(phonemes)} and {len(stress)}")
    places = _places("phonemes", phonemes, PHONEMES), _places("stress", stress, STRESS)
    return np.hstack([_CODES[places[0]], np.eye(len(STRESS))[places[1]]])


def _places(name: str, symbols: str, known: str) -> list[int]:
    unknown = sorted(set(symbols) - set(known))
    if unknown:
        raise ValueError(f"{name} must be of the symbols {known}, got {unknown[0]!r}")
    return [known.index(symbol) for symbol in symbols]


@refuses_by_name
def best_guess(outputs: ArrayLike, phonemes: Sequence[str] = PHONEMES) -> tuple[str, str]:
    """Decode outputs to the phonemes and stresses whose codes make the smallest angle with them.

    Parameters
    ----------
    outputs : array_like (T, 26)
        Only the direction of each row matters, not its norm.
    phonemes : sequence of str, default PHONEMES
        The candidates.

    Returns
    -------
    phonemes, stress : str
        One symbol a letter.

    Raises
    ------
    ValueError
        If `outputs` has another shape.

    Examples
    --------
    >>> best_guess(0.3 * encode("-nab", ">>1<") + 0.1)
    ('-nab', '>>1<')
    """
    given = as_numbers("outputs", outputs).astype(np.float64)
    wanted = len(FEATURES) + len(STRESS)
    if given.ndim != 2 or given.shape[1] != wanted:
        raise ValueError(f"outputs must have shape (T, {wanted}), got {given.shape}")
    if not len(phonemes):
        raise ValueError("phonemes must hold at least one symbol, got none")
    codes = _CODES[_places("phonemes", "".join(phonemes), PHONEMES)]
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    closest = (given[:, : len(FEATURES)] @ codes.T).argmax(axis=1)
    stresses = given[:, len(FEATURES) :].argmax(axis=1)
    return "".join(phonemes[k] for k in closest), "".join(STRESS[k] for k in stresses)
