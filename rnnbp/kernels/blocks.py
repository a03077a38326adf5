"""Time in blocks of 16 steps: the order in which what belongs to several steps is computed and added up.

A matrix product over many steps at once is faster than many small ones, but its last bits depend on how many steps it
takes: a row of x W^T comes out differently among 10 rows and among 1000, and a sum over steps in another order is
another sum. So that a sequence run in spans gives the numbers of a sequence run at once, to the last bit, kernels and
layers keep one rule:

    Whatever takes several steps together takes those of one block, blocks being counted from the first step of
    the call; and what they give to the parameters' gradient is added from the last block to the first.

Spans that end where blocks do then compute the very same products. Checkpointed BPTT rests on it, and with some luck so
does the cache: what a block needs lies near.
"""

from collections.abc import Iterator

import numpy as np

BLOCK = 16  # steps: enough for a product to be worth its call, few enough to be held in little memory


def blocks(steps: int, size: int = BLOCK) -> list[slice]:
    """The blocks of so many steps, in time's order; the last one may be shorter. What needs less memory at a time may
    take a `size` of which a block is a multiple.

    Examples
    --------
    >>> blocks(40)
    [slice(0, 16, None), slice(16, 32, None), slice(32, 40, None)]
    """
    return [slice(start, min(start + size, steps)) for start in range(0, steps, size)]


def packed_blocks(active: np.ndarray, size: int = BLOCK) -> list[tuple[slice, slice]]:
    """Each block's steps, and where they lie among the packed rows.

    Parameters
    ----------
    active : ndarray (T,)
        How many sequences run at each step.
    size : int, default BLOCK

    Examples
    --------
    >>> packed_blocks(np.array([3] * 10 + [2] * 10))
    [(slice(0, 16, None), slice(0, 42, None)), (slice(16, 20, None), slice(42, 50, None))]
    """
    ends = np.cumsum([0, *active]).tolist()
    return [(steps, slice(ends[steps.start], ends[steps.stop])) for steps in blocks(len(active), size)]


def backwards(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """The blocks of arrays (T, B, ...), from the last to the first.

    Examples
    --------
    >>> [len(x) for (x,) in backwards(np.zeros((40, 2, 3)))]
    [8, 16, 16]
    """
    return (tuple(a[here] for a in arrays) for here in reversed(blocks(len(arrays[0]))))
