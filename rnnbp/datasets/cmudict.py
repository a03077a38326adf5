"""The CMU pronouncing dictionary: English words with their phonemes, not aligned to the letters."""

import re

from rnnbp.datasets.bundled import bundled
from rnnbp.datasets.registry import located
from rnnbp.datasets.text_lines import text_lines
from rnnbp.runtime import TextSource, flag, refuses_by_name, short_name, unused

Pronunciation = tuple[str, ...]

NAME = "cmudict.dict"

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG"),
    *("P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)
_KNOWN = {*CONSONANTS, *(vowel + stress for vowel in VOWELS for stress in "012")}


@refuses_by_name
def load_cmudict(path: TextSource | None = None, *, whole: bool = False) -> dict[str, tuple[Pronunciation, ...]]:
    """Load the CMU pronouncing dictionary: English words, each with one or several pronunciations.

    Parameters
    ----------
    path : str, Path or file, optional
        The whole dictionary (`cmudict.dict`, or a release like `cmudict-0.7b`; plain or .gz). Default: the 20,088
        everyday words that come with the package.
    whole : bool, default False
        Without `path`: the whole dictionary, some 126,000 words, downloaded to the folder RNNBP_DATA.

    Returns
    -------
    dict of str to tuple of tuple of str
        The pronunciations of each word, in lower case, the usual one first: phonemes of ARPAbet, vowels with their
        stress, 1 primary, 2 secondary, 0 none.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or the data are missing and downloads are forbidden.
    ValueError
        If a line is malformed, in which case the message begins with the file's name and the line; or if `whole` is
        given with `path`.

    References
    ----------
    Carnegie Mellon University (1993-2015), "The CMU pronouncing dictionary", BSD-2-Clause. Which words are everyday
    ones is documented in `data/README.md`.

    Examples
    --------
    >>> words = load_cmudict()
    >>> len(words), words["knob"]
    (20088, (('N', 'AA1', 'B'),))
    >>> [" ".join(p) for p in words["record"]]
    ['R AH0 K AO1 R D', 'R EH1 K ER0 D', 'R IH0 K AO1 R D']
    """
    flag("whole", whole)
    if path is not None:
        unused("whole", whole, False, "with path=, whose dictionary is read whole")
    else:
        path = located("cmudict", None, NAME) / NAME if whole else bundled("cmudict-20k.dict.gz")
    found: dict[str, list[Pronunciation]] = {}
    for place, line in text_lines(path):
        if line.startswith(";;;"):
            continue
        word, *phonemes = line.partition("#")[0].split() or [""]
        if not word:
            continue
        unknown = [p for p in phonemes if p not in _KNOWN]
        if unknown or not phonemes:
            said = f"{unknown[0]!r} is not a phoneme of ARPAbet" if unknown else "there are no phonemes"
            raise ValueError(f"{place}: {word[:40]!r}: {said}")
        found.setdefault(re.sub(r"\(\d+\)$", "", word).lower(), []).append(tuple(phonemes))
    if not found:
        raise ValueError(f"{short_name(path)}: there is no word in it")
    return {word: tuple(ways) for word, ways in found.items()}
