"""NETtalk's corpus: English words with their phonemes and stress, letter by letter."""

import os
import re
from pathlib import Path

import pandas as pd

from rnnbp.datasets.registry import located
from rnnbp.datasets.text_lines import text_lines
from rnnbp.runtime import TextSource, short_name

PHONEMES = "-abcdefghiklmnoprstuvwxyzACDEGIJKLMNOQRSTUWXYZ@!#*^:+"
STRESS = "<>012"
GROUPS = ("regular", "irregular", "foreign")


def load_nettalk(path: TextSource | None = None) -> pd.DataFrame:
    """Load NETtalk's corpus: English words with the phoneme and the stress of each letter.

    The corpus may be used for research only, so it does not come with the package.

    Parameters
    ----------
    path : str, Path or file, optional
        The folder with `nettalk.data` and, optionally, the list of the 1,000 common words, `nettalk.list`; or the file
        `nettalk.data` itself, with the list beside it; or that file open, without the list. Default: downloaded from
        UCI to the folder RNNBP_DATA.

    Returns
    -------
    DataFrame
        One row a word, in the file's order: some 20,000 in the whole corpus, a hundred of them homographs.

        - `word`: lower case letters.
        - `phonemes`: a symbol a letter; '-' where the letter is silent.
        - `stress`: a symbol a letter; '1', '2' and '0' at a syllable's vowel for primary, secondary and no stress; '>'
          and '<' at other letters, pointing to that vowel.
        - `group`: 'regular', 'irregular' or 'foreign'.
        - `common`: whether it is one of the 1,000 most common words, on which the first experiments were made;
          False for all words if there is no list.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or the data are missing and downloads are forbidden.
    ValueError
        If a line is malformed; the message begins with the file's name and the line.

    References
    ----------
    T. J. Sejnowski & C. R. Rosenberg (1987), "Parallel networks that learn to pronounce English text", Complex Systems
    1, 145-168. Data: UCI, "Connectionist Bench (Nettalk Corpus)", doi:10.24432/C5X30Q; its header permits
    non-commercial research.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "nettalk.data").write_text("knob\\t-nab\\t>>1<\\t0\\n")
    >>> load_nettalk(folder)
       word phonemes stress    group  common
    0  knob     -nab   >>1<  regular   False
    """
    if path is None or (isinstance(path, str | os.PathLike) and Path(path).is_dir()):
        path = located("nettalk", None if path is None else Path(path), "nettalk.data") / "nettalk.data"
    common = _common_words(Path(path).with_name("nettalk.list")) if isinstance(path, str | os.PathLike) else set()
    rows = []
    for place, line in text_lines(path):
        fields = line.split("\t")
        if len(fields) == 4:
            rows.append(_row(place, *fields))
        elif rows and line.strip():  # text before the first word is the header
            raise ValueError(f"{place}: a word has 4 fields between tabs, the line has {len(fields)}")
    if not rows:
        raise ValueError(f"{short_name(path)}: there is no word in it: a line of 4 fields between tabs")
    table = pd.DataFrame(rows, columns=["word", "phonemes", "stress", "group"])
    return table.assign(common=table["word"].isin(common))


def _row(place: str, word: str, phonemes: str, stress: str, group: str) -> tuple[str, str, str, str]:
    if not re.fullmatch("[a-z]+", word):
        raise ValueError(f"{place}: a word must be lower case letters, got {word[:40]!r}")
    for name, symbols, known in (("phonemes", phonemes, PHONEMES), ("stress", stress, STRESS)):
        if len(symbols) != len(word):
            raise ValueError(f"{place}: {word!r} has {len(word)} letters, but {len(symbols)} symbols of {name}")
        unknown = sorted(set(symbols) - set(known))
        if unknown:
            raise ValueError(f"{place}: {unknown[0]!r} is not a symbol of {name}; they are {known}")
    if group.strip() not in ("0", "1", "2"):
        raise ValueError(f"{place}: the last field must be 0, 1 or 2, got {group[:40]!r}")
    return word, phonemes, stress, GROUPS[int(group)]


def _common_words(path: Path) -> set[str]:
    """Read the words of the list, which are in capitals in a Lisp list."""
    if not path.is_file():
        return set()
    return {word.lower() for _, line in text_lines(path) for word in re.findall(r"\b[A-Z]+\b", line)}
