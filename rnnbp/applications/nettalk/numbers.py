"""Numbers in English words."""

from rnnbp.runtime import natural_int

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_THOUSANDS = ("", "thousand", "million", "billion", "trillion")
MOST_DIGITS = 3 * len(_THOUSANDS)
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def number_words(number: int) -> list[str]:
    """Write a number in words.

    Parameters
    ----------
    number : int
        From 0 to below 10^15.

    Raises
    ------
    ValueError
        If it is out of this range.

    Examples
    --------
    >>> " ".join(number_words(1987)), " ".join(number_words(20_007))
    ('one thousand nine hundred eighty seven', 'twenty thousand seven')
    """
    if natural_int("number", number) >= 10**MOST_DIGITS:
        raise ValueError(f"number must be below 10^{MOST_DIGITS}, got {number}")
    if number == 0:
        return [_ONES[0]]
    words: list[str] = []
    for power in reversed(range(len(_THOUSANDS))):
        part = number // 1000**power % 1000
        if part:
            words += [*_below_thousand(part), *_THOUSANDS[power].split()]
    return words


def _below_thousand(number: int) -> list[str]:
    hundreds, rest = divmod(number, 100)
    words = [_ONES[hundreds], "hundred"] if hundreds else []
    if rest >= len(_ONES):
        words.append(_TENS[rest // 10])
        rest %= 10
    return [*words, _ONES[rest]] if rest else words


def digit_words(digits: str) -> list[str]:
    """Write digits one by one in words.

    Examples
    --------
    >>> digit_words("007")
    ['zero', 'zero', 'seven']
    """
    return [_ONES[int(digit)] for digit in digits]


def year_words(year: int) -> list[str]:
    """Write a year from 1100 to 1999 in words, two digits and two.

    Examples
    --------
    >>> " ".join(year_words(1987)), " ".join(year_words(1905)), " ".join(year_words(1900))
    ('nineteen eighty seven', 'nineteen oh five', 'nineteen hundred')
    """
    century, rest = divmod(year, 100)
    if rest == 0:
        return [*number_words(century), "hundred"]
    return [*number_words(century), *(["oh"] if rest < 10 else []), *number_words(rest)]


def ordinal_words(number: int) -> list[str]:
    """Write an ordinal number in words.

    Examples
    --------
    >>> " ".join(ordinal_words(21)), " ".join(ordinal_words(40)), " ".join(ordinal_words(7))
    ('twenty first', 'fortieth', 'seventh')
    """
    *before, last = number_words(number)
    ordinal = _ORDINALS.get(last, last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return [*before, ordinal]
