"""Mutations of files that any reader is given: of bytes, and of text."""

import gzip
import random
import re
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress

Mutation = Callable[[bytes, random.Random], bytes]
LONGEST = 2**18  # bytes of an input, so that a hundred thousand take minutes
INTEGERS = (0, 1, -1, 2, 4, 127, 255, 2**15 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63)
FLOATS = (0.0, -0.0, 1e-45, 1e-308, 1e30, 3.4e38, 1e308, float("inf"), float("-inf"), float("nan"))
NUMBERS = (
    *("0", "-1", "-0", "+1", "1.5", "2147483648", "9223372036854775808", "1e400", "-1e400", "1e-400", "nan", "inf"),
    *("1_000", "0x10", "٣", "²", "1e5", "1e", ".", "", "?", "9" * 5000, "0." + "1" * 400, "1e308", "16777217"),
)
WORDS = (
    *("", " ", "\0", "é", "\u2028", "\x85", "\u202e", "\ufeff", "\ud800", "😀", "a" * 5000, "-", "#", "%", ":", ";;;"),
    *("../up", "/etc/passwd", "C:\\x", "~", "$(id)", "`id`", "| id", "id |", "&& id", "\x1b[31m", "<script>", "=1+1"),
    *("true", "false", "None", "NA", "[", "]", "(", ")", "{", "}", '"', "'", "\\", "@data", "__class__", "%s%n", "{0}"),
)


def changed(seeds: Sequence[bytes], structures: Sequence[Mutation], rng: random.Random) -> bytes:
    """Return one of the seeds after some mutations: of the format, or of any file."""
    data = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        mutation = rng.choice(structures) if structures and rng.random() < 0.65 else None
        before = data
        with suppress(Exception):  # a file that is damaged already may be none of the format
            data = mutation(data, rng) if mutation else spliced(data, rng, rng.choice(seeds))
        if data is before:
            data = damaged(data, rng)
    return data[:LONGEST]


def spliced(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Return a file damaged, or one that ends as another seed does."""
    if rng.random() < 0.9:
        return damaged(data, rng)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a file with bytes changed, deleted, repeated, inserted, swapped, or cut off."""
    new = bytearray(data)
    start = rng.randrange(len(new) + 1)
    stop = min(len(new), start + rng.choice((1, 1, 2, 4, 8, 16, 64, 512)))
    match rng.randrange(11):
        case 0 if start < len(new):
            new[start] = rng.randrange(256)
        case 1 if start < len(new):
            new[start] ^= 1 << rng.randrange(8)
        case 2:
            del new[start:stop]
        case 3:
            new[start:stop] = rng.randbytes(stop - start)
        case 4:
            new[start:start] = new[start:stop] * rng.choice((1, 1, 2, 50))
        case 5:
            new[start:stop] = rng.choice((b"\0", b"\xff", b" ", b"\n", b"9", b"[", b"(")) * (stop - start)
        case 6:
            del new[start:]
        case 7:
            new += rng.randbytes(rng.choice((1, 7, 100)))
        case 8:
            return number_at(data, rng, start)
        case 9:
            new[start:start] = rng.choice(WORDS).encode("utf-8", "surrogatepass")
        case 10:
            other = rng.randrange(len(new) + 1)
            size = stop - start
            new[start:stop], new[other : other + size] = new[other : other + size], new[start:stop]
    return bytes(new)


def number_at(data: bytes, rng: random.Random, start: int) -> bytes:
    """Return a file with a number of 1, 2, 4 or 8 bytes replaced by an odd one."""
    size = rng.choice((1, 2, 4, 4, 8))
    start = min(start, max(len(data) - size, 0))
    order = rng.choice("<>")
    if size >= 4 and rng.random() < 0.2:
        new = _packed(f"{order}{'f' if size == 4 else 'd'}", rng.choice(FLOATS))
    else:
        new = (rng.choice(INTEGERS) % 2 ** (8 * size)).to_bytes(size, "little" if order == "<" else "big")
    return data[:start] + new + data[start + size :]


def _packed(form: str, number: float) -> bytes:
    try:
        return struct.pack(form, number)
    except OverflowError:
        return struct.pack(form, float("inf"))


def in_header(first: int) -> Mutation:
    """Return a mutation of numbers among the first bytes."""
    return lambda data, rng: number_at(data, rng, rng.randrange(min(first, len(data) + 1)))


def text(data: bytes, rng: random.Random) -> bytes:
    """Return a text with a word, a number, a line or its encoding changed."""
    new = data.decode("utf-8", "surrogateescape")
    lines = new.split("\n")
    k, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(14):
        case 0 | 1:
            new = _replaced(new, r"-?\d+(\.\d+)?", rng, rng.choice(NUMBERS))
        case 2 | 3:
            new = _replaced(new, r"[^\s,:()]+", rng, rng.choice(WORDS))
        case 4:
            lines[k], lines[other] = lines[other], lines[k]
            new = "\n".join(lines)
        case 5:
            new = "\n".join(lines[:k] + lines[k + 1 :])
        case 6:
            new = "\n".join(lines[:k] + [lines[k]] * rng.choice((2, 2, 100)) + lines[k + 1 :])
        case 7:
            new = new.replace("\n", rng.choice(("\r\n", "\r", "\n\n", "\u2028", "\0\n", "")))
        case 8:
            return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) + data
        case 9:
            return new.encode(rng.choice(("utf-16", "utf-32", "utf-7")), "surrogatepass")
        case 10:
            lines[k] = lines[k] * rng.choice((2, 500))
            new = "\n".join(lines)
        case 11:
            new = _replaced(new, r"[\s,:()\[\]@#%|;=]", rng, rng.choice(" ,:;\t|()[]@#%=\"'"))
        case 12:
            lines[k] = rng.choice(WORDS) + lines[k]
            new = "\n".join(lines)
        case 13:
            lines[k] = lines[k] + rng.choice((*WORDS, *NUMBERS))
            new = "\n".join(lines)
    return new.encode("utf-8", "surrogateescape" if "\ud800" not in new else "replace")


def _replaced(old: str, pattern: str, rng: random.Random, new: str) -> str:
    found = list(re.finditer(pattern, old))
    if not found:
        return old
    one = rng.choice(found)
    return old[: one.start()] + new + old[one.end() :]


def gzipped(data: bytes, rng: random.Random) -> bytes:
    """Return a compressed text with the text changed, or a bomb."""
    if rng.random() < 0.004:
        line = rng.choice((b"0", b"0,0\n", b"a B\n", b"\n", b"[ 1 "))
        return gzip.compress(line * (2**22 // len(line)), 1)
    return gzip.compress(text(gzip.decompress(data), rng), 1)
