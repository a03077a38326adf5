"""Memory for arrays that live as long as a training step, taken up again by the next one.

Fresh memory is dear: the operating system hands it out page by page, each filled with zeros when it is first touched,
which costs a large recurrent layer a tenth of its time. Here the memory of an array that nobody holds any more lies
ready for the next of about its size.

The peak hardly rises by it: where no large block that fits lies ready, all that do are let go before a new one is
taken, so that at such a moment the process holds what is in use and no more.
"""

import math
from collections import defaultdict

import numpy as np

LINE = 64  # bytes: of the cache, and of the widest register
LARGE = 1 << 18  # bytes, from which on what lies ready counts
BITS = 3  # sizes are rounded up to so many bits behind the first, which is an eighth too much at the most

# Blocks of each size. Its single operations are atomic, for a block comes back in whatever thread lets go of it.
_ready: defaultdict[int, list["_Block"]] = defaultdict(list)


class _Block(np.ndarray):
    """Memory that begins with a line of the cache, byte by byte.

    Of a class of its own: an array over a view of a plain one would have NumPy let go of the view, and so end the loan.
    """


class _Loan(np.ndarray):
    """A block in use; it lies ready again when the last array over it is gone."""

    def __del__(self) -> None:
        _ready[len(self)].append(self.base)  # type: ignore[arg-type]


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """As `numpy.empty`, and beginning where a line of the cache does.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Examples
    --------
    >>> a = empty((1000, 50), np.dtype(np.float32))
    >>> a.shape, a.ctypes.data % 64
    ((1000, 50), 0)
    >>> here = a.ctypes.data
    >>> del a
    >>> empty((50_000,), np.dtype(np.float32)).ctypes.data == here
    True
    """
    return np.ndarray(shape, dtype, _loan(math.prod(shape) * dtype.itemsize))


def empties(dtype: np.dtype, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Several arrays that are let go of together, in little more than the time that one takes.

    Parameters
    ----------
    dtype : dtype
    shapes : tuples of int

    Examples
    --------
    >>> a, b = empties(np.dtype(np.float32), (5, 5), (2,))
    >>> a.shape, b.shape, b.ctypes.data % 64
    ((5, 5), (2,), 0)
    """
    starts, end, itemsize = [], 0, dtype.itemsize
    for shape in shapes:
        starts.append(end)
        end += -(-math.prod(shape) * itemsize // LINE) * LINE
    loan = _loan(end)
    return [np.ndarray(shape, dtype, loan, start) for shape, start in zip(shapes, starts, strict=True)]


def _loan(size: int) -> _Loan:
    """At least so many bytes."""
    unit = 1 << max(size.bit_length() - 1 - BITS, 6)
    return _block(max(unit, -(-size // unit) * unit)).view(_Loan)


def _block(size: int) -> _Block:
    """One that lies ready: where it counts, the smallest that is no more than twice too large; or a new one."""
    block = _pop(size)
    if block is None and size >= LARGE:
        larger = sorted(other for other in list(_ready) if size < other <= 2 * size)
        block = next((found for other in larger if (found := _pop(other)) is not None), None)
        if block is None:
            release(LARGE)
    return _new(size) if block is None else block


def _pop(size: int) -> _Block | None:
    try:
        return _ready[size].pop()
    except IndexError:
        return None


def _new(size: int) -> _Block:
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % LINE
    return memory[start : start + size].view(_Block)


def release(least: int = 0) -> None:
    """Give back to the operating system what lies ready and has at least so many bytes.

    Parameters
    ----------
    least : int, default 0

    Examples
    --------
    >>> for size in (1000, 100_000):
    ...     _ = empty((size,), np.dtype(np.float64))
    >>> release()
    >>> sum(map(len, _ready.values()))
    0
    """
    for size in [size for size in list(_ready) if size >= least]:
        _ready.pop(size, None)
