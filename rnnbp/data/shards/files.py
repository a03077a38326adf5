"""One shard: a Parquet file of one row a step, written and read as a whole with a checksum of all its bytes.

Nothing in it is compressed or encoded, so that it is read at the speed of a copy, and takes no more memory than the
size of the file, whoever wrote it.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data.shards.footer import check_footer
from rnnbp.data.shards.layout import Column, Layout
from rnnbp.runtime import require

Array = np.ndarray
MOST_ROWS = 2**26  # of a group, of which each column is read as one array
BYTES = "FIXED_LEN_BYTE_ARRAY"  # the types of Parquet
PHYSICAL = {"float32": "FLOAT", "float64": "DOUBLE", "int32": "INT32", "int64": "INT64"}


def write_shard(path: Path, layout: Layout, columns: Mapping[str, Sequence[Array]]) -> tuple[int, int]:
    """Write a shard to the disk itself, and return its size in bytes and the CRC-32 of these.

    Parameters
    ----------
    path : Path
    layout : tuple of Column
    columns : mapping of str to list of ndarray (T_i,) or (T_i, width)
        For each column, the steps of the sequences in order.
    """
    pa, parquet = require("pyarrow", extra="parquet"), require("pyarrow.parquet", extra="parquet")
    schema = _schema(pa, layout)
    arrays = []
    for column in layout:
        rows = column.as_rows(np.concatenate([column.as_rows(steps) for steps in columns[column.name]]))
        arrays.append(pa.Array.from_buffers(column.arrow_type(pa), len(rows), [None, pa.py_buffer(rows)]))
    with path.open("wb") as file:
        counted = _Counted(file)
        parquet.write_table(
            pa.Table.from_arrays(arrays, schema=schema),
            pa.PythonFile(counted, mode="w"),
            compression="none",
            row_group_size=MOST_ROWS,
            store_schema=False,
            use_dictionary=False,
            write_statistics=False,
        )
        file.flush()
        os.fsync(file.fileno())
    return counted.size, counted.crc


class _Counted:
    """File that counts and checks the bytes written to it."""

    def __init__(self, file: Any) -> None:
        self.file, self.size, self.crc, self.closed = file, 0, 0, False

    def write(self, data: Any) -> int:
        self.size, self.crc = self.size + len(data), zlib.crc32(data, self.crc)
        return int(self.file.write(data))

    def flush(self) -> None:
        self.file.flush()

    def tell(self) -> int:
        return self.size

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def read_shard(path: Path, size: int, crc: int, steps: int, layout: Layout, scratch: bytearray) -> dict[str, Array]:
    """Read a shard: an array (steps,) or (steps, width) of each column, not writable.

    Parameters
    ----------
    path : Path
    size, crc : int
        Of the file, as the index says.
    steps : int
        Number of rows.
    layout : tuple of Column
    scratch : bytearray
        Memory for the bytes of the file, enlarged where needed.

    Raises
    ------
    FileNotFoundError
        If it is missing.
    ValueError
        If it is not the file that was written; the message names it.
    """
    pa, parquet = require("pyarrow", extra="parquet"), require("pyarrow.parquet", extra="parquet")
    data = _whole_file(path, size, crc, scratch)
    try:
        check_footer(data, steps)
        with parquet.ParquetFile(pa.BufferReader(pa.py_buffer(data))) as file:
            _check(file, steps, layout)
            table = file.read(use_threads=False)
        return {column.name: _array(table, number, column, steps) for number, column in enumerate(layout)}
    except (pa.ArrowException, OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{str(path)!r} is not a shard of this dataset, or it is damaged: {text}") from error


def _whole_file(path: Path, size: int, crc: int, scratch: bytearray) -> memoryview:
    """Return the bytes of a file after checking how many there are, and their checksum."""
    check_size(path, size)
    if len(scratch) < size:
        scratch.extend(bytes(size - len(scratch)))
    data = memoryview(scratch)[:size]
    with path.open("rb", buffering=0) as file:
        done = 0
        while done < size and (count := file.readinto(data[done:])):
            done += count
    if done < size:
        raise ValueError(f"{str(path)!r} became shorter while it was read: {done} of {size} bytes")
    found = zlib.crc32(data)
    if found != crc:
        raise ValueError(
            f"{str(path)!r} is damaged, or another file: its checksum is {found:08x}, the index says {crc:08x}. Copy "
            "it again, or write the shards again"
        )
    return data


def check_size(path: Path, size: int) -> None:
    """Raise unless a shard is there and has the size that the index says.

    Raises
    ------
    FileNotFoundError, ValueError
        If not; the message names the file.

    Examples
    --------
    >>> check_size(Path("nowhere/shard-00000.parquet"), 3)
    Traceback (most recent call last):
    FileNotFoundError: the shard 'nowhere/shard-00000.parquet' is missing
    """
    if not path.is_file():
        raise FileNotFoundError(f"the shard {str(path)!r} is missing")
    found = path.stat().st_size
    if found != size:
        raise ValueError(f"{str(path)!r} is damaged: it has {found} bytes, the index says {size}")


def _schema(pa: Any, layout: Layout) -> Any:
    return pa.schema([pa.field(one.name, one.arrow_type(pa), nullable=False) for one in layout])


def _check(file: Any, steps: int, layout: Layout) -> None:
    """Raise unless the file has the rows and columns that are expected, as they were written: before they are read."""
    found = file.schema
    names = [found.column(k).path for k in range(len(found))]
    if names != [column.name for column in layout] or file.metadata.num_rows != steps:
        raise ValueError(f"it has {file.metadata.num_rows} rows of {', '.join(names)}")
    for k, column in enumerate(layout):
        one = found.column(k)
        expected = BYTES if column.native is None else PHYSICAL[column.native]
        length = column.row_bytes if expected == BYTES else one.length
        levels = (one.max_definition_level, one.max_repetition_level)
        if (one.physical_type, one.length, *levels) != (expected, length, 0, 0):
            raise ValueError(f"column {column.name} holds {one.physical_type}")


def _array(table: Any, number: int, column: Column, steps: int) -> Array:
    """Return a column without copying it, unless it is in several pieces."""
    pieces = []
    for chunk in table.column(number).chunks:
        first = chunk.offset * column.row_bytes
        bytes_of = memoryview(chunk.buffers()[1])[first : first + len(chunk) * column.row_bytes]
        pieces.append(np.frombuffer(bytes_of, column.dtype).reshape(column.shape(len(chunk))))
    whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    if len(whole) != steps:
        raise ValueError(f"column {column.name} has {len(whole)} rows of {steps}")
    whole.flags.writeable = False
    return whole
