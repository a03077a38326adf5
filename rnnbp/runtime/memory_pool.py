"""A pool of memory for arrays that live as long as a training step.

Memory fresh from the operating system is slow: it comes page by page, each filled with zeros when it is first touched,
which costs a large recurrent layer a tenth of its time. Here the memory of an array that has been freed returns to a
pool, from which the next array of about its size borrows it.

The pool hardly raises the peak: where it has no large block that fits, all its large blocks are freed before a new one
is allocated, so that at that moment the process holds what is in use and no more.
"""

import math
from collections import defaultdict
from functools import lru_cache
from itertools import accumulate

import numpy as np

LINE = 64  # bytes: of a cache line, and of the widest vector register
LARGE = 1 << 18  # bytes, from which on a block counts towards the peak
BITS = 3  # sizes are rounded up to this many bits after the first: at most an eighth too much

# Free blocks by size. Single operations on it are atomic, for a block returns in whatever thread frees it.
_free: defaultdict[int, list["_Block"]] = defaultdict(list)


class _Block(np.ndarray):
    """Bytes that begin at a cache line.

    A class of its own: NumPy replaces a view of a plain array by its base, which would free the `_Loan` too early.
    """


class _Loan(np.ndarray):
    """A block in use; it returns to the pool when the last array over it is gone."""

    def __del__(self) -> None:
        _free[len(self)].append(self.base)  # type: ignore[arg-type]


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an uninitialized array that begins at a cache line, from the pool.

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
    return np.ndarray(shape, dtype, _borrow(math.prod(shape) * dtype.itemsize))


def zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array of zeros, from the pool.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Examples
    --------
    >>> zeros((2, 2), np.dtype(np.float32))
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    """
    array = empty(shape, dtype)
    array.fill(0)
    return array


def empties(dtype: np.dtype, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return several uninitialized arrays over one block, which takes little more time than one array.

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
    starts, end = _places(dtype.itemsize, shapes)
    loan = _borrow(end)
    return [np.ndarray(shape, dtype, loan, start) for shape, start in zip(shapes, starts, strict=True)]


@lru_cache(maxsize=1024)
def _places(itemsize: int, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[int], int]:
    """Return where arrays begin in a block that contains all of them, and its size."""
    ends = list(accumulate((-(-math.prod(shape) * itemsize // LINE) * LINE for shape in shapes), initial=0))
    return ends[:-1], ends[-1]


def _borrow(size: int) -> _Loan:
    """Borrow at least `size` bytes."""
    unit = 1 << max(size.bit_length() - 1 - BITS, 6)
    return _block(max(unit, -(-size // unit) * unit)).view(_Loan)


def _block(size: int) -> _Block:
    """Take a free block, a large one up to twice the size; else allocate one."""
    block = _pop(size)
    if block is None and size >= LARGE:
        larger = sorted(other for other in list(_free) if size < other <= 2 * size)
        block = next((found for other in larger if (found := _pop(other)) is not None), None)
        if block is None:
            release(LARGE)
    return _new(size) if block is None else block


def _pop(size: int) -> _Block | None:
    try:
        return _free[size].pop()
    except IndexError:
        return None


def _new(size: int) -> _Block:
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % LINE
    return memory[start : start + size].view(_Block)


def release(least: int = 0) -> None:
    """Free the pool's blocks of at least `least` bytes.

    Parameters
    ----------
    least : int, default 0

    Examples
    --------
    >>> for size in (1000, 100_000):
    ...     _ = empty((size,), np.dtype(np.float64))
    >>> release()
    >>> sum(map(len, _free.values()))
    0
    """
    for size in [size for size in list(_free) if size >= least]:
        _free.pop(size, None)
