"""Footer of a Parquet file, read before pyarrow sees the file: whether its columns are stored as they are.

pyarrow ends the whole process at a footer that names an unknown compression, and allocates what a compressed page says
that it will take.
"""

from typing import Any

MOST_FOOTER = 2**20  # bytes
MOST_DEPTH = 12
UNCOMPRESSED, PLAIN = 0, {0, 3}  # codec; encodings PLAIN and RLE, of which the latter is that of levels
MAGIC = b"PAR1"


def check_footer(data: memoryview, rows: int) -> None:
    """Raise unless a Parquet file has a number of rows, in columns that are neither compressed nor encoded.

    Parameters
    ----------
    data : memoryview
        All of the file.
    rows : int

    Raises
    ------
    ValueError
        If not.
    """
    size = int.from_bytes(data[-8:-4], "little")
    if bytes(data[-4:]) != MAGIC or not 0 < size <= min(MOST_FOOTER, len(data) - 8):
        raise ValueError(f"its footer has {size} bytes")
    try:
        footer = _Footer(bytes(data[len(data) - 8 - size : -8])).struct(0)
        groups = [(group[3], [chunk[3] for chunk in group[1]]) for group in footer[4]]  # of each, its columns
        found = sum(count for count, _ in groups)
        stored = all(
            (one[4], one[5]) == (UNCOMPRESSED, count) and PLAIN.issuperset(one[2]) and 11 not in one
            for count, columns in groups
            for one in columns
        )
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("its footer is malformed") from error
    if found != rows or footer[3] != rows:
        raise ValueError(f"it has {footer[3]} rows")
    if not stored:
        raise ValueError("its columns are compressed or encoded")


class _Footer:
    """Reader of structures in Thrift's compact protocol: fields by number, each of which takes at least a byte."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def varint(self) -> int:
        value = shift = 0
        while (byte := self.byte()) & 128:
            value, shift = value | (byte & 127) << shift, shift + 7
            if shift > 63:
                raise IndexError("a number is too long")
        return value | byte << shift

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int) -> dict[int, Any]:
        """Return the fields of a structure."""
        if depth > MOST_DEPTH:
            raise IndexError("structures are too deep")
        found: dict[int, Any] = {}
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            kind = head & 15
            if number in found:
                raise KeyError(number)
            found[number] = kind == 1 if kind in (1, 2) else self.value(kind, depth + 1)
        return found

    def value(self, kind: int, depth: int) -> Any:
        """Return a value of one of the protocol's types, other than a field that is True or False."""
        if kind in (1, 2, 3):  # in a list
            return self.byte()
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 7:
            self.place += 8
            return None
        if kind == 8:
            size = self.varint()
            self.place += size
            return self.data[self.place - size : self.place]
        if kind in (9, 10) and depth <= MOST_DEPTH:
            head = self.byte()
            size = self.varint() if head >> 4 == 15 else head >> 4
            return [self.value(head & 15, depth + 1) for _ in range(size)]
        if kind == 12:
            return self.struct(depth)
        raise TypeError(f"type {kind}")
