"""Characters of a text as integer tokens."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import got, of_type, positive_int, refuses_by_name

Array = np.ndarray


@refuses_by_name
class CharTokenizer:
    """The characters of a vocabulary as tokens 0, 1, 2, ...

    Parameters
    ----------
    characters : str, or iterable of str
        The vocabulary, in the order of the tokens: characters that differ.
    unknown : str, optional
        What stands for a character outside of the vocabulary: one that is in it, or ``""`` to leave it out. Default: it
        is refused.

    Raises
    ------
    ValueError
        If there are no characters, one is there twice, or `unknown` is not among them.

    Examples
    --------
    >>> tokenizer = CharTokenizer.fit("to be or not to be")
    >>> len(tokenizer), tokenizer.encode("robot"), tokenizer.decode([4, 0, 5])
    (7, array([5, 4, 1, 4, 6]), 'o r')
    """

    def __init__(self, characters: str | Iterable[str], unknown: str | None = None) -> None:
        self.characters: tuple[str, ...] = tuple(characters)
        wrong = [c for c in self.characters if not isinstance(c, str) or len(c) != 1]
        if wrong or not self.characters:
            raise ValueError(
                f"characters must be at least one character, and single ones, got {wrong[0] if wrong else ''!r}"
            )
        twice = [c for c, n in Counter(self.characters).items() if n > 1]
        if twice:
            raise ValueError(f"characters must differ, {twice[0]!r} is among them twice")
        if unknown and unknown not in self.characters:
            raise ValueError(f"unknown must be one of the characters, or '' to leave them out, got {unknown!r}")
        self.unknown = of_type("unknown", unknown, str | None)
        codes = np.array([ord(c) for c in self.characters])
        self._codes, self._tokens = np.sort(codes), np.argsort(codes)

    @classmethod
    @refuses_by_name
    def fit(cls, text: str | Iterable[str], unknown: str | None = None, minimum: int = 1) -> "CharTokenizer":
        """Return the tokenizer of the characters of a text, in sorted order.

        Parameters
        ----------
        text : str, or iterable of str
        unknown : str, optional
            As `CharTokenizer` takes it; added to the characters if it is not among them.
        minimum : int, default 1
            How often a character must occur to be in the vocabulary.

        Raises
        ------
        ValueError
            If no character occurs so often.

        Examples
        --------
        >>> CharTokenizer.fit("hello", unknown="?", minimum=2).characters
        ('?', 'l')
        """
        positive_int("minimum", minimum)
        of_type("unknown", unknown, str | None)
        counts: Counter[str] = Counter()
        for part in [text] if isinstance(text, str) else text:
            counts.update(part)
        found = {c for c, n in counts.items() if n >= minimum}
        if not found:
            raise ValueError(f"text has no character that occurs {minimum} times or more: nothing to make tokens of")
        return cls(sorted(found | set(unknown or "")), unknown)

    def encode(self, text: str) -> Array:
        """Return the tokens (T,) of a text, in int64.

        Raises
        ------
        ValueError
            If a character is not in the vocabulary, unless `unknown` stands for it; the message names it and its place.

        Examples
        --------
        >>> CharTokenizer("abc").encode("abx")
        Traceback (most recent call last):
        ValueError: text has 'x' at place 2, which is not in the vocabulary: CharTokenizer(..., unknown="?") or ...
        """
        if not isinstance(text, str):
            raise ValueError(f"text must be a str, got {type(text).__name__}")
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        known = self._codes[places] == codes
        tokens = self._tokens[places].astype(np.int64)
        if known.all():
            return tokens
        if self.unknown is None:
            place = int(np.argmin(known))
            raise ValueError(
                f"text has {text[place]!r} at place {place}, which is not in the vocabulary: "
                'CharTokenizer(..., unknown="?") or unknown="" replaces such characters or leaves them out'
            )
        if not self.unknown:
            return tokens[known]
        tokens[~known] = self.characters.index(self.unknown)
        return tokens

    @refuses_by_name
    def decode(self, tokens: ArrayLike) -> str:
        """Return the text of tokens (T,).

        Raises
        ------
        ValueError
            If one of them is no token of the vocabulary.
        """
        given = np.asarray(tokens)
        if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= len(self)):
            raise ValueError(f"tokens must be integers from 0 to {len(self) - 1}, got {given.ravel()[:8].tolist()}")
        return "".join([self.characters[k] for k in given.ravel().tolist()])

    def __len__(self) -> int:
        return len(self.characters)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CharTokenizer):
            return NotImplemented
        return (self.characters, self.unknown) == (other.characters, other.unknown)

    def __hash__(self) -> int:
        return hash((self.characters, self.unknown))

    def __repr__(self) -> str:
        shown = "".join(self.characters[:20]) + ("..." if len(self) > 20 else "")
        unknown = "" if self.unknown is None else f", unknown={self.unknown!r}"
        return f"CharTokenizer({shown!r}{unknown}; {len(self)} characters)"

    def to_config(self) -> dict[str, Any]:
        """Return what `from_config` makes the tokenizer of: text and None, for a file."""
        return {"characters": "".join(self.characters), "unknown": self.unknown}

    @classmethod
    def from_config(cls, config: Any) -> "CharTokenizer":
        """Return the tokenizer of a configuration that `to_config` returned.

        Examples
        --------
        >>> CharTokenizer.from_config(CharTokenizer("ab").to_config())
        CharTokenizer('ab'; 2 characters)
        """
        if not isinstance(config, Mapping) or not {"characters", "unknown"} <= set(config):
            raise ValueError(f"config must have the characters and unknown, {got(config)}")
        return cls(config["characters"], config["unknown"])
