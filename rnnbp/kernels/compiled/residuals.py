"""What a thread's forward pass saves for its backward pass."""

from dataclasses import dataclass

from rnnbp.kernels.base import Array
from rnnbp.kernels.compiled.shards import Shard


@dataclass
class Residuals:
    """What a thread's forward pass saves for its backward pass; N is the number of steps of its B sequences.

    Attributes
    ----------
    shard : Shard
    inputs : ndarray (N + B, ...)
        The states that weights multiply, and x, of each step; after them, each sequence's last state.
    gates : ndarray (N, ...)
        The stored values.
    extra : ndarray (N + B, ...)
        The other states, in the rows of `inputs`.
    sources : ndarray (N, ...)
        What else weights are multiplied by, as r h in the original GRU.
    states : list of (slice, ndarray, ndarray, ndarray)
        The columns of each part of the state (B, S), and where it is stored in `inputs` or `extra`: of the sequences
        with steps, before the first one; of the others; and of all, after their last steps.
    """

    shard: Shard
    inputs: Array
    gates: Array
    extra: Array
    sources: Array
    states: list[tuple[slice, Array, Array, Array]]
