"""Time in blocks of 16 steps, so that the deltas of a block are still in the cache when they are used."""

import numpy as np

BLOCK = 16  # steps: enough for a product to be worth its call, few enough to stay in the cache


def blocks(steps: int, size: int = BLOCK) -> list[slice]:
    """Return the blocks of a number of steps, in order of time; the last one may be shorter.

    Examples
    --------
    >>> blocks(40)
    [slice(0, 16, None), slice(16, 32, None), slice(32, 40, None)]
    """
    return [slice(start, min(start + size, steps)) for start in range(0, steps, size)]


def packed_blocks(active: np.ndarray, size: int = BLOCK) -> list[tuple[slice, slice]]:
    """Return each block's steps and its rows among the packed ones.

    Parameters
    ----------
    active : ndarray (T,)
        The number of active sequences at each step.
    size : int, default BLOCK
        Steps of a block.

    Examples
    --------
    >>> packed_blocks(np.array([3] * 10 + [2] * 10))
    [(slice(0, 16, None), slice(0, 42, None)), (slice(16, 20, None), slice(42, 50, None))]
    """
    ends = np.cumsum([0, *active]).tolist()
    return [(steps, slice(ends[steps.start], ends[steps.stop])) for steps in blocks(len(active), size)]
