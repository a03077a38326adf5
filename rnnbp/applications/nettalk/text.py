"""Text normalisation: text to spoken words and the pauses between them."""

import re
import unicodedata
from collections.abc import Callable

from rnnbp.applications.nettalk.numbers import MOST_DIGITS, digit_words, number_words, ordinal_words, year_words

SHORT, LONG = ",", "."
"""Pauses within a sentence and at its end."""

_SIGNS = {"&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "#": "number"}
_UNITS = {"$": "dollar", "£": "pound", "€": "euro"}
_SHORT_FORMS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "vs": "versus", "etc": "et cetera", "st": "saint"}
_WHOLE = "(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_TOKEN = re.compile(
    rf"(?P<money>[$£€]{_WHOLE}(?:\.[0-9][0-9])?(?![0-9]))"
    r"|(?P<ordinal>[0-9]{1,15}(?:st|nd|rd|th)\b)"
    rf"|(?P<number>{_WHOLE}(?:\.[0-9]+)?)"
    r"|(?P<short>\b(?:mr|mrs|dr|vs|etc|st)\.)"
    r"|(?P<word>[a-z]+(?:['.-][a-z]+)*'?)"
    r"|(?P<sign>[&+=@%#])"
    r"|(?P<long>[.!?…]+)"
    r"|(?P<pause>[,;:()\[\]—–]|\s-+\s)"
)


def spoken_text(text: str) -> list[str]:
    """Convert text to spoken words, in lower case, with "," for a short pause and "." for a long one.

    Numbers, years, sums of money, ordinals and a few signs and abbreviations are written out; accents are removed;
    hyphenated words are split. Characters without a sound are left out.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> " ".join(spoken_text("In 1987, NETtalk read 20,012 words & learned!"))
    'in nineteen eighty seven , nettalk read twenty thousand twelve words and learned .'
    >>> spoken_text("It's the 3rd café, $2.50")
    ["it's", 'the', 'third', 'cafe', ',', 'two', 'dollars', 'fifty']
    """
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").replace("‘", "'")).lower()
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    words: list[str] = []
    for token in _TOKEN.finditer(plain):
        words += _WORDS[str(token.lastgroup)](token[0])
    return _merge_pauses(words)


def _merge_pauses(words: list[str]) -> list[str]:
    """Merge adjacent pauses into the longer one, and remove those before the first word."""
    merged: list[str] = []
    for token in words:
        if token in (SHORT, LONG) and (not merged or merged[-1] in (SHORT, LONG)):
            if merged and token == LONG:
                merged[-1] = LONG
        else:
            merged.append(token)
    return merged


def _word(text: str) -> list[str]:
    if re.fullmatch(r"[a-z](?:\.[a-z])+", text):  # an abbreviation's letters: U.S.A
        return text.split(".")
    return [part for part in re.split(r"[-.]", text.rstrip("'")) if part]


def _number(text: str) -> list[str]:
    whole, _, fraction = text.replace(",", "").partition(".")
    if fraction:
        return [*_whole(whole), "point", *digit_words(fraction)]
    if text == whole and len(whole) == 4 and whole[0] == "1" and whole[1] != "0":
        return year_words(int(whole))
    return _whole(whole)


def _whole(digits: str) -> list[str]:
    """Write a whole number in words; digit by digit if it begins with 0 or is too long."""
    coded = len(digits) > 1 and digits[0] == "0"
    return digit_words(digits) if coded or len(digits) > MOST_DIGITS else number_words(int(digits))


def _money(text: str) -> list[str]:
    whole, _, cents = text[1:].replace(",", "").partition(".")
    unit = _UNITS[text[0]] + ("" if whole == "1" else "s")
    return [*_whole(whole), unit, *(number_words(int(cents)) if cents.strip("0") else [])]


_WORDS: dict[str, Callable[[str], list[str]]] = {
    "money": _money,
    "ordinal": lambda text: ordinal_words(int(text[:-2])),
    "number": _number,
    "short": lambda text: _SHORT_FORMS[text[:-1]].split(),
    "word": _word,
    "sign": lambda text: [_SIGNS[text]],
    "long": lambda text: [LONG],
    "pause": lambda text: [SHORT],
}
