"""Columns of a shard: what each row, which is one step of a sequence, holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
MOST_ROW = 2**24  # bytes
NATIVE = {"<f4": "float32", "<f8": "float64", "<i4": "int32", "<i8": "int64"}  # types of Parquet that need no bytes


@dataclass(frozen=True)
class Column:
    """One column of a shard: `width` numbers of `dtype` in every row, or, where that is 0, a single one.

    Examples
    --------
    >>> Column("x", "<f4", 40).row_bytes, Column("weight", "<f8").shape(3), Column("target", "<f8", 1).shape(3)
    (160, (3,), (3, 1))
    """

    name: str
    dtype: str
    width: int = 0

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return np.dtype(self.dtype).itemsize * max(self.width, 1)

    @property
    def native(self) -> str | None:
        """The type of Parquet that a row has, or None where it is bytes."""
        return NATIVE.get(self.dtype) if self.width < 2 else None

    def shape(self, steps: int) -> tuple[int, ...]:
        """Return the shape of a number of steps: (T,) or (T, width)."""
        return (steps, self.width) if self.width else (steps,)

    def arrow_type(self, pa: Any) -> Any:
        """Return the type in Arrow: a number where a row is one, else its bytes."""
        return pa.binary(self.row_bytes) if self.native is None else getattr(pa, self.native)()

    def as_rows(self, steps: Array) -> Array:
        """Return the steps of a sequence, contiguous in the column's dtype and shape."""
        return np.ascontiguousarray(steps, self.dtype).reshape(self.shape(len(steps)))


Layout = tuple[Column, ...]


def row_bytes(layout: Layout) -> int:
    """Return the bytes of a step in all columns.

    Examples
    --------
    >>> row_bytes((Column("x", "<f4", 40), Column("target", "<i8")))
    168
    """
    return sum(column.row_bytes for column in layout)
