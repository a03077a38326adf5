"""The fewest edits that turn one sequence into another: of a single pair bit-parallel, of many pairs together."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec

import numpy as np

Array = np.ndarray
TOGETHER = 2**15  # numbers in a diagonal of the tables that are filled together: they stay in the cache
COMPILED_FROM = 5e7  # cells, which take NumPy about 0.1 s


@cache
def distance_function() -> Callable[[Sequence[Hashable], Sequence[Hashable]], int]:
    """Return the function that counts the fewest edits of one pair: rapidfuzz's, or ours where it is not installed."""
    if find_spec("rapidfuzz") is None:
        return bit_parallel_distance
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance


def bit_parallel_distance(truth: Sequence[Hashable], guess: Sequence[Hashable]) -> int:
    """Return the fewest edits of one pair, computed a column of the table at a time.

    Neighbouring rows of a column differ by one at most. Two integers represent it, a bit a row: VP where it increases
    by one from the row above, VN where it decreases. Names are those of Hyyrö.

    Parameters
    ----------
    truth, guess : sequence
        Of hashable tokens.

    References
    ----------
    G. Myers (1999), "A fast bit-vector algorithm for approximate string matching based on dynamic programming", J. ACM
    46(3), 395-415, doi:10.1145/316542.316550, as in H. Hyyrö (2003), "A bit-vector algorithm for computing Levenshtein
    and Damerau edit distances", Nordic Journal of Computing 10(1), 29-39.

    Examples
    --------
    >>> bit_parallel_distance("kitten", "sitting")
    3
    """
    matches: dict[Hashable, int] = defaultdict(int)
    bit = 1
    for token in truth:
        matches[token] |= bit
        bit <<= 1
    rows = VP = bit - 1
    VN = 0
    for token in guess:
        X = matches.get(token, 0)
        D0 = (((X & VP) + VP) ^ VP) | X | VN
        HP, HN = (VN | ~(D0 | VP)) << 1 | 1, (D0 & VP) << 1
        VP, VN = (HN | ~(D0 | HP)) & rows, D0 & HP & rows
    return len(guess) + VP.bit_count() - VN.bit_count()


def fewest_edits(codes: Array, lengths: Array) -> tuple[Array, Array]:
    """Return the fewest edits of each of N pairs, and the fewest substitutions among these, by dynamic programming.

    An edit costs M, and a substitution M + 1: with M above any number of substitutions, the least cost has the fewest
    edits and, of these, the fewest substitutions. The table is filled by diagonals, i + j = d, whose cells do not
    depend on each other, and of many pairs together. Its cells are the cost saved, ``v[i, j] = M (i + j) - cost``:
    0 at the borders, and::

        v[i, j] = max(v[i - 1, j], v[i, j - 1], v[i - 1, j - 1] + (2 M if the tokens are equal else M - 1))

    Parameters
    ----------
    codes : ndarray of int
        Numbers of the tokens, 0 or more, of the N first sequences of the pairs and then of the N second ones.
    lengths : ndarray (2 N,) of int
        Of these sequences.

    Examples
    --------
    >>> fewest_edits(np.array([1, 2, 3, 2, 3, 3]), np.array([2, 1, 2, 1]))
    (array([2, 0]), array([0, 0]))
    """
    N = len(lengths) // 2
    first = np.arange(N)
    short = np.where(lengths[:N] <= lengths[N:], first, first + N)
    long = 2 * first + N - short
    starts = np.cumsum(lengths) - lengths
    codes = codes.astype(np.result_type(np.uint16, np.min_scalar_type(codes.max(initial=0))))
    in_type = cache(codes.astype)
    fill = _cost_saved_function(float(lengths[short] @ lengths[long]))
    edits, substitutions = np.zeros((2, N), np.int64)
    for group in _groups(lengths[short], lengths[long]):
        rows, columns = lengths[short[group]], lengths[long[group]]
        height, width = int(rows.max()), int(columns.max())
        M = height + 1
        dtype = np.result_type(codes, np.min_scalar_type(2 * M * height))
        saved = np.zeros(len(group), np.int64)
        fill(in_type(dtype), starts[short[group]], starts[long[group]], rows, columns, height, width, saved)
        edits[group], substitutions[group] = np.divmod(M * (rows + columns) - saved, M)
    return edits, substitutions


def _groups(rows: Array, columns: Array) -> Iterator[Array]:
    """Yield the places of pairs of similar lengths, as many as are filled together."""
    both = columns * (rows.max(initial=0) + 1) + rows
    order = np.argsort(both.astype(np.min_scalar_type(both.max(initial=0))), kind="stable")  # fast in two bytes
    while len(order):
        size = TOGETHER // (int(columns[order[-1]]) + 1) + 1
        yield order[-size:]
        order = order[:-size]


def cost_saved(
    codes: Array, down: Array, across: Array, rows: Array, columns: Array, height: int, width: int, saved: Array
) -> None:
    """Write v[rows, columns] of G tables into `saved` (G,).

    Parameters
    ----------
    codes : ndarray of unsigned integers
        The tokens of all sequences. Those past a sequence's end take part too: the cells up to its end do not depend
        on them.
    down, across : ndarray (G,) of int
        The places of the first tokens of the tables' rows and columns.
    rows, columns : ndarray (G,) of int
        The numbers of these tokens.
    height, width : int
        The greatest of these numbers.
    saved : ndarray (G,) of int
    """
    G, dtype, M = len(rows), codes.dtype, height + 1
    tokens = codes.take(down + np.arange(height)[:, None], mode="clip")  # side by side: (height, G)
    others = codes.take(across + np.arange(width)[::-1, None], mode="clip")  # from the last to the first
    hit, difference = dtype.type(2 * M), dtype.type(M + 1)
    v = np.zeros((3, height + 1, G), dtype)  # of three diagonals, by rows
    ends = rows + columns
    order = np.argsort(ends, kind="stable")
    bounds = np.searchsorted(ends[order], np.arange(height + width + 2))
    for d in range(2, height + width + 1):
        first, last = max(0, d - 1 - width), min(height, d - 1)  # the rows from first + 1 to last are inside the table
        new, before, corner = v[d % 3, first + 1 : last + 1], v[d % 3 - 1], v[d % 3 - 2, first:last]
        np.bitwise_xor(tokens[first:last], others[width - d + 1 + first : width - d + 1 + last], out=new)
        np.minimum(new, 1, out=new)
        np.multiply(new, difference, out=new)
        np.subtract(hit, new, out=new)
        np.add(new, corner, out=new)
        np.maximum(new, before[first:last], out=new)
        np.maximum(new, before[first + 1 : last + 1], out=new)
        ending = order[bounds[d] : bounds[d + 1]]
        saved[ending] = v[d % 3][rows[ending], ending]


def _cost_saved_function(cells: float) -> Callable[[Array, Array, Array, Array, Array, int, int, Array], None]:
    """Return `cost_saved`, compiled if that is available, allowed and worth it."""
    if cells >= COMPILED_FROM:
        from rnnbp.kernels import may_compile

        if may_compile():
            from rnnbp.metrics.edits_compiled import cost_saved as compiled

            return compiled
    return cost_saved
