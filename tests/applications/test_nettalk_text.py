"""Text as words: numbers, money, ordinals, years, signs, pauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.applications.nettalk.numbers import digit_words, number_words, ordinal_words, year_words
from rnnbp.applications.nettalk.text import spoken_text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (115, "one hundred fifteen"),
        (1000, "one thousand"),
        (20_012, "twenty thousand twelve"),
        (1_000_001, "one million one"),
        (999_999_999_999_999, "nine hundred ninety nine trillion nine hundred ninety nine billion nine hundred ninety "
         "nine million nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)  # fmt: skip
def test_numbers_in_words(number, words):
    assert " ".join(number_words(number)) == words


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="number must be an integer of 0 or more, got -1"):
        number_words(-1)
    with pytest.raises(ValueError, match=r"number must be below 10\^15, got 1000000000000000"):
        number_words(10**15)


@given(st.integers(0, 10**15 - 1))
def test_words_of_a_number_can_be_parsed_back(number):
    """By a grammar that is independent of the code."""
    small = {" ".join(number_words(n)): n for n in range(100)}
    total = part = 0
    rest = number_words(number)
    while rest:
        if rest[0] in ("thousand", "million", "billion", "trillion"):
            total += part * 1000 ** (1 + ["thousand", "million", "billion", "trillion"].index(rest[0]))
            part, rest = 0, rest[1:]
        elif rest[0] == "hundred":
            part, rest = part * 100, rest[1:]
        else:
            take = 2 if " ".join(rest[:2]) in small and len(rest) > 1 else 1
            part, rest = part + small[" ".join(rest[:take])], rest[take:]
    assert total + part == number


@pytest.mark.parametrize(
    ("number", "words"), [(1, "first"), (2, "second"), (12, "twelfth"), (20, "twentieth"), (103, "one hundred third")]
)
def test_ordinals_in_words(number, words):
    assert " ".join(ordinal_words(number)) == words


def test_years_and_digits_in_words():
    assert " ".join(year_words(1999)) == "nineteen ninety nine"
    assert digit_words("102") == ["one", "zero", "two"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world!", "hello , world ."),
        ("In 1987, 1,987 or 2007?", "in nineteen eighty seven , one thousand nine hundred eighty seven or "
         "two thousand seven ."),
        ("3.14 and .5", "three point one four and . five"),
        ("$1, £2.05, $1,000.00", "one dollar , two pounds five , one thousand dollars"),
        ("the 22nd of May", "the twenty second of may"),
        ("agent 007 at 5%", "agent zero zero seven at five percent"),
        ("Dr. Who & Mrs. Smith", "doctor who and missus smith"),
        ("the U.S. and the U.S.A.", "the u s . and the u s a ."),
        ("well-known, don't -- stop", "well known , don't , stop"),
        ("dogs' café naïve", "dogs cafe naive"),
        ("(one) [two]; three:", "one , two , three ,"),
        ("wait... what?!", "wait . what ."),
        ("!!! 日本 ___", ""),
        ("", ""),
        ("9" * 40, " ".join(["nine"] * 40)),
    ],
)  # fmt: skip
def test_texts_are_normalised(text, words):
    assert " ".join(spoken_text(text)) == words


@given(st.text())
def test_any_text_is_letters_and_pauses(text):
    for token in spoken_text(text):
        assert token in (",", ".") or set(token) <= set("abcdefghijklmnopqrstuvwxyz'")
        assert token
